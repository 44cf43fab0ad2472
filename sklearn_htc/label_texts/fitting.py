"""Learning what label texts tell, by hiding labels.

The documents of some labels are left out, as if nobody had labelled them. What label
texts then say about documents with these labels is what they will say about those of
labels that really have none.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms, DenseDocuments, DocumentVectors
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.label_texts.exclusion import LikelyPairs, NewEnds, fit_exclusion
from sklearn_htc.label_texts.logistic import fit_near
from sklearn_htc.label_texts.model import LabelTextModel, OwnLogOdds
from sklearn_htc.label_texts.pair_features import NEW_LABELS, SEEN_LABELS
from sklearn_htc.label_texts.similarity import LabelVectors, Similarity
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import (
    Decoder,
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from sklearn_htc.read_out.fitting import (
    DecodingRule,
    ReadOut,
    ReadOutFitter,
    best_read_out,
)
from sklearn_htc.read_out.pairs import some_pairs

__all__ = [
    "Trial",
    "fit_label_texts",
    "usual_label_texts",
    "with_label_documents",
]

# Labels are hidden in so many parts, one per fold.
N_PARTS = 5
# Of the documents of a fold, no more than this share goes with the hidden labels.
MOST_HIDDEN = 1 / 3
# Times the squared distance of coefficients from what they are without evidence.
PENALTY = 1.0
# A label without documents has to be more probable than not, as no held-out document
# can tell a better threshold.
NEW_THRESHOLD = 0.5


@dataclass(frozen=True)
class Trial:
    """A fold, and a model that can be trained on its documents, or on some of them.

    Parameters
    ----------
    fold : Fold
        Documents to learn from, and to judge by.
    log_odds : ndarray of shape (n_held_out, n_nodes)
        Of the held-out documents, of a model that learned from all the others.
    of_wide : ndarray of shape (n_held_out, n_nodes) or None
        Those of its wide path alone, where there is a network beside it.
    train : callable
        From other documents to learn from to a function from documents to log-odds of
        the wide path alone.
    """

    fold: Fold
    log_odds: np.ndarray
    of_wide: np.ndarray | None
    train: Callable[[TrainingData], Callable[[DocumentVectors], np.ndarray]]


@dataclass(frozen=True)
class _Pairs:
    """Features (n, n_labels, n_features) of hidden labels, truths (n, n_labels).

    Beside them stand the likely pairs of the same documents with other labels, where
    documents may have several.
    """

    features: np.ndarray
    is_true: np.ndarray
    others: LikelyPairs | None
    sample_weight: np.ndarray

    def times(self, factor: np.ndarray) -> Self:
        """Multiply the weights of documents (n,)."""
        return replace(self, sample_weight=self.sample_weight * factor)


@dataclass(frozen=True)
class _Evidence:
    """What one trial says: similarities, and pairs of hidden labels."""

    trial: Trial
    coverage: np.ndarray
    log_shares: np.ndarray
    hidden: NewEnds
    pairs: list[_Pairs]


def fit_label_texts(
    data: TrainingData,
    labels: LabelVectors,
    trials: Sequence[Trial],
    fitter: ReadOutFitter,
    plain: ReadOut,
    rng: np.random.RandomState,
    *,
    wide_calibration: Calibration | None = None,
) -> tuple[LabelTextModel, ReadOut]:
    """Learn what label texts tell, and choose thresholds again.

    Parameters
    ----------
    data : TrainingData
        All documents.
    labels : LabelVectors
        Label texts.
    trials : sequence of Trial
        What the model gives held-out documents.
    fitter : ReadOutFitter
        For the held-out documents of all trials, in their order.
    plain : ReadOut
        Of the model by itself.
    rng : RandomState
        Draws which labels are hidden, and what else is random.
    wide_calibration : Calibration, default=None
        Of the wide path alone, where there is a network beside it.

    Returns
    -------
    model : LabelTextModel
        What turns the log-odds of `plain` into better ones. Labels with documents are
        left as they are where that did better on held-out documents.
    read_out : ReadOut
        With the calibration of `plain`, and a decoder for the better ones.
    """
    path_nodes = _path_nodes(plain.decoder, data, labels)
    paths = _path_decoder(plain.decoder, path_nodes)
    parts = _parts(data, labels, rng)
    evidence = [
        _hide(trial, labels, part, paths, rng)
        for trial, part in zip(trials, parts, strict=False)
    ]
    new_coef, added_coef = (
        _fit_new(evidence, knows_own=knows_own) for knows_own in (True, False)
    )
    model = LabelTextModel(
        Similarity.fit(data, labels, rng),
        _own(data, paths),
        new_coef,
        added_coef,
        float(np.mean([len(each.hidden.labels) for each in evidence])),
        None,
        path_nodes,
        wide_calibration,
        _fit_exclusion(evidence, new_coef) if paths is None else 0.0,
    )
    new_coef[0] += model.rarity(len(model.new_labels))
    fitter = replace(fitter, path_nodes=path_nodes)
    halves = [_fit_seen(evidence, labels, paths, rows) for rows in (0, 1)]
    # The simpler one first. Coefficients are judged by documents that they don't know.
    plainly = fitter.fit_log_odds(_held_out_log_odds(model, evidence, (None, None)))
    better = fitter.fit_log_odds(_held_out_log_odds(model, evidence, halves[::-1]))
    out = (plainly, better)[best_read_out([plainly, better])]
    if out is better:
        model = replace(model, seen_coef=_fit_seen(evidence, labels, paths, None))
    decoder = _careful(out.decoder, data, fitter.rule)
    return model, replace(out, calibration=plain.calibration, decoder=decoder)


def usual_label_texts(
    data: TrainingData,
    labels: LabelVectors,
    rule: DecodingRule,
    plain: ReadOut,
    rng: np.random.RandomState,
) -> tuple[LabelTextModel, ReadOut]:
    """Assume of label texts what they told on other data sets.

    Parameters
    ----------
    data : TrainingData
        All documents.
    labels : LabelVectors
        Label texts.
    rule : DecodingRule
        What is predicted.
    plain : ReadOut
        Of the model without label texts.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    model : LabelTextModel
        For labels without documents; the others are left as they are.
    read_out : ReadOut
        With the calibration of `plain`.
    """
    path_nodes = _path_nodes(plain.decoder, data, labels)
    paths = _path_decoder(plain.decoder, path_nodes)
    similarity = Similarity.fit(data, labels, rng)
    coef = np.array(NEW_LABELS)
    own = _own(data, paths)
    model = LabelTextModel(similarity, own, coef, coef, 0.0, None, path_nodes)
    return model, replace(plain, decoder=rule.plain_decoder(data.hierarchy, path_nodes))


def with_label_documents(data: TrainingData, labels: LabelVectors) -> TrainingData:
    """Add the texts of labels as one document each.

    Parameters
    ----------
    data : TrainingData
        Documents that are vectors.
    labels : LabelVectors
        Label texts.

    Returns
    -------
    data : TrainingData
        With the texts behind the documents, each with its label and the ancestors.
    """
    own = data.hierarchy.ancestors[labels.nodes].astype(data.target.dtype)
    X = data.vectors.X
    documents: DocumentVectors
    if sparse.issparse(X):
        documents = BagOfTerms(sparse.vstack([X, labels.X], format="csr"))
    else:
        documents = DenseDocuments(np.vstack([X, labels.X]))
    weight = np.ones(len(labels.nodes), dtype=data.sample_weight.dtype)
    return replace(
        data,
        documents=documents,
        target=sparse.vstack([data.target, own], format="csr"),
        sample_weight=np.concatenate([data.sample_weight, weight]),
    )


def _path_decoder(decoder: Decoder, path_nodes: np.ndarray) -> PathDecoder | None:
    """Make a decoder of all paths, new ones among them, where one path is predicted."""
    if not isinstance(decoder, PathDecoder):
        return None
    share = decoder.uniform_share
    return PathDecoder(decoder.hierarchy, path_nodes, uniform_share=share)


def _own(learned_from: TrainingData, paths: PathDecoder | None) -> OwnLogOdds:
    specific = learned_from.hierarchy.most_specific(learned_from.target)
    ends = np.unique(specific.indices)
    return OwnLogOdds(learned_from.hierarchy, learned_from.counts, ends, paths)


def _parts(
    data: TrainingData, labels: LabelVectors, rng: np.random.RandomState
) -> list[np.ndarray]:
    """Share out among parts the labels that can be hidden."""
    specific = data.hierarchy.most_specific(data.target)
    candidates = np.intersect1d(np.unique(specific.indices), labels.nodes)
    return np.array_split(rng.permutation(candidates), N_PARTS)


def _hide(
    trial: Trial,
    labels: LabelVectors,
    part: np.ndarray,
    paths: PathDecoder | None,
    rng: np.random.RandomState,
) -> _Evidence:
    """Learn without the documents of some labels; see what is said about these."""
    learned_from, held_out = trial.fold.learned_from, trial.fold.held_out
    target = learned_from.target
    is_left = np.ones(len(learned_from), dtype=bool)
    for label in part:
        without = is_left & (target[:, [label]].toarray()[:, 0] == 0)
        if without.sum() >= (1 - MOST_HIDDEN) * len(without):
            is_left = without
    rest = learned_from.take(np.flatnonzero(is_left))
    log_odds_of = trial.train(rest)
    similarity = Similarity.fit(rest, labels, rng)
    own = _own(rest, paths)
    was_there = learned_from.counts[labels.nodes] > 0
    hidden = labels.nodes[(rest.counts[labels.nodes] == 0) & was_there]
    if paths is not None:
        # Where paths end alone is what is true of a document.
        hidden = np.intersect1d(hidden, _own(learned_from, paths).ends)

    def pairs_of(
        some: TrainingData, coverage: np.ndarray, log_shares: np.ndarray
    ) -> _Pairs:
        log_odds = log_odds_of(some.vectors)
        features = own.features(log_odds, coverage, log_shares).of_new(hidden)
        target = _ends_or_labels(some, paths)
        others = None
        if paths is None:
            others = LikelyPairs.of(log_odds, target, own.ends)
        is_true = target[:, hidden].toarray() > 0
        return _Pairs(features, is_true, others, some.sample_weight)

    X = held_out.vectors.X
    coverage, log_shares = similarity.coverage(X), similarity.log_shares(X)
    pairs = [pairs_of(held_out, coverage, log_shares)]
    if not is_left.all():
        left_out = learned_from.take(np.flatnonzero(~is_left))
        X = left_out.vectors.X
        more = pairs_of(left_out, similarity.coverage(X), similarity.log_shares(X))
        # All documents with hidden labels together count as those held out would.
        share = len(held_out) / (len(held_out) + len(learned_from))
        is_hidden = pairs[0].is_true.any(axis=1)
        pairs = [
            pairs[0].times(np.where(is_hidden, share, 1.0)),
            more.times(np.full(len(left_out), share)),
        ]
    ends = NewEnds.of(hidden, rest.hierarchy, rest.counts)
    return _Evidence(trial, coverage, log_shares, ends, pairs)


def _ends_or_labels(data: TrainingData, paths: PathDecoder | None) -> sparse.csr_array:
    """Return the labels of documents, or where paths end."""
    if paths is None:
        return data.target
    specific: sparse.csr_array = data.hierarchy.most_specific(data.target)
    return specific


def _fit_new(evidence: Sequence[_Evidence], *, knows_own: bool) -> np.ndarray:
    """Fit the coefficients for labels without documents.

    Log-odds of their own are what the model learned from their texts as documents.
    """
    pairs = [each for part in evidence for each in part.pairs]
    n_features = len(NEW_LABELS)
    features = np.concatenate([p.features.reshape(-1, n_features) for p in pairs])
    if not knows_own:
        features[:, 1] = 0
    is_true = np.concatenate([p.is_true.ravel() for p in pairs])
    weight = np.concatenate(
        [np.repeat(p.sample_weight, p.is_true.shape[1]) for p in pairs]
    )
    return fit_near(features, is_true, weight, np.array(NEW_LABELS), PENALTY)


def _fit_exclusion(evidence: Sequence[_Evidence], new_coef: np.ndarray) -> float:
    """Find out how far other labels give way to those that were hidden."""
    parts = []
    for each in evidence:
        for pairs in each.pairs:
            others = pairs.others
            assert others is not None
            surprisal = each.hidden.surprisal(pairs.features @ new_coef)
            weight = pairs.sample_weight[others.rows]
            parts.append((others, surprisal[others.rows, others.labels], weight))
    return fit_exclusion(parts)


def _fit_seen(
    evidence: Sequence[_Evidence],
    labels: LabelVectors,
    paths: PathDecoder | None,
    half: int | None,
) -> np.ndarray:
    """Fit the coefficients for labels with documents, to every other row or to all."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for each in evidence:
        fold = each.trial.fold
        own = _own(fold.learned_from, paths)
        known = own.features(each.trial.log_odds, each.coverage, each.log_shares)
        seen = labels.nodes[own.counts[labels.nodes] > 0]
        chosen = np.arange(len(known.own))
        if half is not None:
            chosen = chosen[half::2]
        target = _ends_or_labels(fold.held_out, paths)[chosen][:, seen]
        values = known.own[chosen][:, seen]
        pairs, is_true, copies = some_pairs(values, target)
        rows, columns = np.divmod(pairs, len(seen))
        features = known.of_seen_pairs(chosen[rows], seen[columns])
        weight = fold.held_out.sample_weight[chosen[rows]] * copies
        parts.append((features, is_true, weight))
    features, is_true, weight = (
        np.concatenate(each) for each in zip(*parts, strict=True)
    )
    return fit_near(features, is_true, weight, np.array(SEEN_LABELS), PENALTY)


