"""Letting label texts have their say beside what was learned from documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np

from sklearn_htc.data.documents import BagOfTerms, DocumentVectors
from sklearn_htc.data.label_texts import LabelDocuments
from sklearn_htc.data.texts import TermsAndEmbeddings
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.label_texts.fitting import (
    Trial,
    fit_label_texts,
    usual_label_texts,
    with_label_documents,
)
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.predictor import TwoPathPredictor
from sklearn_htc.read_out.fitting import DecodingRule, ReadOutFitter
from sklearn_htc.wide.base import WideModel
from sklearn_htc.wide.selection import WideChoice, best_choice, judge

if TYPE_CHECKING:
    from sklearn_htc.training.embedder import Embedder

__all__ = [
    "Teaching",
    "label_vectors",
    "refuse_label_texts",
    "with_label_texts",
    "with_usual_label_texts",
]


# The micro-F1 of labels with documents that texts may cost as documents, where other
# labels have a text alone.
COST_OF_TEXTS = 0.005


def refuse_label_texts(data: TrainingData) -> None:
    """Say that there are too many labels, or documents, for label texts.

    Parameters
    ----------
    data : TrainingData
        What a label tree is to learn from.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(
        f"label_texts and label_features need one model per label, and {len(data)} "
        f"documents with {len(data.hierarchy)} labels are too many for that: a label "
        "tree takes their place. Leave label texts out, or use fewer terms."
    )


@dataclass(frozen=True, eq=False)
class Teaching:
    """Label texts as vectors, and whether they are documents to learn from as well.

    Parameters
    ----------
    labels : LabelVectors
        The texts.
    as_documents : bool
        Whether the wide path learns from them too.
    n_documents : int
        All documents.
    """

    labels: LabelVectors
    as_documents: bool
    n_documents: int

    @classmethod
    def choose(
        cls,
        labels: LabelDocuments,
        embedder: Embedder | None,
        choice: WideChoice,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        rng: np.random.RandomState,
    ) -> tuple[Self, WideChoice]:
        """Let a wide path learn from label texts if that is better.

        Labels that have a text alone gain most from it, which no held-out document can
        tell. Where there are some, it may cost the others a little micro-F1, if their
        macro-F1 is no lower.

        Parameters
        ----------
        labels : LabelDocuments
            The texts.
        embedder : Embedder or None
            What makes the embeddings that documents have beside terms.
        choice : WideChoice
            The best without them.
        folds : sequence of Fold
            By which it was chosen.
        fitter : ReadOutFitter
            For the held-out documents of the folds.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        teaching : Teaching
            Whether it does.
        choice : WideChoice
            With them, or as it was.
        """
        n_documents = len(folds[0].learned_from) + len(folds[0].held_out)
        taught = cls(label_vectors(labels, embedder), True, n_documents)
        fits = (
            partial(choice.settings.fit, taught.of(fold.learned_from), rng)
            for fold in folds
        )
        other = judge(choice.settings, fits, folds, fitter, near=choice)
        was_there = folds[0].learned_from.counts + folds[0].held_out.counts > 0
        if best_choice([choice, other]) is other or (
            not was_there[labels.nodes].all() and _costs_little(choice, other)
        ):
            return taught, other
        return replace(taught, as_documents=False), choice

    def of(self, data: TrainingData) -> TrainingData:
        """Add label texts to documents, if they are to be learned from.

        Parameters
        ----------
        data : TrainingData
            Documents.

        Returns
        -------
        data : TrainingData
            What the wide path learns from.
        """
        return with_label_documents(data, self.labels) if self.as_documents else data

    def counts_of(self, data: TrainingData) -> np.ndarray:
        """Count the documents of each label, texts that are learned from among them.

        Parameters
        ----------
        data : TrainingData
            Documents.

        Returns
        -------
        counts : ndarray of shape (n_nodes,)
            Those of `of(data)`.
        """
        return data.counts + self._counts_of_texts(data)

    def counts_like_all(self, part: TrainingData) -> np.ndarray:
        """Count the documents of each label, if a part stands for all documents.

        Parameters
        ----------
        part : TrainingData
            What `fit_like_all` learns from.

        Returns
        -------
        counts : ndarray of shape (n_nodes,)
            Texts that are learned from count once.
        """
        return self._scale_of(part) * part.counts + self._counts_of_texts(part)

    def _counts_of_texts(self, data: TrainingData) -> np.ndarray:
        """Count the texts of each label that are learned from, (n_nodes,)."""
        if not self.as_documents:
            return np.zeros_like(data.counts)
        counts: np.ndarray = data.hierarchy.ancestors[self.labels.nodes].sum(axis=0)
        return counts

    def _scale_of(self, part: TrainingData) -> float:
        """Say how many documents each of a part stands for, beside texts."""
        return self.n_documents / len(part) if self.as_documents else 1.0

    def fit_like_all(
        self, choice: WideChoice, part: TrainingData, rng: np.random.RandomState
    ) -> WideModel:
        """Fit the wide path to some documents; beside texts they weigh as much as all.

        A text that is a document has more documents against it in all than in a part.
        So what a label's text teaches beside a part would not hold for all.

        Parameters
        ----------
        choice : WideChoice
            What is fitted.
        part : TrainingData
            Some documents.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        path : WideModel
            Fitted.
        """
        weight = self._scale_of(part) * part.sample_weight
        return choice.settings.fit(self.of(replace(part, sample_weight=weight)), rng)

    def fit(
        self,
        choice: WideChoice,
        data: TrainingData,
        folds: Sequence[Fold],
        rng: np.random.RandomState,
    ) -> WideModel:
        """Fit the wide path to all documents.

        Parameters
        ----------
        choice : WideChoice
            What is fitted.
        data : TrainingData
            All documents.
        folds : sequence of Fold
            By which it was chosen.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        path : WideModel
            Fitted.
        """
        if self.as_documents:
            return choice.settings.fit(self.of(data), rng)
        return choice.fit(data, folds[0], rng)


