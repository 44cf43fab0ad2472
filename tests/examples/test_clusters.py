"""The examples of clusters, on local ones of two workers: the same as without."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_validate,
)

from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
from sklearn_htc.persistence import save
from tests.examples.importing import example
from tests.test_persistence import ESTIMATORS, fitted, targets

GRID = {"C": [0.3, 1.0]}
FOLDER = Path(__file__).parents[2] / "examples" / "clusters"


@pytest.fixture(scope="module")
def importable():
    """Let workers import the examples."""
    with pytest.MonkeyPatch.context() as patch:
        before = os.environ.get("PYTHONPATH")
        paths = [str(FOLDER), *([before] if before else [])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        # What multiprocessing gives the processes that it starts.
        patch.syspath_prepend(FOLDER)
        yield


@pytest.fixture(scope="module")
def client(importable):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def ray_cluster(importable):
    ray = pytest.importorskip("ray")
    # Two for those who search, two for those who predict, one for who reads.
    try:
        ray.init(num_cpus=5, include_dashboard=False, log_to_driver=False)
    except (OSError, RuntimeError, TimeoutError) as error:
        pytest.skip(f"ray can't start its processes here: {error}")
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def spark(importable):
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = sql.SparkSession.builder.master("local[2]")
        spark = builder.config("spark.ui.enabled", "false").getOrCreate()
        yield spark
        spark.stop()


@pytest.fixture
def clf(hierarchy):
    return HierarchicalLinearClassifier(hierarchy, random_state=0)


def searches(clf):
    """Return searches whose scores don't depend on where they run."""
    return {
        "grid": GridSearchCV(clf, GRID, cv=3, n_jobs=2),
        "halving": HalvingGridSearchCV(clf, GRID, cv=3, n_jobs=-1, random_state=0),
    }


def assert_same_search(found, expected):
    assert found.best_params_ == expected.best_params_
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("kind", ["grid", "halving"])
def test_searches_on_dask_find_the_same(kind, clf, corpus, client):
    texts, names = np.array(corpus[0], dtype=object), np.array(corpus[1])
    expected = searches(clf)[kind].set_params(n_jobs=None).fit(texts, names)
    on_dask = example("clusters", "on_dask")
    found = on_dask.fit_search(searches(clf)[kind], texts, names, client)
    assert_same_search(found, expected)


def test_networks_are_searched_on_dask(bag, corpus, hierarchy, client):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, dimension=8, max_epochs=2, random_state=0
    )
    search = GridSearchCV(clf, {"lr": [1e-3, 1e-2]}, cv=3, n_jobs=-1)
    names = np.array(corpus[1])
    expected = clone(search).set_params(n_jobs=None).fit(bag, names)
    found = example("clusters", "on_dask").fit_search(search, bag, names, client)
    assert_same_search(found, expected)


def test_cross_validation_on_dask_scores_the_same(clf, corpus, client):
    import joblib

    texts, names = np.array(corpus[0], dtype=object), np.array(corpus[1])
    expected = cross_validate(clf, texts, names, cv=3)["test_score"]
    with client.as_current(), joblib.parallel_config("dask", scatter=[texts]):
        found = cross_validate(clf, texts, names, cv=3, n_jobs=-1)["test_score"]
    np.testing.assert_allclose(found, expected)


class CountedTexts(list):
    """Texts that count how often they are sent.

    Like lists they can't be referred to weakly, which joblib has to do to see by itself
    that it has sent them before.
    """

    __slots__ = ()
    n_sent = 0

    def __reduce__(self):
        type(self).n_sent += 1
        return list, (list(self),)


def test_documents_are_sent_to_the_cluster_once(clf, corpus, client, monkeypatch):
    monkeypatch.setattr(CountedTexts, "n_sent", 0)
    search = GridSearchCV(clf, GRID, cv=3, n_jobs=-1, refit=False)
    names = np.array(corpus[1])
    texts = CountedTexts(corpus[0])
    example("clusters", "on_dask").fit_search(search, texts, names, client)
    assert CountedTexts.n_sent == 1


def test_bags_and_arrays_are_predicted_the_same(clf, corpus, bag, indicator, client):
    import dask.array as da
    import dask.bag as db

    on_dask = example("clusters", "on_dask")
    texts = corpus[0]
    clf.fit(texts, [[name] for name in corpus[1]])
    found = on_dask.labels_of_bag(clf, db.from_sequence(texts, npartitions=4))
    assert client.compute(found).result(60) == clf.predict(texts)
    X = bag.toarray().astype(np.float32)
    of_arrays = clone(clf).fit(X, indicator)
    lazy = on_dask.probabilities_of_array(of_arrays, da.from_array(X, chunks=(30, -1)))
    assert lazy.shape == (100, len(clf.classes_))
    np.testing.assert_allclose(
        client.compute(lazy).result(60), of_arrays.predict_proba(X), atol=1e-6
    )


def test_searches_on_ray_find_the_same(clf, corpus, ray_cluster):
    texts, names = np.array(corpus[0], dtype=object), np.array(corpus[1])
    search = searches(clf)["grid"]
    expected = clone(search).set_params(n_jobs=None).fit(texts, names)
    found = example("clusters", "on_ray").fit_search(search, texts, names)
    assert_same_search(found, expected)


