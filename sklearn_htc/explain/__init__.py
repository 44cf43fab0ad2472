"""Why a label was predicted: what each term, document and path adds to its score.

`explain` of an estimator returns `Explanations`, a sequence of one `Explanation` per
document, which holds one `LabelExplanation` per label, and one `PathEnd` per path.
"""

from sklearn_htc.explain.explanation import Explanation, Explanations, LabelExplanation
from sklearn_htc.explain.path_end import PathEnd

__all__ = ["Explanation", "Explanations", "LabelExplanation", "PathEnd"]
