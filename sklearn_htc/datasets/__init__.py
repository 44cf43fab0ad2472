"""Data sets: one that needs no download, and readers for files in common formats."""

from sklearn_htc.datasets._api_docs import load_api_docs
from sklearn_htc.datasets._readers import read_hiagm, read_jsonl

__all__ = ["load_api_docs", "read_hiagm", "read_jsonl"]
