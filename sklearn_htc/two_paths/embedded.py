"""The wide path of texts beside a pretrained encoder: terms and frozen embeddings.

Where documents are few, an encoder that is trained has less to learn from than what a
kernel makes of its embeddings as they are.
"""

from dataclasses import replace
from time import perf_counter

from sklearn_htc.data.documents import BagOfTerms, DocumentsInTwoForms
from sklearn_htc.data.held_out import make_folds
from sklearn_htc.data.texts import TermsAndEmbeddings
from sklearn_htc.read_out.fitting import ReadOutFitter
from sklearn_htc.training.embedder import Embedder
from sklearn_htc.two_paths.label_texts import Teaching
from sklearn_htc.two_paths.task import Task
from sklearn_htc.two_paths.wide_fit import WideFit
from sklearn_htc.wide.joined import JoinedPath, JoinedSettings
from sklearn_htc.wide.kernel import KernelSettings
from sklearn_htc.wide.selection import WideChoice, best_choice

__all__ = ["fit_with_embeddings"]


def fit_with_embeddings(task: Task) -> list[WideFit]:
    """Choose among terms, embeddings of the encoder as it is, and both.

    Parameters
    ----------
    task : Task
        With documents in two forms, of which one is terms.

    Returns
    -------
    fits : list of WideFit
        The best, and the terms alone where those are not the best. Empty where there
        are no terms, too many documents and labels for a kernel method, embeddings
        already, or no time for them.
    """
    data, rng = task.data, task.rng
    terms = data.vectors
    suits = KernelSettings.suits_size(len(data), len(data.hierarchy))
    if not isinstance(terms, BagOfTerms) or not suits:
        return []
    if len(terms.embedding_columns):
        # The user's vectorizer has put some there already.
        return []
    network = task.settings.network
    assert network.pretrained is not None
    assert network.configuration is not None
    device = task.settings.training.device
    start = perf_counter()
    embedder = Embedder.load(network.pretrained, network.configuration, device)
    embeddings = embedder.embed(data.encoder_input, task.progress)
    if embeddings is None:
        return []
    # The network has to read the documents held out, after an epoch and at last.
    share = len(task.rows[0][1]) / len(data)
    task.progress.reserve(2 * share * (perf_counter() - start))
    both = DocumentsInTwoForms(
        TermsAndEmbeddings(terms, embeddings), data.encoder_input
    )
    joined_data = data.with_documents(both)
    folds = make_folds(joined_data, task.rows)
    fitter = ReadOutFitter.of_folds(folds, task.settings.rule)
    choices = JoinedSettings.choices(
        joined_data, folds, fitter, task.settings.wide, rng
    )
    chosen = best_choice(choices)
    of_terms = _unwrapped(choices[0])
    if task.labels is not None:
        # Label texts are compared with embeddings in any case.
        teaching, chosen = Teaching.choose(
            task.labels, embedder, chosen, folds, fitter, rng
        )
        path = teaching.fit(chosen, joined_data, folds, rng)
        return [WideFit(path, chosen, joined_data, folds, embedder, teaching)]
    if chosen is choices[0]:
        path = of_terms.fit(data, folds[0], rng)
        return [WideFit(path, of_terms, data, folds)]
    path = chosen.fit(joined_data, folds[0], rng)
    assert isinstance(path, JoinedPath)
    first = path.parts[0]
    # In a mixture the terms' own path is the first part.
    terms_path = first.model
    if first.side.is_embedding:
        terms_path = of_terms.fit(data, folds[0], rng)
    return [
        WideFit(path, chosen, joined_data, folds, embedder),
        WideFit(terms_path, of_terms, data, folds),
    ]


def _unwrapped(choice: WideChoice) -> WideChoice:
    """Turn the choice of terms alone into one for documents without embeddings."""
    settings = choice.settings
    assert isinstance(settings, JoinedSettings)
    part = settings.parts[0]
    scale = choice.feature_scale[part.side.columns]
    return replace(choice, settings=part.model, feature_scale=scale)
