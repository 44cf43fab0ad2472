"""HTCInfoMax as an estimator: its parameters."""

from numbers import Real
from typing import Any

from numpy.typing import ArrayLike

from sklearn_htc._sklearn_compat import Interval, StrOptions
from sklearn_htc.estimators._network_base import BaseHierarchicalNetwork
from sklearn_htc.training.rowwise_adam import RowwiseAdam
from sklearn_htc.training.settings import NetworkSettings

__all__ = ["HTCInfoMaxClassifier"]


class HTCInfoMaxClassifier(BaseHierarchicalNetwork):
    """Hierarchical text classification with information maximization.

    The model of HTCInfoMax [1]_ as a scikit-learn classifier: a text encoder and a
    structure encoder over the label hierarchy, joined by label attention, trained to
    classify, to maximise the mutual information of texts and their labels, and to match
    label representations to a prior. A linear model of terms, a kernel method on
    document embeddings, or both stand beside it (`wide_path`). Predictions are
    coherent: a document that has a node also has its ancestors, and no child is more
    probable than a parent.

    Parameters
    ----------
    hierarchy : Hierarchy, dict, sequence of pairs, networkx.DiGraph, "infer" or None, \
default=None
        The label hierarchy: a `Hierarchy`, a mapping of each parent to its children,
        (parent, child) edges, or a directed graph. "infer" reads it off Y, which has to
        be a table with one column per level. None means no hierarchy: the labels are
        those of Y.
    vectorizer : "auto", transformer or None, default="auto"
        Turns raw texts into numbers if X is a sequence of strings. It is fitted without
        y. If its output is sparse, it is fitted again in each fold, without the
        held-out documents. To use a fitted vectorizer as it is, wrap it in sklearn's
        `FrozenEstimator`.
        "auto" is `TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2),
        max_features=100_000)`, with min_df=1 for fewer than 50 texts; for "bigru" and
        "rcnn" it is `TokenSequenceVectorizer()`. With None texts are refused. With
        "transformer" the encoder has its own tokenizer, and `vectorizer` makes what the
        wide path beside it reads; None leaves that path out.
    label_texts : mapping of label to str, sequence of str or None, default=None
        For raw texts as X: names or descriptions of labels, of some in a mapping or of
        all in the order of `hierarchy.nodes`. Labels that have a text and no document
        get probabilities, learned by hiding labels that have documents, and can be
        predicted; labels with few documents get better ones where held-out documents
        say so. Labels with neither keep their column and are never predicted by
        themselves. A pretrained encoder reads them too. "auto" vectorizers know their
        terms. Not for so many labels that they get a label tree.
    label_features : {array-like, sparse array} of shape (n_nodes, n_features) or \
None, default=None
        The same for numeric X: the features of the labels' texts, computed as those of
        the documents were. A row of NaN or of zeros says that a label has none.
    text_encoder : {"auto", "bag", "dense", "bigru", "rcnn", "tokens", "transformer"}, \
default="auto"
        How X is read.

        - "bag": CSR of term weights, as TfidfVectorizer makes; the weighted sum of a
          document's term embeddings is the one position that all labels read.
        - "dense": 2-D array of document embeddings.
        - "bigru": CSR of token ids from `TokenSequenceVectorizer`, read by a
          bidirectional GRU (the encoder of the paper).
        - "rcnn": the same CSR, read by HiAGM's BiGRU, convolutions and top-k pooling.
        - "tokens": 3-D array (n_documents, n_positions, n_features) of contextual
          token embeddings; vectors of zeros are padding.
        - "transformer": raw texts, or CSR of token ids from `SubwordTokenizer`, read
          by a pretrained encoder that is trained along (`pretrained`). With the
          labelwise head label attention starts as the mean of its token vectors. Beside
          raw texts there is a wide path of their terms and, where that is better, of
          the embeddings that the encoder gives before it is trained.
        - "auto": "bag" for sparse X, "tokens" for 3-D X, otherwise "dense".
    pretrained : str or None, default=None
        For "transformer": a folder, or a name on a model hub, with an encoder and its
        tokenizer. Needs the extra `transformer`. A fitted estimator holds the weights
        of the encoder, and no longer needs the folder.
    max_length : int, default=256
        For "transformer": tokens per document, at least 2; longer texts are cut, with a
        warning that says how many.
    freeze_word_embeddings : bool, default=True
        For "transformer": whether the embeddings of its vocabulary stay as they are.
    encoder_lr : float, default=2e-4
        For "transformer": largest learning rate of the encoder's weights; `lr` is that
        of all others.
    layer_decay : float, default=1.0
        For "transformer": what `encoder_lr` is multiplied by from each layer of the
        encoder to the one below, in (0, 1].
    gradient_accumulation : int, default=1
        For "transformer": in how many pieces a batch is learned from. A step needs the
        memory of one piece, and its gradient is that of all, but that the negatives of
        Eq. 1-2 come from the same piece.
    gradient_checkpointing : bool, default=False
        For "transformer": whether the backward pass computes the encoder's layers
        again, which takes a third more time and much less memory. The encoder then has
        no dropout.
    lora : peft.LoraConfig or the like, default=None
        For "transformer": adapters (Hu et al., 2022) that are trained in the place of
        the encoder's weights. Needs peft.
    structure_encoder : {"gcn", "treelstm"} or None, default="gcn"
        What refines the label embeddings along the hierarchy. None leaves them.
    head : {"labelwise", "joint", "mean_pooling"}, default="labelwise"
        "labelwise": each label reads its own context, N d weights. "joint": each reads
        the contexts of all labels, as in the paper, N^2 d weights. "mean_pooling": all
        read the mean of the text features, and there is no label attention.
    mutual_information : bool, default=True
        Whether text-label mutual information is maximised (Eq. 1-2).
    label_prior : {"uniform", "normal"} or None, default="uniform"
        The prior that label representations are matched to (Eq. 3-4): uniform on
        [0, 1) or standard normal in each coordinate. None switches matching off.
    prior_matching : {"adversarial", "released"}, default="adversarial"
        "adversarial": label representations approach the prior. "released": the
        gradient of the authors' released code, which drives them away from it.
    mutual_information_weight : float, default=1.0
        Factor of F L_MI in Eq. 6.
    label_prior_weight : float, default=1.0
        Factor of (1 - F) L_pr in Eq. 6.
    recursive_regularization : float, default=1e-6
        Factor of the squared distance between classifier weights of parent and child.
    loss : {"auto", "binary_cross_entropy", "zlpr", "path"}, default="auto"
        The classification loss L_c. "binary_cross_entropy" is the paper's; "zlpr"
        ranks a document's labels above all others; "path" is the cross-entropy over
        whole paths and needs exactly one path per document. "auto" is "path" where
        every training document has one path and one is predicted, otherwise "zlpr".
    loss_reduction : {"sum", "mean"}, default="sum"
        Of the binary cross-entropy, over labels. The paper takes the mean.
    decoding : {"auto", "path", "threshold"}, default="auto"
        "path" predicts the one most probable path of those in the training labels;
        "threshold" every node whose probability reaches `threshold`. "auto" is
        "threshold", unless every training document has one path: then it is "path",
        or, beside a wide path, the path or upper part of a path with the highest
        expected F1, if that did better on held-out documents. For 1-D `y` it always is
        a whole path. "threshold" is refused for 1-D `y` and for tables.
    threshold : float or "auto", default="auto"
        The least probability of a predicted node, between 0 and 1, with threshold
        decoding. "auto" is one threshold per node, chosen on held-out documents between
        the common one that is best for micro-F1 and the node's own; 0.5 where there is
        no wide path.
    wide_path : bool or "auto", default="auto"
        Whether a shallow model of each label stands beside the network. On CSR of
        terms it is a linear support vector machine, mixed with ridge regression where
        documents are few, on terms scaled by what they say about the labels; on 2-D
        arrays of embeddings it is kernel ridge regression; on a CSR that has at least
        16 coordinates of embeddings beside the terms, a weighted sum of both. A part of
        the documents is then held out, on which the scale of the terms and the
        mixtures, the kernel's width and penalty, the weight of the network, the
        calibration and the decoding are chosen. "auto" is True from 50 documents on,
        for embeddings up to 10^8 documents times labels. Beyond 2.5 * 10^8 weights
        (terms times labels) or 5 * 10^9 entries of X times labels it is a label tree,
        as `HierarchicalLinearClassifier` learns it, without a network beside it.
    deep_path : bool or "auto", default="auto"
        Whether the network is trained beside a wide path. "auto" trains it where at
        least 100 documents are held out at a time (of 500, by default), which can tell
        whether it helps, and keeps it where it has weight. Training ends early where it
        doesn't: a pretrained encoder is weighed after each epoch, and a network beside
        a wide path of terms alone after two fifths of its training. True always trains
        and keeps it, for `transform` and `label_embeddings_`; False never trains it.
        Without a wide path there always is a network. With `warm_start` it is always
        kept. Where labels are so many that the wide path would be a label tree, True
        trains a network without a wide path.
    C : float, default=1.0
        Inverse of the regularization strength of the wide path, as in `LinearSVC`;
        above 0.
    dimension : int or "auto", default="auto"
        Size d of text features and label representations. "auto" is 128, or the size of
        the encoder's vectors with "transformer". The paper has 300. Must be even with
        "bigru" and "treelstm".
    embedding_size : int, default=300
        Size of a token's embedding before "bigru" and "rcnn".
    embedding_weights : array-like of shape (n_terms, width) or None, default=None
        Pretrained embeddings, from `load_word_vectors`. Row i is token id i for
        "bigru" and "rcnn" (`width` then overrides `embedding_size`), column i of X for
        "bag" (`width` must be `dimension`). Rows of NaN start at random.
    vocabulary_size : int or None, default=None
        The largest token id that may come, for "bigru" and "rcnn". None takes the
        largest that `vectorizer` knows, or that fit sees where X holds ids.
    embedding_dropout : float, default=0.3
        Share of terms, embedding coordinates or features left out in a training step.
        The paper has 0.5.
    text_dropout : float, default=0.1
        Dropout after the recurrent layers of "bigru" and "rcnn".
    node_dropout : float, default=0.05
        Dropout of the structure encoder.
    classifier_dropout : float, default=0.0
        Dropout on the input of the head. The paper has 0.5.
    time_budget : float or None, default=None
        Seconds that `fit` may take, above 0. The learning rate falls to 0 by then, so
        that the last model is the best one to be had in that time; training ends
        earlier where all epochs are done. The wide path comes first and is never cut
        short; but embeddings of a pretrained encoder are left out where there is no
        time for them, and so is its training. None sets no limit. `partial_fit` ignores
        it.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows. "auto" is 10, or 5 beside a wide path, or 4 with
        "transformer", and more where that would be fewer than 100 steps. Beside a wide
        path, training of "transformer" ends after an epoch that shows no gain on
        held-out rows; where it has weight, one more epoch, with a quarter of the
        learning rates, takes the held-out rows in.
    batch_size : int or "auto", default="auto"
        Documents per training step. "auto" is 128, or 64 with "transformer", and less
        where there are few training rows: a 16th of them, but at least 8.
    lr : float, default=5e-3
        Largest learning rate. In `fit` it is warmed up over the first tenth of the
        steps and then falls to 0; in `partial_fit` it stays.
    optimizer : torch.optim.Optimizer class, default=RowwiseAdam
        Called with the parameters and `lr`. On a CPU `RowwiseAdam` updates of an
        embedding layer only the terms that occur in the batch, with one second moment
        per term; otherwise, and on a GPU, it is Adam.
    gradient_clip : float or None, default=5.0
        Largest norm of a step's gradient, above 0.
    early_stopping : bool, default=False
        Whether `fit` holds out rows, stops when `scoring` has not improved on them for
        `patience` epochs, and restores the best weights. Beside a wide path the same
        rows then say how much the network counts. A warm start holds the same places of
        X out again, where X is as long and the last fit held as many out; otherwise
        others.
    validation_fraction : float, default=0.2
        Share of the rows, between 0 and 1, but at most 5,000, held out at a time. What
        the wide path needs chosen is cross-validated until about 2,000 rows have been
        held out, in 5 folds at most, with the terms that a vectorizer would know
        without the rows held out; the network is trained once, without the rows of the
        first.
    patience : int, default=5
        Epochs without improvement before early stopping.
    scoring : {"f1_micro", "f1_macro", "loss"}, default="f1_micro"
        What early stopping looks at.
    callbacks : list of skorch callbacks or None, default=None
        Run besides the estimator's own. One that ends training by `KeyboardInterrupt`
        counts as Ctrl-C, which ends a search too; skorch's `EarlyStopping` does not.
    device : str, default="auto"
        "auto" is a CUDA device where there is one, else the CPU. "accelerate" is what
        `accelerate launch` gives each of its processes, which then train one network
        together. Otherwise a device as torch names it.
    mixed_precision : bool or "auto", default="auto"
        Whether forward passes run in bfloat16. "auto": those of the training of
        "transformer" do, on a CPU with AVX512-BF16 or AMX and on a GPU since Ampere,
        and predictions stay in float32.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit's weights.
    checkpoint : path-like or None, default=None
        A folder in which `fit` writes how each epoch of the network's training begins.
        The same fit, called again with the same folder after its process was killed,
        goes on from there, and ends with the same result; on a CPU with the same number
        of threads, exactly. It needs an int as `random_state`, no `callbacks`, and the
        extra `files`. The wide path is fitted anew. The files are deleted when `fit`
        has ended. One process at a time may use a folder.
    n_jobs : int or None, default=None
        Number of threads of `fit`; -1 is all processors. None means
        `torch.get_num_threads()`, and 1 inside a worker of a parallel search.
    random_state : int, RandomState instance or None, default=None
        Weights, batches, dropout and held-out rows. torch's own state stays untouched.
        On a CPU a fit repeats exactly with the same number of threads. `partial_fit`
        and a warm start go on with the same random numbers, unless it has changed.
    verbose : int, default=0
        1 shows a progress bar over `fit` and over predictions that take more than a
        second; 2 also prints a line per epoch.

    Attributes
    ----------
    hierarchy_ : Hierarchy
        The hierarchy; without edges where none was given.
    classes_ : ndarray
        `arange(n_nodes)`, the columns of an indicator; for 1-D `y`, its sorted labels.
    multilabel_ : bool
        False where fit was given 1-D `y`: `predict_proba` has a column per class. True
        otherwise: one per node.
    n_features_in_ : int
        Width of X (of its last axis, if 3-D).
    feature_names_in_ : ndarray of str
        Names of the columns of X, if it had any.
    label_embeddings_ : ndarray of shape (n_nodes, dimension)
        Refined label representations, rows in the order of `hierarchy_.nodes`. Where no
        network was kept, the leading right singular vectors of the wide path's weights.
    n_iter_ : int
        Epochs trained so far.
    history_ : skorch.history.History
        Losses and scores of each epoch.
    net_ : HTCNet
        The skorch net; `net_.module_` is the torch model. Only where one was kept.
    text_encoder_ : str
        The text encoder in use.
    loss_ : str
        The classification loss in use.
    wide_ : LinearPath, KernelPath, JoinedPath, LabelTree or None
        The wide path, if there is one: of terms, of embeddings, or of both.
    deep_weight_ : float
        What the network's log-odds, beyond those of the labels' shares, are multiplied
        by before the wide path's scores are added; only with a wide path. It is 0 where
        more did not clearly raise the likelihood of held-out documents, or lowered
        their F1.
    vectorizer_ : transformer
        What turned raw texts into numbers. Only where X held texts; with "transformer"
        only where a wide path stands beside it.
    tokenizer_ : SubwordTokenizer
        What turned raw texts into a pretrained encoder's token ids.
    decoder_ : PathDecoder, PartialPathDecoder or ThresholdDecoder
        How scores become labels.

    See Also
    --------
    HiAGMClassifier : The same without information maximization.
    HierarchicalLinearClassifier : The wide path of terms alone.
    Hierarchy : The label graph, and label collections to indicators and back.
    TokenSequenceVectorizer : Texts to token ids, for the sequence encoders.

    Notes
    -----
    A document without any label is allowed: an empty collection, or a row of zeros.
    A label without any training document keeps its column.

    References
    ----------
    .. [1] Z. Deng, H. Peng, D. He, J. Li and P. S. Yu. "HTCInfoMax: A Global Model for
       Hierarchical Text Classification via Information Maximization". NAACL 2021.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_htc import Hierarchy, HTCInfoMaxClassifier
    >>> hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog"], "plant": ["tree"]})
    >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
    >>> Y = hierarchy.to_indicator([["cat"], ["dog"], ["tree"]] * 20)
    >>> clf = make_pipeline(
    ...     TfidfVectorizer(), HTCInfoMaxClassifier(hierarchy=hierarchy, random_state=0)
    ... ).fit(texts, Y)
    >>> hierarchy.to_labels(clf.predict(["a dog barks", "a cat"]))
    [['animal', 'dog'], ['animal', 'cat']]
    """

    _paper_text_encoder = "bigru"

    _parameter_constraints = {
        **BaseHierarchicalNetwork._parameter_constraints,
        "mutual_information": ["boolean"],
        "label_prior": [StrOptions({"uniform", "normal"}), None],
        "prior_matching": [StrOptions({"adversarial", "released"})],
        "mutual_information_weight": [Interval(Real, 0, None, closed="left")],
        "label_prior_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        hierarchy: Any = None,
        *,
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
        mutual_information: bool = True,
        label_prior: str | None = "uniform",
        prior_matching: str = "adversarial",
        mutual_information_weight: float = 1.0,
        label_prior_weight: float = 1.0,
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
        self.mutual_information = mutual_information
        self.label_prior = label_prior
        self.prior_matching = prior_matching
        self.mutual_information_weight = mutual_information_weight
        self.label_prior_weight = label_prior_weight
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
        return NetworkSettings.of(self.get_params(deep=False), variant="la")
