"""Log-odds under a changed hierarchy as torch modules that have a form in ONNX."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from sklearn_htc.export.among_nodes import AmongNodes, mask
from sklearn_htc.export.decoding import (
    MARGIN,
    CalibratedLogOdds,
    Coherence,
    log_odds,
    make_decoding,
    softplus,
)
from sklearn_htc.export.inputs import InputLayout
from sklearn_htc.export.label_texts import (
    BestParents,
    Coverage,
    LogShares,
    Relatives,
    Told,
    path_scores_to_nodes,
)
from sklearn_htc.export.scores import make_scores
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.model import NEVER
from sklearn_htc.read_out.decoders import PathDecoder
from sklearn_htc.updating.predictor import LearnedAnew, ToldByTexts, UpdatedPredictor

__all__ = ["UpdatedLogOdds"]


class UpdatedLogOdds(nn.Module):
    """`UpdatedPredictor.iter_log_odds`.

    Parameters
    ----------
    predictor : UpdatedPredictor
        Changed any number of times.
    former : Module
        What gives log-odds before the last change.
    layout : InputLayout
        What the file reads.
    """

    def __init__(
        self, predictor: UpdatedPredictor, former: nn.Module, layout: InputLayout
    ) -> None:
        super().__init__()
        self.former = former
        decoder = predictor.read_out.decoder
        kind = AlongPaths if isinstance(decoder, PathDecoder) else AlongNodes
        self.change = kind(predictor, layout)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Change the former log-odds.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            What the decoder of today reads.
        """
        changed: Tensor = self.change(inputs, self.former(inputs))
        return changed


class AlongNodes(nn.Module):
    """Where documents may have any labels: log-odds of nodes from former ones.

    Parameters
    ----------
    predictor : UpdatedPredictor
        Of such documents.
    layout : InputLayout
        What the file reads.
    """

    log_parts: Tensor
    same: Tensor
    is_same: Tensor
    merged: Tensor
    merged_to: Tensor
    is_merged: Tensor
    is_added: Tensor
    everything: Tensor

    def __init__(self, predictor: UpdatedPredictor, layout: InputLayout) -> None:
        super().__init__()
        sources = predictor.sources
        matrix, hierarchy = sources.most_general, sources.hierarchy
        counts, n_nodes = np.diff(matrix.indptr), len(hierarchy)
        self.before = Coherence(sources.former)
        log_parts = np.log(sources.n_parts).astype(np.float32)
        self.register_buffer("log_parts", torch.from_numpy(log_parts))
        source = np.zeros(n_nodes, dtype=np.int64)
        source[counts == 1] = matrix[np.flatnonzero(counts == 1)].indices
        self.register_buffer("same", torch.from_numpy(source))
        self.register_buffer("is_same", torch.from_numpy(counts == 1))
        several = np.flatnonzero(counts > 1)
        edges = matrix[several].indices.astype(np.int64)
        self.register_buffer("merged", torch.from_numpy(edges))
        to = np.repeat(several, counts[several]).astype(np.int64)
        self.register_buffer("merged_to", torch.from_numpy(to))
        self.register_buffer("is_merged", torch.from_numpy(counts > 1))
        self.anew = None
        if predictor.anew is not None:
            self.anew = ScoredAnew(predictor.anew, layout, n_nodes)
            self.parents = BestParents(hierarchy, predictor.counts)
            added = np.intersect1d(predictor.anew.nodes, predictor.fresh)
            self.register_buffer("is_added", mask(added, n_nodes))
        self.told = of_texts(predictor.told, hierarchy)
        self.divided = None
        if predictor.divided is not None:
            self.divided = Divided(predictor)
        self.coherence = Coherence(hierarchy)
        self.register_buffer("everything", torch.ones(n_nodes, dtype=torch.bool))

    def forward(self, inputs: dict[str, Tensor], former: Tensor) -> Tensor:
        """Give nodes their log-odds.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        former : Tensor of shape (B, n_former)
            Log-odds before the change.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            No ancestor is below a descendant.
        """
        former = self.before(former) - self.log_parts
        values = torch.where(self.is_same, former[:, self.same], NEVER)
        if len(self.merged):
            values = torch.where(self.is_merged, self._unions(former, values), values)
        if self.anew is not None:
            values = self.anew(inputs, values)
            parent = self.parents(values)
            halfway = (values + torch.minimum(values, parent)) / 2
            values = torch.where(self.is_added, halfway, values)
        if self.divided is not None:
            values = values + self.divided(inputs, values, values)
        if self.told is not None:
            values = self.told(inputs, values, values)
        return self.coherence.raised(values, self.everything)

    def _unions(self, former: Tensor, values: Tensor) -> Tensor:
        """Return log-odds of having any of some labels, of the shape of `values`."""
        # Of having none the logarithm is minus this sum.
        each = softplus(former[:, self.merged].double())
        none = torch.zeros_like(values).double()
        index = self.merged_to.unsqueeze(0).expand(each.shape[0], -1)
        none = none.scatter_add(1, index, each)
        none = none.clamp(min=float(np.finfo(np.float64).tiny))
        # Of what is next to nothing, 1 - exp(-x) is x.
        some = torch.where(none < 1e-8, none, 1 - torch.exp(-none))
        return (none + torch.log(some)).float()


