"""
Beside one-vs-rest LinearSVC
============================

The usual flat model, its scores decoded along the hierarchy, and a model that learns
along it, on the same texts.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_htc import HierarchicalDecodingClassifier, HTCInfoMaxClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.inspection import LevelF1Display

docs = load_api_docs()
hierarchy = docs.hierarchy
train, test, Y_train, Y_test = train_test_split(
    docs.data, docs.target, test_size=0.25, random_state=0
)
flat = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC()))
models = {
    "LinearSVC": flat,
    "decoded": HierarchicalDecodingClassifier(flat, hierarchy, random_state=0),
    "HTCInfoMax": HTCInfoMaxClassifier(hierarchy, random_state=0),
}

# %%
# Only the first one predicts labels whose ancestors it does not predict.
figure, all_axes = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
for (name, model), ax in zip(models.items(), all_axes, strict=True):
    predicted = model.fit(train, Y_train).predict(test)
    micro, macro = (
        f1_score(Y_test, predicted, average=average, zero_division=0)
        for average in ("micro", "macro")
    )
    coherent = hierarchy.is_coherent(predicted)
    print(f"{name:12} micro-F1 {micro:.3f}, macro-F1 {macro:.3f}, {coherent=}")
    LevelF1Display.from_predictions(Y_test, predicted, hierarchy, ax=ax)
    ax.set_title(name)
