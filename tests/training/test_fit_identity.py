import json
from functools import partial

import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer

from sklearn_htc.training.fit_identity import _described


def test_parameters_are_told_apart_by_what_they_do():
    def cut(n):
        return lambda texts: [text[:n] for text in texts]

    def upper(texts):
        return [text.upper() for text in texts]

    def lower(texts):
        return [text.lower() for text in texts]

    def again(text):
        return again(text[1:]) if text[:1] in {"a", "b"} else text

    values = [
        cut(1),
        cut(2),
        upper,
        lower,
        again,
        float("nan"),
        float("inf"),
        [1],
        (1, 2),
    ]
    values += [SimpleImputer(), FunctionTransformer(upper), FunctionTransformer(lower)]
    described = [json.dumps(_described(each)) for each in values]
    assert len(set(described)) == len(values)
    # As in another process: other objects, and what was read from a file.
    assert _described(cut(1)) == json.loads(described[0])
    assert _described(SimpleImputer()) == json.loads(described[9])
    with pytest.raises(ValueError, match="can't be pickled"):
        _described(partial(lambda texts: texts))
