"""Which entries the last complete passing run of each test really used, and what follows from that.

    local/usage/<16 digits of the BLAKE3 of the test file's path>.json

    {"recstore":1,"file":"tests/test_chat.py","complete":true,"tests":{
    "tests/test_chat.py::test_answer[a]":{"manifest":"<BLAKE3 of the manifest's text>","collected":true,
      "passed":true,"used":[["<request key>",1],["<request key>",2]]},
    "tests/test_chat.py::test_answer[b]":{"manifest":"...","collected":false,"passed":false,"used":[]}}}

Whoever runs the tests writes one file per test file, only after a run that collected and ran all of it; it names
each test of that file that was collected, and each that has a manifest. A `complete` other than true, a test
that is not named, was collected and did not pass, or whose manifest has changed since: nothing is concluded.
Nor is it from a file of another version, or one that cannot be read: it is a note, no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import blake3
import orjson

from recstore.model import Digest, Entry, Manifest
from recstore.store.directory import Directory

USAGE: Final = "local/usage"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class TestUsage:
    """What became of one test: with which manifest, and the (key, n) that it was answered from.

    `manifest` is the digest of its text when the run ended, "" where the test had none.
    """

    __test__ = False  # pytest: no test class

    manifest: str
    was_collected: bool
    has_passed: bool
    used: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class FileUsage:
    """What a run of a test file did, by test id; only a complete one says anything."""

    file: str
    is_complete: bool
    tests: Mapping[str, TestUsage] = field(default_factory=dict)


def usage_path(file: str) -> str:
    """Return the path of a test file's record, below the store's folder."""
    return f"{USAGE}/{blake3.blake3(file.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.json"


def write_usage(directory: Directory, run: FileUsage) -> None:
    """Keep `run` as the last one of its file; an incomplete run changes nothing.

    Raises: RecstoreError: the folder cannot be written.
    """
    if run.is_complete:
        tests = {test_id: _as_json(test) for test_id, test in run.tests.items()}
        value = {"recstore": _VERSION, "file": run.file, "complete": True, "tests": tests}
        directory.write(usage_path(run.file), orjson.dumps(value))


def read_usage(directory: Directory, file: str) -> FileUsage | None:
    """Return the last complete run of a test file, None if there is none that can be relied on.

    Raises: RecstoreError: its record is there and the system refuses to read it.
    """
    data = directory.read(usage_path(file))
    if data is None:
        return None
    try:
        run = _parse(orjson.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return run if run is not None and run.file == file and run.is_complete else None


def unused_entries(manifest: Manifest, text: bytes, run: FileUsage | None) -> tuple[Entry, ...]:
    """Return the entries of a test's manifest that the last complete passing run of its file had no use for.

    All of them where that run did not find the test: its parameter is gone. `text` is the manifest's.
    """
    test = None if run is None or manifest.test_id is None else run.tests.get(manifest.test_id)
    if test is None or test.manifest != Digest.of(text):
        return ()
    if not test.was_collected:
        return manifest.entries
    return tuple(entry for entry in manifest.entries if test.has_passed and (entry.blob.key, entry.n) not in test.used)


def _as_json(test: TestUsage) -> dict[str, Any]:
    return {
        "manifest": test.manifest,
        "collected": test.was_collected,
        "passed": test.has_passed,
        "used": sorted(test.used),
    }


def _parse(value: Any) -> FileUsage | None:
    if value["recstore"] != _VERSION:
        return None
    tests = {test_id: _parse_test(test) for test_id, test in value["tests"].items()}
    return FileUsage(value["file"], value["complete"] is True, tests)


def _parse_test(test: Any) -> TestUsage:
    used = frozenset((key, n) for key, n in test["used"])
    return TestUsage(test["manifest"], test["collected"] is not False, test["passed"] is True, used)
