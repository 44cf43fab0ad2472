import numpy as np
import pytest

from sklearn_htc import Hierarchy
from sklearn_htc.updating.sources import Sources

FORMER = Hierarchy.from_dict(
    {"a": ["b", "c"], "d": ["e", "f"], "g": ["h"]},
)


def read(children, mapping=None):
    return Sources.read(FORMER, Hierarchy.from_dict(children), mapping)


def names_of(sources, which):
    return {sources.hierarchy.nodes[i] for i in np.flatnonzero(which)}


def test_a_renamed_node_is_not_touched():
    now = {"a": ["B", "c"], "d": ["e", "f"], "g": ["h"]}
    sources = read(now, {"b": "B"})
    assert not sources.is_touched.any()
    assert (sources.counts == 1).all()


def test_an_added_node_touches_its_ancestors_alone():
    sources = read({"a": ["b", "c", "x"], "d": ["e", "f"], "g": ["h"]})
    assert names_of(sources, sources.is_touched) == {"a", "x"}
    assert names_of(sources, sources.is_new) == {"x"}


def test_a_moved_node_touches_both_parents():
    sources = read({"a": ["b"], "d": ["e", "f", "c"], "g": ["h"]})
    assert names_of(sources, sources.is_touched) == {"a", "d"}


def test_merged_split_and_removed_nodes():
    now = {"a": ["bc"], "d": ["e1", "e2", "f"]}
    sources = read(now, {"b": "bc", "c": "bc", "e": ["e1", "e2"], "h": None})
    assert names_of(sources, sources.counts == 2) == {"bc"}
    assert names_of(sources, sources.is_part) == {"e1", "e2"}
    # All that was under a still is: but the two are one.
    assert names_of(sources, sources.is_touched) == {"a", "bc", "d", "e1", "e2"}
    assert sources.n_parts[FORMER.index(["e"])] == 2


def test_parts_have_equal_shares_of_documents_until_they_are_merged_again():
    now = {"a": ["b", "c"], "d": ["e1", "e2", "f"], "g": ["h"]}
    sources = read(now, {"e": ["e1", "e2"]})
    counts = np.zeros(len(FORMER))
    counts[FORMER.index(["b", "e"])] = 7, 30
    inherited = sources.inherited(counts)
    assert inherited[sources.hierarchy.index(["b", "e1", "e2"])].tolist() == [7, 15, 15]
    parts = sources.parts_of(np.full(len(FORMER), -1))
    e1, e2 = sources.hierarchy.index(["e1", "e2"])
    assert parts[e1] == parts[e2] >= 0
    assert (np.delete(parts, [e1, e2]) == -1).all()
    # They stay parts of one until they are told apart.
    renamed = {"a": ["b", "c"], "d": ["E", "e2", "f"], "g": ["h"]}
    later = Sources.read(sources.hierarchy, Hierarchy.from_dict(renamed), {"e1": "E"})
    again = later.parts_of(parts)
    first, second = later.hierarchy.index(["E", "e2"])
    assert again[first] == again[second] >= 0
    back = Sources.read(sources.hierarchy, FORMER, {"e1": "e", "e2": "e"})
    assert back.inherited(inherited)[FORMER.index(["e"])] == 30
    assert (back.parts_of(parts) == -1).all()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"z": "a"}, "mapping names 'z', which was not a node"),
        ({"b": "z"}, "sends 'b' to 'z', which is not a node of the new"),
        ({"b": ["c", "z"]}, "sends 'b' to 'z'"),
        ([("b", "c")], "Give a mapping"),
    ],
)
def test_a_bad_mapping_is_refused(mapping, message):
    with pytest.raises(ValueError, match=message):
        read({"a": ["b", "c"]}, mapping)


def test_parts_of_several_splits_are_told_apart():
    now = {"a": ["b1", "b2", "c"], "d": ["e1", "e2", "f"], "g": ["h"]}
    sources = read(now, {"b": ["b1", "b2"]} | {"e": ["e1", "e2"]})
    parts = sources.parts_of(np.full(len(FORMER), -1))
    # Another node is split while those are still parts.
    more = now | {"a": ["b1", "b2", "c1", "c2"]}
    later = Sources.read(
        sources.hierarchy, Hierarchy.from_dict(more), {"c": ["c1", "c2"]}
    )
    found = later.parts_of(parts)
    groups = [
        found[later.hierarchy.index(pair)].tolist()
        for pair in (["b1", "b2"], ["c1", "c2"], ["e1", "e2"])
    ]
    assert all(first == second >= 0 for first, second in groups)
    assert len({first for first, _ in groups}) == 3
