"""The results of a run, or of a worker's share of it: merged, summed up, and kept as the usage of entries."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from recstore.model import Digest, Mode
from recstore.pytest_plugin.ids import function_of
from recstore.record.session import SessionReport
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.store.usage import TestUsage, write_usage

_SUMS: Final = ("recorded", "reused", "requests_saved", "tokens_saved")  # numbers of a session's report
_UNKNOWN: Final = TestUsage("", was_collected=True, has_passed=False)
"""A test that does not use recordings: another recorder may serve its own, so nothing is concluded."""


@dataclass(slots=True)
class RunResults:
    """Counters and per-test results, by the ids of tests and fixtures; "" for recordings outside any test.

    `files` maps fully collected test files to their tests, `ran` are the tests that ran to their end, `unused` counts
    the entries of passing tests that answered nothing. `unreported` are errors outside any test that no report shows.
    """

    tests: dict[str, TestUsage] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    files: dict[str, set[str]] = field(default_factory=dict)
    misses: dict[str, list[str]] = field(default_factory=dict)
    unused: dict[str, int] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    unreported: list[str] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUMS, 0))

    def add(self, report: SessionReport, *, has_passed: bool) -> None:
        """Take a session's report; of one test that ran twice, the last run counts."""
        name = report.scope_id or ""
        has_passed = has_passed and report.mode in (Mode.REPLAY, Mode.RECORD, Mode.RECORD_IF_MISSING)
        for sum_name in _SUMS:
            self.sums[sum_name] += getattr(report, sum_name)
        for texts, values in ((self.misses, (*report.misses, *report.problems)), (self.drift, report.drift)):
            texts.pop(name, None)
            if values:
                texts[name] = [str(value) for value in values]
        self.unused.pop(name, None)
        if has_passed and report.unused:
            self.unused[name] = len(report.unused)
        if report.scope_id is not None:
            self.tests[name] = TestUsage(report.manifest, was_collected=True, has_passed=has_passed, used=report.used)

    def merge(self, other: RunResults) -> None:
        """Take the results of another worker; where both ran one fixture, both must agree."""
        for name, theirs in other.tests.items():
            ours = self.tests.get(name, theirs)
            self.tests[name] = TestUsage(
                ours.manifest if ours.manifest == theirs.manifest else "",
                was_collected=True,
                has_passed=ours.has_passed and theirs.has_passed,
                used=ours.used | theirs.used,
            )
        self.ran |= other.ran
        self.files.update(other.files)
        self.misses.update(other.misses)
        self.drift.update(other.drift)
        self.unused.update(other.unused)
        self.unreported += [text for text in other.unreported if text not in self.unreported]
        for name, number in other.sums.items():
            self.sums[name] += number

    def to_text(self) -> str:
        """Return everything as one ASCII text, which any channel between workers carries."""
        return json.dumps(asdict(self), default=sorted)

    @classmethod
    def from_text(cls, text: str) -> RunResults:
        """Return the results that `to_text` has written."""
        value: dict[str, Any] = json.loads(text)
        for name, usage in value["tests"].items():
            value["tests"][name] = TestUsage(**{**usage, "used": frozenset(map(tuple, usage["used"]))})
        files = {file: set(tests) for file, tests in value["files"].items()}
        return cls(**{**value, "ran": set(value["ran"]), "files": files})

    def write_usage(self, store: Store) -> None:
        """Keep the usage of each test file that was collected whole and ran whole.

        Raises: RecstoreError: the store cannot be read or written.
        """
        for file, collected in self.files.items():
            own = {name: usage for name, usage in self.tests.items() if name.partition("::")[0] == file}
            if not (own and collected and collected <= self.ran):  # some skip a file by collecting nothing from it
                continue
            tests = {**dict.fromkeys(collected, _UNKNOWN), **own}
            # A manifest of a test that was not collected: a parameter that is gone, if its function has run. Whether
            # a function is gone from which no test is made any more, other rules tell.
            functions = {function_of(name) for name, usage in own.items() if usage.has_passed}
            known = {manifest_path(name) for name in tests}
            for entry in store.directory.walk(manifest_path(f"{file}::").rpartition("/")[0]):
                path = store.directory.name_of(entry)
                data = None if path in known else store.directory.read(path)
                name = (store.read_manifest(path).test_id or "") if data is not None else ""
                if data is not None and name.partition("::")[0] == file and function_of(name) in functions:
                    tests[name] = TestUsage(Digest.of(data), was_collected=False, has_passed=False)
            write_usage(store.local, file, tests)