class AlongPaths(nn.Module):
    """Where documents have one path: log-odds that add up along the paths of today.

    Parameters
    ----------
    predictor : UpdatedPredictor
        Of such documents.
    layout : InputLayout
        What the file reads.
    """

    log_parts: Tensor
    from_former: Tensor
    has_source: Tensor
    path_nodes: Tensor
    known: Tensor
    is_new: Tensor
    members: Tensor
    to_nodes: Tensor

    def __init__(self, predictor: UpdatedPredictor, layout: InputLayout) -> None:
        super().__init__()
        sources, hierarchy = predictor.sources, predictor.sources.hierarchy
        before, decoder = predictor.former.read_out.decoder, predictor.read_out.decoder
        assert isinstance(before, PathDecoder)
        assert isinstance(decoder, PathDecoder)
        paths, n_nodes = decoder.path_nodes.astype(np.int64), len(hierarchy)
        self.before = make_decoding(before)
        log_parts = np.log(sources.n_parts[before.path_nodes]).astype(np.float32)
        self.register_buffer("log_parts", torch.from_numpy(log_parts))
        from_former = sources.matrix[paths][:, before.path_nodes].toarray()
        has_source = from_former.any(axis=1)
        from_former = from_former.T.astype(np.float32)
        self.register_buffer("from_former", torch.from_numpy(from_former.copy()))
        self.register_buffer("has_source", torch.from_numpy(has_source))
        is_new = np.isin(paths, predictor.fresh)
        self.register_buffer("path_nodes", torch.from_numpy(paths))
        self.register_buffer("known", torch.from_numpy(np.flatnonzero(~is_new)))
        self.register_buffer("is_new", torch.from_numpy(is_new))
        self.among_nodes = AmongNodes(paths, n_nodes)
        members = decoder.paths[~is_new].toarray().astype(np.float32)
        self.register_buffer("members", torch.from_numpy(members))
        self.anew = None
        if predictor.anew is not None:
            self.anew = ScoredAnew(predictor.anew, layout, n_nodes)
        self.told = of_texts(predictor.told, hierarchy)
        self.divided = None
        if predictor.divided is not None:
            self.divided = Divided(predictor)
        self.register_buffer("to_nodes", path_scores_to_nodes(paths, hierarchy))

    def forward(self, inputs: dict[str, Tensor], former: Tensor) -> Tensor:
        """Give nodes log-odds that add up along paths.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        former : Tensor of shape (B, n_former)
            Log-odds before the change.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            0 for nodes at which no path ends.
        """
        p = self.before.of_paths(former) * torch.exp(-self.log_parts)
        p = torch.where(self.has_source, p @ self.from_former, 1.0)
        scores = torch.where(self.has_source, torch.log(p), NEVER)
        # All but log-odds of new paths is read from here on as that of nodes.
        odds = log_odds(torch.exp(scores).clamp(MARGIN, 1 - MARGIN))
        values = self.among_nodes(odds, NEVER)
        if self.anew is not None:
            values = self.anew(inputs, values)
        of_nodes = torch.softmax(scores[:, self.known], dim=1) @ self.members
        of_nodes = log_odds(of_nodes.clamp(MARGIN, 1 - MARGIN))
        if self.divided is not None:
            shared = self.divided(inputs, values, of_nodes)[:, self.path_nodes]
            scores = scores + shared
            own = values[:, self.path_nodes] + shared
            values = self.among_nodes(own, values)
        if self.told is not None:
            values = self.told(inputs, values, of_nodes)
        known = torch.logsumexp(scores[:, self.known], dim=1, keepdim=True)
        scores = torch.where(self.is_new, values[:, self.path_nodes] + known, scores)
        return log_softmax(scores, dim=1) @ self.to_nodes


