"""Label attention: what each label reads in a document (HiAGM-LA)."""

from torch import Tensor

from sklearn_htc.network.masking import masked_softmax

__all__ = ["attention_weights", "label_attention"]


def attention_weights(text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """Compute how much each label attends to each position: softmax_k(t_k . y_l).

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
    weights : Tensor of shape (B, K, N)
        Summing to 1 over the positions that exist, 0 elsewhere.
    """
    return masked_softmax(text @ labels.T, mask)


def label_attention(text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """Attend to the positions of each document, once per label.

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
    return attention_weights(text, mask, labels).transpose(1, 2) @ text