def _held_out_log_odds(
    model: LabelTextModel,
    evidence: Sequence[_Evidence],
    seen_coefs: Sequence[np.ndarray | None],
) -> np.ndarray:
    """Adjust the log-odds of held-out documents, of every other row by one of two."""
    adjusted = []
    for each in evidence:
        own = _own(each.trial.fold.learned_from, model.own.paths)
        together = np.empty_like(each.trial.log_odds)
        for first, coef in enumerate(seen_coefs):
            rows = slice(first, None, 2)
            of_wide = each.trial.of_wide
            # No held-out document has labels without documents, so they would only be
            # wrong.
            known = replace(model, own=own, seen_coef=coef, exclusion=0.0)
            together[rows] = known.adjust_by(
                each.trial.log_odds[rows],
                each.coverage[rows],
                each.log_shares[rows],
                of_wide=None if of_wide is None else of_wide[rows],
                never=model.new_labels,
            )
        adjusted.append(together)
    return np.concatenate(adjusted)


def _path_nodes(
    decoder: Decoder, data: TrainingData, labels: LabelVectors
) -> np.ndarray:
    """Add to the paths that documents have those to leaves that have a text alone."""
    if not isinstance(decoder, PathDecoder):
        return data.path_nodes[:0]
    new = np.intersect1d(data.hierarchy.leaves, labels.nodes)
    new = new[data.counts[new] == 0]
    return np.concatenate([data.path_nodes, np.setdiff1d(new, data.path_nodes)])


def _careful(decoder: Decoder, data: TrainingData, rule: DecodingRule) -> Decoder:
    """Ask for an even chance where labels have no document."""
    without = np.flatnonzero(data.counts == 0)
    if isinstance(decoder, ThresholdDecoder):
        if rule.threshold != "auto":
            return decoder
    elif not isinstance(decoder, PartialPathDecoder):
        return decoder
    decoder = copy(decoder)
    n_nodes = len(data.hierarchy)
    decoder.threshold = np.array(np.broadcast_to(decoder.threshold, n_nodes))
    decoder.threshold[without] = NEW_THRESHOLD
    if isinstance(decoder, PartialPathDecoder):
        # That of labels that occur in no held-out document is about 0.
        decoder.gain = decoder.gain.copy()
        decoder.gain[without] = np.median(np.delete(decoder.gain, without))
    return decoder
