"""Trainings that go on after a kill, and folders that are refused."""

import errno
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_union
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import EarlyStopping

from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier, TokenSequenceVectorizer
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.checkpoint import Checkpoint, KeepEpochs, TrainingFile
from tests.makers import assert_flipped_bytes_are_found

pytest.importorskip("skops")

SMALL = {"dimension": 8, "max_epochs": 4, "random_state": 0}


class Killed(BaseException):
    """Stands for the end of the process."""


def killed_after(n_epochs, monkeypatch):
    """Let training end where the state of so many epochs has been written."""
    write = KeepEpochs.on_epoch_begin
    begun = []

    def on_epoch_begin(self, net, **kwargs):
        write(self, net, **kwargs)
        begun.append(net)
        if len(begun) == n_epochs:
            raise Killed

    monkeypatch.setattr(KeepEpochs, "on_epoch_begin", on_epoch_begin)
    return begun


def assert_goes_on(clf, X, y, folder, monkeypatch, n_epochs=3):
    """Check that a fit that was killed ends as one that was not."""
    expected = clone(clf).fit(X, y)
    clf = clone(clf).set_params(checkpoint=folder)
    with monkeypatch.context() as patch:
        killed_after(n_epochs, patch)
        with pytest.raises(Killed):
            clone(clf).fit(X, y)
    assert (folder / "training.epoch").exists()
    with monkeypatch.context() as patch:
        begun = killed_after(1000, patch)
        clf.fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    losses = [
        [epoch["train_loss"] for epoch in each.history_] for each in (clf, expected)
    ]
    assert losses[0] == losses[1]
    assert len(begun) == len(losses[0]) - n_epochs + 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "parameters",
    [
        {"wide_path": False},
        {"wide_path": False, "early_stopping": True, "patience": 2, "max_epochs": 8},
        {"wide_path": False, "early_stopping": True, "scoring": "loss"},
        {"deep_path": True},
    ],
    ids=str,
)
def test_a_killed_fit_goes_on(
    parameters, bag, indicator, hierarchy, monkeypatch, tmp_path
):
    clf = HTCInfoMaxClassifier(hierarchy, **(SMALL | parameters))
    assert_goes_on(clf, bag, indicator, tmp_path / "fit", monkeypatch)


def test_a_killed_fit_of_sequences_goes_on(
    corpus, indicator, hierarchy, monkeypatch, tmp_path
):
    X = TokenSequenceVectorizer(max_length=8).fit_transform(corpus[0])
    clf = HiAGMClassifier(hierarchy, text_encoder="bigru", **SMALL)
    assert_goes_on(clf, X, indicator, tmp_path / "fit", monkeypatch, n_epochs=2)


def test_a_training_that_had_ended_is_not_repeated(
    bag, indicator, hierarchy, monkeypatch, tmp_path
):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL)
    expected = clone(clf).fit(bag, indicator).predict_proba(bag)
    clf.set_params(checkpoint=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(HTCInfoMaxClassifier, "_keep", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            clone(clf).fit(bag, indicator)
    begun = killed_after(1, monkeypatch)
    clf.fit(bag, indicator)
    assert not begun
    np.testing.assert_array_equal(clf.predict_proba(bag), expected)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def unfinished(bag, indicator, hierarchy, monkeypatch, tmp_path):
    """Return an estimator whose fit was killed, and its folder."""
    folder = tmp_path / "fit"
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, checkpoint=folder, **SMALL)
    with monkeypatch.context() as patch:
        killed_after(2, patch)
        with pytest.raises(Killed):
            clone(clf).fit(bag, indicator)
    return clf, folder


def test_folders_of_another_fit_are_refused(unfinished, bag, indicator, hierarchy):
    clf, folder = unfinished
    before = (folder / "training.epoch").read_bytes()
    with pytest.raises(ValueError, match=r"of another fit.*documents"):
        clone(clf).fit(2 * bag, indicator)
    with pytest.raises(ValueError, match=r"of another fit.*labels"):
        clone(clf).fit(bag, indicator[::-1])
    with pytest.raises(ValueError, match=r"of another fit.*sample_weight"):
        clone(clf).fit(bag, indicator, np.arange(1, 101))
    with pytest.raises(ValueError, match=r"lr \(there 0\.\d+, now 0\.5\)"):
        clone(clf).set_params(lr=0.5).fit(bag, indicator)
    with pytest.raises(ValueError, match=r"random_state \(there 0, now 1\)"):
        clone(clf).set_params(random_state=np.int64(1)).fit(bag, indicator)
    with pytest.raises(ValueError, match=r"optimizer \(there .*Adam', now .*SGD'\)"):
        clone(clf).set_params(optimizer=torch.optim.SGD).fit(bag, indicator)
    with pytest.raises(ValueError, match=r"time_budget \(there None, now 9\)"):
        clone(clf).set_params(time_budget=9).fit(bag, indicator)
    assert (folder / "training.epoch").read_bytes() == before
    clf.set_params(n_jobs=1, verbose=0).fit(bag, indicator)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "identity", "no identity"])
