"""Buckets of similar length, and a dataset that fetches whole batches."""

from itertools import chain

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_htc.data.reading import as_documents
from sklearn_htc.training.batches import BucketSampler, DeviceLoader, DocumentDataset


def test_buckets_hold_every_document_once_and_similar_lengths_together():
    lengths = np.random.default_rng(0).integers(1, 100, size=1000)
    torch.manual_seed(0)
    batches = list(BucketSampler(lengths, 32, shuffle=True))
    assert len(batches) == len(BucketSampler(lengths, 32, shuffle=True)) == 32
    assert sorted(chain(*batches)) == list(range(1000))
    spread = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spread) < 8
    means = [lengths[batch].mean() for batch in batches]
    assert means != sorted(means), "batches come in random order"
    again = list(BucketSampler(lengths, 32, shuffle=True))
    assert batches != again


def test_without_shuffling_documents_come_in_order_of_length():
    lengths = np.array([3, 1, 2, 1])
    assert list(BucketSampler(lengths, 3, shuffle=False)) == [[1, 3, 2], [0]]


def test_dataset_fetches_a_batch_of_its_rows():
    target = sparse.csr_array(np.eye(3, dtype=np.float32))
    weight = np.array([1.0, 2.0, 3.0])
    bag = sparse.csr_array([[0, 0.5, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0]])
    dataset = DocumentDataset(
        as_documents(bag, "bag"), target, weight, np.array([2, 0])
    )
    assert len(dataset) == 2
    assert dataset.lengths.tolist() == [1, 1]
    batch, (labels, weights) = dataset.__getitems__([1, 0])
    assert batch["offsets"].tolist() == [0, 2, 3]
    assert labels.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert weights.tolist() == [1, 3]


def test_device_loader_gives_every_batch_in_order_and_on_the_device():
    batches = [
        ({"ids": torch.arange(i)}, (torch.ones(i), torch.zeros(2))) for i in range(7)
    ]
    loaded = list(DeviceLoader(batches, "cpu"))
    assert len(loaded) == 7
    for (documents, (target, weight)), (ids, targets) in zip(
        loaded, batches, strict=True
    ):
        assert torch.equal(documents["ids"], ids["ids"])
        assert torch.equal(target, targets[0])
        assert torch.equal(weight, targets[1])


def test_device_loader_raises_what_making_a_batch_raises():
    def fail():
        yield torch.ones(1)
        raise OSError("the file is gone")

    loader = iter(DeviceLoader(fail(), "cpu"))
    next(loader)
    with pytest.raises(OSError, match="the file is gone"):
        next(loader)
