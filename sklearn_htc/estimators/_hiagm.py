"""HiAGM as an estimator: HTCInfoMax's parts without its information maximization."""

from typing import Any

from numpy.typing import ArrayLike

from sklearn_htc._sklearn_compat import StrOptions
from sklearn_htc.estimators._network_base import BaseHierarchicalNetwork
from sklearn_htc.training.rowwise_adam import RowwiseAdam
from sklearn_htc.training.settings import NetworkSettings

__all__ = ["HiAGMClassifier"]


class HiAGMClassifier(BaseHierarchicalNetwork):
    """Hierarchy-aware global model for hierarchical text classification.

    HiAGM [1]_ as a scikit-learn classifier, in both variants. With label attention
    (HiAGM-LA) the structure encoder refines label embeddings, which attend to the text:
    `HTCInfoMaxClassifier` without its two information maximization modules. With text
    propagation (HiAGM-TP) the text is projected to every node, and the structure
    encoder passes these projections along the hierarchy; there are no label
    embeddings. Everything else is shared with `HTCInfoMaxClassifier`, the wide path
    included.

    Parameters
    ----------
    hierarchy : Hierarchy, dict, sequence of pairs, networkx.DiGraph, "infer" or None, \
default=None
        The label hierarchy, as for `HTCInfoMaxClassifier`.
    variant : {"la", "tp"}, default="la"
        "la" is label attention, "tp" text propagation, which needs a structure encoder
        and holds B N d numbers for a batch of B documents.
    vectorizer : "auto", transformer or None, default="auto"
        What turns raw texts into numbers, as for `HTCInfoMaxClassifier`.
    label_texts : mapping of label to str, sequence of str or None, default=None
        Names or descriptions of labels, as for `HTCInfoMaxClassifier`.
    label_features : {array-like, sparse array} of shape (n_nodes, n_features) or \
None, default=None
        The same for numeric X, as for `HTCInfoMaxClassifier`.
    text_encoder : {"auto", "bag", "dense", "bigru", "rcnn", "tokens", "transformer"}, \
default="auto"
        How X is read; HiAGM's own is "rcnn".
    pretrained : str or None, default=None
        A pretrained encoder for "transformer", as for `HTCInfoMaxClassifier`.
    max_length : int, default=256
        Tokens per document, for "transformer".
    freeze_word_embeddings : bool, default=True
        Whether the embeddings of the vocabulary of "transformer" stay as they are.
    encoder_lr : float, default=2e-4
        Largest learning rate of the weights of "transformer".
    layer_decay : float, default=1.0
        What `encoder_lr` is multiplied by from each layer to the one below.
    gradient_accumulation : int, default=1
        In how many pieces a batch of "transformer" is learned from.
    gradient_checkpointing : bool, default=False
        Whether the backward pass computes the layers of "transformer" again.
    lora : peft.LoraConfig or the like, default=None
        Adapters for "transformer", as for `HTCInfoMaxClassifier`.
    structure_encoder : {"gcn", "treelstm"} or None, default="gcn"
        What passes messages along the hierarchy. None, with label attention alone,
        leaves the label embeddings.
    head : {"labelwise", "joint", "mean_pooling"}, default="labelwise"
        "labelwise": each label reads its own context or node, N d weights. "joint":
        each reads those of all labels, as in the paper, N^2 d weights. "mean_pooling",
        for variant "la": all read the mean of the text features, and neither label
        embeddings nor the structure encoder learn anything.
    recursive_regularization : float, default=1e-6
        Factor of the squared distance between classifier weights of parent and child.
    loss : {"auto", "binary_cross_entropy", "zlpr", "path"}, default="auto"
        The classification loss; the paper's is "binary_cross_entropy".
    loss_reduction : {"sum", "mean"}, default="sum"
        Of the binary cross-entropy, over labels. The paper takes the mean.
    decoding : {"auto", "path", "threshold"}, default="auto"
        What is predicted, as for `HTCInfoMaxClassifier`.
    threshold : float or "auto", default="auto"
        The least probability of a predicted node, with threshold decoding.
    wide_path : bool or "auto", default="auto"
        Whether a shallow model of each label stands beside the network.
    deep_path : bool or "auto", default="auto"
        Whether the network is trained beside a wide path, as for
        `HTCInfoMaxClassifier`.
    C : float, default=1.0
        What the penalties on the wide path's weights are divided by.
    dimension : int or "auto", default="auto"
        Size d of text features and node representations, as for
        `HTCInfoMaxClassifier`. Must be even with "bigru" and "treelstm".
    embedding_size : int, default=300
        Size of a token's embedding before "bigru" and "rcnn".
    embedding_weights : array-like of shape (n_terms, width) or None, default=None
        Pretrained embeddings, as for `HTCInfoMaxClassifier`.
    vocabulary_size : int or None, default=None
        The largest token id that may come, for "bigru" and "rcnn". None takes the
        largest that `vectorizer` knows, or that fit sees where X holds ids.
    embedding_dropout : float, default=0.3
        Share of terms, embedding coordinates or features left out in a training step.
    text_dropout : float, default=0.1
        Dropout after the recurrent layers of "bigru" and "rcnn".
    node_dropout : float, default=0.05
        Dropout of the structure encoder.
    classifier_dropout : float, default=0.0
        Dropout on the input of the head.
    time_budget : float or None, default=None
        Seconds that `fit` may take, as for `HTCInfoMaxClassifier`.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows, as for `HTCInfoMaxClassifier`.
    batch_size : int or "auto", default="auto"
        Documents per training step, as for `HTCInfoMaxClassifier`.
    lr : float, default=5e-3
        Largest learning rate.
    optimizer : torch.optim.Optimizer class, default=RowwiseAdam
        Called with the parameters and `lr`.
    gradient_clip : float or None, default=5.0
        Largest norm of a step's gradient.
    early_stopping : bool, default=False
        Whether `fit` holds out rows, stops when `scoring` has not improved on them for
        `patience` epochs, and restores the best weights. Beside a wide path the same
        rows then say how much the network counts. A warm start holds the same places of
        X out again, where X is as long and the last fit held as many out; otherwise
        others.
    validation_fraction : float, default=0.2
        As for `HTCInfoMaxClassifier`.
    patience : int, default=5
        Epochs without improvement before early stopping.
    scoring : {"f1_micro", "f1_macro", "loss"}, default="f1_micro"
        What early stopping looks at.
    callbacks : list of skorch callbacks or None, default=None
        Run besides the estimator's own.
    device : str, default="auto"
        Where the network is trained, as for `HTCInfoMaxClassifier`.
    mixed_precision : bool or "auto", default="auto"
        Whether forward passes run in bfloat16. "auto": those of the training of
        "transformer" do, on a CPU with AVX512-BF16 or AMX and on a GPU since Ampere,
        and predictions stay in float32.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's weights.
    checkpoint : path-like or None, default=None
        A folder that keeps how far the training is, as for `HTCInfoMaxClassifier`.
    n_jobs : int or None, default=None
        Number of threads of `fit`; -1 is all processors. None means
        `torch.get_num_threads()`, and 1 inside a worker of a parallel search.
    random_state : int, RandomState instance or None, default=None
        Weights, batches, dropout and held-out rows.
    verbose : int, default=0
        1 shows a progress bar; 2 also prints a line per epoch.

    Attributes
    ----------
    hierarchy_ : Hierarchy
        The hierarchy; without edges where none was given.
    classes_ : ndarray
        `arange(n_nodes)`, the columns of an indicator; for 1-D `y`, its sorted labels.
    multilabel_ : bool
        False where fit was given 1-D `y`: `predict_proba` has a column per class. True
        otherwise: one per node.
    label_embeddings_ : ndarray of shape (n_nodes, dimension)
        Refined label representations. Text propagation has none.
    net_ : HTCNet
        The skorch net; `net_.module_` is the torch model.
    wide_ : LinearPath, KernelPath, JoinedPath, LabelTree or None
        The wide path, if there is one.

    See Also
    --------
    HTCInfoMaxClassifier : Label attention with information maximization. It has the
        other attributes of this class too, and explains them.

    References
    ----------
    .. [1] J. Zhou, C. Ma, D. Long, G. Xu, N. Ding, H. Zhang, P. Xie and G. Liu.
       "Hierarchy-Aware Global Model for Hierarchical Text Classification". ACL 2020.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_htc import HiAGMClassifier
    >>> hierarchy = {"animal": ["cat", "dog"], "plant": ["tree"]}
    >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
    >>> clf = make_pipeline(
    ...     TfidfVectorizer(), HiAGMClassifier(hierarchy, variant="tp", random_state=0)
    ... )
    >>> clf.fit(texts, [["cat"], ["dog"], ["tree"]] * 20).predict(["a dog barks"])
    [['animal', 'dog']]
    """

    _paper_text_encoder = "rcnn"

    _parameter_constraints = {
        **BaseHierarchicalNetwork._parameter_constraints,
        "variant": [StrOptions({"la", "tp"})],
    }

    def __init__(
        self,
        hierarchy: Any = None,
        *,
        variant: str = "la",
        vectorizer: Any = "auto",
        label_texts: Any = None,
        label_features: Any = None,
        text_encoder: str = "auto",
        pretrained: str | None = None,
        max_length: int = 256,
        freeze_word_embeddings: bool = True,
        encoder_lr: float = 2e-4,
        layer_decay: float = 1.0,
        gradient_accumulation: int = 1,
        gradient_checkpointing: bool = False,
        lora: Any = None,
        structure_encoder: str | None = "gcn",
        head: str = "labelwise",
        recursive_regularization: float = 1e-6,
        loss: str = "auto",
        loss_reduction: str = "sum",
        decoding: str = "auto",
        threshold: float | str = "auto",
        wide_path: bool | str = "auto",
        deep_path: bool | str = "auto",
        C: float = 1.0,
        dimension: int | str = "auto",
        embedding_size: int = 300,
        embedding_weights: ArrayLike | None = None,
        vocabulary_size: int | None = None,
        embedding_dropout: float = 0.3,
        text_dropout: float = 0.1,
        node_dropout: float = 0.05,
        classifier_dropout: float = 0.0,
        time_budget: float | None = None,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        lr: float = 5e-3,
        optimizer: Any = RowwiseAdam,
        gradient_clip: float | None = 5.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        patience: int = 5,
        scoring: str = "f1_micro",
        callbacks: list[Any] | None = None,
        device: str = "auto",
        mixed_precision: bool | str = "auto",
        warm_start: bool = False,
        checkpoint: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hierarchy = hierarchy
        self.variant = variant
        self.vectorizer = vectorizer
        self.label_texts = label_texts
        self.label_features = label_features
        self.text_encoder = text_encoder
        self.pretrained = pretrained
        self.max_length = max_length
        self.freeze_word_embeddings = freeze_word_embeddings
        self.encoder_lr = encoder_lr
        self.layer_decay = layer_decay
        self.gradient_accumulation = gradient_accumulation
        self.gradient_checkpointing = gradient_checkpointing
        self.lora = lora
        self.structure_encoder = structure_encoder
        self.head = head
        self.recursive_regularization = recursive_regularization
        self.loss = loss
        self.loss_reduction = loss_reduction
        self.decoding = decoding
        self.threshold = threshold
        self.wide_path = wide_path
        self.deep_path = deep_path
        self.C = C
        self.dimension = dimension
        self.embedding_size = embedding_size
        self.embedding_weights = embedding_weights
        self.vocabulary_size = vocabulary_size
        self.embedding_dropout = embedding_dropout
        self.text_dropout = text_dropout
        self.node_dropout = node_dropout
        self.classifier_dropout = classifier_dropout
        self.time_budget = time_budget
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.gradient_clip = gradient_clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.scoring = scoring
        self.callbacks = callbacks
        self.device = device
        self.mixed_precision = mixed_precision
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _network_settings(self) -> NetworkSettings:
        return NetworkSettings.of(
            self.get_params(deep=False),
            # The parts of HTCInfoMax that HiAGM does not have.
            mutual_information=False,
            label_prior=None,
            prior_matching="adversarial",
            mutual_information_weight=0.0,
            label_prior_weight=0.0,
        )
