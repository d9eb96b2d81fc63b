"""Manifests: one way to say a thing, and nothing unclear is accepted."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recstore.errors import DamagedManifest, ManifestConflict, NewerVersion, RecstoreError
from recstore.model import Manifest
from recstore.store.manifest import format_manifest, parse_manifest, sort_entries
from tests.values import manifests

KEY, DIGEST, OTHER = "a" * 64, "b" * 64, "c" * 64


@given(manifests())
def test_a_manifest_comes_back(manifest: Manifest) -> None:
    """Whatever a test is called and wherever a recording came from, the text says it."""
    parsed = parse_manifest(format_manifest(manifest), "manifest")

    assert (manifest.test_id, sort_entries(manifest.entries)) == (parsed.test_id, parsed.entries)
    assert [entry.origin for entry in sort_entries(manifest.entries)] == [entry.origin for entry in parsed.entries]


@given(manifests(), st.randoms(use_true_random=False))
def test_the_order_of_recording_does_not_show(manifest: Manifest, order: random.Random) -> None:
    """The same entries give the same text, in whatever order they came."""
    entries = list(manifest.entries)
    order.shuffle(entries)

    assert format_manifest(manifest) == format_manifest(Manifest(manifest.test_id, tuple(entries)))


@given(manifests(), st.data())
def test_a_mangled_manifest_gives_a_manifest_or_a_clear_error(manifest: Manifest, data: st.DataObject) -> None:
    """Bits that flip and bytes that go missing raise nothing but errors of the store."""
    text = bytearray(format_manifest(manifest))
    place = data.draw(st.integers(0, len(text) - 1))
    if data.draw(st.booleans()):
        text[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del text[place : place + data.draw(st.integers(1, 40))]

    with suppress(RecstoreError):
        parse_manifest(bytes(text), "manifest")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", DamagedManifest),
        (b"recstore 1", DamagedManifest),
        (b"recstore 2\nanything at all", NewerVersion),
        (b"recstore 1\nnothing\n", DamagedManifest),
        (b'recstore 1\ntest "x"\nentry\n', DamagedManifest),
        (b'recstore 1\ntest "x"\n\n', DamagedManifest),
        (f'recstore 1\ntest "x"\n0 {KEY} {DIGEST}\n'.encode(), DamagedManifest),
        (f'recstore 1\ntest "x"\n1 {KEY} {DIGEST[1:]}\n'.encode(), DamagedManifest),
        (f'recstore 1\ntest "x"\n1 {KEY} {DIGEST} {{"a":}}\n'.encode(), DamagedManifest),
        (f'recstore 1\ntest "x"\n1 {KEY} {DIGEST}\n1 {KEY} {OTHER}\n'.encode(), DamagedManifest),
        (f'recstore 1\ntest "x"\n1+ {KEY} {DIGEST}\n1 {KEY} {OTHER}\n'.encode(), DamagedManifest),
        (b'recstore 1\ntest "x"\n<<<<<<< HEAD\n=======\n>>>>>>> other\n', ManifestConflict),
        (b"recstore 1\nshared\n||||||| base\n", ManifestConflict),
    ],
)
def test_what_is_unclear_is_refused(text: bytes, error: type[RecstoreError]) -> None:
    """Damage, a newer format and a conflict are told apart, and the file is named."""
    with pytest.raises(error, match="tests/x"):
        parse_manifest(text, "tests/x")


def test_a_union_may_have_several_answers() -> None:
    """Entries that are marked so answer one request together."""
    manifest = parse_manifest(f'recstore 1\ntest "x"\n1+ {KEY} {DIGEST}\n1+ {KEY} {OTHER}\n'.encode(), "manifest")

    assert [True, True] == [entry.is_union for entry in manifest.entries]
