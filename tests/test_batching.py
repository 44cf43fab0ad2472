"""Buckets of similar length, and a dataset that fetches whole batches."""

from itertools import chain

import numpy as np
import torch
from scipy import sparse

from sklearn_htc.batching import BucketSampler, DocumentDataset
from sklearn_htc.documents import as_documents


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
    assert dataset.lengths.tolist() == [1, 2]
    batch, (labels, weights) = dataset.__getitems__([1, 0])
    assert batch["mask"].sum(dim=1).tolist() == [2, 1]
    assert labels.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert weights.tolist() == [1, 3]
