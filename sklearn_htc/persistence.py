"""The types that skops must be told to trust before it loads an estimator."""

__all__ = ["TRUSTED_TYPES"]

TRUSTED_TYPES = [
    "scipy.sparse._csr.csr_array",
    "sklearn_htc.data.input_form.DocumentForm",
    "sklearn_htc.data.input_form.InputForm",
    "sklearn_htc.data.label_terms.LabelTermVectorizer",
    "sklearn_htc.data.targets.TargetEncoder",
    "sklearn_htc.estimators._decoding.HierarchicalDecodingClassifier",
    "sklearn_htc.estimators._hiagm.HiAGMClassifier",
    "sklearn_htc.estimators._htcinfomax.HTCInfoMaxClassifier",
    "sklearn_htc.estimators._learned.Learned",
    "sklearn_htc.estimators._learned.NetworkLearned",
    "sklearn_htc.estimators._linear.HierarchicalLinearClassifier",
    "sklearn_htc.hierarchy.Hierarchy",
    "sklearn_htc.label_texts.compatibility.Compatibility",
    "sklearn_htc.label_texts.model.LabelTextModel",
    "sklearn_htc.label_texts.model.OwnLogOdds",
    "sklearn_htc.label_texts.sides.Sides",
    "sklearn_htc.label_texts.similarity.Similarity",
    "sklearn_htc.label_tree.predictor.TreePredictor",
    "sklearn_htc.label_tree.routing.Routing",
    "sklearn_htc.label_tree.tree.LabelTree",
    "sklearn_htc.label_tree.weights.TreeWeights",
    "sklearn_htc.predictor.TwoPathPredictor",
    "sklearn_htc.preprocessing.TokenSequenceVectorizer",
    "sklearn_htc.pretrained.SubwordTokenizer",
    "sklearn_htc.read_out.calibration.Calibration",
    "sklearn_htc.read_out.decoders.PartialPathDecoder",
    "sklearn_htc.read_out.decoders.PathDecoder",
    "sklearn_htc.read_out.decoders.ThresholdDecoder",
    "sklearn_htc.read_out.fitting.ReadOut",
    "sklearn_htc.training.deep.DeepModel",
    "sklearn_htc.training.embedder.Embedder",
    "sklearn_htc.training.plan.LabelCounts",
    "sklearn_htc.training.rowwise_adam.RowwiseAdam",
    "sklearn_htc.updating.predictor.LearnedAnew",
    "sklearn_htc.updating.predictor.ToldByTexts",
    "sklearn_htc.updating.predictor.UpdatedPredictor",
    "sklearn_htc.updating.sources.Sources",
    "sklearn_htc.wide.base.WideOptions",
    "sklearn_htc.wide.joined.JoinedPath",
    "sklearn_htc.wide.joined.JoinedSettings",
    "sklearn_htc.wide.joined.Part",
    "sklearn_htc.wide.joined.Side",
    "sklearn_htc.wide.kernel.KernelPath",
    "sklearn_htc.wide.kernel.KernelSettings",
    "sklearn_htc.wide.linear.LinearPath",
    "sklearn_htc.wide.linear.LinearSettings",
    "sklearn_htc.wide.wrapped.WrappedClassifier",
]
"""Names of all types that a fitted estimator of the package is made of.

`skops.io.load(file, trusted=TRUSTED_TYPES)` loads it where labels are text, numbers,
truth values, bytes or tuples of them. Other types that the user has brought, such as a
callback, another optimizer or a classifier inside, have to be added.
"""
