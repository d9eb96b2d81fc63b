"""Merging manifests: symmetric, lossless, and always a manifest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recstore.model import BlobName, Digest, Entry, Manifest, RequestKey
from recstore.store.manifest import (
    format_conflict,
    format_manifest,
    keep_both,
    merge_manifests,
    parse_conflict,
    parse_manifest,
)

ANSWERS = st.lists(st.sampled_from("abc"), min_size=0, max_size=3)


def manifest(answers: dict[str, list[str]], *, is_union: bool = False) -> Manifest:
    """Return a manifest with these answers, by key."""
    entries = [
        Entry(BlobName(RequestKey(key * 64), Digest(answer * 64)), 1 if is_union else n, is_union)
        for key, each in answers.items()
        for n, answer in enumerate(sorted(set(each)) if is_union else each, start=1)
    ]
    return Manifest(
        "tests/a.py::test", tuple(sorted(entries, key=lambda entry: (entry.blob.key, entry.n, entry.blob.digest)))
    )


MANIFESTS = st.dictionaries(st.sampled_from("1234"), ANSWERS, max_size=4).map(manifest)
UNIONS = st.dictionaries(st.sampled_from("12"), ANSWERS, max_size=2).map(
    lambda answers: manifest(answers, is_union=True)
)


@given(MANIFESTS | st.none(), MANIFESTS, MANIFESTS)
def test_both_sides_count_alike(base: Manifest | None, ours: Manifest, theirs: Manifest) -> None:
    """Whose side is whose makes no difference, neither to the result nor to whether there is one."""
    assert merge_manifests(base, ours, theirs) == merge_manifests(base, theirs, ours)


@given(MANIFESTS, MANIFESTS)
def test_an_unchanged_side_gives_way(base: Manifest, theirs: Manifest) -> None:
    """Where one side is as it was, the other is the result; where both are the same, so is that."""
    assert theirs == merge_manifests(base, base, theirs)
    assert theirs == merge_manifests(base, theirs, theirs)


@given(MANIFESTS | st.none(), MANIFESTS, MANIFESTS)
def test_what_neither_side_removed_is_there(base: Manifest | None, ours: Manifest, theirs: Manifest) -> None:
    """A clean merge is a manifest, with every answer that both sides have and none that neither has."""
    merged = merge_manifests(base, ours, theirs)
    if merged is not None:
        assert merged == parse_manifest(format_manifest(merged), "x")
        assert set(ours.entries) & set(theirs.entries) <= set(merged.entries) <= {*ours.entries, *theirs.entries}


@given(MANIFESTS | st.none(), MANIFESTS, MANIFESTS)
def test_keeping_both_loses_no_answer(base: Manifest | None, ours: Manifest, theirs: Manifest) -> None:
    """Every blob that is new on either side, or that none removed, is named; and it is a manifest."""
    both = keep_both(base, ours, theirs)
    before = {entry.blob for entry in base.entries} if base is not None else set()
    new = {entry.blob for side in (ours, theirs) for entry in side.entries} - before

    assert both == parse_manifest(format_manifest(both), "x")
    assert new <= {entry.blob for entry in both.entries}


@given(UNIONS | st.none(), UNIONS, UNIONS)
def test_unions_never_conflict(base: Manifest | None, ours: Manifest, theirs: Manifest) -> None:
    """Lists of models that several servers gave are merged as sets."""
    merged = merge_manifests(base, ours, theirs)

    assert merged is not None
    assert merged == parse_manifest(format_manifest(merged), "x")


@given(MANIFESTS, MANIFESTS)
def test_sides_come_back_from_the_markers(ours: Manifest, theirs: Manifest) -> None:
    """What is written as a conflict is read as the two manifests again."""
    assert (ours, theirs) == parse_conflict(format_conflict(ours, theirs), "x")


SHARED = st.tuples(st.sampled_from("12"), st.sampled_from("ab"), st.sets(st.sampled_from("xyz"), min_size=1)).map(
    lambda drawn: Manifest(
        None,
        tuple(
            Entry(BlobName(RequestKey(drawn[0] * 64), Digest(drawn[1] * 64)), n, origin={"path": path})
            for n, path in enumerate(sorted(drawn[2]), start=1)
        ),
    )
)


@given(SHARED | st.none(), SHARED, SHARED)
def test_recordings_outside_any_test_are_not_mixed(base: Manifest | None, ours: Manifest, theirs: Manifest) -> None:
    """Git takes one for another, renamed: what they make names one blob, which one of them has, or they stay two."""
    merged = merge_manifests(base, ours, theirs)
    if merged is not None:
        [blob] = {entry.blob for entry in merged.entries}
        assert blob in {entry.blob for side in (ours, theirs) for entry in side.entries}