def with_label_texts(
    predictor: TwoPathPredictor,
    data: TrainingData,
    teaching: Teaching,
    choice: WideChoice,
    folds: Sequence[Fold],
    rule: DecodingRule,
    rng: np.random.RandomState,
    *,
    deep_scores: np.ndarray | None = None,
) -> TwoPathPredictor:
    """Learn what label texts tell, and put it beside a predictor.

    Parameters
    ----------
    predictor : TwoPathPredictor
        Learned from documents alone.
    data : TrainingData
        All documents, as its wide path reads them.
    teaching : Teaching
        Label texts.
    choice : WideChoice
        How the wide path was chosen.
    folds : sequence of Fold
        By which it was chosen.
    rule : DecodingRule
        What is predicted.
    rng : RandomState
        Draws what is random.
    deep_scores : ndarray of shape (n_held_out, n_nodes), default=None
        What the network adds to the scores of the first fold's held-out documents. With
        it the other folds are not used, as the network has seen their documents, and
        labels without documents are judged by the wide path.

    Returns
    -------
    predictor : TwoPathPredictor
        With label texts.
    """
    read_out, of_wide = predictor.read_out, choice.read_out
    is_deep = deep_scores is not None
    if is_deep:
        folds = folds[:1]
    trials, start = [], 0
    for fold in folds:
        rows = slice(start, start + len(fold.held_out))
        scores, counts = choice.scores[rows], teaching.counts_of(fold.learned_from)
        wide_log_odds = of_wide.for_counts(counts).log_odds(scores)
        log_odds = wide_log_odds
        if is_deep:
            log_odds = read_out.for_counts(counts).log_odds(scores + deep_scores)

        def train(
            part: TrainingData,
        ) -> Callable[[DocumentVectors], np.ndarray]:
            path = teaching.fit_like_all(choice, part, rng)
            of_part = of_wide.for_counts(teaching.counts_like_all(part))
            return lambda documents: of_part.log_odds(path.scores(documents.X))

        trials.append(Trial(fold, log_odds, wide_log_odds if is_deep else None, train))
        start = rows.stop
    fitter = ReadOutFitter.of_folds(folds, rule)
    counts = teaching.counts_of(data)
    model, read_out = fit_label_texts(
        data,
        teaching.labels,
        trials,
        fitter,
        read_out,
        rng,
        wide_calibration=of_wide.for_counts(counts).calibration if is_deep else None,
    )
    return replace(predictor, read_out=read_out, label_texts=model)


def with_usual_label_texts(
    predictor: TwoPathPredictor,
    data: TrainingData,
    labels: LabelVectors,
    rule: DecodingRule,
    rng: np.random.RandomState,
) -> TwoPathPredictor:
    """Put label texts beside a predictor, where no label can be hidden to learn from.

    Parameters
    ----------
    predictor : TwoPathPredictor
        Learned from documents alone.
    data : TrainingData
        All documents.
    labels : LabelVectors
        Label texts.
    rule : DecodingRule
        What is predicted.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    predictor : TwoPathPredictor
        With label texts, of which is assumed what they told on other data sets.
    """
    model, read_out = usual_label_texts(data, labels, rule, predictor.read_out, rng)
    return replace(predictor, read_out=read_out, label_texts=model)


def label_vectors(labels: LabelDocuments, embedder: Embedder | None) -> LabelVectors:
    """Turn label texts into vectors, as the documents were.

    Parameters
    ----------
    labels : LabelDocuments
        The texts.
    embedder : Embedder or None
        What makes the embeddings that documents have beside terms.

    Returns
    -------
    vectors : LabelVectors
        In the columns of the documents.
    """
    vectors = labels.documents.vectors
    assert isinstance(vectors, DocumentVectors)
    if embedder is not None:
        assert isinstance(vectors, BagOfTerms)
        tokens = labels.documents.encoder_input
        assert tokens is not None
        embeddings = embedder.embed(tokens)
        assert embeddings is not None
        vectors = TermsAndEmbeddings(vectors, embeddings)
    return LabelVectors(labels.nodes, vectors.X)


def _costs_little(choice: WideChoice, taught: WideChoice) -> bool:
    """Say whether labels with documents are about as well off beside label texts."""
    before, after = choice.read_out, taught.read_out
    return (
        after.macro_f1 >= before.macro_f1
        and after.micro_f1 >= before.micro_f1 - COST_OF_TEXTS
    )
