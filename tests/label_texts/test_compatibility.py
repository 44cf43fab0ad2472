import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from sklearn_htc.label_texts import compatibility
from sklearn_htc.label_texts.compatibility import Compatibility

N_LABELS, SIZE = 30, 12


def planted(seed=0, n=600):
    """Return documents that are a rotation of their labels' texts, and noise."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(size=(N_LABELS, SIZE))
    labels /= np.linalg.norm(labels, axis=1, keepdims=True)
    rotation, _ = np.linalg.qr(np.eye(SIZE) + 0.3 * rng.normal(size=(SIZE, SIZE)))
    own = rng.integers(0, N_LABELS, n)
    documents = labels[own] @ rotation + 0.2 * rng.normal(size=(n, SIZE))
    target = sparse.csr_array(np.eye(N_LABELS)[own])
    return documents.astype(np.float32), target, labels.astype(np.float32), own


def fit(documents, target, labels):
    weight = np.ones(len(documents))
    rng = np.random.RandomState(0)
    return Compatibility.fit(documents, target, weight, labels, rng)


def test_what_seen_labels_teach_holds_for_others():
    documents, target, labels, own = planted()
    is_new = own < 6
    form = fit(documents[~is_new], target[~is_new], labels)
    learned = form.log_shares(documents[is_new])[:, :6].argmax(axis=1)
    plain = (documents[is_new] @ labels[:6].T).argmax(axis=1)
    assert (learned == own[is_new]).mean() > (plain == own[is_new]).mean() + 0.1


def test_log_shares_are_a_softmax_of_a_bilinear_form():
    documents, target, labels, _ = planted()
    form = fit(documents, target, labels)
    forms = (documents - form.center).astype(np.float64) @ form.directions
    np.testing.assert_allclose(
        np.exp(form.log_shares(documents)), softmax(forms, axis=1), atol=1e-5
    )


def test_the_fit_is_a_minimum_of_the_penalised_loss(monkeypatch):
    documents, target, labels, _ = planted(n=200)
    monkeypatch.setattr(compatibility, "MAX_ITERATIONS", 500)
    X = documents - documents.mean(axis=0)
    L = labels - labels.mean(axis=0)
    T = target.toarray().astype(np.float32)
    form = compatibility._fit_form(X, L, T).astype(np.float64)

    def loss(form, center):
        # Of biases it is enough to take the best ones for each form.
        bias = np.zeros(N_LABELS)
        for _ in range(200):
            p = softmax(X @ form @ L.T + bias, axis=1)
            bias -= 0.05 * (p.sum(axis=0) - T.sum(axis=0) + bias)
        log_p = np.log(softmax(X @ form @ L.T + bias, axis=1))
        distance = np.square(form - center).sum()
        return -(T * log_p).sum() + 0.25 * distance + 0.5 * np.square(bias).sum()

    # The multiple of the identity that it starts from is the best one by itself.
    def of_scale(g):
        return -(T * np.log(softmax(g * X @ L.T, axis=1))).sum()

    found = minimize_scalar(of_scale, bounds=(1, 55), method="bounded")
    center = found.x * np.eye(SIZE)
    rng = np.random.default_rng(0)
    least = loss(form, center)
    for _ in range(10):
        assert loss(form + 0.3 * rng.normal(size=form.shape), center) > least


def test_without_labelled_documents_similarity_is_all():
    documents, target, labels, _ = planted()
    form = fit(documents, target * 0, labels)
    np.testing.assert_allclose(form.directions, labels.T)


def test_many_documents_are_a_sample(monkeypatch):
    documents, target, labels, own = planted()
    form = fit(documents, target, labels)
    monkeypatch.setattr(compatibility, "MAX_DOCUMENTS", 300)
    sampled = fit(documents, target, labels)
    assert not np.allclose(sampled.directions, form.directions, rtol=0.01)
    accuracy = [
        (each.log_shares(documents).argmax(axis=1) == own).mean()
        for each in (form, sampled)
    ]
    assert accuracy[1] > accuracy[0] - 0.1
