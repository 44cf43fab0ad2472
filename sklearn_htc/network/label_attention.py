"""Label attention: what each label reads in a document (HiAGM-LA)."""

from torch import Tensor

from sklearn_htc.network.masking import masked_softmax

__all__ = ["label_attention"]


def label_attention(text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """Attend to the positions of each document, once a label.

    c_l = softmax_k(t_k . y_l) T, over the positions k that exist.

    Parameters
    ----------
    text : Tensor of shape (B, K, d)
        Text features.
    mask : bool Tensor of shape (B, K)
        Which positions exist; each document needs at least one.
    labels : Tensor of shape (N, d)
        Label representations.

    Returns
    -------
    contexts : Tensor of shape (B, N, d)
        The text as each label sees it.
    """
    scores = labels @ text.transpose(1, 2)
    return masked_softmax(scores, mask) @ text
