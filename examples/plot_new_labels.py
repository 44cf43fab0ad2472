"""
Labels without documents
========================

A taxonomy has categories that nobody has used yet. Their names are enough to find
documents for them, and `update_hierarchy` follows when it changes.
"""

# %%
# Docstrings of Python libraries, of which six modules are taken out of the training
# documents, as if they had just been planned.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy
from sklearn_htc.datasets import load_api_docs

PLANNED = [
    "scipy/interpolate",
    "scipy/optimize",
    "sklearn/cluster",
    "sklearn/metrics",
    "torch/distributions",
    "torch/optim",
]
docs = load_api_docs()
hierarchy = docs.hierarchy
planned = hierarchy.index(PLANNED)
train, test = train_test_split(
    np.arange(len(docs.data)), test_size=0.25, random_state=0
)
train = train[docs.target[train][:, planned].sum(axis=1) == 0]


def texts_of(rows):
    """Return some documents."""
    return [docs.data[row] for row in rows]


# %%
# Names are all that is known of these modules: the words of their paths.
names = {
    node: " ".join(str(node).split("/")[-1].split("_")) for node in hierarchy.nodes
}
clf = HierarchicalLinearClassifier(hierarchy, label_texts=names, random_state=0)
clf.fit(texts_of(train), docs.target[train])
probabilities = clf.predict_proba(texts_of(test))

# %%
# Documents of a planned module have a higher probability of it than others have.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for place, column in enumerate(planned):
    is_true = docs.target[test][:, [column]].toarray()[:, 0] > 0
    for has, color, shift in ((False, "C7", -0.15), (True, "C0", 0.15)):
        p = probabilities[is_true == has, column]
        box = ax.boxplot(
            p, positions=[place + shift], widths=0.25, sym="", patch_artist=True
        )
        box["boxes"][0].set_facecolor(color)
ax.set_xticks(range(len(PLANNED)), PLANNED, rotation=20)
ax.set_ylabel("probability")
ax.set_title("Modules without a document: documents that are theirs (blue), and others")

# %%
# Then the taxonomy changes: one module gets another name, two become one, and documents
# of the planned ones come in. Nodes that are not touched predict as before.
mapping = {
    "scipy/signal": "scipy/signals",
    "scipy/fft": "scipy/fourier",
    "scipy/fftpack": "scipy/fourier",
}


def renamed(label):
    """Return what a node is called now."""
    return mapping.get(label, label)


names_now = list(dict.fromkeys(map(renamed, hierarchy.nodes)))
edges_now = {
    (renamed(hierarchy.nodes[parent]), renamed(hierarchy.nodes[child]))
    for parent, child in zip(*hierarchy.edges, strict=True)
}
hierarchy_now = Hierarchy(sorted(edges_now), nodes=names_now)
labels = [list(map(renamed, row)) for row in hierarchy.to_labels(docs.target)]
Y_now = hierarchy_now.to_indicator(labels)
rest = np.setdiff1d(np.arange(len(docs.data)), test)
clf.update_hierarchy(hierarchy_now, mapping, texts_of(rest), Y_now[rest])
predicted = clf.predict(texts_of(test))
for node in [*PLANNED, "scipy/fourier", "scipy/signals"]:
    (column,) = hierarchy_now.index([node])
    f1 = f1_score(Y_now[test][:, [column]].toarray(), predicted[:, [column]].toarray())
    print(f"{node:20} F1 {f1:.2f}")
