"""Misses and damage, told with the test that met them: clients retry, wrap and swallow exceptions.

A test that something was missing for fails: also where it caught the error, skipped, or was expected to fail,
because what it then showed is nothing about the code that it tests.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Final

import pytest

from recstore.errors import RecstoreError

_SECTION: Final = "recstore"


def told(troubles: Iterable[RecstoreError]) -> str:
    """Return the full text of all troubles."""
    return "\n\n".join(map(str, troubles))


def reported_with(
    troubles: list[RecstoreError], call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Return the report that is sent in, failed and with the text of each trouble that it does not show anyway."""
    failure = _failure(told(troubles)) if troubles and _is_harmless(call.excinfo) else None
    call.excinfo = failure or call.excinfo
    report = yield
    if troubles:
        _fail(report, told(troubles))
    if troubles and call.excinfo is not failure:  # a test of unittest brings its own exception along
        shown = {str(error) for error in _chain(call.excinfo.value if call.excinfo else None)}
        hidden = [trouble for trouble in troubles if str(trouble) not in shown]
        _add_section(report, told(hidden))
    return report


def tell_collector(troubles: list[RecstoreError], report: pytest.CollectReport) -> None:
    """Fail the report of a module that met these troubles while it was imported, unless it shows them."""
    hidden = [trouble for trouble in troubles if str(trouble).partition("\n")[0] not in report.longreprtext]
    if troubles and not report.failed:
        report.outcome, report.longrepr, report.result = "failed", told(troubles), []
    elif hidden:
        _add_section(report, told(hidden))


def _fail(report: pytest.TestReport, text: str) -> None:
    """Turn a report of whatever outcome into a failure; one that shows no error shows the text."""
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    if not report.failed:
        report.outcome = "failed"
        if report.longrepr is None or isinstance(report.longrepr, tuple):  # passed, or skipped
            report.longrepr = text


def _add_section(report: pytest.TestReport | pytest.CollectReport, text: str) -> None:
    if text and text != report.longrepr:
        report.sections.append((_SECTION, text))


def _is_harmless(excinfo: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Return whether nothing was raised, or what makes a test skipped or expected to fail."""
    if excinfo is None:
        return True
    unittest = sys.modules.get("unittest")  # whoever raises its SkipTest has imported it
    kinds = (pytest.skip.Exception, pytest.xfail.Exception, *([unittest.SkipTest] if unittest else []))
    return isinstance(excinfo.value, kinds)


def _failure(text: str) -> pytest.ExceptionInfo[BaseException]:
    try:
        pytest.fail(text, pytrace=False)
    except pytest.fail.Exception:
        return pytest.ExceptionInfo.from_current()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that pytest shows with it: causes, contexts, members of groups."""
    waiting, seen = [error], set[int]()
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        waiting.append(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
