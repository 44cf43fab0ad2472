"""The examples of serving: answers, limits, and clients that come at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.persistence import save
from tests.examples.importing import example

testclient = pytest.importorskip("fastapi.testclient")

# The server imports the other, which is found beside it.
predict_file = example("serving", "predict_file")
server = example("serving", "server")


@pytest.fixture
def clf(corpus, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    return clf.fit(corpus[0], [[name] for name in corpus[1]])


@pytest.fixture
def client(clf, monkeypatch, tmp_path):
    save(clf, tmp_path / "model.skops")
    monkeypatch.setenv("MODEL", str(tmp_path / "model.skops"))
    return testclient.TestClient(server.from_environment())


def expected(clf, texts):
    """Return what is to be answered."""
    column = {label: i for i, label in enumerate(clf.hierarchy_.nodes)}
    return [
        {label: pytest.approx(row[column[label]], abs=1e-6) for label in labels}
        for labels, row in zip(
            clf.predict(texts), clf.predict_proba(texts), strict=True
        )
    ]


def test_texts_are_answered_with_labels(client, clf, corpus):
    texts = corpus[0][:10]
    answer = client.post("/labels", json={"texts": texts})
    assert answer.status_code == 200
    assert [each["labels"] for each in answer.json()] == expected(clf, texts)
    assert client.get("/health").json() == {"n_labels": len(clf.hierarchy_)}


def test_clients_at_the_same_time_get_their_own_answers(client, clf, corpus):
    texts = corpus[0]

    def ask(text):
        return client.post("/labels", json={"texts": [text]}).json()[0]["labels"]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, texts))
    assert found == expected(clf, texts)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"texts": []},
        {"texts": "one text"},
        {"texts": [1]},
        {"texts": [None]},
        {"texts": ["a"] * 65},
        {"texts": ["a" * 20_001]},
        {"texts": ["a"], "model": "other.pickle"},
    ],
    ids=lambda body: str(body)[:30],
)
def test_bad_input_is_refused(client, body):
    assert client.post("/labels", json=body).status_code == 422


def test_an_answer_to_bad_input_is_short(client):
    body = {"texts": ["a"]} | {f"{i}" * 1000: i for i in range(100)}
    answer = client.post("/labels", json=body)
    assert answer.status_code == 422
    assert len(answer.content) < 2000


@pytest.mark.parametrize("content", [b"\x80\x04N.", b"{", b"\xff\xfe", b""])
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
def test_what_is_no_json_is_refused(client, content, headers):
    answer = client.post("/labels", content=content, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("is_announced", [True, False])
def test_large_bodies_are_refused(client, is_announced):
    content = b" " * (server.MAX_BYTES + 1)
    pieces = content if is_announced else iter([content[:-1], content[-1:]])
    assert client.post("/labels", content=pieces).status_code == 413


def test_a_file_is_answered_line_by_line(clf, corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(predict_file, "BATCH_SIZE", 7)
    texts = [*corpus[0][:20], "", f"{corpus[0][0]}\r{corpus[0][1]}"]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    save(clf, tmp_path / "model.skops")
    names = ("model.skops", "texts.txt", "labels.jsonl")
    predict_file.main(*(str(tmp_path / name) for name in names))
    lines = (tmp_path / "labels.jsonl").read_text().splitlines()
    assert [json.loads(line)["labels"] for line in lines] == expected(clf, texts)


@pytest.mark.parametrize("form", ["indicator", "labels", "table"])
def test_models_of_other_forms_are_refused(form, corpus, hierarchy):
    texts, names = corpus
    y = {
        "indicator": hierarchy.to_indicator([name] for name in names).toarray(),
        "labels": names,
        "table": [["a", name] for name in names],
    }[form]
    clf = HierarchicalLinearClassifier(
        "infer" if form == "table" else hierarchy, random_state=0
    ).fit(texts, y)
    with pytest.raises(ValueError, match="Fit it to label collections"):
        server.create_app(clf)
