"""The hooks of a run: activate a session for each test, report its errors, publish what it recorded.

@pytest.mark.recstore                               this test, class or module (`pytestmark`)
@pytest.mark.recstore(mode="live", share=True)      with options; of several markers the nearest counts
[tool.recstore] tests = ["tests/integration"]       every test that these selectors match
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from recstore.check.heal import heal_scope
from recstore.errors import RecstoreError, UsageError
from recstore.files import FOLDER
from recstore.model import Mode
from recstore.pytest_plugin.ids import fixture_id, outlives_one_test, project_id
from recstore.pytest_plugin.reporting import report_collection_errors, report_errors, summary_lines
from recstore.pytest_plugin.results import RunResults
from recstore.record.session import Session, activate
from recstore.settings import load_settings, parse_settings
from recstore.store import Store
from recstore.store.directory import Directory
from recstore.store.rename import is_selected

RECORDING: Final = frozenset((Mode.RECORD, Mode.RECORD_IF_MISSING))  # the modes that write recordings
_MARKER: Final = "recstore"  # names the marker, the fixture, and the results that a worker hands to the controller
_MARKER_OPTIONS: Final = ("passthrough", "repeat_last", "share", "timing")  # settings that a marker may replace
_TEST_ID: Final = pytest.StashKey[str]()
_USES_RECORDINGS: Final = pytest.StashKey[bool]()


@dataclass(frozen=True, slots=True)
class ModeSources:
    """The modes that were requested, "" where none was: the first of `option`, `variable`, a marker and `setting` counts.

    On CI nothing is recorded unless the command line says so: a variable that requests it is an error, a marker or a
    setting that does gives replay.
    """

    option: str = ""
    variable: str = ""
    setting: str = ""
    is_ci: bool = False

    def resolve(self, marker: str = "") -> Mode:
        """Return the mode of a test whose marker requests `marker`.

        Raises: UsageError: the one that counts is not a mode, or is not allowed on CI.
        """
        sources = {
            "--recstore": self.option,
            "RECSTORE_MODE": self.variable,
            "the marker `recstore`": marker,
            "mode": self.setting or Mode.REPLAY,
        }
        subject, text = next((subject, text) for subject, text in sources.items() if text)
        if text not in list(Mode):
            raise UsageError(subject, f"{text!r} is not a mode", f"Modes are {', '.join(Mode)}.")
        mode = Mode(text)
        if not (self.is_ci and mode in RECORDING) or subject == "--recstore":
            return mode
        if subject == "RECSTORE_MODE":
            reason = f"{mode} does not count on CI, where nothing is recorded by accident"
            raise UsageError(subject, reason, f"Ask for it on the command line: `pytest --recstore={mode}`.")
        return Mode.REPLAY

    @property
    def is_setting_ignored(self) -> bool:
        """Whether the setting would count, but for CI."""
        return self.is_ci and not (self.option or self.variable) and self.setting in RECORDING


class Scope:
    """A session, whether it answers requests now, and which of its errors have been reported."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_broken = False
        self.active = ExitStack()
        self._depth = 0
        self._reported: set[str] = set()

    def enter(self) -> None:
        """Answer requests until `leave` has been called as often as this."""
        if not self._depth:
            self.active.enter_context(activate(self.session))
        self._depth += 1

    def leave(self) -> None:
        """Step aside; a scope that is not active stays as it is."""
        self._depth = max(0, self._depth - 1)
        if not self._depth:
            self.active.close()

    @property
    def errors(self) -> tuple[RecstoreError, ...]:
        """Every miss and every damage so far."""
        return (*self.session.misses, *self.session.problems)

    def take_new_errors(self) -> list[RecstoreError]:
        """Return the errors since the last call; those with the same text, from a client's retries, once."""
        new = {text: error for error in self.errors if (text := str(error)) not in self._reported}
        self._reported.update(new)
        return list(new.values())


