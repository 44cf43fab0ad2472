"""Metrics for label sets over a hierarchy, beyond flat F1.

They return numbers from 0 to 1. Labels have every form that the estimators take, and
are read by the same rules; `micro_macro_f1` takes indicators alone. Metrics of ranked
labels take scores of all nodes, or the labels in their order. The forms are indicators
with one column per node (dense, sparse, a DataFrame, or lists of 0 and 1), label
collections, 1-D arrays, lists or Series with one label per document, and tables with
one column per level. `y_true` and `y_pred` may have different forms. All but indicators
imply the ancestors of their labels; the columns of an indicator stand for themselves. A
path of a table that the hierarchy does not have is a label like others: one that is
true was missed. Metrics of ranked labels count it as far down as it is known.
"""

from sklearn_htc.metrics.label_sets import (
    coherence_score,
    constrained_f1_score,
    f1_score_per_level,
    hierarchical_precision_recall_f1,
    lca_precision_recall_f1,
    micro_macro_f1,
    path_accuracy_score,
)
from sklearn_htc.metrics.ranking import (
    document_average_precision_score,
    label_propensities,
    ndcg_at_k_score,
    precision_at_k_score,
    r_precision_score,
)
from sklearn_htc.metrics.scorers import SCORERS, get_scorer

__all__ = [
    "SCORERS",
    "coherence_score",
    "constrained_f1_score",
    "document_average_precision_score",
    "f1_score_per_level",
    "get_scorer",
    "hierarchical_precision_recall_f1",
    "label_propensities",
    "lca_precision_recall_f1",
    "micro_macro_f1",
    "ndcg_at_k_score",
    "path_accuracy_score",
    "precision_at_k_score",
    "r_precision_score",
]
