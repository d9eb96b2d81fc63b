"""The hooks of a run: whose session answers when, what a test is told of it, what is published."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

from recstore.errors import RecstoreError
from recstore.pytest_plugin.asking import asks, session_for
from recstore.pytest_plugin.attempts import Attempt
from recstore.pytest_plugin.collected import Collected
from recstore.pytest_plugin.ids import fixture_id, project_id
from recstore.pytest_plugin.mode_choice import Wishes
from recstore.pytest_plugin.project import Project
from recstore.pytest_plugin.results import Tally
from recstore.pytest_plugin.scopes import Scope
from recstore.pytest_plugin.troubles import reported_with, tell_collector
from recstore.pytest_plugin.wide import WideFixtures, is_wide

_TEST_ID: Final = pytest.StashKey[str]()
_ASKS: Final = pytest.StashKey[bool]()


class Conductor:
    """One run of pytest, or one worker's share of it."""

    def __init__(self, project: Project, wishes: Wishes, tally: Tally) -> None:
        self.project = project
        self.wishes = wishes
        self.tally = tally
        self._attempt: Attempt | None = None
        self._collected = Collected(project.prefix)
        self._wide = WideFixtures()
        self._askers: dict[str, set[str]] = {}
        self._outside: Scope | None = None
        self._waiting: list[RecstoreError] = []

    # -- collection

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Answer what test modules ask for while they are imported, as recordings outside any test.

        Where no test asks, that is all there is to do: no further hook is called.
        """
        if self.project.has_store:
            self._outside = Scope(session_for(None, None, self.project, self.wishes))
            self._outside.enter()
        result = yield
        if not self._askers:
            self._finish_outside()
            session.config.pluginmanager.unregister(self)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """See what a module holds before anybody leaves some of it out; a miss that it swallowed fails it."""
        report = yield
        if isinstance(collector, pytest.Module | pytest.Class):
            if self._outside is not None:
                tell_collector(self._outside.fresh_troubles(), report)
            self._collected.saw(report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which tests ask, under the ids that they have before other plugins add to them."""
        for item in items:
            test_id = item.stash[_TEST_ID] = project_id(item.nodeid, self.project.prefix)
            item.stash[_ASKS] = asks(item, test_id, self.project.settings.tests)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which files were seen whole, and which fixtures the tests that ask make use of."""
        self.tally.files = self._collected.whole_files()
        for item in session.items:
            if item.stash.get(_ASKS, False):
                for node in item.listchain():
                    self._askers.setdefault(node.nodeid, set()).update(getattr(item, "fixturenames", ()))

    # -- one test

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Begin a test's session, or step aside for one that does not ask."""
        __tracebackhide__ = True  # a failure is the test's: nothing of it happens here
        self._begin(item)
        has_passed = False
        try:
            result = yield
            has_passed = True
        finally:
            self._finish_ended(passed=has_passed)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """End the test's session: publish what it recorded, if all of the test passed."""
        __tracebackhide__ = True  # a failure is the test's: nothing of it happens here
        has_passed = False
        try:
            result = yield
            has_passed = True
        finally:
            self._end(has_passed=has_passed)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a test that something was missing for, whatever it made of that, and say all of it once."""
        fresh = [] if call.when == "setup" and call.excinfo is None else self._fresh_troubles()
        report = yield from reported_with(fresh, call)
        if self._attempt is not None:
            self._attempt.note(report)
        return report

    # -- fixtures of wider scopes

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Have a session of its own answer a fixture that outlives the test, where a test that asks uses it."""
        __tracebackhide__ = True  # a failure is the test's: nothing of it happens here
        if not (is_wide(fixturedef, request) and self._is_asked_for(fixturedef, request)):
            return (yield)
        scope_id = fixture_id(fixturedef, request, self.project.prefix)
        scope = self._wide.scope(scope_id, lambda: self._new_scope(request.node, scope_id))
        if self.scope is not None:
            self.scope.session.inherit(scope.session)
        fixturedef.addfinalizer(lambda: self._wide.release(scope))  # runs last: after the fixture's own end
        scope.enter()
        has_passed = False
        try:
            result = yield
            has_passed = True
        finally:
            scope.is_broken |= not has_passed
            scope.leave()
            fixturedef.addfinalizer(scope.enter)  # runs first
        return result

    # -- the end

    def close(self, *, has_passed: bool) -> None:
        """End what an interrupted run has left open, and fixtures that end with the run."""
        self._abandon()
        self._wide.end_all()
        self._finish_ended(passed=has_passed)
        self._finish_outside()
        self.tally.untold += map(str, self._waiting)

    @property
    def scope(self) -> Scope | None:
        """The scope of the running test, None where it does not ask."""
        return self._attempt.scope if self._attempt is not None else None

    # -- what the hooks have in common

    def _begin(self, item: pytest.Item) -> None:
        self._abandon()
        test_id = item.stash.get(_TEST_ID, item.nodeid)
        self._attempt = Attempt(test_id)
        if item.stash.get(_ASKS, False):
            self._attempt.scope = self._new_scope(item, test_id)
            self._attempt.scope.enter()
        elif self._outside is not None:
            self._outside.leave()

    def _end(self, *, has_passed: bool) -> None:
        self._finish_ended(passed=has_passed)
        attempt = self._attempt
        if attempt is None or attempt.is_over:
            return
        attempt.is_over = True
        self.tally.ran.add(attempt.test_id)
        if attempt.scope is not None:
            is_expected = has_passed and attempt.is_expected
            self._finish(attempt.scope, is_expected=is_expected, has_passed=has_passed and attempt.has_passed)
        elif self._outside is not None:
            self._outside.enter()

    def _abandon(self) -> None:
        """End the session of a test whose teardown never came."""
        if self._attempt is not None and not self._attempt.is_over and self._attempt.scope is not None:
            self._finish(self._attempt.scope, is_expected=False, has_passed=False)
        self._attempt = None

    def _new_scope(self, node: pytest.Item | pytest.Collector, scope_id: str) -> Scope:
        try:
            session = session_for(node, scope_id, self.project, self.wishes)
            for wide in self._wide.open.values():  # what a server called things in a fixture, its tests say again
                session.inherit(wide.session)
            return Scope(session)
        except RecstoreError as error:
            reason = str(error)
        pytest.fail(reason, pytrace=False)  # out here, where no exception is being handled: pytest would show both

    def _finish(self, scope: Scope, *, is_expected: bool, has_passed: bool) -> None:
        try:
            report = scope.finish(passed=is_expected)
        except RecstoreError as error:  # told with the phase that it happened in
            self._waiting.append(error)
            return
        self.tally.add(report, has_passed=has_passed and not scope.troubles)

    def _finish_ended(self, *, passed: bool) -> None:
        for scope in self._wide.take_ended():
            self._waiting += scope.fresh_troubles()
            is_whole = passed and not scope.is_broken
            self._finish(scope, is_expected=is_whole, has_passed=is_whole)

    def _finish_outside(self) -> None:
        if self._outside is not None:
            outside, self._outside = self._outside, None
            self.tally.untold = [str(trouble) for trouble in outside.fresh_troubles()]
            self._finish(outside, is_expected=True, has_passed=True)

    def _fresh_troubles(self) -> list[RecstoreError]:
        scopes = [*([self.scope] if self.scope is not None else []), *self._wide.all()]
        waiting, self._waiting = self._waiting, []
        return [*waiting, *(trouble for scope in scopes for trouble in scope.fresh_troubles())]

    def _is_asked_for(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> bool:
        """Return whether the test under way asks, or any test that asks and is below the fixture's scope names it."""
        if self.scope is not None:
            return True
        return fixturedef.argname in self._askers.get(request.node.nodeid, ())
