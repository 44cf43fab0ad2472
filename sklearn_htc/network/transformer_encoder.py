"""A pretrained transformer as the text encoder."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_htc.network.cpu.dropout import Dropout

__all__ = ["TransformerEncoder"]


class TransformerEncoder(nn.Module):
    """Contextual token vectors of a pretrained encoder, as the text features.

    Parameters
    ----------
    configuration : dict
        Of the encoder, as `load_configuration` returns it.
    dimension : int
        Size d of the text features. Where the encoder's vectors have another size, a
        linear layer changes it.
    dropout : float, default=0.0
        Dropout on the encoder's vectors.
    trains_words : bool, default=False
        Whether the embeddings of the encoder's vocabulary are trained, too.
    """

    def __init__(
        self,
        *,
        configuration: dict[str, Any],
        dimension: int,
        dropout: float = 0.0,
        trains_words: bool = False,
    ) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel

        settings = dict(configuration)
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        self.encoder = AutoModel.from_config(config)
        self.encoder.get_input_embeddings().requires_grad_(trains_words)
        size = self.encoder.config.hidden_size
        self.projection = (
            nn.Identity() if size == dimension else nn.Linear(size, dimension)
        )
        self.dropout = Dropout(dropout)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take the pretrained weights.

        Parameters
        ----------
        weights : dict of str to Tensor
            As `load_weights` returns them.
        """
        self.encoder.load_state_dict(weights)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read every document.

        Parameters
        ----------
        ids : int Tensor of shape (B, K)
            The encoder's token ids plus 1; 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            Which positions exist: the first ones of each document.

        Returns
        -------
        text : Tensor of shape (B, K, d)
            One vector per token; 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            As given.
        """
        states = self.encoder(
            input_ids=(ids - 1).clamp(min=0), attention_mask=mask.to(torch.int64)
        ).last_hidden_state
        text = self.projection(self.dropout(states))
        return text * mask.unsqueeze(-1), mask
