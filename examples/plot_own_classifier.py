"""
A classifier of your own
========================

:class:`~sklearn_htc.HierarchicalDecodingClassifier` calibrates the scores of any
scikit-learn classifier, and decodes them along the hierarchy.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline

from sklearn_htc import HierarchicalDecodingClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.metrics import hierarchical_precision_recall_f1

docs = load_api_docs()
hierarchy = docs.hierarchy
train, test, Y_train, Y_test = train_test_split(
    docs.data, docs.target, test_size=0.25, random_state=0
)
classifiers = {
    "naive Bayes": ComplementNB(),
    "SGD": SGDClassifier(random_state=0),
}

# %%
# Each alone, and decoded:
scores = {}
for name, classifier in classifiers.items():
    flat = make_pipeline(
        TfidfVectorizer(sublinear_tf=True), OneVsRestClassifier(classifier)
    )
    decoded = HierarchicalDecodingClassifier(flat, hierarchy, random_state=0)
    for kind, model in (("alone", flat), ("decoded", decoded)):
        predicted = model.fit(train, Y_train).predict(test)
        f1 = hierarchical_precision_recall_f1(Y_test, predicted, hierarchy)[2]
        scores[f"{name}, {kind}"] = f1
        print(f"{name:12} {kind:8} hierarchical F1 {f1:.3f}")

# %%
figure, ax = plt.subplots(layout="constrained")
bars = ax.barh(list(scores), list(scores.values()))
ax.bar_label(bars, fmt="%.3f")
ax.invert_yaxis()
ax.set(xlabel="Hierarchical F1", xlim=(0, 1))
