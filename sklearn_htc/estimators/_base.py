"""What every estimator of the package does: read documents, and answer with labels."""

from collections.abc import Iterable, Mapping
from copy import copy
from numbers import Integral, Real
from typing import Any, Self
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import Tags, check_scalar
from sklearn.utils.validation import check_is_fitted

from sklearn_htc._sklearn_compat import check_sample_weight
from sklearn_htc.data.documents import Documents
from sklearn_htc.data.pieces import gathered
from sklearn_htc.data.targets import object_array
from sklearn_htc.data.texts import as_texts
from sklearn_htc.estimators._learned import Learned, view
from sklearn_htc.estimators._update import updated
from sklearn_htc.explain.explaining import explain
from sklearn_htc.explain.explanation import Explanations
from sklearn_htc.persistence import as_pairs, from_pairs, refuse_other_format, stamp

__all__ = ["BaseHierarchicalClassifier"]

# Bytes of probabilities from which on predict_proba warns.
LARGE_OUTPUT = 4 * 10**9
# Parameters that may be dicts of labels.
LABELLED = ("hierarchy", "label_texts")


class BaseHierarchicalClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A classifier whose labels are nodes of a hierarchy.

    Subclasses learn in `fit`, and store what they learned, whole, as `_learned`.
    """

    hierarchy: Any
    decoding: str
    threshold: float | str
    _learned: Learned

    hierarchy_ = view(
        "form.targets.hierarchy", "The hierarchy; without edges where none was given."
    )
    classes_ = view("form.targets.classes", "Columns, or the labels of 1-D `y`.")
    multilabel_ = view("form.targets.is_multilabel", "Whether columns are all nodes.")
    n_features_in_ = view("form.documents.n_features", "Width of X.")
    feature_names_in_ = view("form.documents.feature_names", "Names of its columns.")
    vectorizer_ = view("form.documents.vectorizer", "What turned texts into numbers.")
    tokenizer_ = view(
        "form.documents.tokenizer", "What made a pretrained encoder's token ids."
    )
    decoder_ = view("predictor.read_out.decoder", "How log-odds become labels.")

    def predict(self, X: Any) -> Any:
        """Predict label sets that are closed under ancestors.

        Parameters
        ----------
        X : sequence of str or {array-like, sparse array}
            Documents, of the form and width that fit has seen.

        Returns
        -------
        Y : ndarray, csr_array, DataFrame, list of lists or ndarray of labels
            In the form in which fit was given y.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is of another form or width than at fit.
        """
        learned, documents = self._read_documents(X)
        order, pieces = [], []
        for rows, decided in learned.predictor.iter_decisions(documents):
            order.append(rows)
            pieces.append(decided)
        back = np.argsort(np.concatenate(order))
        indicator = sparse.vstack(pieces, format="csr")[back]
        return learned.form.targets.inverse_transform(indicator, X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : sequence of str or {array-like, sparse array}
            Documents, of the form and width that fit has seen.

        Returns
        -------
        probabilities : ndarray of shape (n_documents, n_classes), float32
            In (0, 1). For indicators and collections, one column per node, with
            P(child) <= P(parent). For 1-D `y`, one column per class; rows sum to 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is of another form or width than at fit.

        Warns
        -----
        UserWarning
            Before making an array of more than 4 GB; `predict_top_k` makes a small one.
        """
        learned, documents = self._read_documents(X)
        shape = (len(documents), len(learned.form.targets.classes))
        size = 4 * shape[0] * shape[1]
        if size > LARGE_OUTPUT:
            warn(
                f"predict_proba makes an array of {shape[0]} x {shape[1]} values, "
                f"{size / 1e9:.1f} GB. predict_top_k(X, k) gives the k most probable "
                "labels of each document in little memory.",
                stacklevel=2,
            )
        of_paths = not learned.form.targets.is_multilabel
        pieces = learned.predictor.iter_probabilities(documents, of_paths=of_paths)
        return gathered(pieces, shape)

    def predict_top_k(self, X: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Predict the k most probable labels, without an array of all probabilities.

        Parameters
        ----------
        X : sequence of str or {array-like, sparse array}
            Documents, of the form and width that fit has seen.
        k : int
            How many labels per document, from 1 to the number of classes.

        Returns
        -------
        labels : ndarray of shape (n_documents, k)
            Nodes of the hierarchy; for 1-D `y`, classes. The most probable first,
            and ancestors before equally probable descendants.
        probabilities : ndarray of shape (n_documents, k), float32
            As `predict_proba` gives them for these labels. One case is approximate: the
            ancestors that a label tree finds, if nodes have several parents and each
            document has one path. Branches that the search skips are then counted by
            their share of the training documents.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If k is out of range, or X of another form or width than at fit.
        """
        check_is_fitted(self)
        learned = self._learned
        targets = learned.form.targets
        n_classes = len(targets.classes)
        k = check_scalar(k, "k", Integral, min_val=1, max_val=n_classes)
        documents = learned.form.documents.read(X, self)
        shape = (len(documents), k)
        columns = np.empty(shape, dtype=np.int64)
        probabilities = np.empty(shape, dtype=np.float32)
        of_paths = not targets.is_multilabel
        pieces = learned.predictor.iter_top(documents, k, of_paths=of_paths)
        for rows, top, values in pieces:
            columns[rows], probabilities[rows] = top, values
        names = targets.classes if of_paths else object_array(targets.hierarchy.nodes)
        return names[columns], probabilities

    def explain(
        self,
        X: Any,
        labels: Iterable[Any] | None = None,
        *,
        n_terms: int = 10,
        feature_names: ArrayLike | None = None,
        network: str = "sum",
    ) -> Explanations:
        """Say which terms speak for a label and which against it, and where paths end.

        Scores of linear models are taken apart exactly: a term adds its value times its
        weight, and all terms and the intercept add up to the score. For a kernel method
        the training documents that add most are listed. What the network adds is one
        number, or is shared out among the terms by integrated gradients [1]_, from the
        document without terms to the document as it is. Label texts change the
        log-odds, not the scores: they affect the probability, but are not among the
        contributions. If a kernel method was trained on label texts, these are listed
        as training documents, numbered after the last document.

        Parameters
        ----------
        X : {array-like, sparse array} or sequence of str
            Documents, of the form and width that fit has seen.
        labels : iterable of labels, default=None
            Nodes to explain in every document. By default those that are predicted.
        n_terms : int, default=10
            How many terms for a label, how many against it, and how many training
            documents are shown.
        feature_names : array-like of shape (n_features,), default=None
            Names of the columns of X. By default the vectorizer's terms, or the names
            that X had in fit; otherwise columns have numbers.
        network : {"sum", "integrated_gradients"}, default="sum"
            Whether what the network adds is one number, or is shared out among the
            terms that it reads (words, for a pretrained encoder). Gradients need the
            extra `gradients` (captum), and per document and label as much time as
            training on 50 documents. A network without a wide path needs them.

        Returns
        -------
        explanations : Explanations
            A sequence with one `Explanation` per document. It prints as text, shows
            words marked in a notebook, and has `to_frame()`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If gradients are asked for and captum is not installed.
        TypeError
            If the scores are those of a classifier of the user's.
        ValueError
            If a label is no node, there is only a network and `network` is "sum", X is
            of another form or width than at fit, or the hierarchy has changed since.

        References
        ----------
        .. [1] Sundararajan, Taly, Yan. Axiomatic Attribution for Deep Networks.
           ICML 2017.
        """
        check_is_fitted(self)
        if network not in ("sum", "integrated_gradients"):
            raise ValueError(
                f"network={network!r} must be 'sum' or 'integrated_gradients'."
            )
        n_terms = check_scalar(n_terms, "n_terms", Integral, min_val=1)
        learned, documents = self._read_documents(X)
        form = learned.form
        texts = as_texts(X) if form.documents.reads_texts else None
        if feature_names is None:
            feature_names = form.documents.names_of_features()
        elif documents.vectors is not None:
            n_names, n_features = np.size(feature_names), documents.vectors.n_features
            if n_names != n_features:
                raise ValueError(
                    f"feature_names has {n_names} names, but X has {n_features} "
                    "columns."
                )
        return explain(
            learned.predictor,
            form.targets.hierarchy,
            documents,
            texts=texts,
            labels=labels,
            names=None if feature_names is None else np.asarray(feature_names),
            tokens=None if texts is None else form.documents.tokens_of(texts),
            n_terms=n_terms,
            network=network,
        )

    def update_hierarchy(
        self,
        hierarchy: Any,
        mapping: Mapping[Any, Any] | None = None,
        X: Any = None,
        y: Any = None,
        *,
        label_texts: Any = None,
        label_features: Any = None,
    ) -> Self:
        """Follow a hierarchy that has changed, without a new fit.

        Renamed and moved nodes keep their log-odds. A merged node gets those of the
        union of its former nodes. Added nodes, and the parts of a split node, are
        trained on the documents given. An added node without documents is predicted
        from its text, as labels without documents are, but the other nodes stay as they
        are. Parts without documents share the odds of the former node, by their texts
        or equally. An existing node whose descendants change is trained again if at
        least as many of its documents are given as it was trained on, or nearly all
        documents there were. Otherwise, and if each document has one path, it stays as
        it was. It is never less probable than its children.

        Thresholds are kept; a node that is learned gets the median of those of nodes
        with about as many documents. The parameter `hierarchy`, and label texts or
        features, become those of today, for a new fit.

        Parameters
        ----------
        hierarchy : Hierarchy, dict, iterable of pairs or networkx.DiGraph
            All of it, as it is now. Nodes of the same name are the same nodes; those
            that are no longer there are removed.
        mapping : mapping, default=None
            From former nodes to what became of them, where they have other names: a
            node (renamed; merged where several map to it), a list of nodes (split), or
            None (removed).
        X : sequence of str or {array-like, sparse array}, default=None
            Documents of added and changed nodes, and of others as counterexamples: best
            all that there are. Terms that were unknown at fit stay unknown.
        y : array-like, sparse array or sequence, default=None
            Their labels of today, in the form that fit was given.
        label_texts : mapping or sequence of str, default=None
            Texts of added nodes, of parts of a node that was split, and of those that
            had neither a text nor documents; for raw texts as X. Other nodes keep what
            they have.
        label_features : {array-like, sparse array} of shape (n_nodes, n_features), \
default=None
            The same for numeric X, one row per node of today.

        Returns
        -------
        self : BaseHierarchicalClassifier
            Updated, or unchanged where it raises.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the mapping names nodes that are not there, X, y or label texts are not
            as described, all documents have added labels, added nodes or parts of a
            split one have a text and the estimator was fitted without any, or the model
            is a label tree.

        Examples
        --------
        >>> from sklearn_htc import HierarchicalLinearClassifier
        >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
        >>> hierarchy = {"animal": ["cat", "dog"], "plant": ["tree"]}
        >>> clf = HierarchicalLinearClassifier(hierarchy)
        >>> clf = clf.fit(texts, [["cat"], ["dog"], ["tree"]] * 20)
        >>> now = {"pet": ["cat", "hound"], "plant": ["tree"]}
        >>> clf.update_hierarchy(now, {"animal": "pet", "dog": "hound"}).predict(
        ...     ["a dog barks"]
        ... )
        [['pet', 'hound']]
        """
        check_is_fitted(self)
        self._learned, parameters = updated(
            self,
            self._learned,
            hierarchy,
            mapping,
            X,
            y,
            label_texts,
            label_features,
        )
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def compact(self, *, weights: str = "pruned", min_weight: float = 0.02) -> Self:
        """Make a smaller estimator that only predicts.

        It has no network without weight, nothing that training goes on from, and
        smaller or fewer weights. Then `save` and pickles are smaller, too. A label
        tree, a classifier of the user's, and a pretrained encoder that gives embeddings
        as it is stay as they are. Where a network without weight is left out,
        `transform` and `label_embeddings_` are those of the wide path.
        `update_hierarchy` still works.

        Parameters
        ----------
        weights : {"pruned", "float16", "float32"}, default="pruned"
            "pruned" leaves small weights of linear models out, and stores the others
            as a sparse array; "float16" halves the size of linear and kernel models,
            and that of a network in files; "float32" changes no weight.
        min_weight : float, default=0.02
            The least weight that "pruned" keeps, in units of a document of length 1:
            what it adds to a score of about -1 to 1; times C where that is below 1. The
            default changes micro-F1 by 0.04 points and macro-F1 by 0.11 at most, on six
            data sets (docs/speed.md).

        Returns
        -------
        estimator : BaseHierarchicalClassifier
            A new one, fitted. The estimator itself stays as it is.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `weights` or `min_weight` is not as described.

        Examples
        --------
        >>> from sklearn_htc import HierarchicalLinearClassifier
        >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
        >>> hierarchy = {"animal": ["cat", "dog"], "plant": ["tree"]}
        >>> clf = HierarchicalLinearClassifier(hierarchy)
        >>> clf = clf.fit(texts, ["cat", "dog", "tree"] * 20)
        >>> small = clf.compact(weights="float16")
        >>> small.predict(["a dog barks"])
        array(['dog'], dtype='<U4')
        >>> small.wide_.coef_.nbytes / clf.wide_.coef_.nbytes
        0.5
        """
        check_is_fitted(self)
        if weights not in ("pruned", "float16", "float32"):
            raise ValueError(
                f"weights must be 'pruned', 'float16' or 'float32', got {weights!r}."
            )
        check_scalar(min_weight, "min_weight", Real, min_val=0)
        small = copy(self)
        small._learned = self._learned.compact(weights, min_weight)
        return small

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of documents whose labels are all predicted right.

        Parameters
        ----------
        X : sequence of str or {array-like, sparse array}
            Documents.
        y : array-like, sparse array or sequence
            Their labels, in the form that fit was given; closed upward before they are
            compared. A label of 1-D `y` that fit has not seen counts as wrong.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document.

        Returns
        -------
        accuracy : float
            Subset accuracy.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or y is of another form than at fit, or not one per document.
        """
        check_is_fitted(self)
        is_right = self._learned.form.targets.equal(
            y, self.predict(X), may_be_unknown=self.hierarchy is None
        )
        weight = check_sample_weight(sample_weight, is_right)
        return float(np.average(is_right, weights=weight))

    def __getstate__(self) -> dict[str, Any]:
        """Add the version, by which a later one knows whether it can read this."""
        state = {**super().__getstate__(), "_saved_by": stamp()}
        for name in LABELLED:
            is_graph = hasattr(state.get(name), "is_directed")
            # Before the fit a graph may be no hierarchy yet.
            if name in state and not (is_graph and "_learned" not in state):
                state[name] = as_pairs(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Refuse what a version of another format has fitted."""
        others = {key: value for key, value in state.items() if key != "_saved_by"}
        if "_learned" in others:
            refuse_other_format(state.get("_saved_by"), f"This {type(self).__name__}")
        for name in LABELLED:
            if name in others:
                others[name] = from_pairs(others[name])
        super().__setstate__(others)

    def __sklearn_is_fitted__(self) -> bool:
        return "_learned" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        return tags

    def _read_documents(self, X: Any) -> tuple[Any, Documents]:
        """Check X against the form that fit has seen; return what fit has learned, too.

        Another thread may put something else in its place meanwhile.
        """
        check_is_fitted(self)
        learned = self._learned
        return learned, learned.form.documents.read(X, self)

    def _require_y(self, y: Any) -> None:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
