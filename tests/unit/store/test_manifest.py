"""The text of a manifest: one way to write it, and nothing unclear is read."""

from __future__ import annotations

from typing import Any

import blake3
import pytest

from recstore.errors import DamagedManifest, ManifestConflict, NewerVersion, RecstoreError
from recstore.model import BlobName, Digest, Entry, Json, Manifest, RequestKey
from recstore.store.manifest import format_manifest, parse_manifest, sort_entries

A, B, C = (digit * 64 for digit in "abc")


def entry(key: str, digest: str, n: int, **members: Any) -> Entry:
    """Return an entry of a manifest."""
    return Entry(BlobName(RequestKey(key), Digest(digest)), n, **members)


def test_a_manifest_is_a_line_for_each_entry() -> None:
    """Sorted by request, then n; the origin in compact JSON."""
    manifest = Manifest(
        'tests/a.py::test["é\n]',
        (
            entry(B, A, 1),
            entry(A, C, 2),
            entry(A, B, 1, is_union=True, origin={"path": "ü", "x": 1e-5}),
            entry(A, A, 1, is_union=True),
        ),
    )

    lines = (f"1+ {A} {A}", f'1+ {A} {B} {{"path":"ü","x":1e-05}}', f"2 {A} {C}", f"1 {B} {A}")
    text = 'recstore 1\ntest "tests/a.py::test[\\"é\\n]"\n' + "".join(map(checked, lines))
    assert text.encode() == format_manifest(manifest)


def checked(line: str) -> str:
    """Return the line with the check of itself at its end."""
    return f"{line} {blake3.blake3(line.encode()).hexdigest()[:8]}\n"


@pytest.mark.parametrize(
    "test_id",
    [
        "",
        "x",
        "shared",
        'a"b',
        "a\\b",
        "a\nb",
        "a\r\nb",
        "tests/ü.py::t[地球🌍]",
        "\x00\x7f\u2028\u2029\x85",
        "t?/[:=\\`",
        "x" * 302,
        "<<<<<<< ours",
    ],
)
def test_a_test_may_have_any_name(test_id: str) -> None:
    """Whatever a parameter puts into it, one line says it."""
    text = format_manifest(Manifest(test_id, (entry(A, B, 1),)))

    assert 3 == text.count(b"\n")
    assert test_id == parse_manifest(text, "m").test_id


def test_a_lone_surrogate_in_a_test_id_is_refused_by_name_or_stored() -> None:
    """A file name that is no Unicode can end up in an id: no stranger error comes of it."""
    try:
        text = format_manifest(Manifest("tests/a.py::test[\udcff]", ()))
    except RecstoreError:
        return
    assert "tests/a.py::test[\udcff]" == parse_manifest(text, "m").test_id


def test_a_recording_outside_any_test_has_a_manifest_too() -> None:
    """It says `shared` where the id would be."""
    manifest = Manifest(None, (entry(A, B, 1), entry(A, B, 2)))

    text = format_manifest(manifest)

    assert text.startswith(b"recstore 1\nshared\n")
    assert manifest == parse_manifest(text, "m")


def test_an_origin_may_hold_line_separators_of_unicode() -> None:
    """Only a line feed ends a line."""
    manifest = Manifest("t", (entry(A, B, 1, origin={"path": "a\u2028b\x85c\nd"}),))

    assert [{"path": "a\u2028b\x85c\nd"}] == [
        found.origin for found in parse_manifest(format_manifest(manifest), "m").entries
    ]


GOOD = f'recstore 1\ntest "t"\n1 {A} {B} {{"path":"p"}}\n'


