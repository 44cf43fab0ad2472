"""Which kind of wide path suits documents: linear, kernel, or both joined."""

from sklearn_htc.data.documents import DenseDocuments, DocumentVectors
from sklearn_htc.wide.joined import JoinedSettings
from sklearn_htc.wide.kernel import KernelSettings
from sklearn_htc.wide.linear import LinearSettings

__all__ = ["WideKind", "find_kind"]

WideKind = type[LinearSettings] | type[KernelSettings] | type[JoinedSettings]


def find_kind(
    documents: DocumentVectors | None, n_nodes: int, wide_path: bool | str
) -> WideKind | None:
    """Find the kind of wide path that documents get.

    Parameters
    ----------
    documents : DocumentVectors or None
        Those to learn from; None where they are sequences alone.
    n_nodes : int
        Number of labels.
    wide_path : bool or "auto"
        Whether one is wanted; "auto" where it can be learned in reasonable time.

    Returns
    -------
    kind : type of WideSettings or None
        None where none is wanted, or possible.

    Raises
    ------
    ValueError
        If one is wanted and documents are sequences.
    """
    if not wide_path:
        return None
    if documents is None:
        if wide_path == "auto":
            return None
        raise ValueError(
            "wide_path=True needs a 2-D X of term weights or embeddings, or raw texts "
            "with a vectorizer, and X holds sequences. Use wide_path='auto'."
        )
    kind: WideKind = LinearSettings
    if isinstance(documents, DenseDocuments):
        kind = KernelSettings
    elif JoinedSettings.suits(documents, n_nodes):
        kind = JoinedSettings
    return kind if wide_path != "auto" or kind.suits(documents, n_nodes) else None
