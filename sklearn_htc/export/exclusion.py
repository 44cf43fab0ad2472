"""Labels that give way to others without documents, as a torch module."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_htc.export.decoding import softplus
from sklearn_htc.label_texts.model import LabelTextModel

__all__ = ["Exclusion"]


class Exclusion(nn.Module):
    """`make_room` of the most specific labels that have documents.

    Parameters
    ----------
    model : LabelTextModel
        With labels without documents.
    """

    new: Tensor
    factor: Tensor

    def __init__(self, model: LabelTextModel) -> None:
        super().__init__()
        ends = model.new_ends
        new = ends.labels[ends.is_end].astype(np.int64)
        self.register_buffer("new", torch.from_numpy(new))
        # What log-odds of new labels count for each label that has documents.
        factor = np.zeros(ends.related.shape)
        factor[:, model.own.ends] = ends.gives_way[model.own.ends]
        factor[ends.related.nonzero()] = 0
        self.register_buffer("factor", torch.from_numpy(model.exclusion * factor))

    def forward(self, values: Tensor) -> Tensor:
        """Lower what is not true beside labels that have no document.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds.

        Returns
        -------
        lowered : Tensor of shape (B, N)
            Other labels are as they were.
        """
        # In float32 nothing would be left of what is improbable.
        exact = values.double()
        surprisal = softplus(exact[:, self.new]) @ self.factor
        log_p = -softplus(-exact) - surprisal
        lowered = log_p - torch.log(1 - torch.exp(log_p.clamp(max=-1e-7)))
        return torch.where(surprisal > 0, lowered.float(), values)
