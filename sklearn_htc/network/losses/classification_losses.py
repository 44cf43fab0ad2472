"""Classification losses L_c: what the logits of a document are trained to say."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ZLPR", "BinaryCrossEntropy", "PathCrossEntropy"]


class BinaryCrossEntropy(nn.Module):
    """One independent Bernoulli per label, as in the paper.

    Parameters
    ----------
    reduction : {"sum", "mean"}, default="sum"
        Over the labels of a document. The paper and its code take the mean, beside
        which the auxiliary losses outweigh L_c by about the number of labels.
    """

    def __init__(self, *, reduction: str = "sum") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of each document.

        Parameters
        ----------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        target : Tensor of shape (B, N)
            0 or 1.

        Returns
        -------
        loss : Tensor of shape (B,)
            Negative log-likelihood, in nats.
        """
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return loss.sum(dim=1) if self.reduction == "sum" else loss.mean(dim=1)


class ZLPR(nn.Module):
    """Zero-bounded log-sum-exp and pairwise rank-based loss (Su et al., 2022).

    log(1 + sum_{n not in y} e^{z_n}) + log(1 + sum_{n in y} e^{-z_n}): the labels of
    the document rank above 0 and all others below it, so imbalance matters less than
    it does to the binary cross-entropy.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of each document.

        Parameters
        ----------
        logits : Tensor of shape (B, N)
            Scores of every label, positive where it is predicted.
        target : Tensor of shape (B, N)
            0 or 1.

        Returns
        -------
        loss : Tensor of shape (B,)
            In nats.
        """
        has = target > 0
        threshold = logits.new_zeros(len(logits), 1)
        absent = logits.masked_fill(has, -torch.inf)
        present = (-logits).masked_fill(~has, -torch.inf)
        return torch.logsumexp(torch.cat([threshold, absent], 1), 1) + torch.logsumexp(
            torch.cat([threshold, present], 1), 1
        )


class PathCrossEntropy(nn.Module):
    """Negative log-probability of the document's path among all paths.

    A path is a node with all its ancestors. Its score is the sum of the logits along
    it, and the softmax over paths is the distribution that independent Bernoullis with
    these logits have, given that the labels are a path.

    Parameters
    ----------
    nodes : int Tensor of shape (n_paths,)
        The most specific node of each path.
    members : int Tensor of shape (n_members,)
        The nodes of all paths, one path after the other.
    starts : int Tensor of shape (n_paths + 1,)
        Where each path starts in `members`, and where the last one ends.
    """

    nodes: Tensor
    members: Tensor
    starts: Tensor
    lengths: Tensor

    def __init__(self, *, nodes: Tensor, members: Tensor, starts: Tensor) -> None:
        super().__init__()
        self.register_buffer("nodes", nodes)
        self.register_buffer("members", members)
        self.register_buffer("starts", starts)
        self.register_buffer("lengths", starts.diff())

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of each document.

        Parameters
        ----------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        target : Tensor of shape (B, N)
            0 or 1; the nodes of one path.

        Returns
        -------
        loss : Tensor of shape (B,)
            Negative log-likelihood, in nats.
        """
        scores = F.embedding_bag(
            self.members, logits.T, self.starts, mode="sum", include_last_offset=True
        ).T
        # Of the paths whose last node the document has, its own is the longest.
        own = (target[:, self.nodes] * self.lengths).argmax(dim=1)
        return F.cross_entropy(scores, own, reduction="none")
