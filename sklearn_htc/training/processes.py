"""Several processes that train one network together, as `accelerate` starts them.

Each of them runs the same program, reads all documents and ends with the same model.
The steps of the network are shared, as they are what takes the time on a GPU. The main
process fits the wide path and takes all decisions.
"""

from collections.abc import Iterable
from typing import Any, TypeVar
from zlib import crc32

import torch
from torch import Tensor

from sklearn_htc.data.training_data import TrainingData

__all__ = ["Processes"]

T = TypeVar("T")


class Processes:
    """The processes that `accelerate launch` has started, seen from one of them.

    Attributes
    ----------
    device : str
        What accelerate gives this process, as torch names it.
    rank : int
        Which process this is; 0 is the main one.
    n_processes : int
        How many there are; 1 without `accelerate launch`.

    Raises
    ------
    ImportError
        If `accelerate` is not installed.
    """

    def __init__(self) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise ImportError(
                "device='accelerate' needs the package accelerate: pip install "
                "'sklearn-htc[distributed]'."
            ) from error
        self._accelerator = Accelerator()
        self.device = str(self._accelerator.device)
        self.rank = int(self._accelerator.process_index)
        self.n_processes = int(self._accelerator.num_processes)

    def agree(self, value: T) -> T:
        """Take the main process's value.

        Times differ between processes, and so may the last bits of sums. A decision
        that one process takes and another doesn't would let both wait forever.

        Parameters
        ----------
        value : object
            Of this process; it can be pickled.

        Returns
        -------
        value : object
            Of the main process.
        """
        from accelerate.utils import broadcast_object_list

        shared: list[T] = broadcast_object_list([value], from_process=0)
        return shared[0]

    def refuse_other(self, data: TrainingData) -> None:
        """Refuse documents that are not those of the main process.

        Parameters
        ----------
        data : TrainingData
            Of this process.

        Raises
        ------
        ValueError
            If there are more or fewer, or they have other labels.
        """
        target = data.target
        own = (len(data), crc32(target.indices.tobytes() + target.indptr.tobytes()))
        if self.agree(own) != own:
            raise ValueError(
                f"Process {self.rank} has other documents or labels than the main "
                "one. Give all processes the same, in the same order: with a fixed "
                "random_state where they are split at random."
            )

    def share(self, batch: list[int]) -> list[int]:
        """Say which documents of a batch this process learns from.

        Parameters
        ----------
        batch : list of int
            Documents, in order of length.

        Returns
        -------
        own : list of int
            Every n-th, so that all processes have texts of the same lengths. Where
            there are fewer documents than processes the first one is learned from
            more than once.
        """
        return batch[self.rank :: self.n_processes] or batch[:1]

    def average(
        self, weights: Iterable[Tensor], loss: Tensor, n_documents: int
    ) -> Tensor:
        """Average gradients and losses over the documents of all processes.

        Parameters
        ----------
        weights : iterable of Tensor
            With the gradients of this process's mean loss, which become those of the
            whole batch's.
        loss : Tensor of shape ()
            Mean over this process's documents.
        n_documents : int
            How many these are.

        Returns
        -------
        loss : Tensor of shape ()
            Mean over the whole batch.
        """
        dense, of_rows = [], []
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            weight.grad *= n_documents
            if weight.grad.is_sparse:
                of_rows.append(weight)
            else:
                dense.append(weight.grad)
        ours = torch.tensor([float(n_documents)], device=loss.device)
        # One message for all weights, and nothing that the host would wait for.
        parts = [*(gradient.flatten() for gradient in dense), ours * loss, ours]
        flat = self._accelerator.reduce(torch.cat(parts), reduction="sum")
        *sums, summed_loss, total = flat.split([part.numel() for part in parts])
        for gradient, summed in zip(dense, sums, strict=True):
            gradient.copy_((summed / total).view_as(gradient))
        for weight in of_rows:
            assert weight.grad is not None
            weight.grad = self._average_rows(weight.grad, total)
        return (summed_loss / total).squeeze(0)

    def _average_rows(self, gradient: Tensor, total: Tensor) -> Tensor:
        """Average gradients that have other rows in every process."""
        gradient = gradient.coalesce()
        rows = self._gather(gradient.indices()[0])
        values = self._gather(gradient.values())
        own = rows >= 0
        summed = torch.sparse_coo_tensor(
            rows[own].unsqueeze(0), values[own] / total, gradient.shape
        )
        return summed.coalesce()

    def _gather(self, part: Tensor) -> Tensor:
        """Collect the same tensor of all processes, filled up with -1."""
        padded: Any = self._accelerator.pad_across_processes(part, pad_index=-1)
        return self._accelerator.gather(padded)