def test_the_text_that_is_spoiled_below_is_sound() -> None:
    """Otherwise the tests below would prove nothing."""
    assert Manifest("t", (entry(A, B, 1),)) == parse_manifest(GOOD.encode(), "m")


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        ("recstore 1", "recstore"),
        ("recstore 1", "recstore 0"),
        ("recstore 1", "recstore 01"),
        ("recstore 1", "recstore -1"),
        ("recstore 1", "recstore \u0661"),
        ("recstore 1", " recstore 1"),
        ("recstore 1", "recstore 1 "),
        ("recstore 1\n", "recstore 1\r\n"),
        ('test "t"\n', ""),
        ('test "t"', "test t"),
        ('test "t"', "test 1"),
        ('test "t"', 'test ["t"]'),
        ('test "t"', '"t"'),
        ('test "t"', "Shared"),
        ('test "t"', "shared "),
        ('test "t"', 'test "t'),
        ('test "t"', 'test "\\ud800"'),
        ("1 a", "0 a"),
        ("1 a", "-1 a"),
        ("1 a", "01 a"),
        ("1 a", "1\u0661 a"),
        ("1 a", "1++ a"),
        ("1 a", "1  a"),
        ("1 a", " 1 a"),
        ("1 a", "9999999999 a"),
        (A, A.upper()),
        (A, A[1:]),
        (f"{A} {B}", f"{A}-{B}"),
        (f" {B}", ""),
        ('{"path":"p"}', '{"path"}'),
        ('{"path":"p"}', '["path"]'),
        ('{"path":"p"}', "{}}"),
        ('{"path":"p"}', '{"path":"p"} '),
        ('{"path":"p"}', '{"path":NaN}'),
        ('"}\n', '"}\n\n'),
        ('"}\n', '"}'),
        ('"}\n', f'"}}\n1 {A} {C}\n'),
        ('"}\n', f'"}}\n1+ {A} {C}\n'),
        ('"}\n', f'"}}\n1 {A} {B} {{"path":"p"}}\n'),
    ],
)
def test_what_is_not_in_the_format_is_damage(was: str, instead: str) -> None:
    """One character too many or too few: the file is named, and nothing is guessed."""
    text = GOOD.replace(was, instead, 1)
    assert text != GOOD

    with pytest.raises(DamagedManifest, match=r"^tests/m: "):
        parse_manifest(text.encode(), "tests/m")


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_a_manifest_that_was_cut_short_is_damage(length: int) -> None:
    """A file that lost its end never passes for a whole one with fewer entries."""
    if GOOD[:length].endswith('"t"\n'):
        return  # a manifest of no entries

    with pytest.raises(DamagedManifest):
        parse_manifest(GOOD[:length].encode(), "m")


def test_bytes_that_are_no_text_are_damage() -> None:
    """UTF-8 or nothing."""
    with pytest.raises(DamagedManifest, match="UTF-8"):
        parse_manifest(GOOD.encode().replace(b'"t"', b'"\xff"'), "m")


def test_a_newer_format_is_named_as_such() -> None:
    """Whatever else the file holds."""
    with pytest.raises(NewerVersion, match="format 2"):
        parse_manifest(b"recstore 2\n\xff", "m")


@pytest.mark.parametrize("marker", ["<<<<<<< ours", "=======", ">>>>>>> theirs", "||||||| base", "<<<<<<<"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_conflict_markers_are_named_as_such(marker: str, place: int) -> None:
    """Wherever in the file they are."""
    lines = GOOD.splitlines()
    lines.insert(place, marker)

    with pytest.raises(ManifestConflict):
        parse_manifest("\n".join([*lines, ""]).encode(), "m")


def test_union_entries_answer_together() -> None:
    """One request, one time, several files."""
    lines = (f"1+ {A} {B}", f"1+ {A} {C}", f"2 {A} {C}")
    union = ('recstore 1\ntest "t"\n' + "".join(map(checked, lines))).encode()

    assert [(1, True), (1, True), (2, False)] == [
        (found.n, found.is_union) for found in parse_manifest(union, "m").entries
    ]
    assert union == format_manifest(parse_manifest(union, "m"))


@pytest.mark.parametrize("origin", [{}, {"format": "llama-stack", "path": "a/ü.json"}])
def test_every_bit_of_a_line_counts(origin: dict[str, Json]) -> None:
    """Whichever bit of an entry flips, the manifest is damaged; it is read where somebody has left the check out."""
    text = format_manifest(Manifest("t", (entry(A, B, 1, origin=origin),)))
    start = len(text) - len(text.splitlines(keepends=True)[-1])
    for place in range(start, len(text) - 1):
        for bit in range(8):
            changed = text[:place] + bytes([text[place] ^ 1 << bit]) + text[place + 1 :]

            with pytest.raises(RecstoreError, match=r"^m: "):
                parse_manifest(changed, "m")

    assert parse_manifest(text, "m") == parse_manifest(text[:-10] + b"\n", "m")


def test_entries_are_sorted_by_what_they_say() -> None:
    """Request key, n as a number, digest, and the origin last."""
    entries = (entry(B, A, 1), entry(A, B, 10), entry(A, B, 9), entry(A, A, 9), entry(A, B, 9, origin={"a": 1}))

    assert [
        (A, 9, A, {}),
        (A, 9, B, {"a": 1}),
        (A, 9, B, {}),
        (A, 10, B, {}),
        (B, 1, A, {}),
    ] == [(found.blob.key, found.n, found.blob.digest, found.origin) for found in sort_entries(entries)]
