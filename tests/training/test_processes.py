"""Several processes that train one network together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from skorch.callbacks import Callback

from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier, TokenSequenceVectorizer
from sklearn_htc.training import settings
from sklearn_htc.training.processes import Processes

# What each process runs: it writes what it has learned to a file of its own.
PROGRAM = """
import json, sys
from pathlib import Path
from tests.training.test_processes import fit_all

folder = Path(sys.argv[1])
results, rank = fit_all("accelerate")
(folder / f"{rank}.json").write_text(json.dumps(results))
"""
HIERARCHY = {"a": ["a1", "a2"], "b": ["b1", "b2"]}
SMALL = {
    "dimension": 8,
    "embedding_size": 8,
    "wide_path": False,
    "max_epochs": 3,
    "batch_size": 8,
    "embedding_dropout": 0.0,
    "text_dropout": 0.0,
    "node_dropout": 0.0,
    "random_state": 0,
}


class Seen(Callback):
    """Notes the weights of the documents that are learned from, epoch by epoch."""

    def __init__(self):
        self.epochs = []

    def on_epoch_begin(self, net, **kwargs):
        self.epochs.append([])

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        if training:
            self.epochs[-1] += batch[1][1].tolist()


def texts_and_labels():
    """Return 24 texts, whose first word gives their label."""
    rng = np.random.RandomState(0)
    labels = [("a1", "a2", "b1", "b2")[i % 4] for i in range(24)]
    texts = [
        f"{label}word " + " ".join(rng.choice(list("pqrstuvw"), rng.randint(1, 9)))
        for label in labels
    ]
    return texts, labels


def fit_all(device):
    """Fit networks without draws in their losses, and one with all of them."""
    texts, labels = texts_and_labels()
    sequences = TokenSequenceVectorizer(max_length=10, min_df=1).fit_transform(texts)
    results = {}
    for name, X, own in (
        ("sequences", sequences, {"text_encoder": "bigru"}),
        # Its term embeddings have gradients of the rows that occur.
        ("bag", texts, {"text_encoder": "bag"}),
    ):
        clf = HiAGMClassifier(HIERARCHY, device=device, **SMALL, **own)
        clf.fit(X, labels)
        results[name] = [
            clf.history_[:, "train_loss"],
            clf.predict_proba(X).tolist(),
        ]
        sizes = clf.history_[:, "batches", :, "train_batch_size"]
        results["sizes"] = np.unique(sizes).tolist()
    # Neither seed nor shares that are equally large: still one network.
    seen = Seen()
    clf = HTCInfoMaxClassifier(HIERARCHY, device=device, max_epochs=3, batch_size=7)
    clf.set_params(text_encoder="bigru", dimension=8, embedding_size=8)
    clf.set_params(early_stopping=True, callbacks=[seen])
    clf.fit(sequences, labels, sample_weight=np.arange(1, 25))
    results["all"] = clf.predict_proba(sequences).tolist()
    results["seen"] = seen.epochs
    # With a wide path, which only the main process fits.
    clf = HTCInfoMaxClassifier(HIERARCHY, device=device, deep_path=True, max_epochs=1)
    clf.fit(3 * texts, 3 * labels)
    results["beside"] = [clf.deep_weight_, clf.predict_proba(texts).tolist()]
    rank = Processes().rank if device == "accelerate" else 0
    return results, rank


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """Return the results of two processes on the CPU."""
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("processes")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    # `accelerate launch` starts processes on GPUs so, but only one on a CPU.
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "ACCELERATE_USE_CPU": "true"}
    subprocess.run(
        [sys.executable, *launch, str(program), str(folder)],
        check=True,
        cwd=root,
        env=environment,
        timeout=240,
    )
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def of_one():
    return fit_all("cpu")[0]


@pytest.mark.parametrize("name", ["sequences", "bag"])
def test_two_processes_have_the_losses_and_the_model_of_one(of_one, of_two, name):
    for found in of_two:
        for part, expected in zip(found[name], of_one[name], strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-6)


def test_each_process_learns_from_its_share(of_one, of_two):
    assert of_one["sizes"] == [8]
    assert [found["sizes"] for found in of_two] == [[4], [4]]


def test_all_processes_end_with_one_model(of_two):
    first, second = ({**found, "seen": None} for found in of_two)
    assert first == second


def test_the_shares_of_each_epoch_are_all_documents(of_two):
    epochs = list(zip(*(found["seen"] for found in of_two), strict=True))
    assert len(epochs) == 3
    first = sorted(epochs[0][0] + epochs[0][1])
    # Of 24 documents 4 are held out, and batches of 7 have shares of 4 and 3.
    assert len(set(first)) == len(first) >= 19
    for shares in epochs:
        assert sorted(shares[0] + shares[1]) == first
    assert epochs[0] != epochs[1]


def test_without_a_launcher_there_is_one_process(of_one):
    pytest.importorskip("accelerate")
    results, rank = fit_all("accelerate")
    assert rank == 0
    assert results["sequences"] == of_one["sequences"]


class TwoProcesses:
    """As if this were the second of two."""

    device, rank, n_processes = "cpu", 1, 2
    share = Processes.share
    refuse_other = Processes.refuse_other

    def agree(self, value):
        """Return what a main process with other documents has."""
        return (value[0], value[1] + 1)


def test_fewer_documents_than_processes_leave_none_without_gradients():
    assert TwoProcesses().share([4, 2, 3]) == [2]
    assert TwoProcesses().share([4]) == [4]


def test_a_time_budget_with_several_processes_is_refused(monkeypatch):
    monkeypatch.setattr(settings, "Processes", TwoProcesses)
    clf = HTCInfoMaxClassifier(HIERARCHY, device="accelerate", time_budget=60.0)
    with pytest.raises(ValueError, match="with several processes"):
        clf.fit(*texts_and_labels())


def test_other_documents_than_the_main_process_has_are_refused(monkeypatch):
    monkeypatch.setattr(settings, "Processes", TwoProcesses)
    clf = HTCInfoMaxClassifier(HIERARCHY, device="accelerate")
    with pytest.raises(ValueError, match="Process 1 has other documents"):
        clf.fit(*texts_and_labels())
    with pytest.raises(ValueError, match="Process 1 has other documents"):
        clf.set_params(vectorizer=HashingVectorizer(alternate_sign=False)).partial_fit(
            *texts_and_labels()
        )


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    clf = HTCInfoMaxClassifier(HIERARCHY, device="accelerate")
    with pytest.raises(ImportError, match=r"sklearn-htc\[distributed\]"):
        clf.fit(*texts_and_labels())
