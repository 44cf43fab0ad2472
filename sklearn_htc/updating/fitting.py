"""From a former predictor and a changed hierarchy to a predictor of that one."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.fitting import NEW_THRESHOLD
from sklearn_htc.label_texts.model import LabelTextModel
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.labels import short_repr
from sklearn_htc.predictor import LogOddsPredictor, Predictor, TwoPathPredictor
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import (
    Decoder,
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.updating.predictor import LearnedAnew, ToldByTexts, UpdatedPredictor
from sklearn_htc.updating.sources import Sources
from sklearn_htc.wide.base import WideModel, WideSettings
from sklearn_htc.wide.joined import JoinedPath, JoinedSettings, Part
from sklearn_htc.wide.kernel import KernelPath, landmark_share_for
from sklearn_htc.wide.linear import LinearPath

__all__ = ["Change", "changeable", "counts_of", "has_text", "update"]

# Share of the documents of nodes that are not touched: they are all given then.
ENOUGH = 0.9
# A node that is learned anew gets a threshold like those of nodes with about as many
# documents.
N_ALIKE = 20


@dataclass(frozen=True, eq=False)
class Change:
    """A changed hierarchy, with what is known about its nodes.

    Parameters
    ----------
    sources : Sources
        Which former nodes each node goes on from.
    data : TrainingData or None
        Documents with labels of today, if any were given.
    labels : LabelVectors or None
        Texts of nodes of today, if any were given.
    class_nodes : int ndarray or None
        Nodes of the classes, where each document has one label; otherwise None.
    """

    sources: Sources
    data: TrainingData | None
    labels: LabelVectors | None
    class_nodes: np.ndarray | None


def changeable(predictor: Predictor) -> LogOddsPredictor:
    """Return a predictor if its hierarchy can be changed.

    Parameters
    ----------
    predictor : Predictor
        Of any kind.

    Returns
    -------
    predictor : LogOddsPredictor
        The same.

    Raises
    ------
    ValueError
        If it is a label tree.
    """
    if not isinstance(predictor, LogOddsPredictor):
        raise ValueError(
            "A label tree is routed along its hierarchy, which can't be changed "
            "afterwards. Fit anew."
        )
    return predictor


def update(
    predictor: LogOddsPredictor, change: Change, rng: np.random.RandomState
) -> UpdatedPredictor:
    """Let a predictor follow its hierarchy.

    Parameters
    ----------
    predictor : LogOddsPredictor
        Before the change; it stays as it is.
    change : Change
        What has changed.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    updated : UpdatedPredictor
        After the change.

    Raises
    ------
    ValueError
        If the predictor has no wide path to learn nodes with, or knows nothing of texts
        where nodes have one; or if documents hold no counterexamples.
    """
    origin = predictor.origin
    is_one_path = isinstance(predictor.read_out.decoder, PathDecoder)
    inherited = change.sources.inherited(counts_of(predictor))
    parts = change.sources.parts_of(_parts_left(predictor))
    is_fresh = change.sources.is_new | (inherited == 0) | (parts >= 0)
    counts = inherited.astype(np.float64)
    nodes, anew = np.empty(0, dtype=np.int64), None
    if change.data is not None:
        calibration = _calibration_to_learn_with(origin)
        data = _ends(change.data) if is_one_path else change.data
        nodes = _nodes_to_learn(
            change.sources, data, inherited, is_fresh, goes_on=not is_one_path
        )
        if len(nodes):
            anew = _learn(origin, calibration, data, nodes, rng)
        is_counted = np.isin(np.arange(len(counts)), nodes)
        if is_one_path:
            is_counted |= is_fresh & (change.data.counts > 0)
        counts[is_counted] = change.data.counts[is_counted]
    knows_text = change.sources.goes_on_from(has_text(predictor))
    told, divided = None, None
    if change.labels is not None:
        by_documents = np.isin(np.arange(len(counts)), nodes)
        told, divided = _tell(
            origin.label_texts, change, counts, knows_text, by_documents, parts
        )
    by_text = nodes[:0] if told is None else told.nodes
    for texts in (told, divided):
        if texts is not None:
            knows_text[texts.nodes] = True
    fresh = np.union1d(nodes[is_fresh[nodes]], by_text)
    is_first = change.sources.is_new | ((inherited == 0) & (counts > 0))
    is_first[np.intersect1d(nodes, np.flatnonzero(parts >= 0))] = True
    decoder = _decoder(predictor, change, fresh, by_text, is_first, counts)
    read_out = ReadOut(None, decoder)
    return UpdatedPredictor(
        predictor,
        change.sources,
        anew,
        told,
        divided,
        read_out,
        counts,
        fresh,
        knows_text,
        parts,
    )


def has_text(predictor: LogOddsPredictor) -> np.ndarray:
    """Say which nodes have a text that a predictor knows.

    Parameters
    ----------
    predictor : LogOddsPredictor
        Changed any number of times.

    Returns
    -------
    has_text : bool ndarray of shape (n_nodes,)
        False for all nodes where it knows nothing of texts.
    """
    if isinstance(predictor, UpdatedPredictor):
        return predictor.has_text
    known = np.zeros(len(predictor.read_out.decoder.hierarchy), dtype=bool)
    if isinstance(predictor, TwoPathPredictor) and predictor.label_texts is not None:
        known[predictor.label_texts.similarity.nodes] = True
    return known


def counts_of(predictor: LogOddsPredictor) -> np.ndarray:
    """Count the documents of each node that were learned from.

    Parameters
    ----------
    predictor : LogOddsPredictor
        Changed any number of times.

    Returns
    -------
    counts : ndarray of shape (n_nodes,)
        About how many; 0 where that is not known.
    """
    if isinstance(predictor, UpdatedPredictor):
        return predictor.counts
    assert isinstance(predictor, TwoPathPredictor)
    if predictor.label_texts is not None:
        return predictor.label_texts.own.counts
    calibration = predictor.read_out.calibration
    if calibration is None:
        return np.zeros(len(predictor.read_out.decoder.hierarchy))
    return calibration.counts_


def _parts_left(predictor: LogOddsPredictor) -> np.ndarray:
    """Group the parts of split nodes that learned from no documents, (n_nodes,)."""
    if isinstance(predictor, UpdatedPredictor):
        return predictor.parts_left
    return np.full(len(predictor.read_out.decoder.hierarchy), -1)


def _ends(data: TrainingData) -> TrainingData:
    """Return where paths end: one that goes on below a node is no example of its end.

    Each node is learned by itself, as no end implies another.
    """
    hierarchy = Hierarchy([], nodes=data.hierarchy.nodes)
    target = data.hierarchy.most_specific(data.target)
    return replace(data, target=target, hierarchy=hierarchy)


def _nodes_to_learn(
    sources: Sources,
    data: TrainingData,
    inherited: np.ndarray,
    is_fresh: np.ndarray,
    *,
    goes_on: bool,
) -> np.ndarray:
    """List the nodes that documents are given for.

    A node that goes on is learned anew only where no fewer documents are given than it
    was learned from, or all are given; fewer would let it forget. Where each document
    has one path the others' probabilities are kept.
    """
    counts = data.counts
    is_fresh = is_fresh & (counts > 0)
    # Documents of a new node above old ones need not be told from others.
    is_above_old = sources.hierarchy.ancestors.T @ (inherited > 0) > 0
    added = np.flatnonzero(is_fresh & ~is_above_old)
    if len(added):
        without = data.target[:, added].sum(axis=1) == 0
        if not without.any():
            label = sources.hierarchy.nodes[added[0]]
            raise ValueError(
                f"Every document given has an added label such as {short_repr(label)}. "
                "Give documents with other labels alone too, as counterexamples."
            )
    is_learned = is_fresh & (counts < len(data))
    if goes_on:
        is_above_fresh = sources.hierarchy.ancestors.T.astype(np.int64) @ is_fresh > 0
        is_touched = sources.is_touched | is_above_fresh
        is_same = ~is_touched
        n_before = inherited[is_same].sum()
        n_given = np.minimum(counts, inherited)[is_same].sum()
        # Where every node is touched nothing tells whether all documents are given.
        are_all_given = n_before > 0 and n_given >= ENOUGH * n_before
        is_learned |= (sources.is_touched & (counts > 0) & (counts < len(data))) & (
            are_all_given | (counts >= inherited)
        )
    return np.flatnonzero(is_learned)


def _calibration_to_learn_with(origin: TwoPathPredictor) -> Calibration:
    """Return that of the wide path; refuse documents where there is none."""
    calibration = origin.wide_calibration or origin.read_out.calibration
    if not isinstance(origin.wide, WideModel) or calibration is None:
        raise ValueError(
            "Nodes are learned from documents by a wide path, and there is none. Fit "
            "anew, or leave X and y out."
        )
    return calibration


def _learn(
    origin: TwoPathPredictor,
    calibration: Calibration,
    data: TrainingData,
    nodes: np.ndarray,
    rng: np.random.RandomState,
) -> LearnedAnew:
    """Learn some nodes from documents, with the settings that were chosen before."""
    assert isinstance(origin.wide, WideModel)
    hierarchy = data.hierarchy.subgraph(data.hierarchy.nodes[node] for node in nodes)
    of_nodes = TrainingData(
        data.documents,
        data.target[:, nodes],
        data.sample_weight,
        hierarchy,
        nodes[:0],
    )
    wide = _settings_of(origin.wide, of_nodes).fit(of_nodes, rng)
    return LearnedAnew(nodes, hierarchy, wide, calibration.for_labels(of_nodes.counts))


def _settings_of(wide: WideModel, data: TrainingData) -> WideSettings:
    """Return what a wide path was fitted with, but as many landmarks as there may be.

    How many there may be depends on the number of documents.
    """
    if isinstance(wide, JoinedPath):
        parts = tuple(
            Part(part.side, _settings_of(part.model, data), part.weight)
            for part in wide.parts
        )
        return JoinedSettings(parts)
    if isinstance(wide, KernelPath):
        return replace(wide.settings, landmark_share=landmark_share_for(len(data)))
    assert isinstance(wide, LinearPath)
    return wide.settings


def _tell(
    model: LabelTextModel | None,
    change: Change,
    counts: np.ndarray,
    knows_text: np.ndarray,
    by_documents: np.ndarray,
    parts: np.ndarray,
) -> tuple[ToldByTexts | None, ToldByTexts | None]:
    """Let texts speak for nodes without documents, and for parts of split nodes.

    Those that had a text already keep what it told.
    """
    labels, sources = change.labels, change.sources
    assert labels is not None
    is_told = (counts == 0) & ~knows_text
    if model is None:
        # Those of the fit had a text that it was not given.
        is_told &= sources.is_new
    is_divided = (parts >= 0) & (counts > 0) & ~by_documents & ~knows_text
    # The text of one part alone says nothing about its share.
    with_text = np.isin(np.arange(len(parts)), labels.nodes) & is_divided
    n_told = np.bincount(parts[with_text], minlength=parts.max() + 2)
    is_divided &= n_told[parts] > 1
    if not (is_told | is_divided)[labels.nodes].any():
        return None, None
    if model is None:
        raise ValueError(
            "The estimator was fitted without label texts, so it doesn't know what "
            "those of added nodes, and of parts of a split one, tell. Fit anew with "
            "label_texts or label_features, or give documents."
        )

    def read(is_meant: np.ndarray, known: np.ndarray) -> ToldByTexts | None:
        which = np.flatnonzero(is_meant[labels.nodes])
        if not len(which):
            return None
        some = LabelVectors(labels.nodes[which], labels.X[which])
        similarity = model.similarity.with_labels(some, len(sources.hierarchy))
        return ToldByTexts(some.nodes, similarity, model.added_coef.copy(), known)

    told = read(is_told, counts)
    if told is not None:
        told.coef[0] += model.rarity(len(told.nodes))
    return told, read(is_divided, np.where(is_divided, 0, counts))


def _decoder(
    predictor: LogOddsPredictor,
    change: Change,
    fresh: np.ndarray,
    by_text: np.ndarray,
    is_first: np.ndarray,
    counts: np.ndarray,
) -> Decoder:
    """Make the decoder of today, with the former thresholds where there are some."""
    former, hierarchy = predictor.read_out.decoder, change.sources.hierarchy
    if isinstance(former, PathDecoder):
        path_nodes = _path_nodes(former, change, fresh)
        if not isinstance(former, PartialPathDecoder):
            return PathDecoder(hierarchy, path_nodes)
        both = [former.threshold, former.gain]
        values = _carried(predictor, change, both, is_first, counts)
        values[0][by_text] = NEW_THRESHOLD
        return PartialPathDecoder(
            hierarchy, path_nodes, threshold=values[0], gain=values[1]
        )
    assert isinstance(former, ThresholdDecoder)
    if np.ndim(former.threshold) == 0:
        return ThresholdDecoder(hierarchy, threshold=former.threshold)
    own = [np.asarray(former.threshold)]
    (threshold,) = _carried(predictor, change, own, is_first, counts)
    threshold[by_text] = NEW_THRESHOLD
    return ThresholdDecoder(hierarchy, threshold=threshold)


def _path_nodes(former: PathDecoder, change: Change, fresh: np.ndarray) -> np.ndarray:
    """List the most specific nodes of the paths of today."""
    sources = change.sources
    was_end = np.zeros(sources.matrix.shape[1], dtype=np.int64)
    was_end[former.path_nodes] = 1
    is_end = sources.matrix.astype(np.int64) @ was_end > 0
    is_end[fresh] = False
    if not is_end.any():
        raise ValueError(
            "No path that could be predicted is left. Give a mapping from former nodes "
            "to those of today, or fit anew."
        )
    if change.class_nodes is not None:
        return change.class_nodes
    is_leaf = np.zeros_like(is_end)
    is_leaf[sources.hierarchy.leaves] = True
    is_end[fresh] = is_leaf[fresh]
    if change.data is not None:
        specific = change.data.hierarchy.most_specific(change.data.target)
        is_end[np.intersect1d(specific.indices, fresh)] = True
    return np.flatnonzero(is_end)


def _carried(
    predictor: LogOddsPredictor,
    change: Change,
    former: list[np.ndarray],
    is_first: np.ndarray,
    counts: np.ndarray,
) -> list[np.ndarray]:
    """Give nodes what former ones had.

    Those that are learned for the first time get the median of former nodes with about
    as many documents.
    """
    sources, before = change.sources, np.log1p(counts_of(predictor))
    carried = []
    for values in former:
        total = sources.matrix @ values
        own = total / np.maximum(sources.counts, 1)
        for node in np.flatnonzero(is_first):
            distance = np.abs(before - np.log1p(counts[node]))
            alike = np.argsort(distance, kind="stable")[:N_ALIKE]
            own[node] = np.median(values[alike])
        carried.append(own)
    return carried
