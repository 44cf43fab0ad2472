"""
Searches and scorers
====================

The classifiers are scikit-learn's: they are cloned, searched and cross-validated like
others. Scorers of :mod:`sklearn_htc.metrics` know the hierarchy.

The documents are sorted by package, so they are shuffled before they are split: without
that no fold would know the labels of the other.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.metrics import get_scorer

docs = load_api_docs()
texts, Y = docs.data[::10], docs.target[::10]
clf = HierarchicalLinearClassifier(
    docs.hierarchy, vectorizer=TfidfVectorizer(sublinear_tf=True), random_state=0
)
search = GridSearchCV(
    clf,
    {"vectorizer__ngram_range": [(1, 1), (1, 2)], "C": [0.3, 3.0]},
    scoring={
        name: get_scorer(name) for name in ("hierarchical_f1_micro", "path_accuracy")
    },
    refit="hierarchical_f1_micro",
    cv=KFold(2, shuffle=True, random_state=0),
).fit(texts, Y)
print(search.best_params_)

# %%
results = pd.DataFrame(search.cv_results_)
results["terms"] = results["param_vectorizer__ngram_range"].map(
    {(1, 1): "words", (1, 2): "words and pairs"}
)
table = results.pivot(
    index="param_C", columns="terms", values="mean_test_hierarchical_f1_micro"
)
table

# %%
figure, ax = plt.subplots(layout="constrained")
table.plot(ax=ax, marker="o", logx=True, xlabel="C", ylabel="hierarchical F1")
