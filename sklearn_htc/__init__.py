"""Hierarchical text classification for scikit-learn."""

from sklearn_htc.estimators._decoding import HierarchicalDecodingClassifier
from sklearn_htc.estimators._hiagm import HiAGMClassifier
from sklearn_htc.estimators._htcinfomax import HTCInfoMaxClassifier
from sklearn_htc.estimators._linear import HierarchicalLinearClassifier
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.preprocessing import TokenSequenceVectorizer, load_word_vectors
from sklearn_htc.pretrained import SubwordTokenizer

__all__ = [
    "HTCInfoMaxClassifier",
    "HiAGMClassifier",
    "HierarchicalDecodingClassifier",
    "HierarchicalLinearClassifier",
    "Hierarchy",
    "SubwordTokenizer",
    "TokenSequenceVectorizer",
    "load_word_vectors",
]
__version__ = "0.1.0"
