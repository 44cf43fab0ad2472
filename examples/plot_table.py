"""
A table in, a table out
=======================

Most labels stand in tables with one column per level. ``hierarchy="infer"`` reads the
hierarchy off them, and predictions are tables with the same columns.
"""

# %%
# Docstrings, and where they are from. A missing cell ends a path.
import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.inspection import HierarchyDisplay

docs = load_api_docs()
labels = docs.hierarchy.to_labels(docs.target, most_specific=True)
levels = pd.Series([path[0] for path in labels]).str.split("/", expand=True)
levels.columns = ["package", "module", "submodule"]
table = levels.assign(text=[" ".join(text.split())[:500] for text in docs.data])
table.head()

# %%
# Training needs nothing but the columns.
train, test = train_test_split(table, test_size=0.25, random_state=0)
columns = ["package", "module", "submodule"]
clf = HierarchicalLinearClassifier(hierarchy="infer", random_state=0)
clf.fit(train["text"], train[columns])
predicted = clf.predict(test["text"])
predicted.head()

# %%
# The share of documents that are right in every column:
print(f"{clf.score(test['text'], test[columns]):.3f}")

# %%
# What was learned is a :class:`~sklearn_htc.Hierarchy`.
clf.hierarchy_

# %%
display = HierarchyDisplay.from_predictions(test[columns], predicted, clf.hierarchy_)
