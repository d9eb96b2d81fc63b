"""Which entries the last complete passing run of each test really used, and which are unused.

    usage/<16 digits of the BLAKE3 of the test file's path>.json, in the local folder of the work tree

    {"recstore":1,"file":"tests/test_chat.py","tests":{
    "tests/test_chat.py::test_answer[a]":{"manifest":"<BLAKE3 of the manifest's text>","collected":true,
      "passed":true,"used":[["<request key>",1],["<request key>",2]]},
    "tests/test_chat.py::test_answer[b]":{"manifest":"...","collected":false,"passed":false,"used":[]}}}

Whoever runs the tests writes one file per test file, only after a run that collected and ran all of it; it names
each test of that file that was collected, and each that has a manifest. Nothing is concluded about a test that is not
named, was collected and did not pass, or whose manifest has changed since; nor from a file of another version, or one
that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from recstore.model import Digest, Entry, Manifest
from recstore.store.directory import Directory

_VERSION: Final = 1


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


@dataclass(frozen=True, slots=True)
class FileUsage:
    """What a run of a test file used, by test id; only a complete one says anything."""

    file: str
    is_complete: bool
    tests: Mapping[str, TestUsage] = field(default_factory=dict)


def usage_path(file: str) -> str:
    """Return where the usage of a test file is, below the local folder of the work tree."""
    return f"usage/{Digest.of(file.encode('utf-8', 'surrogatepass'))[:16]}.json"


def write_usage(local: Directory, usage: FileUsage) -> None:
    """Write `usage` as that of the last run of its file; an incomplete run changes nothing.

    Raises: RecstoreError: the folder cannot be written.
    """
    if usage.is_complete:
        tests = {
            test_id: {
                "manifest": test.manifest,
                "collected": test.was_collected,
                "passed": test.has_passed,
                "used": sorted(test.used),
            }
            for test_id, test in usage.tests.items()
        }
        local.write(usage_path(usage.file), orjson.dumps({"recstore": _VERSION, "file": usage.file, "tests": tests}))


def read_usage(local: Directory, file: str) -> FileUsage | None:
    """Return the usage of the last complete run of a test file, None if there is none that can be relied on.

    Raises: RecstoreError: its file is there and the system refuses to read it.
    """
    try:
        value = orjson.loads(local.read(usage_path(file)) or b"")
        if value["recstore"] != _VERSION or value["file"] != file:
            return None
        tests = {}
        for test_id, test in value["tests"].items():
            used = frozenset((key, n) for key, n in test["used"])
            tests[test_id] = TestUsage(test["manifest"], test["collected"] is not False, test["passed"] is True, used)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return FileUsage(file, is_complete=True, tests=tests)


def unused_entries(manifest: Manifest, text: bytes, usage: FileUsage | None) -> tuple[Entry, ...]:
    """Return the entries of a test's manifest that the last complete passing run of its file did not use.

    All of them where that run did not find the test: its parameter is gone. `text` is the manifest's.
    """
    test = None if usage is None or manifest.test_id is None else usage.tests.get(manifest.test_id)
    if test is None or test.manifest != Digest.of(text):
        return ()
    if not test.was_collected:
        return manifest.entries
    return tuple(entry for entry in manifest.entries if test.has_passed and entry.call not in test.used)