class RecstorePlugin:
    """One run of pytest, or one worker's share of it; with pytest-xdist also what the controller gathers.

    `store_folder` is the folder that holds `.recstore`; None: the store is empty, and pytest's `root` is the project.

    Raises: UsageError: an option, a variable or the configuration is wrong, or it is to record and there is no store.
    """

    def __init__(self, root: Path, store_folder: Path | None, option: str, environment: Mapping[str, str]) -> None:
        self._folder = store_folder or root
        self._has_store = store_folder is not None
        self._store = Store(Directory(self._folder / FOLDER))
        self._settings = load_settings(self._folder, environment)
        self._prefix = os.path.relpath(root, self._folder).replace(os.sep, "/")
        self._environment = environment
        self._modes = ModeSources(
            option=option,
            variable=environment.get("RECSTORE_MODE", ""),
            setting=self._settings.mode,
            is_ci=environment.get("CI", "").lower() not in ("", "0", "false"),
        )
        self._choose_mode("", None)
        self._results = RunResults()
        self._uncollected: set[str] = set()  # files and classes, tests of which may be unknown
        self._shared: dict[str, Scope] = {}  # open scopes of fixtures that outlive one test, by id
        self._ended: list[Scope] = []  # such scopes that wait for the end of the phase that ended them
        self._users_by_node: dict[str, set[str]] = {}
        self.scope: Scope | None = None
        """The scope of the running test, None where it does not use recordings."""
        self._phases: dict[str, bool] = {}  # phase of the running test -> whether it has passed
        self._has_xfailed = False
        self._collection_scope: Scope | None = None
        self._pending_errors: list[RecstoreError] = []
        self._has_searched_git = False
        self._usage_errors: list[str] = []

    @property
    def header(self) -> str:
        """The line that the run begins with."""
        mode = self._modes.resolve()
        if not self._has_store:
            return f"recstore: {mode}, no store"
        note = f" (`{self._modes.setting}` counts on CI only as an option)" if self._modes.is_setting_ignored else ""
        return f"recstore: {mode}{note}, store in {self._folder}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Answer requests of test modules while they are imported, as recordings outside any test.

        Where no test uses recordings, no further hook is called.
        """
        if self._has_store:
            self._collection_scope = Scope(self._open_session(None, None))
            self._collection_scope.enter()
        result = yield
        if not self._users_by_node:
            self._finish_collection_scope()
            session.config.pluginmanager.unregister(self)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Note the tests of a module before any is deselected; a miss that the module swallowed fails it."""
        report = yield
        if isinstance(collector, pytest.Module | pytest.Class):
            if self._collection_scope is not None:
                report_collection_errors(self._collection_scope.take_new_errors(), report)
            name = project_id(report.nodeid, self._prefix)
            tests = self._results.files.setdefault(name.partition("::")[0], set())
            self._uncollected.discard(name)
            if not report.passed:  # it failed or was skipped: it is known in part
                self._uncollected.add(name)
            for node in report.result if report.passed else ():
                names = tests if isinstance(node, pytest.Item) else self._uncollected
                names.add(project_id(node.nodeid, self._prefix))
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which tests use recordings, under the ids that they have before other plugins add to them."""
        for item in items:
            test_id = item.stash[_TEST_ID] = project_id(item.nodeid, self._prefix)
            item.stash[_USES_RECORDINGS] = isinstance(item, pytest.Function) and (  # not a doctest, or the like
                item.get_closest_marker(_MARKER) is not None
                or _MARKER in item.fixturenames
                or any(is_selected(test_id, selector) for selector in self._settings.tests)
            )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which files were collected whole, and which fixtures the tests that use recordings request."""
        for name in self._uncollected:
            self._results.files.pop(name.partition("::")[0], None)
        for item in session.items:
            if item.stash.get(_USES_RECORDINGS, False):
                for node in item.listchain():
                    self._users_by_node.setdefault(node.nodeid, set()).update(getattr(item, "fixturenames", ()))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Begin a test's session, or step aside for a test that does not use recordings."""
        __tracebackhide__ = True  # a failure is the test's: nothing of it happens here
        self._abandon()
        if item.stash.get(_USES_RECORDINGS, False):
            self.scope = self._new_scope(item, item.stash[_TEST_ID])
            self.scope.enter()
        elif self._collection_scope is not None:
            self._collection_scope.leave()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """End the sessions that end with the phase, and report each error once: a miss or damage fails the test.

        What the test recorded is published if all of it passed. How it handled a miss does not count.
        """
        has_passed = call.excinfo is None
        if call.when != "call":
            self._finish_ended(passed=has_passed)
        if call.when == "teardown":
            self._results.ran.add(item.stash.get(_TEST_ID, item.nodeid))
            if self.scope is not None:
                is_set_up, was_called = has_passed and self._phases.get("setup", False), self._phases.get("call", False)
                is_expected = is_set_up and (was_called or self._has_xfailed)
                self._finish(self.scope, is_expected=is_expected, has_passed=is_set_up and was_called)
            elif self._collection_scope is not None:
                self._collection_scope.enter()
        errors: list[RecstoreError] = []
        if call.when != "setup" or call.excinfo is not None:
            errors, self._pending_errors = self._pending_errors, []
            own = [self.scope] if self.scope is not None else []
            errors += [e for scope in (*own, *self._shared.values(), *self._ended) for e in scope.take_new_errors()]
        report = yield from report_errors(errors, call)
        self._phases[report.when] = report.passed
        self._has_xfailed = report.when == "call" and hasattr(report, "wasxfail")
        if call.when == "teardown":
            self.scope = None
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Give a fixture that outlives one test a session of its own, where a test that uses recordings requests it.

        It is active during the fixture's setup and teardown. A fixture that overrides one of its own name and scope,
        and requests it, shares its session, which ends with the first of them.
        """
        __tracebackhide__ = True  # a failure is the test's: nothing of it happens here
        is_used = self.scope is not None or fixturedef.argname in self._users_by_node.get(request.node.nodeid, ())
        if not (is_used and outlives_one_test(fixturedef, request)):
            return (yield)
        scope_id = fixture_id(fixturedef, request, self._prefix)
        if scope_id not in self._shared:
            self._shared[scope_id] = self._new_scope(request.node, scope_id)
        scope = self._shared[scope_id]
        if self.scope is not None:
            self.scope.session.inherit(scope.session)
        fixturedef.addfinalizer(lambda: self._release(scope_id, scope))  # runs last: after the fixture's own end
        scope.enter()
        try:
            return (yield)
        except BaseException:
            scope.is_broken = True
            raise
        finally:
            scope.leave()
            fixturedef.addfinalizer(scope.enter)  # runs first

    def take_results(self, output: Mapping[str, object]) -> None:
        """Add the results of a worker; one that was lost hands over none."""
        text = output.get(_MARKER)
        if isinstance(text, str):
            self._results.merge(RunResults.from_text(text))

    def end_run(self, session: pytest.Session, *, has_passed: bool) -> None:
        """Close what an interrupted run has left open; then hand the results over (a worker) or keep the usage."""
        self._abandon()
        for scope_id, scope in list(self._shared.items()):  # nobody tears these fixtures down
            scope.is_broken = True
            self._release(scope_id, scope)
        self._finish_ended(passed=has_passed)
        self._finish_collection_scope()
        self._results.unreported += map(str, self._pending_errors)
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_MARKER] = self._results.to_text()
            return
        if self._results.unreported and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._has_store:
            try:
                self._results.write_usage(self._store)
            except RecstoreError as error:  # a read-only store replays all the same
                self._usage_errors.append(f"usage was not kept: {error}")

    def summary(self, *, is_wanted: bool) -> list[str]:
        """Return the lines that the run ends with."""
        return [*summary_lines(self._results, is_wanted=is_wanted), *(self._usage_errors if is_wanted else ())]

    def _choose_mode(self, marker: str, scope_id: str | None) -> Mode:
        """Return the mode of a test whose marker requests `marker`; it is an error if it records and there is no store."""
        mode = self._modes.resolve(marker)
        if mode in RECORDING and not self._has_store:
            hint = f"There is no store in {self._folder} or above it: run `recstore init` in the project's top folder."
            subject = f"mode {mode} of {scope_id}" if scope_id else f"mode {mode}"
            raise UsageError(subject, "there is no store to record to", hint)
        return mode

    def _open_session(self, node: pytest.Item | pytest.Collector | None, scope_id: str | None) -> Session:
        """Return a new session for the test or scope `scope_id`, with the options of the markers of its node."""
        subject = f"the marker `{_MARKER}` of {scope_id}"
        options: dict[str, Any] = {}
        for mark in node.iter_markers(_MARKER) if node is not None else ():  # the nearest comes first
            if mark.args:
                raise UsageError(subject, f"it takes options by name alone, not {mark.args[0]!r}")
            options = {**mark.kwargs, **options}
        mode = self._choose_mode(str(options.pop("mode", "")), scope_id)
        for name in options:
            if name not in _MARKER_OPTIONS:
                hint = f"Options: {', '.join(('mode', *_MARKER_OPTIONS))}."
                raise UsageError(subject, f"there is no option `{name}`", hint)
        given = parse_settings(options, subject)
        settings = replace(self._settings, **{name: getattr(given, name) for name in options})
        if self._has_store and not self._has_searched_git:
            self._has_searched_git = heal_scope(self._store, scope_id, self._environment)
        return Session(self._store, settings, scope_id, mode)

    def _new_scope(self, node: pytest.Item | pytest.Collector, scope_id: str) -> Scope:
        try:
            session = self._open_session(node, scope_id)
            for scope in self._shared.values():  # tests repeat the ids that a server gave their fixtures
                session.inherit(scope.session)
            return Scope(session)
        except RecstoreError as error:
            reason = str(error)
        pytest.fail(reason, pytrace=False)  # out here, where no exception is being handled: pytest would show both

    def _finish(self, scope: Scope, *, is_expected: bool, has_passed: bool) -> None:
        scope.active.close()
        try:
            report = scope.session.finish(passed=is_expected and not scope.is_broken and not scope.errors)
        except RecstoreError as error:  # reported with the phase that it happened in
            self._pending_errors.append(error)
            return
        self._results.add(report, has_passed=has_passed and not scope.errors)

    def _release(self, scope_id: str, scope: Scope) -> None:
        scope.leave()
        if self._shared.get(scope_id) is scope:
            self._ended.append(self._shared.pop(scope_id))

    def _finish_ended(self, *, passed: bool) -> None:
        ended, self._ended = self._ended, []
        for scope in ended:
            self._pending_errors += scope.take_new_errors()
            is_whole = passed and not scope.is_broken
            self._finish(scope, is_expected=is_whole, has_passed=is_whole)

    def _finish_collection_scope(self) -> None:
        if self._collection_scope is not None:
            scope, self._collection_scope = self._collection_scope, None
            self._results.unreported = [str(error) for error in scope.take_new_errors()]
            self._finish(scope, is_expected=True, has_passed=True)

    def _abandon(self) -> None:
        """End the session of a test whose teardown never came."""
        if self.scope is not None:
            self._finish(self.scope, is_expected=False, has_passed=False)
        self.scope, self._phases, self._has_xfailed = None, {}, False
