"""Hierarchical text classification for scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_htc.estimators._decoding import HierarchicalDecodingClassifier
    from sklearn_htc.estimators._hiagm import HiAGMClassifier
    from sklearn_htc.estimators._htcinfomax import HTCInfoMaxClassifier
    from sklearn_htc.estimators._linear import HierarchicalLinearClassifier
    from sklearn_htc.hierarchy import Hierarchy
    from sklearn_htc.preprocessing import TokenSequenceVectorizer, load_word_vectors
    from sklearn_htc.pretrained import SubwordTokenizer

__all__ = [
    "HTCInfoMaxClassifier",
    "HiAGMClassifier",
    "HierarchicalDecodingClassifier",
    "HierarchicalLinearClassifier",
    "Hierarchy",
    "SubwordTokenizer",
    "TokenSequenceVectorizer",
    "load_word_vectors",
]

# Imported when they are asked for: linear models predict without torch, whose import
# takes longer than all the rest.
_MODULE_OF = {
    "HTCInfoMaxClassifier": "estimators._htcinfomax",
    "HiAGMClassifier": "estimators._hiagm",
    "HierarchicalDecodingClassifier": "estimators._decoding",
    "HierarchicalLinearClassifier": "estimators._linear",
    "Hierarchy": "hierarchy",
    "SubwordTokenizer": "pretrained",
    "TokenSequenceVectorizer": "preprocessing",
    "load_word_vectors": "preprocessing",
}
_SUBMODULES = (
    "datasets",
    "export",
    "hierarchy",
    "inspection",
    "metrics",
    "persistence",
    "preprocessing",
    "pretrained",
)


def __getattr__(name: str) -> Any:
    """Import a public class, function or module."""
    if name in _MODULE_OF:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value
    if name == "__version__":
        return import_module(f"{__name__}.persistence").package_version()
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what is public, imported or not."""
    return sorted({*globals(), *__all__, *_SUBMODULES, "__version__"})
