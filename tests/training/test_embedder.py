"""Embeddings of a pretrained encoder as it is."""

import pickle

import numpy as np
import pytest
import torch

from sklearn_htc.data.reading import as_documents
from sklearn_htc.pretrained import SubwordTokenizer, load_configuration
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.embedder import Embedder

TEXTS = ["the cat purrs", "", "dog", "the oak has acorns and broad leaves", "the"]


@pytest.fixture
def embedder(folder):
    return Embedder.load(folder, load_configuration(folder), "cpu")


@pytest.fixture
def tokens(folder):
    X = SubwordTokenizer(folder, max_length=20).fit([]).transform(TEXTS)
    return as_documents(X, "transformer")


def test_embeddings_have_length_1_and_depend_on_no_other(embedder, tokens):
    embeddings = embedder.embed(tokens)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    for row in range(len(TEXTS)):
        alone = embedder.embed(tokens.take(np.array([row])))
        np.testing.assert_allclose(alone[0], embeddings[row], atol=1e-5)


def test_a_pickle_embeds_alike(embedder, tokens):
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again.embed(tokens), embedder.embed(tokens))


def test_making_one_draws_nothing_from_torch(folder):
    state = torch.get_rng_state()
    Embedder.load(folder, load_configuration(folder), "cpu")
    assert torch.equal(torch.get_rng_state(), state)


def test_it_stops_when_the_time_is_over(embedder, tokens):
    assert embedder.embed(tokens, Progress(1e-9)) is None
    assert embedder.embed(tokens, Progress(None)) is not None
