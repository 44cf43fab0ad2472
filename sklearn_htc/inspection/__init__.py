"""Pictures and reports: where an estimator is good along the hierarchy, and where not.

Displays follow scikit-learn's conventions: `from_predictions` and `from_estimator` make
one and draw it, `plot(ax=...)` draws it again, and `ax_` and `figure_` are what it was
drawn on. They need matplotlib.
"""

from sklearn_htc.inspection._confusion import SiblingConfusionDisplay
from sklearn_htc.inspection._coverage import CoverageDisplay
from sklearn_htc.inspection._f1 import LevelF1Display, SupportF1Display
from sklearn_htc.inspection._hierarchy import HierarchyDisplay
from sklearn_htc.inspection._history import HistoryDisplay
from sklearn_htc.inspection._label_space import LabelSpaceDisplay
from sklearn_htc.inspection._reliability import ReliabilityDisplay
from sklearn_htc.inspection._report import classification_report

__all__ = [
    "CoverageDisplay",
    "HierarchyDisplay",
    "HistoryDisplay",
    "LabelSpaceDisplay",
    "LevelF1Display",
    "ReliabilityDisplay",
    "SiblingConfusionDisplay",
    "SupportF1Display",
    "classification_report",
]
