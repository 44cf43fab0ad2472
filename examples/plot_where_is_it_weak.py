"""
Where is it weak?
=================

A report along the hierarchy names the weakest branches first, and displays show why:
few documents, or siblings that are hard to tell apart.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.inspection import (
    HierarchyDisplay,
    SiblingConfusionDisplay,
    SupportF1Display,
    classification_report,
)

docs = load_api_docs()
hierarchy = docs.hierarchy
train, test, Y_train, Y_test = train_test_split(
    docs.data, docs.target, test_size=0.25, random_state=0
)
clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(train, Y_train)
predicted = clf.predict(test)
print(classification_report(Y_test, predicted, hierarchy, max_nodes=20))

# %%
# The whole of it: a box is as high as its share of the documents.
display = HierarchyDisplay.from_predictions(Y_test, predicted, hierarchy)

# %%
# Labels with few training documents are the weak ones.
display = SupportF1Display.from_predictions(
    Y_test, predicted, hierarchy, support=np.asarray(Y_train.sum(axis=0)).ravel()
)

# %%
# What is taken for what, among the packages and inside of one of them.
figure, all_axes = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
for parent, ax in zip((None, "scipy"), all_axes, strict=True):
    SiblingConfusionDisplay.from_predictions(
        Y_test, predicted, hierarchy, parent=parent, ax=ax
    )
    ax.set_title("packages" if parent is None else parent)
