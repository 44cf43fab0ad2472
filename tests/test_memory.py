"""Memory: work that can't end is refused before it begins."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    memory,
)
from sklearn_htc.memory import available_memory, require_memory

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc"
)


def fake(files, monkeypatch):
    monkeypatch.setattr(memory, "_read", files.get)


def test_the_least_of_all_limits_counts(monkeypatch):
    meminfo = "MemTotal: 9000 kB\nMemAvailable: 4000 kB\nSwapFree: 1000 kB\n"
    fake({"/proc/meminfo": meminfo}, monkeypatch)
    assert available_memory() == 5000 * 1024
    container = {
        "/sys/fs/cgroup/memory.max": "3000000\n",
        "/sys/fs/cgroup/memory.current": "2500000\n",
        "/sys/fs/cgroup/memory.stat": "inactive_file 300000\nactive_file 100000\n",
    }
    fake({"/proc/meminfo": meminfo, **container}, monkeypatch)
    assert available_memory() == 900_000
    container["/sys/fs/cgroup/memory.max"] = "max\n"
    fake({"/proc/meminfo": meminfo, **container}, monkeypatch)
    assert available_memory() == 5000 * 1024
    # A group of the second version, of which one above has less left.
    groups = {
        "/proc/self/cgroup": "0::/jobs/one\n",
        "/sys/fs/cgroup/jobs/one/memory.max": "max\n",
        "/sys/fs/cgroup/jobs/memory.max": "2000\n",
        "/sys/fs/cgroup/jobs/memory.current": "800\n",
    }
    fake({"/proc/meminfo": meminfo, **groups}, monkeypatch)
    assert available_memory() == 1200
    # Of the first version, seen from inside, where the root is the group.
    groups = {
        "/proc/self/cgroup": "4:memory:/docker/1\n1:cpu:/\n0::/\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9000\n",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "5000\n",
        "/sys/fs/cgroup/memory/memory.stat": "total_inactive_file 7\nswap 9\n",
    }
    fake({"/proc/meminfo": meminfo, **groups}, monkeypatch)
    assert available_memory() == 4007
    fake({}, monkeypatch)
    assert available_memory() is None
    require_memory(1e30, "It", "")


def test_what_there_is_suffices_for_little():
    require_memory(1e6, "It", "")
    with pytest.raises(MemoryError, match=r"It would need 1000000.0 GB.*Don't\."):
        require_memory(1e15, "It", "Don't.")


UNDER_A_CAP = """
import resource, sys, time
import numpy as np
from scipy import sparse
from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
import torch

torch.set_num_threads(1)
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
n_features, n_labels = 250_000, 900
columns, starts = np.arange(n_features), np.arange(0, n_features + 1, 250)
values = np.ones(n_features, dtype=np.float32)
X = sparse.csr_array((values, columns, starts), shape=(1000, n_features))
y = np.arange(1000) % n_labels
cap = size + 500 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
clf = {
    "linear": HierarchicalLinearClassifier(),
    "network": HTCInfoMaxClassifier(deep_path=True, head="joint"),
    "network if useful": HTCInfoMaxClassifier(head="joint"),
    "network alone": HTCInfoMaxClassifier(wide_path=False, head="joint"),
}[sys.argv[1]]
start = time.perf_counter()
try:
    clf.fit(X, y)
except MemoryError as error:
    print(time.perf_counter() - start, error)
"""


@pytest.mark.parametrize("n_documents", [30, 80])
def test_few_documents_need_room_too(n_documents, monkeypatch):
    fake({"/proc/meminfo": "MemAvailable: 100 kB\n"}, monkeypatch)
    X, y = np.eye(n_documents, 1000), np.arange(n_documents) % 30
    with pytest.raises(MemoryError, match="A linear model of 30 labels and"):
        HierarchicalLinearClassifier().fit(X, y)


def test_an_indicator_for_any_classifier_needs_room(monkeypatch):
    fake({"/proc/meminfo": "MemAvailable: 100 kB\n"}, monkeypatch)
    X, y = np.eye(80, 1000), np.arange(80) % 600
    hierarchy = Hierarchy([], nodes=range(600))
    clf = HierarchicalDecodingClassifier(RidgeClassifier(), hierarchy)
    with pytest.raises(MemoryError, match=r"An indicator of \d+ documents and 600"):
        clf.fit(X, hierarchy.to_indicator([[label] for label in y]))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("linear", "A linear model of 900 labels and 250000 terms would need 0.9 GB"),
        ("network", "A network of 900 labels with"),
        ("network if useful", "A network of 900 labels with"),
        ("network alone", "A network of 900 labels with"),
    ],
)
def test_a_fit_without_room_ends_before_it_begins(model, message):
    command = [sys.executable, "-c", UNDER_A_CAP, model]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, found = done.stdout.split(maxsplit=1)
    assert message in found
    assert float(seconds) < 30
