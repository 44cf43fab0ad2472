"""What label texts add to log-odds, as torch modules that have a form in ONNX."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, normalize

from sklearn_htc.export.among_nodes import AmongNodes, mask
from sklearn_htc.export.decoding import (
    CalibratedLogOdds,
    Coherence,
    log_odds,
    make_decoding,
    store_edges,
)
from sklearn_htc.export.exclusion import Exclusion
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.model import (
    NEVER,
    LabelTextModel,
    OwnLogOdds,
    along_paths,
)
from sklearn_htc.label_texts.pair_features import MOST_LOG_ODDS, coef_per_label
from sklearn_htc.label_texts.sides import Sides
from sklearn_htc.label_texts.similarity import NO_TEXT, Similarity

__all__ = [
    "AdjustedByTexts",
    "BestParents",
    "Coverage",
    "LogShares",
    "Relatives",
    "Told",
    "path_scores_to_nodes",
]


class AdjustedByTexts(nn.Module):
    """`LabelTextModel`.

    Parameters
    ----------
    model : LabelTextModel
        Fitted.
    """

    is_new: Tensor

    def __init__(self, model: LabelTextModel) -> None:
        super().__init__()
        hierarchy, counts = model.own.hierarchy, model.own.counts
        self.coverage = Coverage(model.similarity)
        self.log_shares = LogShares(model.similarity)
        self.facts = KnownFacts(model.own)
        new, seen = model.new_labels, model.seen_labels
        self.seen = self.new = None
        if len(seen) and model.seen_coef is not None:
            coef = coef_per_label(model.seen_coef, counts[seen])
            self.seen = Told(model.similarity, seen, coef)
        if len(new):
            coef = np.broadcast_to(model.new_coef, (len(new), 6))
            self.new = Told(model.similarity, new, coef)
        self.of_wide = None
        if model.wide_calibration is not None:
            self.of_wide = CalibratedLogOdds(model.wide_calibration)
        self.exclusion = None
        if model.exclusion and len(new):
            self.exclusion = Exclusion(model)
        self.coherence = Coherence(hierarchy)
        self.register_buffer("is_new", mask(new, len(hierarchy)))
        self.along = None if model.own.paths is None else AlongPaths(model)

    def forward(
        self, inputs: dict[str, Tensor], values: Tensor, wide: Tensor | None
    ) -> Tensor:
        """Take label texts into account; see `LabelTextModel.adjust`.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        values : Tensor of shape (B, N)
            Log-odds that the documents of labels taught.
        wide : Tensor of shape (B, N) or None
            Scores of the wide path.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            What the decoder reads.
        """
        texts = self.coverage(inputs), self.log_shares(inputs)
        facts = self.facts(values)
        adjusted = facts.own
        if self.seen is not None:
            adjusted = self.seen(adjusted, facts, *texts)
        if self.of_wide is not None and wide is not None:
            facts = self.facts(self.of_wide(wide))
        if self.new is not None:
            adjusted = self.new(adjusted, facts, *texts)
        if self.along is not None:
            along: Tensor = self.along(adjusted)
            return along
        if self.exclusion is not None:
            adjusted = self.exclusion(adjusted)
        return self.coherence.raised(adjusted, self.is_new)


class Facts(NamedTuple):
    """What `PairFeatures` holds of documents.

    Parameters
    ----------
    own, parent : Tensor of shape (B, N)
        Log-odds of every label by itself, and of its most probable parent.
    best : Tensor of shape (B, 2)
        The two largest log-odds of rivals.
    which : int Tensor of shape (B, 1)
        Whose the first one is; -1 where it is nobody's.
    """

    own: Tensor
    parent: Tensor
    best: Tensor
    which: Tensor


class KnownFacts(nn.Module):
    """`OwnLogOdds.features`, without the texts.

    Parameters
    ----------
    own : OwnLogOdds
        Fitted.
    """

    def __init__(self, own: OwnLogOdds) -> None:
        super().__init__()
        self.relatives = Relatives(own.hierarchy, own.counts, own.ends)
        self.paths = None
        if own.paths is not None:
            self.paths = make_decoding(own.paths)
            self.among_nodes = AmongNodes(own.paths.path_nodes, len(own.hierarchy))

    def forward(self, values: Tensor) -> Facts:
        """Put together what is known about documents.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds that the documents of labels taught.

        Returns
        -------
        facts : Facts
            Of all pairs of document and label.
        """
        own, of_nodes = values, values
        if self.paths is not None:
            own = self.among_nodes(log_odds(self.paths.of_paths(values)), NEVER)
            of_nodes = log_odds(self.paths.probabilities(values))
        facts: Facts = self.relatives(own, of_nodes)
        return facts


class Relatives(nn.Module):
    """What labels' parents and rivals say of them.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    counts : ndarray of shape (N,)
        Documents of each label.
    rivals : int ndarray of shape (n_rivals,)
        The most specific labels of documents.
    """

    rivals: Tensor
    whose: Tensor

    def __init__(
        self, hierarchy: Hierarchy, counts: np.ndarray, rivals: np.ndarray
    ) -> None:
        super().__init__()
        self.parents = BestParents(hierarchy, counts)
        rivals = rivals.astype(np.int64)
        self.register_buffer("rivals", torch.from_numpy(rivals))
        self.register_buffer("whose", torch.from_numpy(np.append(rivals, [-1, -1])))

    def forward(self, own: Tensor, of_nodes: Tensor) -> Facts:
        """Look parents and rivals up.

        Parameters
        ----------
        own, of_nodes : Tensor of shape (B, N)
            Log-odds of labels by themselves, and of those that may be parents.

        Returns
        -------
        facts : Facts
            Of all pairs of document and label.
        """
        nobody = torch.full_like(own[:, :1], -MOST_LOG_ODDS)
        rivals = torch.cat([own[:, self.rivals], nobody, nobody], dim=1)
        best, where = torch.topk(rivals, 2, dim=1)
        return Facts(own, self.parents(of_nodes), best, self.whose[where[:, :1]])


class BestParents(nn.Module):
    """`parents_log_odds`.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    counts : ndarray of shape (N,)
        Documents of each label.
    """

    new_roots: Tensor

    def __init__(self, hierarchy: Hierarchy, counts: np.ndarray) -> None:
        super().__init__()
        levels = list(hierarchy.parents_by_level)
        self.down = store_edges(self, "down", levels)
        for name, (nodes, _) in zip(self.down, levels, strict=True):
            new = nodes[counts[nodes] == 0]
            self.register_buffer(f"{name}_in", mask(nodes, len(counts))[:, None])
            self.register_buffer(f"{name}_new", mask(new, len(counts))[:, None])
        roots = hierarchy.roots
        new_roots = mask(roots[counts[roots] == 0], len(counts))
        self.register_buffer("new_roots", new_roots[:, None])

    def forward(self, values: Tensor) -> Tensor:
        """Find the log-odds of each label's most probable parent.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds of all labels.

        Returns
        -------
        parent : Tensor of shape (B, N)
            10 for roots.
        """
        known = torch.where(self.new_roots, MOST_LOG_ODDS, values.T)
        parent = torch.full_like(known, MOST_LOG_ODDS)
        for name in self.down:
            index = getattr(self, f"{name}_to").unsqueeze(1)
            index = index.expand(-1, known.shape[1])
            least = torch.full_like(known, -torch.inf)
            of_parents = known[getattr(self, name)]
            best = least.scatter_reduce(0, index, of_parents, "amax")
            parent = torch.where(getattr(self, f"{name}_in"), best, parent)
            known = torch.where(getattr(self, f"{name}_new"), best, known)
        return parent.T


class Told(nn.Module):
    """Log-odds of some labels, as sums of what is known, each times its coefficient.

    Parameters
    ----------
    similarity : Similarity
        Which labels have texts.
    labels : int ndarray of shape (n,)
        Which of them are told.
    coef : ndarray of shape (n, 6)
        As `PairFeatures.of_new` lists what is known.
    """

    labels: Tensor
    among_texts: Tensor
    coef: Tensor

    def __init__(
        self, similarity: Similarity, labels: np.ndarray, coef: np.ndarray
    ) -> None:
        super().__init__()
        among_texts = np.searchsorted(similarity.nodes, labels)
        self.register_buffer("labels", torch.from_numpy(labels.astype(np.int64)))
        self.register_buffer("among_texts", torch.from_numpy(among_texts))
        coef = np.ascontiguousarray(coef.T, dtype=np.float32)
        self.register_buffer("coef", torch.from_numpy(coef))
        self.among_nodes = AmongNodes(labels, similarity.n_nodes)

    def of_labels(self, facts: Facts, coverage: Tensor, log_shares: Tensor) -> Tensor:
        """Compute the log-odds of the labels.

        Parameters
        ----------
        facts : Facts
            What is known without texts.
        coverage, log_shares : Tensor of shape (B, n_texts)
            Of labels that have texts.

        Returns
        -------
        log_odds : Tensor of shape (B, n)
            In the order of the labels.
        """
        is_best = facts.which == self.labels
        parts = [
            facts.own[:, self.labels].clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS),
            coverage[:, self.among_texts],
            log_shares[:, self.among_texts],
            facts.parent[:, self.labels].clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS),
            torch.where(is_best, facts.best[:, 1:], facts.best[:, :1]).clamp(
                -MOST_LOG_ODDS, MOST_LOG_ODDS
            ),
        ]
        total = self.coef[0] + self.coef[1] * parts[0]
        for i, part in enumerate(parts[1:], start=2):
            total = total + self.coef[i] * part
        return total

    def forward(
        self, values: Tensor, facts: Facts, coverage: Tensor, log_shares: Tensor
    ) -> Tensor:
        """Replace the log-odds of the labels.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds.
        facts : Facts
            What is known without texts.
        coverage, log_shares : Tensor of shape (B, n_texts)
            Of labels that have texts.

        Returns
        -------
        replaced : Tensor of shape (B, N)
            Other labels are as they were.
        """
        told = self.of_labels(facts, coverage, log_shares)
        replaced: Tensor = self.among_nodes(told, values)
        return replaced


class AlongPaths(nn.Module):
    """Where each document has one path: scores of paths, as log-odds of nodes.

    Parameters
    ----------
    model : LabelTextModel
        Of such documents.
    """

    path_nodes: Tensor
    known: Tensor
    is_new: Tensor
    to_nodes: Tensor

    def __init__(self, model: LabelTextModel) -> None:
        super().__init__()
        paths = model.path_nodes.astype(np.int64)
        is_new = model.own.counts[paths] == 0
        self.register_buffer("path_nodes", torch.from_numpy(paths))
        self.register_buffer("known", torch.from_numpy(np.flatnonzero(~is_new)))
        self.register_buffer("is_new", torch.from_numpy(is_new))
        to_nodes = path_scores_to_nodes(paths, model.own.hierarchy)
        self.register_buffer("to_nodes", to_nodes)

    def forward(self, values: Tensor) -> Tensor:
        """Score paths, and share the scores out along them.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds of the nodes at which paths end.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            They add up to the scores along paths.
        """
        values = values[:, self.path_nodes]
        scores = logsigmoid(values)
        known = torch.logsumexp(scores[:, self.known], dim=1, keepdim=True)
        return torch.where(self.is_new, values + known, scores) @ self.to_nodes


def path_scores_to_nodes(path_nodes: np.ndarray, hierarchy: Hierarchy) -> Tensor:
    """Write `along_paths`, which is linear in the scores of paths, as a matrix.

    Parameters
    ----------
    path_nodes : int ndarray of shape (n_paths,)
        The most specific node of each path.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    matrix : Tensor of shape (n_paths, N)
        What scores are multiplied by.
    """
    each = np.eye(len(path_nodes), dtype=np.float32)
    return torch.from_numpy(along_paths(each, path_nodes, hierarchy))


class Coverage(nn.Module):
    """`Similarity.coverage` of labels that have texts.

    Parameters
    ----------
    similarity : Similarity
        Fitted.
    """

    rows: Tensor
    importance: Tensor

    def __init__(self, similarity: Similarity) -> None:
        super().__init__()
        sides, importance = similarity.sides, similarity.importance
        used = np.flatnonzero(np.diff(importance.indptr))
        # The last row is that of terms that no text has.
        rows = np.full(_width(sides), len(used))
        rows[sides.terms[used]] = np.arange(len(used))
        dense = importance[used].toarray().astype(np.float32)
        dense = np.vstack([dense, np.zeros((1, dense.shape[1]), dtype=np.float32)])
        self.register_buffer("rows", torch.from_numpy(rows))
        self.register_buffer("importance", torch.from_numpy(dense))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Say how much of each text documents have.

        Parameters
        ----------
        inputs : dict
            With `ids` and `weights` (B, K), where there are terms.

        Returns
        -------
        coverage : Tensor of shape (B, n_texts)
            0 where there are no terms.
        """
        if "ids" not in inputs:
            # Its size by `len` would be a constant of the file.
            n_documents = inputs["embeddings"].shape[0]
            return self.importance[:1].expand(n_documents, -1)
        occurs = (inputs["weights"] != 0).float().unsqueeze(1)
        return (occurs @ self.importance[self.rows[inputs["ids"]]]).squeeze(1)


