"""Which device a network is trained on."""

import torch

from sklearn_htc.training.devices import has_fast_bfloat16, resolve_device


def test_device_auto_is_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    assert resolve_device("cpu") == "cpu"


def test_bfloat16_is_fast_where_the_device_says_so(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert not has_fast_bfloat16("cpu")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert has_fast_bfloat16("cpu")
    for capability, expected in (((7, 5), False), ((9, 0), True)):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda _, answer=capability: answer
        )
        assert has_fast_bfloat16("cuda") == expected
