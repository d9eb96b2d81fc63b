"""Which entries the last complete passing run of each test really used, and which are unused.

    usage/<16 digits of the BLAKE3 of the test file's path>.json, in the local folder of the work tree

    {"recstore":2,"file":"tests/test_chat.py","tests":{
    "tests/test_chat.py::test_answer[a]":{"manifest":"<BLAKE3 of the manifest's text>","was_collected":true,
      "has_passed":true,"used":[["<request key>",1],["<request key>",2]]},
    "tests/test_chat.py::test_answer[b]":{"manifest":"...","was_collected":false,"has_passed":false,"used":[]}}}

Whoever runs the tests writes one file per test file, only after a run that collected and ran all of it; it names
each test of that file that was collected, and each that has a manifest. Nothing is concluded about a test that is not
named, was collected and did not pass, or whose manifest has changed since; nor from a file of another version, or one
that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from recstore.model import Digest, Entry, Manifest
from recstore.store.directory import Directory

_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class TestUsage:
    """What one test used: with which manifest, and the (key, n) of the entries that answered it.

    `manifest` is the digest of its text when the run ended, "" where the test had none.
    """

    __test__ = False  # pytest: not a test class

    manifest: str
    was_collected: bool
    has_passed: bool
    used: frozenset[tuple[str, int]] = frozenset()


def usage_path(file: str) -> str:
    """Return where the usage of a test file is, below the local folder of the work tree."""
    return f"usage/{Digest.of(file.encode('utf-8', 'surrogatepass'))[:16]}.json"


def write_usage(local: Directory, file: str, tests: Mapping[str, TestUsage]) -> None:
    """Write the usage of `tests`, by their ids, as that of the last complete run of their file.

    Raises: RecstoreError: the folder cannot be written.
    """
    document = {"recstore": _VERSION, "file": file, "tests": tests}
    local.write(usage_path(file), orjson.dumps(document, default=sorted))


def read_usage(local: Directory, file: str) -> dict[str, TestUsage]:
    """Return the usage of the last complete run of a test file, by test id; empty if none can be relied on.

    Raises: RecstoreError: its file is there and the system refuses to read it.
    """
    tests = {}
    try:
        value = orjson.loads(local.read(usage_path(file)) or b"")
        if value["recstore"] != _VERSION or value["file"] != file:
            return {}
        for test_id, row in value["tests"].items():
            was_collected, has_passed = row["was_collected"] is not False, row["has_passed"] is True
            used = frozenset((key, n) for key, n in row["used"])
            tests[test_id] = TestUsage(row["manifest"], was_collected, has_passed, used)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return tests


def unused_entries(manifest: Manifest, usage: Mapping[str, TestUsage]) -> tuple[Entry, ...]:
    """Return the entries of a test's manifest that the last complete passing run of its file did not use.

    All of them where that run did not find the test: its parameter is gone. The manifest is as it was read.
    """
    test = usage.get(manifest.test_id or "")
    if test is None or test.manifest != manifest.digest:
        return ()
    if not test.was_collected:
        return manifest.entries
    return tuple(entry for entry in manifest.entries if test.has_passed and entry.call not in test.used)
