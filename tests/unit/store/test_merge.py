"""Manifests that grew apart: origins, unions, names and markers, where a merge by lines would go wrong."""

from __future__ import annotations

import pytest

from recstore.errors import ManifestConflict
from recstore.model import BlobName, Digest, Entry, Json, Manifest, RequestKey
from recstore.store.manifest import (
    format_conflict,
    format_manifest,
    has_markers,
    is_same_owner,
    merge_manifests,
    parse_conflict,
    parse_manifest,
)

A, B = "tests/a.py::test_a", "tests/a.py::test_b"


def entry(key: str, answer: str, n: int = 1, *, is_union: bool = False, path: str = "") -> Entry:
    """Return an entry; `path` is its origin."""
    origin: dict[str, Json] = {"path": path} if path else {}
    return Entry(BlobName(RequestKey(key * 64), Digest(answer * 64)), n, is_union, origin)


def lines(manifest: Manifest | None) -> list[str]:
    """Return the lines of a manifest's text behind the first, its digits cut to one."""
    assert manifest is not None
    return [line[:2] for line in format_manifest(manifest).decode().splitlines()[2:]]


def origins(manifest: Manifest | None) -> list[tuple[int, Json]]:
    """Return n and path of each entry."""
    assert manifest is not None
    return [(one.n, one.origin.get("path")) for one in manifest.entries]


def shared(*paths: str) -> Manifest:
    """Return the manifest of one recording made outside any test, imported from these files."""
    return Manifest(None, tuple(entry("a", "1", n, path=path) for n, path in enumerate(paths, start=1)))


@pytest.mark.parametrize("is_ours", [True, False])
def test_an_origin_that_one_side_changed_is_taken(*, is_ours: bool) -> None:
    """Where a recording was imported from is part of the manifest, though not of what is replayed."""
    base, new = Manifest(A, (entry("a", "1", path="old"),)), Manifest(A, (entry("a", "1", path="new"),))
    sides = (new, base) if is_ours else (base, new)

    assert [(1, "new")] == origins(merge_manifests(base, *sides))


def test_origins_of_a_shared_recording_are_a_set() -> None:
    """What either side has imported it from is there, what one has removed is not, and n runs without gaps."""
    merged = merge_manifests(shared("a", "b"), shared("a", "b", "c"), shared("b", "d"))

    assert [(1, "b"), (2, "c"), (3, "d")] == origins(merged)
    assert not is_same_owner(shared("a"), Manifest(None, (entry("b", "1"),)))


def test_a_union_asked_twice_keeps_both_times() -> None:
    """Lists that answer together at the second time stay there."""
    first, second = entry("a", "1", is_union=True), entry("a", "1", 2, is_union=True)
    base = Manifest(A, (first, second))
    ours, theirs = (Manifest(A, (first, second, entry("a", new, 2, is_union=True))) for new in "23")
    merged = merge_manifests(base, ours, theirs)

    assert ["1+", "2+", "2+", "2+"] == lines(merged)


def test_a_renamed_test_gets_what_the_other_side_recorded() -> None:
    """A rename changes no entry, so there is nothing to mix."""
    base, theirs = Manifest(A, (entry("a", "1"),)), Manifest(A, (entry("a", "2"),))

    assert Manifest(B, theirs.entries) == merge_manifests(base, Manifest(B, base.entries), theirs)
    assert Manifest(B, theirs.entries) == merge_manifests(base, theirs, Manifest(B, base.entries))
    assert Manifest(B, theirs.entries) == merge_manifests(base, base, Manifest(B, theirs.entries))


def test_a_similar_manifest_of_another_test_is_not_mixed_with_it() -> None:
    """Git pairs a removed manifest with a new one that has half of its lines; their recordings have nothing in common."""
    base = Manifest(A, (entry("a", "1"), entry("b", "2")))
    other = Manifest(B, (entry("a", "1"), entry("c", "3")))
    again = Manifest(A, (entry("a", "9"), entry("b", "2")))

    assert merge_manifests(base, other, again) is None
    assert merge_manifests(base, again, other) is None


@pytest.mark.parametrize("length", [7, 8, 9])
def test_markers_of_any_length_are_read(length: int) -> None:
    """Git makes them longer where it merges renamed files; shorter or longer ones inside are text."""
    ours, theirs = Manifest(A, (entry("a", "1"),)), Manifest(B, (entry("a", "1"),))
    text = format_conflict(ours, theirs)
    for letter in (b"<", b"=", b">"):
        text = text.replace(letter * 7, letter * length)

    assert (ours, theirs) == parse_conflict(text, "x")
    with pytest.raises(ManifestConflict):
        parse_manifest(text, "x")


def test_an_id_that_looks_like_a_marker_is_none() -> None:
    """A test may have any parameter; only a whole line is a marker."""
    assert not has_markers(format_manifest(Manifest("tests/a.py::test[<<<<<<< ours]", (entry("a", "1"),))))
    assert has_markers(format_conflict(Manifest(A, ()), Manifest(B, ())))
