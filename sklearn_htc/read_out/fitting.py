"""From scores to labels, all of it fitted on held-out documents and judged by F1."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import sparse

from sklearn_htc.data.targets import TargetEncoder
from sklearn_htc.data.training_data import Fold
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.metrics import micro_macro_f1
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import (
    Decoder,
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
    make_decoder,
)
from sklearn_htc.read_out.found import Found
from sklearn_htc.read_out.thresholds import thresholds_and_gains

__all__ = ["DecodingRule", "ReadOut", "ReadOutFitter", "best_read_out"]

# Macro-F1 of rare labels is noisy: no gain in it may cost more micro-F1 than this.
MICRO_F1_TO_SPARE = 0.001


@dataclass(frozen=True)
class DecodingRule:
    """What kind of label sets is predicted.

    Parameters
    ----------
    single_path : bool
        Whether one path is predicted, rather than all nodes above a threshold.
    whole_path : bool
        Whether that has to be a path that a document may have, and not a part of it.
    threshold : float or "auto"
        The least probability of a predicted node; "auto" is one per node.
    """

    single_path: bool
    whole_path: bool
    threshold: float | str

    @classmethod
    def resolve(
        cls,
        decoding: str,
        threshold: float | str,
        path_nodes: np.ndarray,
        targets: TargetEncoder,
    ) -> Self:
        """Turn an estimator's parameters into a rule; refuse what can't be.

        Parameters
        ----------
        decoding : {"auto", "path", "threshold"}
            As for `HTCInfoMaxClassifier`.
        threshold : float or "auto"
            As for `HTCInfoMaxClassifier`.
        path_nodes : int ndarray
            The paths of the training documents; empty where one has none or several.
        targets : TargetEncoder
            Knows whether a document may have any set of labels.

        Returns
        -------
        rule : DecodingRule
            What is predicted.

        Raises
        ------
        ValueError
            If the parameters contradict the labels.
        """
        if decoding == "threshold" and targets.has_one_path:
            raise ValueError(
                "One path per document (1-D y, or a table with one column per level) "
                "needs decoding='path' or 'auto': with a threshold a document could "
                "get none or several."
            )
        if decoding == "path" and not len(path_nodes):
            raise ValueError(
                "decoding='path' needs exactly one path per document, but a training "
                "row has none or several. Use decoding='threshold'."
            )
        return cls(
            single_path=decoding != "threshold" and len(path_nodes) > 0,
            whole_path=decoding == "path" or not targets.is_multilabel,
            threshold=threshold,
        )

    def plain_decoder(self, hierarchy: Hierarchy, path_nodes: np.ndarray) -> Decoder:
        """Make the decoder where nothing is chosen on held-out documents.

        Parameters
        ----------
        hierarchy : Hierarchy
            The label graph.
        path_nodes : int ndarray
            The paths that may be predicted.

        Returns
        -------
        decoder : Decoder
            Of whole paths, or with a threshold of 0.5 where that is "auto".
        """
        nodes = path_nodes if self.single_path else path_nodes[:0]
        return make_decoder(hierarchy, nodes, self.threshold)


@dataclass(frozen=True)
class ReadOut:
    """How scores become log-odds, and log-odds labels.

    Parameters
    ----------
    calibration : Calibration or None
        From scores to log-odds; None where scores are log-odds already.
    decoder : Decoder
        From log-odds to probabilities and labels.
    micro_f1, macro_f1 : float, default=nan
        Of the held-out documents, where there are any, as `metrics.micro_macro_f1`
        counts them.
    """

    calibration: Calibration | None
    decoder: Decoder
    micro_f1: float = np.nan
    macro_f1: float = np.nan

    def log_odds(self, scores: np.ndarray) -> np.ndarray:
        """Turn scores into log-odds.

        Parameters
        ----------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Of any documents.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_nodes), float32
            Log-odds of every label.
        """
        return scores if self.calibration is None else self.calibration.log_odds(scores)

    def for_counts(self, counts: np.ndarray) -> Self:
        """Read a model out that has learned from more documents.

        Parameters
        ----------
        counts : ndarray of shape (n_nodes,)
            Documents of each label that it has learned from.

        Returns
        -------
        read_out : ReadOut
            The same but for the labels' frequencies.
        """
        if self.calibration is None:
            return self
        return replace(self, calibration=self.calibration.for_counts(counts))


def best_read_out(outs: Sequence[ReadOut]) -> int:
    """Choose the best macro-F1 among those that come near the best micro-F1.

    Parameters
    ----------
    outs : sequence of ReadOut
        Fitted and judged on the same documents, the simplest first.

    Returns
    -------
    best : int
        Position of the first of the best.
    """
    least = max(out.micro_f1 for out in outs) - MICRO_F1_TO_SPARE
    worth = [out.macro_f1 if out.micro_f1 >= least else -1.0 for out in outs]
    return int(np.argmax(worth))


@dataclass(frozen=True)
class ReadOutFitter:
    """Fits read-outs to scores of the same held-out documents.

    Parameters
    ----------
    target : csr_array of shape (n_documents, n_nodes)
        Labels of the held-out documents, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        How much each of them counts.
    counts : ndarray of shape (n_nodes,)
        Documents of each label that scores were learned from.
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific nodes of the paths, one of which each document has; empty
        where it may have several, or is predicted by thresholds.
    rule : DecodingRule
        What is predicted.
    """

    target: sparse.csr_array
    sample_weight: np.ndarray
    counts: np.ndarray
    hierarchy: Hierarchy
    path_nodes: np.ndarray
    rule: DecodingRule

    @classmethod
    def of_folds(cls, folds: Sequence[Fold], rule: DecodingRule) -> Self:
        """Collect the held-out documents of some folds, in their order.

        Parameters
        ----------
        folds : sequence of Fold
            At least one.
        rule : DecodingRule
            What is predicted.

        Returns
        -------
        fitter : ReadOutFitter
            For scores of these documents, fold after fold.
        """
        held_out = [fold.held_out for fold in folds]
        path_nodes = held_out[0].path_nodes
        return cls(
            target=sparse.vstack([part.target for part in held_out], format="csr"),
            sample_weight=np.concatenate([part.sample_weight for part in held_out]),
            counts=np.mean([fold.learned_from.counts for fold in folds], axis=0),
            hierarchy=held_out[0].hierarchy,
            # A threshold needs probabilities of nodes, not of paths.
            path_nodes=path_nodes if rule.single_path else path_nodes[:0],
            rule=rule,
        )

    def fit(
        self,
        scores: np.ndarray,
        start: ReadOut | None = None,
        *,
        near: ReadOut | None = None,
    ) -> ReadOut:
        """Calibrate scores, choose what is predicted, and say how good it is.

        Parameters
        ----------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Of the held-out documents.
        start : ReadOut, default=None
            Fitted to other scores of more documents: its calibration is the start of
            this one, and its thresholds are kept, since they are probabilities.
        near : ReadOut, default=None
            Fitted to similar scores of the same documents, which makes the fit faster.

        Returns
        -------
        read_out : ReadOut
            Fitted.
        """
        calibration = self._calibrate(scores, start, near)
        log_odds = calibration.log_odds(scores)
        share = calibration.uniform_share
        if start is None:
            decoders = self._decoders(
                lambda plain: plain.probabilities(log_odds), share
            )
        else:
            decoders = [_with_share(start.decoder, share)]
        return self._best(
            calibration, decoders, lambda decoder: decoder.decide(log_odds)
        )

    def fit_log_odds(self, log_odds: np.ndarray) -> ReadOut:
        """Choose what is predicted of log-odds that need no calibration.

        Parameters
        ----------
        log_odds : ndarray of shape (n_documents, n_nodes), float32
            Of the held-out documents.

        Returns
        -------
        read_out : ReadOut
            Without a calibration.
        """
        decoders = self._decoders(lambda plain: plain.probabilities(log_odds), 0.0)
        return self._best(None, decoders, lambda decoder: decoder.decide(log_odds))

    def fit_found(self, found: Found) -> ReadOut:
        """Choose what is predicted of probabilities that a search found.

        Parameters
        ----------
        found : Found
            Of the held-out documents, calibrated.

        Returns
        -------
        read_out : ReadOut
            Without a calibration.
        """
        decoders = self._decoders(lambda plain: found.labels, 0.0)
        return self._best(None, decoders, lambda decoder: decoder.decide_found(found))

    def _best(
        self,
        calibration: Calibration | None,
        decoders: list[Decoder],
        decide: Callable[[Decoder], sparse.csr_array],
    ) -> ReadOut:
        """Judge what each decoder predicts of the held-out documents."""
        outs = []
        for decoder in decoders:
            f1 = micro_macro_f1(
                self.target, decide(decoder), sample_weight=self.sample_weight
            )
            outs.append(ReadOut(calibration, decoder, *f1))
        return outs[best_read_out(outs)]

    def _calibrate(
        self, scores: np.ndarray, start: ReadOut | None, near: ReadOut | None
    ) -> Calibration:
        if start is None or start.calibration is None:
            calibration = Calibration(self.counts)
        else:
            calibration = copy(start.calibration)
        paths = self.hierarchy.ancestors[self.path_nodes]
        return calibration.fit(
            scores,
            self.target,
            self.sample_weight,
            self.path_nodes,
            paths,
            near=None if near is None else near.calibration,
        )

    def _decoders(
        self, probabilities: Callable[[Decoder], Any], uniform_share: float
    ) -> list[Decoder]:
        """List the decoders to choose from, the simplest first."""
        hierarchy, rule = self.hierarchy, self.rule
        if rule.single_path:
            whole = PathDecoder(hierarchy, self.path_nodes, uniform_share=uniform_share)
            if rule.whole_path:
                return [whole]
            pairs = self._thresholds(probabilities(whole))
            return [
                whole,
                *(
                    PartialPathDecoder(
                        hierarchy,
                        self.path_nodes,
                        threshold=threshold,
                        gain=gain,
                        uniform_share=uniform_share,
                    )
                    for threshold, gain in pairs
                ),
            ]
        if rule.threshold != "auto":
            return [ThresholdDecoder(hierarchy, threshold=float(rule.threshold))]
        pairs = self._thresholds(probabilities(ThresholdDecoder(hierarchy)))
        return [
            ThresholdDecoder(hierarchy, threshold=threshold) for threshold, _ in pairs
        ]

    def _thresholds(
        self, probabilities: np.ndarray | sparse.csr_array
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        return thresholds_and_gains(probabilities, self.target, self.sample_weight)


def _with_share(decoder: Decoder, uniform_share: float) -> Decoder:
    """Return a decoder with the share of a uniform distribution of a new fit."""
    decoder = copy(decoder)
    if isinstance(decoder, PathDecoder):
        decoder.uniform_share = uniform_share
    return decoder
