"""
Probabilities that can be trusted
=================================

Probabilities are calibrated on held-out documents. So they can decide what is labelled
automatically, and what a person looks at.
"""

# %%
import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.inspection import CoverageDisplay, ReliabilityDisplay

docs = load_api_docs()
hierarchy = docs.hierarchy
train, test, Y_train, Y_test = train_test_split(
    docs.data, docs.target, test_size=0.25, random_state=0
)
clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(train, Y_train)

# %%
# On each level, labels of a probability of 0.8 are true in about 80% of the cases.
display = ReliabilityDisplay.from_estimator(clf, test, Y_test)

# %%
# The most certain documents first: how many can be labelled at which precision.
display = CoverageDisplay.from_estimator(clf, test, Y_test)

# %%
# With modules of a probability of at least 0.9, for example:
probabilities = clf.predict_proba(test)[:, hierarchy.levels == 1]
true = Y_test.toarray()[:, hierarchy.levels == 1]
certain = probabilities.max(axis=1) >= 0.9
right = true[np.arange(len(test)), probabilities.argmax(axis=1)][certain]
print(f"{certain.mean():.0%} of the documents, {right.mean():.1%} of them right")
