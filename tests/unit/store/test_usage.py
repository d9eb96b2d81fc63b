"""The record of what was served: written, read, and what may be concluded from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recstore.model import BlobName, Digest, Entry, Manifest, RequestKey
from recstore.store import Store
from recstore.store.manifest import format_manifest, parse_manifest
from recstore.store.usage import TestUsage, read_usage, unused_entries, usage_path, write_usage

FILE, TEST = "tests/test_a.py", "tests/test_a.py::test_a"
ENTRIES = tuple(Entry(BlobName(RequestKey(digit * 64), Digest(digit * 64)), n) for digit in "ab" for n in (1, 2))
TEXT = format_manifest(Manifest(TEST, ENTRIES))
MANIFEST = parse_manifest(TEXT, "manifest")
TEST_RUN = TestUsage(
    Digest.of(TEXT), was_collected=True, has_passed=True, used=frozenset({("a" * 64, 1), ("b" * 64, 2)})
)
RUN = {TEST: TEST_RUN}


def run_with(**changes: object) -> dict[str, TestUsage]:
    """Return the run with other facts of its test."""
    return {TEST: replace(TEST_RUN, **changes)}  # type: ignore[arg-type]


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What the writer knew, the reader knows."""
    store = Store.create(tmp_path)

    write_usage(store.local, FILE, RUN)

    assert RUN == read_usage(store.local, FILE)
    assert {} == read_usage(store.local, "tests/test_b.py")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"recstore":1,"file":"tests/test_a.py","tests":{}}',
        b'{"recstore":2,"file":"tests/test_b.py","tests":{}}',
        b'{"recstore":2,"file":"tests/test_a.py","tests":{"x":{}}}',
        b'{"recstore":2,"file":"tests/test_a.py","tests":{"x":1}}',
        b'{"recstore":2,"file":"tests/test_a.py"}',
    ],
)
def test_what_cannot_be_relied_on_is_no_run(tmp_path: Path, text: bytes) -> None:
    """It is a note and no data: nothing is concluded, nothing fails."""
    store = Store.create(tmp_path)
    store.local.write(usage_path(FILE), text)

    assert {} == read_usage(store.local, FILE)


CONCLUSIONS = {
    "served in part": (RUN, [("a", 2), ("b", 1)]),
    "served in full": (run_with(used=frozenset((entry.blob.key, entry.n) for entry in ENTRIES)), []),
    "nothing served": (run_with(used=frozenset()), [("a", 1), ("a", 2), ("b", 1), ("b", 2)]),
    "failed": (run_with(has_passed=False, used=frozenset()), []),
    "recorded since": (run_with(manifest="c" * 64), []),
    "not there to collect": (run_with(was_collected=False, has_passed=False), [("a", 1), ("a", 2), ("b", 1), ("b", 2)]),
    "not there, recorded since": (run_with(was_collected=False, manifest=""), []),
    "another test": ({}, []),
}


@pytest.mark.parametrize("case", CONCLUSIONS)
def test_only_a_complete_passing_run_says_what_is_unserved(case: str) -> None:
    """Entries of the very manifest that the run had, of a test that passed or was not there."""
    run, expected = CONCLUSIONS[case]

    assert expected == [(entry.blob.key[0], entry.n) for entry in unused_entries(MANIFEST, run)]


def test_entries_that_answer_together_are_served_together() -> None:
    """Of a union, all entries have one place, and none is unserved when that was asked for."""
    union = tuple(Entry(BlobName(RequestKey("a" * 64), Digest(digit * 64)), 1, is_union=True) for digit in "ab")
    text = format_manifest(Manifest(TEST, union))
    test = TestUsage(Digest.of(text), was_collected=True, has_passed=True, used=frozenset({("a" * 64, 1)}))

    assert () == unused_entries(parse_manifest(text, "manifest"), {TEST: test})