class LogShares(nn.Module):
    """`Similarity.log_shares` of labels that have texts.

    Parameters
    ----------
    similarity : Similarity
        Fitted.
    """

    components: Tensor
    center: Tensor
    directions: Tensor
    rivals: Tensor

    def __init__(self, similarity: Similarity) -> None:
        super().__init__()
        sides, compatibility = similarity.sides, similarity.compatibility
        self.reads_terms = not len(sides.embeddings)
        if self.reads_terms:
            # A single term is no vector to compare.
            components = np.zeros((_width(sides), 1), dtype=np.float32)
            if sides.analysis is not None:
                components = sides.analysis.components_.T.astype(np.float32)
            components = np.ascontiguousarray(components)
            self.register_buffer("components", torch.from_numpy(components))
        for name in ("center", "directions", "rivals"):
            value = np.array(getattr(compatibility, name), dtype=np.float32)
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Share documents out among labels.

        Parameters
        ----------
        inputs : dict
            With `ids` and `weights` (B, K), or `embeddings` (B, D).

        Returns
        -------
        log_shares : Tensor of shape (B, n_texts)
            Logarithms; -20 or more.
        """
        if self.reads_terms:
            weights = inputs["weights"].unsqueeze(1)
            vectors = (weights @ self.components[inputs["ids"]]).squeeze(1)
        else:
            vectors = inputs["embeddings"]
        centered = normalize(vectors) - self.center
        total = torch.logsumexp(centered @ self.rivals, dim=1, keepdim=True)
        return (centered @ self.directions - total).clamp(min=NO_TEXT)


def _width(sides: Sides) -> int:
    """Return how many columns X has."""
    return len(sides.terms) + len(sides.embeddings)
