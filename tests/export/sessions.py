"""Files beside the estimators that they were made of."""

import numpy as np
import torch
from scipy import sparse

from sklearn_htc.export import onnx_inputs, to_onnx
from sklearn_htc.export.inputs import InputLayout, final_estimator
from sklearn_htc.export.onnx_file import ExportedModel


def run(clf, X, path):
    """Write the file, and let onnxruntime read documents."""
    import onnxruntime

    to_onnx(clf, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session, session.run(None, onnx_inputs(clf, X))


def assert_says_the_same(clf, X, path, atol=1e-5):
    """Compare a file's probabilities and labels, of all documents and of some."""
    session, (probabilities, decisions) = run(clf, X, path)
    _assert_are_those_of(clf, X, probabilities, decisions, atol)
    for rows in (slice(0, 1), slice(3, 10)):
        some = session.run(None, onnx_inputs(clf, X[rows]))
        np.testing.assert_allclose(some[0], probabilities[rows], rtol=0, atol=atol)
        np.testing.assert_array_equal(some[1], decisions[rows])


def assert_module_says_the_same(clf, X, atol=1e-5):
    """Compare the model that a file is made of; to write it takes many seconds."""
    final, _ = final_estimator(clf)
    inputs = onnx_inputs(clf, X)
    model = ExportedModel(final, InputLayout.of(final), list(inputs)).eval()
    with torch.no_grad():
        outputs = model(*map(torch.from_numpy, inputs.values()))
    _assert_are_those_of(clf, X, *(each.numpy() for each in outputs), atol)


def _assert_are_those_of(clf, X, probabilities, decisions, atol):
    expected = clf.predict_proba(X)
    assert probabilities.shape == expected.shape
    assert probabilities.dtype == expected.dtype
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=atol)
    final = clf[-1] if hasattr(clf, "steps") else clf
    form = final._learned.form.targets
    assert decisions.dtype == bool
    indicator = sparse.csr_array(decisions.astype(np.int64))
    said = form.inverse_transform(indicator)
    if isinstance(said, np.ndarray):
        np.testing.assert_array_equal(said, clf.predict(X))
    else:
        assert said == clf.predict(X)
