"""Scores of fitted models as torch modules that have a form in ONNX."""

from copy import deepcopy
from functools import singledispatch
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from sklearn_htc.export.classifiers import linear_form
from sklearn_htc.export.decoding import log_odds, make_decoding
from sklearn_htc.export.inputs import InputLayout
from sklearn_htc.network.text_encoders import BagOfTermsEncoder
from sklearn_htc.training.deep import DeepModel
from sklearn_htc.wide.joined import JoinedPath
from sklearn_htc.wide.kernel import KernelPath
from sklearn_htc.wide.linear import LinearPath
from sklearn_htc.wide.wrapped import WrappedClassifier

__all__ = ["NetworkScores", "make_scores"]


@singledispatch
def make_scores(path: Any, layout: InputLayout) -> nn.Module:
    """Make a module that scores documents as a wide path does.

    Parameters
    ----------
    path : LinearPath, KernelPath, JoinedPath or WrappedClassifier
        Fitted.
    layout : InputLayout
        What the file reads.

    Returns
    -------
    scores : Module
        From the inputs of `onnx_inputs` to scores (B, N).

    Raises
    ------
    NotImplementedError
        For any other path, and for a classifier that is not linear.
    """
    raise NotImplementedError(
        f"{type(path).__name__} has no form in ONNX. Linear and kernel models have."
    )


