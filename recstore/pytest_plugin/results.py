"""What a run, or a worker's share of it, has shown; merged, and kept for what is concluded from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from recstore.model import Digest
from recstore.pytest_plugin.ids import function_of
from recstore.record.modes import Mode
from recstore.record.report import SessionReport
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.store.usage import FileUsage, TestUsage, write_usage

SUMS: Final = ("recorded", "reused", "requests_saved", "tokens_saved")
"""The numbers of a session's report that are added up."""


@dataclass(slots=True)
class Tally:
    """Sums, and by id: what each test or fixture was answered from, who ran, and the tests of each whole file.

    `untold` are misses outside any test that no report has shown.
    """

    tests: dict[str, TestUsage] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    files: dict[str, set[str]] = field(default_factory=dict)
    misses: dict[str, list[str]] = field(default_factory=dict)
    unserved: dict[str, int] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))

    def add(self, report: SessionReport, *, has_passed: bool) -> None:
        """Take what a session has reported; of one test that ran twice, the last run counts."""
        name = report.scope_id or ""
        has_passed = has_passed and report.mode in _SERVING
        for sum_name in SUMS:
            self.sums[sum_name] += getattr(report, sum_name)
        for texts, found in ((self.misses, (*report.misses, *report.problems)), (self.drift, report.drift)):
            texts.pop(name, None)
            if found:
                texts[name] = [str(each) for each in found]
        self.unserved.pop(name, None)
        if has_passed and report.unserved:
            self.unserved[name] = len(report.unserved)
        if report.scope_id is not None:
            self.tests[name] = TestUsage(report.manifest, was_collected=True, has_passed=has_passed, used=report.served)

    def merge(self, other: Tally) -> None:
        """Take what another worker has found; where both ran one fixture, both must agree."""
        for name, run in other.tests.items():
            mine = self.tests.get(name)
            self.tests[name] = run if mine is None else _merged(mine, run)
        self.ran |= other.ran
        self.files.update(other.files)
        self.misses.update(other.misses)
        self.drift.update(other.drift)
        self.unserved.update(other.unserved)
        self.untold += [text for text in other.untold if text not in self.untold]
        for name, number in other.sums.items():
            self.sums[name] += number

    def as_text(self) -> str:
        """Return everything as one ASCII text, which any channel between workers carries."""
        return json.dumps(
            {
                "tests": {name: [run.manifest, run.has_passed, sorted(run.used)] for name, run in self.tests.items()},
                "ran": sorted(self.ran),
                "files": {file: sorted(tests) for file, tests in self.files.items()},
                "misses": self.misses,
                "unserved": self.unserved,
                "drift": self.drift,
                "untold": self.untold,
                "sums": self.sums,
            }
        )

    @classmethod
    def of_text(cls, text: str) -> Tally:
        """Return what `as_text` has written."""
        value: dict[str, Any] = json.loads(text)
        tests = {
            name: TestUsage(manifest, was_collected=True, has_passed=has_passed, used=frozenset(map(tuple, served)))
            for name, (manifest, has_passed, served) in value.pop("tests").items()
        }
        files = {file: set(tests) for file, tests in value.pop("files").items()}
        return cls(tests=tests, ran=set(value.pop("ran")), files=files, **value)

    def write_runs(self, store: Store) -> None:
        """Keep what each test file's run has shown, where all of it was collected and ran.

        Raises: RecstoreError: the store cannot be read or written.
        """
        for file, collected in self.files.items():
            mine = {name: run for name, run in self.tests.items() if name.partition("::")[0] == file}
            if mine and collected <= self.ran:
                tests = dict.fromkeys(collected, _UNKNOWN) | mine
                write_usage(
                    store.local, FileUsage(file, is_complete=True, tests=tests | _gone(store, file, tests, mine))
                )


_SERVING: Final = (Mode.REPLAY, Mode.RECORD, Mode.RECORD_IF_MISSING)
_UNKNOWN: Final = TestUsage("", was_collected=True, has_passed=False)
"""A test that does not ask: another recorder may serve its recordings, so nothing is concluded."""


def _merged(one: TestUsage, two: TestUsage) -> TestUsage:
    is_same = one.manifest == two.manifest
    return TestUsage(
        one.manifest if is_same else "",
        was_collected=True,
        has_passed=one.has_passed and two.has_passed,
        used=one.used | two.used,
    )


def _gone(store: Store, file: str, known: Iterable[str], mine: Mapping[str, TestUsage]) -> dict[str, TestUsage]:
    """Return the tests of the file that have a manifest and were not found: parameters, of functions that were run.

    Of a function that none of the file's tests is made from any more, other rules tell whether it is gone.
    """
    functions = {function_of(name) for name, run in mine.items() if run.has_passed}
    paths = {manifest_path(name) for name in known}
    found = {}
    for entry in store.directory.walk(manifest_path(f"{file}::").rpartition("/")[0]):
        path = store.directory.name_of(entry)
        data = None if path in paths else store.directory.read(path)
        if data is None:
            continue
        name = store.read_manifest(path).test_id or ""
        if name.partition("::")[0] == file and function_of(name) in functions:
            found[name] = TestUsage(Digest.of(data), was_collected=False, has_passed=False)
    return found
