"""Train on docstrings on a CPU, beside a flat linear model on the same features."""

from time import perf_counter

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.inspection import HierarchyDisplay

FIGURE = "quickstart.png"


def main() -> None:
    """Fit both models, print their F1, show predictions and a reason, draw a figure."""
    docs = load_api_docs()
    hierarchy = docs.hierarchy
    print(docs.DESCR)
    train_texts, test_texts, Y_train, Y_test = train_test_split(
        docs.data, docs.target, test_size=0.25, random_state=0
    )
    flat = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC()))
    deep = make_pipeline(
        TfidfVectorizer(),
        HTCInfoMaxClassifier(hierarchy=hierarchy, random_state=0, verbose=1),
    )
    levels = range(hierarchy.levels.max() + 1)
    rows = []
    for name, model in [("TF-IDF + LinearSVC", flat), ("HTCInfoMaxClassifier", deep)]:
        start = perf_counter()
        Y_pred = model.fit(train_texts, Y_train).predict(test_texts)
        seconds = perf_counter() - start
        scores = [f1_score(Y_test, Y_pred, average="micro", zero_division=0)]
        scores += [f1_score(Y_test, Y_pred, average="macro", zero_division=0)]
        for level in levels:
            columns = hierarchy.levels == level
            scores.append(
                f1_score(
                    Y_test[:, columns],
                    Y_pred[:, columns],
                    average="micro",
                    zero_division=0,
                )
            )
        coherent = "yes" if hierarchy.is_coherent(Y_pred) else "no"
        figures = "".join(f"{100 * score:9.2f}" for score in scores)
        rows.append(f"{name:22s}{figures}{coherent:>10s}{seconds:9.0f}")
    names = ["micro F1", "macro F1", *(f"level {level}" for level in levels)]
    header = "".join(f"{name:>9s}" for name in names)
    print(f"\n{'':22s}{header}{'coherent':>10s}{'seconds':>9s}", *rows, sep="\n")

    probabilities = deep.predict_proba(test_texts[:3])
    labels = hierarchy.to_labels(deep.predict(test_texts[:3]))
    for text, probability, predicted in zip(
        test_texts, probabilities, labels, strict=False
    ):
        columns = hierarchy.index(predicted)
        path = " > ".join(
            f"{label.rpartition('/')[2]} ({p:.2f})"
            for label, p in zip(predicted, probability[columns], strict=True)
        )
        print(f"\n{' '.join(text.split())[:76]}...\n  {path}")

    vectorizer, clf = deep.named_steps.values()
    (reasons,) = clf.explain(
        vectorizer.transform(test_texts[:1]),
        n_terms=5,
        feature_names=vectorizer.get_feature_names_out(),
    )
    print("\nWhy the first one?", *reasons.labels, *reasons.ends, sep="\n")

    display = HierarchyDisplay.from_estimator(deep, test_texts, Y_test)
    display.figure_.savefig(FIGURE, dpi=150)
    print(f"\n{FIGURE} shows the packages and modules, with their F1.")


if __name__ == "__main__":
    main()