def test_damaged_files_are_refused(damage, unfinished, bag, indicator):
    clf, folder = unfinished
    path = folder / ("fit.json" if "identity" in damage else "training.epoch")
    content = path.read_bytes()
    if damage == "no identity":
        path.unlink()
    else:
        damaged = {"cut": content[: len(content) // 2], "empty": b""}
        path.write_bytes(damaged.get(damage, b"no archive"))
    with pytest.raises(ValueError, match=path.name):
        clone(clf).fit(bag, indicator)
    # Without the damaged file the fit begins anew.
    for each in folder.iterdir():
        each.unlink()
    clf.fit(bag, indicator)


def test_flipped_bytes_are_found(unfinished):
    _, folder = unfinished
    path = folder / "training.epoch"
    assert_flipped_bytes_are_found(
        path, lambda: pickle.dumps(TrainingFile(path).read()), "is damaged"
    )


def test_what_can_not_be_kept_is_refused(bag, indicator, hierarchy, tmp_path):
    clf = HTCInfoMaxClassifier(hierarchy, checkpoint=tmp_path / "fit", max_epochs=1)
    with pytest.raises(ValueError, match="int as random_state"):
        clf.fit(bag, indicator)
    clf.set_params(random_state=0, warm_start=True, checkpoint=None, wide_path=False)
    clf.fit(bag, indicator)
    with pytest.raises(ValueError, match="not a warm start"):
        clf.set_params(checkpoint=tmp_path / "fit").fit(bag, indicator)
    with pytest.raises(ValueError, match="checkpoint"):
        clone(clf).set_params(checkpoint=3).fit(bag, indicator)
    with pytest.raises(ValueError, match="what callbacks have noted"):
        clone(clf).set_params(
            checkpoint=tmp_path / "fit",
            callbacks=[EarlyStopping(monitor="train_loss")],
            warm_start=False,
        ).fit(bag, indicator)
    assert not (tmp_path / "fit").exists()


def test_what_is_written_is_named(unfinished, hierarchy):
    _, folder = unfinished
    identity = json.loads((folder / "fit.json").read_text())
    assert identity["parameters"]["lr"]
    assert "checkpoint" not in identity["parameters"]


KILL = """
import os, pickle, random, signal, sys, time
import numpy as np
import skops.io
import torch
torch.set_num_threads(1)
from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.training.checkpoint import KeepEpochs

folder, n_kills = sys.argv[1], int(sys.argv[2])
with open(f"{folder}/data.pickle", "rb") as file:
    X, y, parameters = pickle.load(file)

# What is imported at the first fit takes longer than many epochs.
HTCInfoMaxClassifier(**parameters | {"max_epochs": 1}).fit(X, y)
begun = os.open(f"{folder}/begun", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
keep = KeepEpochs.on_epoch_begin

def on_epoch_begin(self, net, **kwargs):
    keep(self, net, **kwargs)
    os.write(begun, b".")

KeepEpochs.on_epoch_begin = on_epoch_begin

def fit(checkpoint, path):
    child = os.fork()
    if not child:
        clf = HTCInfoMaxClassifier(**parameters, checkpoint=checkpoint).fit(X, y)
        with open(path + ".part", "wb") as file:
            pickle.dump(clf.predict_proba(X), file)
        os.replace(path + ".part", path)
        os._exit(0)
    return child

start = time.perf_counter()
os.waitpid(fit(None, f"{folder}/expected"), 0)
seconds = time.perf_counter() - start
random.seed(0)
ends = 0
with open(f"{folder}/expected", "rb") as file:
    expected = pickle.load(file)
# The last one ends by itself.
for number in range(n_kills + 1):
    child = fit(f"{folder}/fit", f"{folder}/found")
    if number < n_kills:
        # Some come before the first epoch, some in the middle of a file.
        time.sleep(random.uniform(0, 0.4 * seconds))
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if os.path.exists(f"{folder}/found"):
        with open(f"{folder}/found", "rb") as file:
            np.testing.assert_array_equal(pickle.load(file), expected)
        os.unlink(f"{folder}/found")
        ends += 1
print(ends)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("paths", [{"wide_path": False}, {"deep_path": True}])
def test_twenty_kills_change_nothing(paths, bag, indicator, hierarchy, tmp_path):
    parameters = {"hierarchy": hierarchy, "random_state": 0, **paths}
    parameters |= {"dimension": 16, "max_epochs": 60, "batch_size": 10}
    data = pickle.dumps((bag, indicator, parameters))
    (tmp_path / "data.pickle").write_bytes(data)
    command = [sys.executable, "-c", KILL, str(tmp_path), "20"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ends = int(done.stdout)
    assert ends >= 1
    # A kill costs the epoch at hand, and none that had ended; all of them where it
    # comes between the end of a fit and what is done with it.
    assert (tmp_path / "begun").stat().st_size <= 60 * (ends + 1) + 20
    assert not list((tmp_path / "fit").iterdir())


def test_time_that_an_ended_training_took_is_spent(
    bag, indicator, hierarchy, monkeypatch, tmp_path
):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, time_budget=1000, checkpoint=tmp_path, **SMALL
    )

    def killed(checkpoint):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "remove", killed)
        with pytest.raises(Killed):
            clone(clf).fit(bag, indicator)
    former = TrainingFile(tmp_path / "training.epoch").read()
    assert former["has_ended"]
    spent = []
    monkeypatch.setattr(Progress, "count_from", lambda _, each: spent.append(each))
    clf.fit(bag, indicator)
    assert spent == [former["state"]["seconds"]]
    assert 0 < spent[0] < 1000


def test_a_folder_in_use_is_refused(bag, indicator, hierarchy, monkeypatch, tmp_path):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, checkpoint=tmp_path, **SMALL)
    expected = clone(clf).set_params(checkpoint=None).fit(bag, indicator)
    write, others = KeepEpochs.on_epoch_begin, [clone(clf), clone(clf)]
    others[1].set_params(lr=0.5)

    def on_epoch_begin(self, net, **kwargs):
        write(self, net, **kwargs)
        for other in others:
            with pytest.raises(ValueError, match="is used by another fit"):
                other.fit(bag, indicator)

    monkeypatch.setattr(KeepEpochs, "on_epoch_begin", on_epoch_begin)
    clf.fit(bag, indicator)
    np.testing.assert_array_equal(clf.predict_proba(bag), expected.predict_proba(bag))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="has other locks")
def test_a_file_system_without_locks_warns(unfinished, bag, indicator, monkeypatch):
    clf, folder = unfinished

    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.warns(UserWarning, match="has no locks") as caught:
        clf.fit(bag, indicator)
    assert caught[0].filename == __file__
    assert not list(folder.iterdir())


def test_files_of_others_stay_in_the_folder(unfinished, bag, indicator):
    clf, folder = unfinished
    (folder / "model.skops").write_bytes(b"of the user")
    for name in (".training.epoch.0123abcd.part", ".fit.json.0123abcd.part"):
        (folder / name).write_bytes(b"of a killed process")
    clf.fit(bag, indicator)
    assert [path.name for path in folder.iterdir()] == ["model.skops"]


def test_a_fit_that_failed_before_training_is_no_other_fit(
    bag, indicator, hierarchy, tmp_path
):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, deep_path=False, checkpoint=tmp_path, **SMALL
    )
    with pytest.raises(ValueError, match="leaves no model"):
        clf.fit(bag, indicator)
    clf.set_params(deep_path="auto").fit(bag, indicator)


def tokenizer():
    """Return a function that is another one each time, as in another process."""

    def split(text):
        return text.split()

    return split


def test_a_vectorizer_may_have_functions(corpus, indicator, hierarchy, tmp_path):
    def clf():
        split = TfidfVectorizer(tokenizer=tokenizer(), token_pattern=None)
        vectorizer = make_union(split, FunctionTransformer(lengths))
        return HTCInfoMaxClassifier(
            hierarchy,
            wide_path=False,
            vectorizer=vectorizer,
            checkpoint=tmp_path,
            **SMALL,
        )

    with pytest.MonkeyPatch.context() as patch:
        killed_after(2, patch)
        with pytest.raises(Killed):
            clf().fit(corpus[0], indicator)
    other = clf()
    other.vectorizer.transformer_list[0][1].set_params(ngram_range=(1, 2))
    with pytest.raises(ValueError, match=r"These differ.*vectorizer"):
        other.fit(corpus[0], indicator)
    done = clf().fit(corpus[0], indicator)
    expected = clf().set_params(checkpoint=None).fit(corpus[0], indicator)
    np.testing.assert_array_equal(
        done.predict_proba(corpus[0]), expected.predict_proba(corpus[0])
    )


def lengths(texts):
    return np.array([[len(text)] for text in texts], dtype=float)
