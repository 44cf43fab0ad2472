"""Hierarchical text data: one set without a download, published sets, file readers."""

from sklearn_htc.datasets._api_docs import load_api_docs
from sklearn_htc.datasets._rcv1_v2 import fetch_rcv1_v2
from sklearn_htc.datasets._readers import read_hiagm, read_jsonl
from sklearn_htc.datasets._wos import fetch_wos

__all__ = ["fetch_rcv1_v2", "fetch_wos", "load_api_docs", "read_hiagm", "read_jsonl"]
