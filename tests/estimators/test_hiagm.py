"""HiAGMClassifier: HTCInfoMax's parts in another order, or fewer of them."""

import inspect

import numpy as np
import pytest
import torch

from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier

SMALL = {"dimension": 16, "max_epochs": 15, "lr": 1e-2, "wide_path": False}


@pytest.mark.parametrize("variant", ["la", "tp"])
@pytest.mark.parametrize("structure_encoder", ["gcn", "treelstm"])
def test_it_learns(bag, indicator, hierarchy, variant, structure_encoder):
    clf = HiAGMClassifier(
        hierarchy,
        variant=variant,
        structure_encoder=structure_encoder,
        random_state=0,
        **SMALL,
    ).fit(bag, indicator)
    assert clf.score(bag, indicator) > 0.9
    assert hierarchy.is_coherent(clf.predict_proba(bag))
    assert clf.transform(bag).shape == (100, 16)
    assert len(clf.get_feature_names_out()) == 16
    alone = [clf.predict_proba(bag[[row]])[0] for row in range(10)]
    np.testing.assert_allclose(clf.predict_proba(bag)[:10], alone, rtol=1e-4)


def test_label_attention_is_htcinfomax_without_information_maximization(
    bag, indicator, hierarchy
):
    common = {"random_state": 0, "label_prior": None, "mutual_information": False}
    bare = HTCInfoMaxClassifier(hierarchy, **common, **SMALL).fit(bag, indicator)
    clf = HiAGMClassifier(hierarchy, random_state=0, **SMALL).fit(bag, indicator)
    np.testing.assert_array_equal(clf.predict_proba(bag), bare.predict_proba(bag))
    np.testing.assert_array_equal(clf.label_embeddings_, bare.label_embeddings_)


def test_text_propagation_has_no_label_embeddings(bag, indicator, hierarchy):
    clf = HiAGMClassifier(hierarchy, variant="tp", random_state=0, **SMALL)
    clf.fit(bag, indicator).partial_fit(bag[:20], indicator[:20])
    assert not hasattr(clf, "label_embeddings_")
    assert clf.n_iter_ == 16


def test_text_propagation_needs_a_structure_encoder_and_a_head(
    bag, indicator, hierarchy
):
    clf = HiAGMClassifier(hierarchy, variant="tp", structure_encoder=None)
    with pytest.raises(ValueError, match="needs a structure encoder"):
        clf.fit(bag, indicator)
    clf = HiAGMClassifier(hierarchy, variant="tp", head="mean_pooling")
    with pytest.raises(ValueError, match="a text of its own"):
        clf.fit(bag, indicator)


def test_parameters_and_defaults_are_those_of_htcinfomax():
    own = HiAGMClassifier().get_params()
    assert own.pop("variant") == "la"
    theirs = HTCInfoMaxClassifier().get_params()
    only_theirs = theirs.keys() - own.keys()
    assert only_theirs == {
        "mutual_information",
        "label_prior",
        "prior_matching",
        "mutual_information_weight",
        "label_prior_weight",
    }
    assert own == {name: theirs[name] for name in own}
    names = list(inspect.signature(HiAGMClassifier).parameters)
    assert names[0] == "hierarchy"


def test_the_papers_configuration_reads_as_hiagm_does():
    clf = HiAGMClassifier.paper_configuration("wos", variant="tp")
    assert (clf.text_encoder, clf.structure_encoder) == ("rcnn", "treelstm")
    assert (clf.head, clf.dimension, clf.optimizer) == ("joint", 300, torch.optim.Adam)
