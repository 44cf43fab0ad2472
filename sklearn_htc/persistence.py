"""The types that skops must be told to trust before it loads an estimator."""

from scipy import sparse

from sklearn_htc.data.input_form import DocumentForm, InputForm
from sklearn_htc.data.label_terms import LabelTermVectorizer
from sklearn_htc.data.targets import TargetEncoder
from sklearn_htc.estimators._decoding import HierarchicalDecodingClassifier
from sklearn_htc.estimators._hiagm import HiAGMClassifier
from sklearn_htc.estimators._htcinfomax import HTCInfoMaxClassifier
from sklearn_htc.estimators._learned import Learned, NetworkLearned
from sklearn_htc.estimators._linear import HierarchicalLinearClassifier
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.compatibility import Compatibility
from sklearn_htc.label_texts.model import LabelTextModel, OwnLogOdds
from sklearn_htc.label_texts.sides import Sides
from sklearn_htc.label_texts.similarity import Similarity
from sklearn_htc.label_tree.predictor import TreePredictor
from sklearn_htc.label_tree.routing import Routing
from sklearn_htc.label_tree.tree import LabelTree
from sklearn_htc.label_tree.weights import TreeWeights
from sklearn_htc.predictor import TwoPathPredictor
from sklearn_htc.preprocessing import TokenSequenceVectorizer
from sklearn_htc.pretrained import SubwordTokenizer
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import (
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.training.deep import DeepModel
from sklearn_htc.training.embedder import Embedder
from sklearn_htc.training.plan import LabelCounts
from sklearn_htc.training.rowwise_adam import RowwiseAdam
from sklearn_htc.updating.predictor import (
    LearnedAnew,
    ToldByTexts,
    UpdatedPredictor,
)
from sklearn_htc.updating.sources import Sources
from sklearn_htc.wide.base import WideOptions
from sklearn_htc.wide.joined import JoinedPath, JoinedSettings, Part, Side
from sklearn_htc.wide.kernel import KernelPath, KernelSettings
from sklearn_htc.wide.linear import LinearPath, LinearSettings
from sklearn_htc.wide.wrapped import WrappedClassifier

__all__ = ["TRUSTED_TYPES"]

_TYPES: tuple[type, ...] = (
    sparse.csr_array,
    Calibration,
    Compatibility,
    DeepModel,
    DocumentForm,
    Embedder,
    HTCInfoMaxClassifier,
    HiAGMClassifier,
    Hierarchy,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    InputForm,
    JoinedPath,
    JoinedSettings,
    KernelPath,
    KernelSettings,
    LabelCounts,
    LabelTermVectorizer,
    LabelTextModel,
    LabelTree,
    Learned,
    LearnedAnew,
    LinearPath,
    LinearSettings,
    NetworkLearned,
    OwnLogOdds,
    Part,
    PartialPathDecoder,
    PathDecoder,
    ReadOut,
    Routing,
    RowwiseAdam,
    Side,
    Sides,
    Similarity,
    Sources,
    SubwordTokenizer,
    TargetEncoder,
    ThresholdDecoder,
    ToldByTexts,
    TokenSequenceVectorizer,
    TreePredictor,
    TreeWeights,
    TwoPathPredictor,
    UpdatedPredictor,
    WideOptions,
    WrappedClassifier,
)

TRUSTED_TYPES = [f"{each.__module__}.{each.__qualname__}" for each in _TYPES]
"""Names of all types that a fitted estimator of the package is made of.

`skops.io.load(file, trusted=TRUSTED_TYPES)` loads it where labels are text, numbers,
truth values, bytes or tuples of them. Other types that the user has brought, such as a
callback, another optimizer or a classifier inside, have to be added.
"""
