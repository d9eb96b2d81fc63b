"""Sessions as a run of pytest sees them: of one run of a test, and of fixtures that outlive one test."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from recstore.errors import RecstoreError, ReplayMiss
from recstore.model import Mode
from recstore.pytest_plugin.ids import is_setup
from recstore.record.session import Session, SessionReport, activate


class Scope:
    """A session, whether it answers requests now, and which of its errors have been reported."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_broken = False
        self._active = ExitStack()
        self._depth = 0
        self._reported: set[str] = set()

    def enter(self) -> None:
        """Answer requests until `leave` has been called as often as this."""
        if not self._depth:
            self._active.enter_context(activate(self.session))
        self._depth += 1

    def leave(self) -> None:
        """Step aside; a scope that is not active stays as it is."""
        self._depth = max(0, self._depth - 1)
        if not self._depth:
            self._active.close()

    @property
    def errors(self) -> tuple[RecstoreError, ...]:
        """Every miss and every damage so far."""
        return (*self.session.misses, *self.session.problems)

    def take_new_errors(self) -> list[RecstoreError]:
        """Return the errors since the last call; those with the same text, from a client's retries, once."""
        new: dict[str, RecstoreError] = {}
        for error in self.errors:
            if (text := str(error)) not in self._reported:
                new.setdefault(text, error)
        self._reported.update(new)
        return list(new.values())

    def finish(self, *, passed: bool) -> SessionReport:
        """End the session; a scope with a miss or damage has not passed.

        Raises: RecstoreError: what it recorded cannot be published.
        """
        self._active.close()
        return self.session.finish(passed=passed and not self.is_broken and not self.errors)


@dataclass(frozen=True, slots=True)
class SessionView:
    """What the fixture `recstore` gives a test: its session, to look at."""

    _session: Session

    @property
    def test_id(self) -> str:
        """The id that the test's recordings are kept under."""
        return self._session.scope_id or ""

    @property
    def mode(self) -> Mode:
        """The mode that decides about requests; it compares equal to its name: `recstore.mode == "replay"`."""
        return self._session.mode

    @property
    def misses(self) -> tuple[ReplayMiss, ...]:
        """Every request so far that had no recording."""
        return self._session.misses


@dataclass(slots=True)
class Attempt:
    """One run of a test, from its setup to its teardown: a test that is run again begins another.

    `scope` is None where the test does not use recordings; `is_over` after the teardown.
    """

    test_id: str
    scope: Scope | None = None
    is_over: bool = False
    _passed: dict[str, bool] = field(default_factory=dict)
    _expected: dict[str, bool] = field(default_factory=dict)

    def add_report(self, report: pytest.TestReport) -> None:
        """Remember the outcome of a phase."""
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


def outlives_one_test(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> bool:
    """Return whether a fixture is made for more than one test; those of pytest itself make no requests."""
    if fixturedef.scope == "function" or isinstance(request.node, pytest.Item):  # a class's, outside any class
        return False
    is_pytests = str(getattr(fixturedef.func, "__module__", "")).startswith("_pytest.")
    return not is_pytests or is_setup(fixturedef.argname)
