"""A pretrained encoder as it is: one embedding per document, for a wide path."""

from typing import Any, Self

import numpy as np
import torch
from sklearn.preprocessing import normalize

from sklearn_htc.data.documents import EncoderInput
from sklearn_htc.network.masking import masked_mean
from sklearn_htc.network.transformer_encoder import TransformerEncoder
from sklearn_htc.pretrained import load_weights
from sklearn_htc.training.arrays import to_numpy, to_torch
from sklearn_htc.training.batches import BucketSampler
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.devices import usable_device
from sklearn_htc.training.seeding import Draws

__all__ = ["Embedder"]

# Tokens that are read at a time.
BATCH_TOKENS = 2**13


class Embedder:
    """Means of the encoder's token vectors, brought to length 1.

    Parameters
    ----------
    configuration : dict
        Of the encoder, as `load_configuration` returns it.
    weights : dict of str to Tensor
        Of the encoder, as `load_weights` returns them.
    device : str
        Where it runs.
    """

    def __init__(
        self, configuration: dict[str, Any], weights: dict[str, Any], device: str
    ) -> None:
        self.configuration = configuration
        self.device = device
        with Draws(np.random.RandomState(0), device).initial_weights():
            encoder = TransformerEncoder(
                configuration=configuration, dimension=None, weights=weights
            )
        self.encoder = encoder.to(device).eval()

    @classmethod
    def load(cls, pretrained: str, configuration: dict[str, Any], device: str) -> Self:
        """Read the weights of an encoder.

        Parameters
        ----------
        pretrained : str
            A folder, or a name on a model hub.
        configuration : dict
            As `load_configuration` returns it.
        device : str
            Where it is to run.

        Returns
        -------
        embedder : Embedder
            Of that encoder.
        """
        return cls(configuration, load_weights(pretrained), device)

    def embed(
        self, documents: EncoderInput, progress: Progress | None = None
    ) -> np.ndarray | None:
        """Embed documents.

        Parameters
        ----------
        documents : TokenSequences
            The encoder's token ids.
        progress : Progress, default=None
            How much time there is.

        Returns
        -------
        embeddings : ndarray of shape (n_documents, size) or None
            float32. None where the time is over before all are embedded.
        """
        size = self.encoder.dimension
        embeddings = np.empty((len(documents), size), dtype=np.float32)
        longest = int(documents.lengths.max(initial=1))
        batches = BucketSampler(
            documents.lengths, max(1, BATCH_TOKENS // longest), shuffle=False
        )
        for indices in batches:
            if progress is not None and progress.is_out_of_time:
                return None
            rows = np.asarray(indices)
            batch = documents.batch(rows)
            with torch.inference_mode():
                text, mask = self.encoder(
                    **{name: value.to(self.device) for name, value in batch.items()}
                )
                embeddings[rows] = masked_mean(text, mask).cpu().numpy()
        return normalize(embeddings, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return all as plain arrays."""
        return {
            "configuration": self.configuration,
            "weights": to_numpy(self.encoder.encoder.state_dict()),
            "device": self.device,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the encoder anew, on the CPU where its device is not there."""
        Embedder.__init__(
            self,
            state["configuration"],
            to_torch(state["weights"]),
            usable_device(state["device"]),
        )
