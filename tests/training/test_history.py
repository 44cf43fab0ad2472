"""Histories in files."""

import numpy as np

from sklearn_htc.training.history import in_full, in_short


def test_batches_are_text_where_json_can_hold_them():
    nan = float("nan")
    plain = {"epoch": 1, "batches": [{"train_loss": 0.1 + 0.2, "size": 3}]}
    odd = [
        {"epoch": 2, "batches": [{"of the user": thing}]}
        for thing in (object(), (1, 2), {3: 4}, np.float32(0.1), nan)
    ]
    written = in_short([plain, *odd])
    assert isinstance(written[0]["batches"], str)
    assert written[1:] == odd
    assert in_full(written) == [plain, *odd]
    assert isinstance(plain["batches"], list)
