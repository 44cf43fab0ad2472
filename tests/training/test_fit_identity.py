import json
from functools import partial

import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer

from sklearn_htc.training.fit_identity import described


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
    found = [json.dumps(described(each)) for each in values]
    assert len(set(found)) == len(values)
    # As in another process: other objects, and what was read from a file.
    assert described(cut(1)) == json.loads(found[0])
    assert described(SimpleImputer()) == json.loads(found[9])
    with pytest.raises(ValueError, match="can't be pickled"):
        described(partial(lambda texts: texts))
