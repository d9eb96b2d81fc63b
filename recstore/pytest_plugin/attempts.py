"""One run of one test, from its setup to its teardown: a test that is run again begins another."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from recstore.pytest_plugin.scopes import Scope


@dataclass(slots=True)
class Attempt:
    """Which test, whose session answers it (None: it does not ask), whether it was torn down, and what became of its phases."""

    test_id: str
    scope: Scope | None = None
    is_over: bool = False
    _passed: dict[str, bool] = field(default_factory=dict)
    _expected: dict[str, bool] = field(default_factory=dict)

    def note(self, report: pytest.TestReport) -> None:
        """Take what became of a phase."""
        self._passed[report.when] = report.passed
        self._expected[report.when] = report.passed or hasattr(report, "wasxfail")

    @property
    def has_passed(self) -> bool:
        """Whether the test was set up and has passed."""
        return self._passed.get("setup", False) and self._passed.get("call", False)

    @property
    def is_expected(self) -> bool:
        """Whether the test was set up, and has passed or failed as its `xfail` says."""
        return self._passed.get("setup", False) and self._expected.get("call", False)
