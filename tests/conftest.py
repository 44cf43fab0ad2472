"""Shared by all tests: one thread each, and small hierarchical data."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_htc import Hierarchy

# Two test processes on two cores; more threads would only wait for each other.
torch.set_num_threads(1)

TREE = {"animal": ["cat", "dog"], "plant": ["tree", "herb"], "tree": ["oak", "fir"]}
SENTENCES = {
    "cat": "the cat purrs and hunts a mouse",
    "dog": "the dog barks and fetches a stick",
    "herb": "the herb smells fresh in the kitchen",
    "oak": "the oak has acorns and broad leaves",
    "fir": "the fir has cones and green needles",
}


@pytest.fixture
def hierarchy():
    """Return a tree of 8 nodes on 3 levels."""
    return Hierarchy.from_dict(TREE)


@pytest.fixture
def dag():
    """Return a graph in which node d has two parents, one of them below the other."""
    return Hierarchy([("a", "b"), ("a", "d"), ("b", "d"), ("d", "e"), ("c", "f")])


@pytest.fixture(scope="session")
def corpus():
    """Return 100 short texts, each with the name of its one most specific node."""
    rng = np.random.default_rng(0)
    names = rng.choice(list(SENTENCES), size=100)
    texts = []
    for name in names:
        words = SENTENCES[name].split()
        kept = rng.choice(words, size=5, replace=False).tolist()
        texts.append(" ".join([name, *kept]))
    return texts, names.tolist()


@pytest.fixture(scope="session")
def bag(corpus):
    """Return the TF-IDF weights of the corpus."""
    return TfidfVectorizer().fit_transform(corpus[0])


@pytest.fixture
def indicator(corpus, hierarchy):
    """Return the closed CSR indicator of the corpus."""
    return hierarchy.to_indicator([name] for name in corpus[1])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder with an encoder of random weights, and its tokenizer."""
    # An extra, which the tests of the oldest versions run without.
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("encoder")
    words = sorted({word for text in SENTENCES.values() for word in text.split()})
    ids = {
        word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])
    }
    tokenizer = Tokenizer(WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(ids),
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(path)
    return str(path)


def noisy_three_paths(n_documents):
    """Return a hierarchy, the ends of its paths, one path per document, and scores."""
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"], "d": ["e"]})
    nodes = hierarchy.index(["b", "c", "e"])
    rng = np.random.default_rng(0)
    target = hierarchy.ancestors[nodes][rng.integers(3, size=n_documents)]
    scores = (target.toarray() + rng.normal(size=target.shape)).astype(np.float32)
    return hierarchy, nodes, target, scores


def random_tree(n_nodes, seed):
    """Return the (parent, child) pairs of a random tree over 0, 1, ..., n_nodes - 1."""
    rng = np.random.default_rng(seed)
    return [(int(rng.integers(child)), child) for child in range(1, n_nodes)]


def random_dag(n_nodes, seed):
    """Return a random tree's pairs and a few second parents."""
    rng = np.random.default_rng(seed)
    edges = set(random_tree(n_nodes, seed))
    for child in range(2, n_nodes, 3):
        edges.add((int(rng.integers(child)), child))
    return sorted(edges)