class TermScores(nn.Module):
    """A linear model on terms, which are given by their columns.

    Parameters
    ----------
    coef : ndarray of shape (n_used, N), float16, float32 or float64
        Weights of the terms that have some. What is float64 is added up as such.
    intercept : ndarray of shape (N,)
        Scores of a document without terms.
    rows : int ndarray of shape (n_features,)
        The row of `coef` of each column of X; negative where it has none.
    scale : ndarray of shape (n_used,), default=None
        What weights are multiplied by.
    """

    rows: Tensor
    coef: Tensor
    scale: Tensor
    intercept: Tensor

    def __init__(
        self,
        coef: np.ndarray,
        intercept: np.ndarray,
        rows: np.ndarray,
        scale: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        factor = np.ones(len(coef) + 1, dtype=np.float32)
        if scale is not None:
            factor[:-1] = scale
        # The last row is that of unknown terms.
        rows = np.where(rows < 0, len(coef), rows).astype(np.int64)
        coef = np.vstack([coef, np.zeros_like(coef, shape=(1, coef.shape[1]))])
        self.register_buffer("rows", torch.from_numpy(rows))
        self.register_buffer("coef", torch.from_numpy(coef))
        self.register_buffer("scale", torch.from_numpy(factor))
        self.register_buffer("intercept", torch.from_numpy(np.array(intercept)))

    @classmethod
    def of_path(cls, path: LinearPath, rows: np.ndarray) -> Self:
        """Take the weights of a linear path.

        Parameters
        ----------
        path : LinearPath
            Fitted.
        rows : int ndarray of shape (n_features,)
            The row of its weights of each column of X; negative where it has none.

        Returns
        -------
        scores : TermScores
            Of documents of these columns.
        """
        coef, scale = path.coef_, None
        if sparse.issparse(coef):
            coef = coef.toarray()
        if coef.dtype == np.float16:
            scale = path.feature_scale_[path.features_]
        return cls(coef, path.intercept_, rows, scale)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Add the weights of the terms up.

        Parameters
        ----------
        inputs : dict
            With `ids` (B, K) and `weights` (B, K).

        Returns
        -------
        scores : Tensor of shape (B, N)
            Of every label.
        """
        rows = self.rows[inputs["ids"]]
        weights = (inputs["weights"] * self.scale[rows]).unsqueeze(1)
        coef = self.coef[rows]
        if coef.dtype == torch.float64:
            weights = weights.double()
        else:
            coef = coef.float()
        return ((weights @ coef).squeeze(1) + self.intercept).float()


class DenseScores(nn.Module):
    """A linear model on embeddings.

    Parameters
    ----------
    path : LinearPath
        Fitted.
    """

    coef: Tensor
    intercept: Tensor

    def __init__(self, path: LinearPath) -> None:
        super().__init__()
        coef = np.zeros((len(path.feature_scale_), len(path.intercept_)), np.float32)
        own = path.weights()
        coef[path.features_] = own.toarray() if sparse.issparse(own) else own
        self.register_buffer("coef", torch.from_numpy(coef))
        self.register_buffer("intercept", torch.from_numpy(path.intercept_.copy()))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Multiply embeddings by weights.

        Parameters
        ----------
        inputs : dict
            With `embeddings` (B, D).

        Returns
        -------
        scores : Tensor of shape (B, N)
            Of every label.
        """
        products = inputs["embeddings"].double() @ self.coef.double()
        return products.float() + self.intercept


class KernelScores(nn.Module):
    """Kernel ridge regression with a radial basis function.

    Parameters
    ----------
    path : KernelPath
        Fitted.
    """

    landmarks: Tensor
    origin: Tensor
    squares: Tensor
    coef: Tensor
    intercept: Tensor

    def __init__(self, path: KernelPath) -> None:
        super().__init__()
        self.register_buffer("landmarks", torch.from_numpy(path.landmarks_.copy()))
        self.register_buffer("origin", torch.from_numpy(path.origin))
        squares = np.square(path.landmarks_ - path.origin).sum(axis=1)
        self.register_buffer("squares", torch.from_numpy(squares))
        self.register_buffer("coef", torch.from_numpy(path.coef_.copy()))
        self.register_buffer("intercept", torch.from_numpy(path.intercept_.copy()))
        self.gamma = float(path.gamma_)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Add the kernels of the landmarks up.

        Parameters
        ----------
        inputs : dict
            With `embeddings` (B, D).

        Returns
        -------
        scores : Tensor of shape (B, N)
            Of every label.
        """
        # Differences of squares lose the last digits of float32.
        X = inputs["embeddings"].double() - self.origin
        landmarks = self.landmarks.double() - self.origin
        squares = (X * X).sum(1, keepdim=True) + self.squares
        distances = torch.relu(squares - 2 * X @ landmarks.T)
        kernel = torch.exp(-self.gamma * distances)
        return (kernel @ self.coef.double()).float() + self.intercept


class WeightedSum(nn.Module):
    """Scores of several models, added up.

    Parameters
    ----------
    parts : list of (float, Module)
        What scores are multiplied by, and what gives them.
    """

    def __init__(self, parts: list[tuple[float, nn.Module]]) -> None:
        super().__init__()
        self.factors = [weight for weight, _ in parts]
        self.parts = nn.ModuleList(part for _, part in parts)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Score documents by all parts.

        Parameters
        ----------
        inputs : dict
            What the parts read.

        Returns
        -------
        scores : Tensor of shape (B, N)
            Of every label.
        """
        scores = [
            weight * part(inputs)
            for weight, part in zip(self.factors, self.parts, strict=True)
        ]
        return torch.stack(scores).sum(0)


@make_scores.register
def _of_linear(path: LinearPath, layout: InputLayout) -> nn.Module:
    if not layout.has_terms:
        return DenseScores(path)
    return TermScores.of_path(path, path.row_of_feature)


@make_scores.register
def _of_kernel(path: KernelPath, layout: InputLayout) -> nn.Module:
    return KernelScores(path)


@make_scores.register
def _of_both(path: JoinedPath, layout: InputLayout) -> nn.Module:
    parts: list[tuple[float, nn.Module]] = []
    for part in path.parts:
        if isinstance(part.model, LinearPath):
            rows = np.full(len(path.feature_scale_), -1, dtype=np.int64)
            rows[part.side.columns] = part.model.row_of_feature
            own: nn.Module = TermScores.of_path(part.model, rows)
        else:
            own = make_scores(part.model, layout)
        parts.append((float(part.weight), own))
    return WeightedSum(parts)


@make_scores.register
def _of_classifier(path: WrappedClassifier, layout: InputLayout) -> nn.Module:
    coef, intercept = linear_form(path.estimator)
    coef = np.where(path.is_absent, 0, coef)
    intercept = np.where(path.is_absent, path.least_score, intercept)
    return TermScores(coef, intercept, np.arange(len(coef)))


class PaddedBag(nn.Module):
    """A bag-of-terms encoder whose documents are filled up to the same length.

    Parameters
    ----------
    encoder : BagOfTermsEncoder
        Trained.
    feature_scale : ndarray of shape (n_features,) or None
        What weights are multiplied by.
    embedding_columns : int ndarray
        Columns of X that are given apart; may be empty.
    """

    factor: Tensor
    of_columns: Tensor

    def __init__(
        self,
        encoder: BagOfTermsEncoder,
        feature_scale: np.ndarray | None,
        embedding_columns: np.ndarray,
    ) -> None:
        super().__init__()
        factor = torch.full((len(encoder.embedding.weight),), float(encoder.scale))
        if feature_scale is not None:
            factor *= torch.from_numpy(np.asarray(feature_scale, dtype=np.float32))
        self.register_buffer("factor", factor)
        self.embedding = encoder.embedding.weight
        self.background = encoder.background
        columns = torch.from_numpy(embedding_columns.astype(np.int64))
        of_columns = factor[columns, None] * self.embedding.detach()[columns]
        self.register_buffer("of_columns", of_columns)

    def forward(
        self, ids: Tensor, weights: Tensor, embeddings: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Add weighted term embeddings up.

        Parameters
        ----------
        ids : int Tensor of shape (B, K)
            Columns of the terms.
        weights : Tensor of shape (B, K)
            Their weights; 0 where a document has fewer.
        embeddings : Tensor of shape (B, D), default=None
            Columns given apart.

        Returns
        -------
        text : Tensor of shape (B, 1, d)
            One position per document.
        mask : bool Tensor of shape (B, 1)
            True everywhere.
        """
        weights = (weights * self.factor[ids]).unsqueeze(1)
        text = weights @ self.embedding[ids] + self.background
        if embeddings is not None:
            text = text + (embeddings @ self.of_columns).unsqueeze(1)
        return text, torch.ones_like(text[:, :, 0], dtype=torch.bool)


class ScaledEmbeddings(nn.Module):
    """An encoder of document embeddings, which are scaled first.

    Parameters
    ----------
    encoder : DenseEncoder
        Trained.
    feature_scale : ndarray of shape (n_features,) or None
        What features are multiplied by.
    """

    factor: Tensor

    def __init__(self, encoder: nn.Module, feature_scale: np.ndarray | None) -> None:
        super().__init__()
        scale = np.float32(1 if feature_scale is None else feature_scale)
        self.register_buffer("factor", torch.from_numpy(np.atleast_1d(scale)))
        self.encoder = encoder

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Encode documents.

        Parameters
        ----------
        values : Tensor of shape (B, D)
            Document embeddings.

        Returns
        -------
        text : Tensor of shape (B, K, d)
            As the encoder gives them.
        mask : bool Tensor of shape (B, K)
            True everywhere.
        """
        encoded: tuple[Tensor, Tensor] = self.encoder(values * self.factor)
        return encoded


class NetworkScores(nn.Module):
    """A network, and where it stands beside a wide path, what it adds to its scores.

    Parameters
    ----------
    deep : DeepModel
        Trained.
    weight : float or None
        What is added is multiplied by it; None where the network is alone.
    layout : InputLayout
        What the file reads.
    """

    labels: Tensor
    shares: Tensor

    def __init__(
        self, deep: DeepModel, weight: float | None, layout: InputLayout
    ) -> None:
        super().__init__()
        model = deepcopy(deep.net.module_).cpu().eval()
        encoder = model.text_encoder
        if isinstance(encoder, BagOfTermsEncoder):
            columns = layout.columns_apart
            model.text_encoder = PaddedBag(encoder, deep.feature_scale, columns)
            self.names = {"ids": "ids", "weights": "weights"}
            if len(columns):
                self.names["embeddings"] = "embeddings"
        else:
            model.text_encoder = ScaledEmbeddings(encoder, deep.feature_scale)
            self.names = {"values": "embeddings"}
        with torch.no_grad():
            labels = model.encode_labels().detach().clone()
        self.model = model
        self.register_buffer("labels", labels)
        self.weight = weight
        if weight is not None:
            self.decoding = make_decoding(deep.decoder)
            shares = np.asarray(deep.log_odds_of_shares, dtype=np.float32)
            self.register_buffer("shares", torch.from_numpy(shares))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Score every label.

        Parameters
        ----------
        inputs : dict
            With `ids` and `weights` (B, K), or `embeddings` (B, D).

        Returns
        -------
        scores : Tensor of shape (B, N)
            Log-odds where the network is alone, and otherwise what it adds.
        """
        batch = {name: inputs[source] for name, source in self.names.items()}
        logits = self.model(labels=self.labels, **batch).logits
        if self.weight is None:
            return logits
        return self.weight * (
            log_odds(self.decoding.probabilities(logits)) - self.shares
        )
