"""
The network of the paper
========================

A BiGRU over tokens, label attention and information maximization, on a few documents
and for a few epochs; and what it holds to be alike among labels.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from sklearn_htc import HTCInfoMaxClassifier, TokenSequenceVectorizer
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.inspection import HistoryDisplay, LabelSpaceDisplay

docs = load_api_docs()
train, test, Y_train, Y_test = train_test_split(
    docs.data[::4], docs.target[::4], test_size=0.25, random_state=0
)
vectorizer = TokenSequenceVectorizer(max_length=40, min_df=3)
X_train, X_test = vectorizer.fit_transform(train), vectorizer.transform(test)
clf = HTCInfoMaxClassifier(
    docs.hierarchy,
    text_encoder="bigru",
    dimension=64,
    max_epochs=8,
    early_stopping=True,
    random_state=0,
)
clf.fit(X_train, Y_train)
print(f"subset accuracy {clf.score(X_test, Y_test):.3f}")

# %%
display = HistoryDisplay.from_estimator(clf)

# %%
figure, ax = plt.subplots(figsize=(8, 6), layout="constrained")
display = LabelSpaceDisplay.from_estimator(clf, ax=ax)