class ScoredAnew(nn.Module):
    """`LearnedAnew`.

    Parameters
    ----------
    anew : LearnedAnew
        Fitted.
    layout : InputLayout
        What the file reads.
    n_nodes : int
        Of the whole hierarchy.
    """

    def __init__(self, anew: LearnedAnew, layout: InputLayout, n_nodes: int) -> None:
        super().__init__()
        self.scores = make_scores(anew.wide, layout)
        self.calibrate = CalibratedLogOdds(anew.calibration)
        self.coherence = Coherence(anew.hierarchy)
        self.among_nodes = AmongNodes(anew.nodes, n_nodes)

    def forward(self, inputs: dict[str, Tensor], values: Tensor) -> Tensor:
        """Replace the log-odds of nodes that were learned anew.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        values : Tensor of shape (B, N)
            Log-odds.

        Returns
        -------
        replaced : Tensor of shape (B, N)
            Other nodes are as they were.
        """
        own = self.coherence(self.calibrate(self.scores(inputs)))
        replaced: Tensor = self.among_nodes(own, values)
        return replaced


class ReadTexts(nn.Module):
    """`ToldByTexts`.

    Parameters
    ----------
    texts : ToldByTexts
        Of some nodes.
    hierarchy : Hierarchy
        The label graph.
    """

    def __init__(self, texts: ToldByTexts, hierarchy: Hierarchy) -> None:
        super().__init__()
        leaves = hierarchy.leaves
        rivals = leaves[texts.counts[leaves] > 0]
        self.relatives = Relatives(hierarchy, texts.counts, rivals)
        self.coverage = Coverage(texts.similarity)
        self.log_shares = LogShares(texts.similarity)
        coef = np.broadcast_to(texts.coef, (len(texts.nodes), len(texts.coef)))
        self.labels = Told(texts.similarity, texts.nodes, coef)

    def of_labels(
        self, inputs: dict[str, Tensor], own: Tensor, of_nodes: Tensor
    ) -> Tensor:
        """Compute the log-odds that texts tell.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        own, of_nodes : Tensor of shape (B, N)
            As `Relatives` reads them.

        Returns
        -------
        log_odds : Tensor of shape (B, n)
            Of the nodes that have these texts.
        """
        texts = self.coverage(inputs), self.log_shares(inputs)
        return self.labels.of_labels(self.relatives(own, of_nodes), *texts)

    def forward(
        self, inputs: dict[str, Tensor], own: Tensor, of_nodes: Tensor
    ) -> Tensor:
        """Replace the log-odds of the nodes by what their texts tell.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        own, of_nodes : Tensor of shape (B, N)
            As `Relatives` reads them.

        Returns
        -------
        replaced : Tensor of shape (B, N)
            Other nodes have their own.
        """
        told = self.of_labels(inputs, own, of_nodes)
        replaced: Tensor = self.labels.among_nodes(told, own)
        return replaced


def of_texts(texts: ToldByTexts | None, hierarchy: Hierarchy) -> ReadTexts | None:
    """Make a module of nodes that texts tell of, if there are any."""
    return None if texts is None else ReadTexts(texts, hierarchy)


class Divided(nn.Module):
    """What texts change about parts that have equal shares of a node.

    Parameters
    ----------
    predictor : UpdatedPredictor
        With parts of split nodes that have a text.
    """

    is_part: Tensor
    log_counts: Tensor

    def __init__(self, predictor: UpdatedPredictor) -> None:
        super().__init__()
        assert predictor.divided is not None
        hierarchy, nodes = predictor.sources.hierarchy, predictor.divided.nodes
        self.texts = ReadTexts(predictor.divided, hierarchy)
        _, which, counts = np.unique(
            predictor.parts[nodes], return_inverse=True, return_counts=True
        )
        is_part = which == np.arange(len(counts))[:, None]
        self.register_buffer("is_part", torch.from_numpy(is_part))
        log_counts = np.log(counts[which]).astype(np.float32)
        self.register_buffer("log_counts", torch.from_numpy(log_counts))
        self.among_nodes = AmongNodes(nodes, len(hierarchy))

    def forward(
        self, inputs: dict[str, Tensor], own: Tensor, of_nodes: Tensor
    ) -> Tensor:
        """Share nodes out among their parts.

        Parameters
        ----------
        inputs : dict
            As `onnx_inputs` gives them.
        own, of_nodes : Tensor of shape (B, N)
            As `Relatives` reads them.

        Returns
        -------
        shares : Tensor of shape (B, N)
            Logarithms, to be added; 0 for other nodes.
        """
        told = self.texts.of_labels(inputs, own, of_nodes)
        # (B, n_split, n_divided)
        of_parts = torch.where(self.is_part, told.unsqueeze(1), -torch.inf)
        total = torch.logsumexp(of_parts, dim=2) @ self.is_part.float()
        shares = told - total + self.log_counts
        shared: Tensor = self.among_nodes(shares, 0.0)
        return shared
