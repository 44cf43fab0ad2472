"""A pretrained transformer as the text encoder."""

import warnings
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_htc.network.cpu.dropout import Dropout

__all__ = ["TransformerEncoder"]

# Settings that name code to be fetched; a file of an estimator may say anything.
CODE = ("attn_implementation", "experts_implementation", "auto_map", "quantization")
# What encoders call the dropout of their attention weights.
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")


class TransformerEncoder(nn.Module):
    """Contextual token vectors of a pretrained encoder, as the text features.

    Parameters
    ----------
    configuration : dict
        Of the encoder, as `load_configuration` returns it.
    dimension : int or None
        Size d of the text features. Where the encoder's vectors have another size, a
        linear layer changes it. None is the encoder's own.
    trains_words : bool, default=False
        Whether the embeddings of the encoder's vocabulary are trained, too.
    checkpoints : bool, default=False
        Whether the backward pass computes layers again instead of keeping what they
        gave. The encoder then has no dropout, which would be drawn anew.
    lora : peft.LoraConfig or the like, default=None
        Adapters that are trained in the place of the encoder's weights.
    weights : dict of str to Tensor, default=None
        The pretrained ones, as `load_weights` returns them; None are random ones.
    """

    def __init__(
        self,
        *,
        configuration: dict[str, Any],
        dimension: int | None,
        trains_words: bool = False,
        checkpoints: bool = False,
        lora: Any = None,
        weights: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel

        # A fused kernel draws it from torch's own state, not from the estimator's.
        without = {name: 0.0 for name in ATTENTION_DROPOUTS if name in configuration}
        settings = {
            name: value
            for name, value in (configuration | without).items()
            if not any(part in name for part in CODE)
        }
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        # Some are stored in half precision.
        self.encoder = AutoModel.from_config(config, trust_remote_code=False).float()
        if weights is not None:
            self.encoder.load_state_dict(weights)
        self.encoder.get_input_embeddings().requires_grad_(trains_words)
        self.hidden_size = size = self.encoder.config.hidden_size
        if checkpoints:
            _checkpoint(self.encoder)
        if lora is not None:
            # Some start from the weights, which are there by now.
            _adapt(self.encoder, lora)
        _replace_dropout(self.encoder, none=checkpoints)
        self.dimension = size if dimension is None else dimension
        self.projection = (
            nn.Identity() if size == self.dimension else nn.Linear(size, self.dimension)
        )
        self.attention = self.encoder.config._attn_implementation
        self.has_plain_attention = False

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
        self._choose_attention(ids.device.type)
        states = self.encoder(
            input_ids=(ids - 1).clamp(min=0), attention_mask=mask.to(torch.int64)
        ).last_hidden_state
        text = self.projection(states)
        return text * mask.unsqueeze(-1), mask

    def _choose_attention(self, device: str) -> None:
        """Take the faster attention: on a CPU the fused one is slow in bfloat16.

        Up to 128 tokens its backward pass takes 4 to 10 times as long.
        """
        plain = device == "cpu" and self.training and torch.is_autocast_enabled("cpu")
        if plain != self.has_plain_attention:
            self.encoder.set_attn_implementation("eager" if plain else self.attention)
            self.has_plain_attention = plain


def _adapt(encoder: nn.Module, lora: Any) -> None:
    """Put adapters beside an encoder's weights."""
    from peft import inject_adapter_in_model

    with warnings.catch_warnings():
        # transformers' models have an attribute that peft takes for other adapters.
        warnings.filterwarnings("ignore", "Already found a `peft_config`")
        # A copy, as peft fills in what the user has left out.
        inject_adapter_in_model(deepcopy(lora), encoder)


def _replace_dropout(module: nn.Module, *, none: bool) -> None:
    """Let all dropout draw from the estimator's seed, and fast; or leave it out."""
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, Dropout(0.0 if none else child.p))
        else:
            _replace_dropout(child, none=none)


def _checkpoint(encoder: Any) -> None:
    """Let the backward pass compute layers again; transformers has renamed it."""
    names = ("activation_checkpointing_enable", "gradient_checkpointing_enable")
    name = next(name for name in names if hasattr(encoder, name))
    getattr(encoder, name)({"use_reentrant": False})