def test_datasets_are_predicted_the_same_on_ray(clf, corpus, ray_cluster, tmp_path):
    texts = corpus[0]
    clf.fit(texts, [[name] for name in corpus[1]])
    save(clf, tmp_path / "model.skops")
    rows = [{"text": text, "number": i} for i, text in enumerate(texts)]
    data = ray_cluster.data.from_items(rows).repartition(4)
    on_ray = example("clusters", "on_ray")
    path = str(tmp_path / "model.skops")
    found = on_ray.labels_of_dataset(path, data, n_workers=2).take_all()
    found.sort(key=lambda row: row["number"])
    assert [list(row["labels"]) for row in found] == clf.predict(texts)


def test_frames_are_predicted_the_same_on_spark(
    clf, corpus, indicator, spark, tmp_path
):
    texts = corpus[0]
    path = str(tmp_path / "model.skops")
    on_spark = example("clusters", "on_spark")
    save(clf.fit(texts, [[name] for name in corpus[1]]), path)
    rows = pd.DataFrame({"number": range(100), "text": texts})
    frame = spark.createDataFrame(rows).repartition(4)
    found = on_spark.labels_of_frame(path, frame).toPandas().sort_values("number")
    assert frame.columns == ["number", "text"]
    assert found["text"].tolist() == texts
    assert [list(labels) for labels in found["labels"]] == clf.predict(texts)
    save(clone(clf).fit(texts, indicator), path)
    with pytest.raises(ValueError, match="Fit it to label collections"):
        on_spark.labels_of_frame(path, frame)


def fits(name, corpus, bag, hierarchy):
    """Fit an estimator to labels of each form."""
    for y in targets(corpus, hierarchy).values():
        yield fitted(name, y, corpus, bag, hierarchy)


def assert_same_predictions(found, expected):
    assert type(found) is type(expected)
    if sparse.issparse(found):
        found, expected = found.toarray(), expected.toarray()
    if isinstance(found, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        assert np.array_equal(found, expected) or found == expected


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_every_estimator_predicts_the_same_on_dask(
    name, corpus, bag, hierarchy, client
):
    for clf, X in fits(name, corpus, bag, hierarchy):
        found = client.submit(type(clf).predict, clf, X).result(60)
        assert_same_predictions(found, clf.predict(X))


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_every_estimator_predicts_the_same_on_ray(
    name, corpus, bag, hierarchy, ray_cluster
):
    predict = ray_cluster.remote(lambda clf, X: clf.predict(X))
    for clf, X in fits(name, corpus, bag, hierarchy):
        found = ray_cluster.get(predict.remote(clf, X), timeout=60)
        assert_same_predictions(found, clf.predict(X))


def test_labels_of_other_forms_are_refused(clf, corpus, indicator, client, tmp_path):
    import dask.bag as db

    clf.fit(corpus[0], indicator)
    on_dask = example("clusters", "on_dask")
    with pytest.raises(ValueError, match="Fit it to label collections"):
        on_dask.labels_of_bag(clf, db.from_sequence(corpus[0], npartitions=2))
    pytest.importorskip("ray")
    save(clf, tmp_path / "model.skops")
    with pytest.raises(ValueError, match="Fit it to label collections"):
        example("clusters", "on_ray").Labels(str(tmp_path / "model.skops"))


SEARCH = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
from with_optuna import search
with open(sys.argv[2], "rb") as file:
    clf, X, y = pickle.load(file)
search(clf, X, y, storage=sys.argv[3], name="C", n_trials=3, seed=int(sys.argv[4]))
"""


def assert_two_processes_share(clf, corpus, storage, folder):
    """Let two processes search with the same storage, then go on with it."""
    with_optuna = example("clusters", "with_optuna")
    settings = {"storage": storage, "name": "C"}
    with_optuna.search(clf, *corpus, **settings, n_trials=0)
    path = folder / "data.pickle"
    path.write_bytes(pickle.dumps((clf, *corpus)))
    command = [sys.executable, "-c", SEARCH, str(FOLDER), str(path), storage]
    processes = [subprocess.Popen([*command, str(seed)]) for seed in (1, 2)]
    assert [process.wait() for process in processes] == [0, 0]
    study = with_optuna.search(clf, *corpus, **settings, n_trials=1)
    assert len(study.trials) == 7
    assert study.best_value == max(trial.value for trial in study.trials)
    assert set(study.best_params) == {"C", "validation_fraction"}


def test_trials_are_shared_through_sqlite(clf, corpus, tmp_path):
    pytest.importorskip("optuna")
    storage = f"sqlite:///{tmp_path}/search.db"
    assert_two_processes_share(clf, corpus, storage, tmp_path)


@pytest.fixture
def postgresql():
    """Run a database server of its own, where Debian's package has put one."""
    pytest.importorskip("optuna")
    pytest.importorskip("psycopg2")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("PostgreSQL is not installed")
    # The server refuses to run as root, and may not look into pytest's folders.
    as_user = ["su", "postgres", "-c"] if os.geteuid() == 0 else ["sh", "-c"]
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        server = f"{folder}/server"
        control = f"{found[0]}/pg_ctl -D {server} -w -l {folder}/log"
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        initdb = f"{found[0]}/initdb -D {server} -A trust -U search -N"
        for command in (initdb, f"{control} -o '{options}' start"):
            subprocess.run([*as_user, command], check=True, stdout=subprocess.DEVNULL)
        yield f"postgresql+psycopg2://search@/postgres?host={folder}"
        stop = f"{control} -m immediate stop"
        subprocess.run([*as_user, stop], check=True, stdout=subprocess.DEVNULL)


def test_trials_are_shared_through_postgresql(clf, corpus, postgresql, tmp_path):
    assert_two_processes_share(clf, corpus, postgresql, tmp_path)
