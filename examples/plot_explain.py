"""
Why this label?
===============

Scores of linear models are sums over terms. ``explain`` shows them.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs

docs = load_api_docs()
train, test, Y_train, Y_test = train_test_split(
    docs.data, docs.target, test_size=0.25, random_state=0
)
clf = HierarchicalLinearClassifier(docs.hierarchy, random_state=0).fit(train, Y_train)
explanations = clf.explain(test[:50], n_terms=5)
explanations[3]

# %%
# As a table, whose contributions add up to the score of each label:
frame = explanations.to_frame()
frame[frame["document"] == 3].tail(12)

# %%
# Which terms decide about one label, over all of these documents:
of_label = frame[(frame["label"] == "scipy") & (frame["part"] == "term")]
totals = of_label.groupby("name")["contribution"].sum().sort_values()
figure, ax = plt.subplots(layout="constrained")
strongest = totals.iloc[[*range(5), *range(-10, 0)]]
ax.barh(strongest.index, strongest, color=["C3" if x < 0 else "C2" for x in strongest])
ax.set(xlabel="Sum of contributions to scipy")

# %%
# A label that was not predicted can be asked for, too.
print(clf.explain(test[3:4], labels=["torch"], n_terms=5)[0].labels[0])
