"""Batches of documents of similar length, fetched whole, with labels and weights."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from sklearn_htc.data.documents import EncoderInput

__all__ = ["BucketSampler", "DeviceLoader", "DocumentDataset"]

# Batches of similar length are cut from this many batches' worth of shuffled rows:
# enough to leave little padding, few enough to keep batches random.
BUCKET_BATCHES = 50


class DocumentDataset(Dataset[Any]):
    """Documents with their labels and weights, fetched a batch at a time.

    Parameters
    ----------
    documents : EncoderInput
        All documents.
    target : csr_array of shape (n_documents, n_nodes)
        Their labels, 0 and 1.
    sample_weight : ndarray of shape (n_documents,)
        Their weights.
    rows : int ndarray, default=None
        Which documents belong to this dataset; all by default.
    """

    def __init__(
        self,
        documents: EncoderInput,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        rows: np.ndarray | None = None,
    ) -> None:
        self.documents = documents
        self.target = target
        self.sample_weight = sample_weight.astype(np.float32)
        self.rows = np.arange(target.shape[0]) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """Number of positions of each document of this dataset."""
        return self.documents.lengths[self.rows]

    def __getitems__(
        self, indices: list[int]
    ) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
        """Fetch a batch.

        Parameters
        ----------
        indices : list of int, length B
            Positions in this dataset.

        Returns
        -------
        batch : dict of Tensors with B rows
            What the text encoder takes.
        target : tuple of Tensor (B, N) and Tensor (B,)
            Labels and weights.
        """
        rows = self.rows[indices]
        target = torch.from_numpy(self.target[rows].toarray())
        weight = torch.from_numpy(self.sample_weight[rows])
        return self.documents.batch(rows), (target, weight)


class BucketSampler(Sampler[list[int]]):
    """Batches of documents of similar length, in random order.

    Parameters
    ----------
    lengths : int ndarray of shape (n_documents,)
        Number of positions of each document.
    batch_size : int
        Documents per batch.
    shuffle : bool
        Whether each pass draws new batches. If not, all documents come in order of
        length.
    generator : torch.Generator, default=None
        Draws them; None is torch's global one.
    share : callable, default=None
        Takes a batch that is to be learned from, and returns this process's part.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool,
        generator: torch.Generator | None = None,
        share: Callable[[list[int]], list[int]] | None = None,
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = generator
        self.share = share

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        n = len(self.lengths)
        if not self.shuffle:
            order = np.argsort(self.lengths, kind="stable")
            yield from self._cut(order)
            return
        order = torch.randperm(n, generator=self.generator).numpy()
        bucket = self.batch_size * BUCKET_BATCHES
        batches: list[list[int]] = []
        for start in range(0, n, bucket):
            rows = order[start : start + bucket]
            rows = rows[np.argsort(self.lengths[rows], kind="stable")]
            batches.extend(self._cut(rows))
        for i in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[i] if self.share is None else self.share(batches[i])

    def _cut(self, rows: np.ndarray) -> Iterator[list[int]]:
        for start in range(0, len(rows), self.batch_size):
            yield rows[start : start + self.batch_size].tolist()


class DeviceLoader:
    """Batches made and copied to a device while the ones before are worked on.

    A thread fetches the next batches into pinned memory, from where they are copied
    without the host waiting, so that the device never waits for the host.

    Parameters
    ----------
    batches : iterable
        Nested tuples and dicts of Tensors.
    device : str
        Where the batches are to be.
    n_ahead : int, default=2
        How many batches are made ahead.
    """

    def __init__(
        self, batches: Iterable[Any], device: str, *, n_ahead: int = 2
    ) -> None:
        self.batches = batches
        self.device = torch.device(device)
        self.n_ahead = n_ahead

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.batches)
        with ThreadPoolExecutor(1) as thread:
            ahead = deque(
                thread.submit(self._fetch, batches) for _ in range(self.n_ahead)
            )
            while (batch := ahead.popleft().result()) is not None:
                ahead.append(thread.submit(self._fetch, batches))
                yield batch

    def _fetch(self, batches: Iterator[Any]) -> Any:
        batch = next(batches, None)
        return None if batch is None else self._send(batch)

    def _send(self, part: Any) -> Any:
        if isinstance(part, Tensor):
            if self.device.type == "cuda":
                part = part.pin_memory()
            return part.to(self.device, non_blocking=True)
        if isinstance(part, dict):
            return {name: self._send(value) for name, value in part.items()}
        return tuple(self._send(value) for value in part)
