"""Merges of manifests with names and origins: symmetric, settled by merging again, and without loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recstore.model import BlobName, Digest, Entry, Manifest, RequestKey
from recstore.store.manifest import format_manifest, merge_manifests, parse_manifest

ANSWERS = st.lists(st.tuples(st.sampled_from("12"), st.sampled_from(["", "old", "new"])), min_size=1, max_size=2)


def manifest(test_id: str, answers: dict[str, list[tuple[str, str]]]) -> Manifest:
    """Return the manifest of a test: by key, what each time was answered and where that was imported from."""
    return Manifest(
        test_id,
        tuple(
            Entry(BlobName(RequestKey(key * 64), Digest(answer * 64)), n, False, {"path": path} if path else {})  # noqa: FBT003 - the model's order
            for key, each in sorted(answers.items())
            for n, (answer, path) in enumerate(each, start=1)
        ),
    )


def shared(paths: list[str]) -> Manifest:
    """Return the manifest of one recording made outside any test."""
    blob = BlobName(RequestKey("a" * 64), Digest("b" * 64))
    return Manifest(None, tuple(Entry(blob, n, origin={"path": path}) for n, path in enumerate(sorted(paths), start=1)))


MANIFESTS = st.builds(manifest, st.sampled_from("ab"), st.dictionaries(st.sampled_from("123"), ANSWERS, max_size=3))
SHARED = st.lists(st.sampled_from("abcd"), min_size=1, unique=True).map(shared)
TRIPLES = st.tuples(MANIFESTS | st.none(), MANIFESTS, MANIFESTS) | st.tuples(SHARED | st.none(), SHARED, SHARED)
Triple = tuple[Manifest | None, Manifest, Manifest]


def text(merged: Manifest | None) -> bytes:
    """Return the text, in which origins count, "" for a conflict."""
    return b"" if merged is None else format_manifest(merged)


@given(TRIPLES)
def test_sides_may_be_swapped(triple: Triple) -> None:
    """Byte for byte the same result, or a conflict either way."""
    base, ours, theirs = triple

    assert text(merge_manifests(base, ours, theirs)) == text(merge_manifests(base, theirs, ours))


@given(TRIPLES)
def test_what_one_side_left_alone_is_the_others(triple: Triple) -> None:
    """An unchanged side gives way in names and origins, too."""
    base, ours, _ = triple
    if base is not None:
        assert text(ours) == text(merge_manifests(base, base, ours))
        assert text(ours) == text(merge_manifests(base, ours, base))
    assert text(ours) == text(merge_manifests(base, ours, ours))


@given(TRIPLES)
def test_merging_again_changes_nothing(triple: Triple) -> None:
    """Whoever has merged and merges either side once more has the same."""
    base, ours, theirs = triple
    merged = merge_manifests(base, ours, theirs)
    if merged is not None and len({ours.test_id, theirs.test_id}) == 1:
        assert text(merged) == text(merge_manifests(ours, merged, ours))
        assert text(merged) == text(merge_manifests(theirs, theirs, merged))


@given(TRIPLES)
def test_a_merge_is_a_manifest_and_loses_nothing(triple: Triple) -> None:
    """It can be read, and has every answer that neither side has removed, with an origin that a side states."""
    base, ours, theirs = triple
    merged = merge_manifests(base, ours, theirs)
    if merged is None:
        return
    before, here, there = ({(one.n, one.blob) for one in side.entries} if side else set() for side in triple)
    now = {(one.n, one.blob) for one in merged.entries}

    assert format_manifest(merged) == format_manifest(parse_manifest(format_manifest(merged), "x"))
    if merged.test_id is not None:
        assert (here & there) | ((here ^ there) - before) <= now <= here | there
    paths = {str(one.origin) for side in (ours, theirs) for one in side.entries}
    assert {str(one.origin) for one in merged.entries} <= paths
