"""Errors in the reports of tests, and the summary of a run.

A test that met a miss or damage fails: also where it caught the error, skipped, or was expected to fail, because its
result then says nothing about the code that it tests. Clients retry, wrap and swallow exceptions.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from typing import Final

import pytest

from recstore.errors import RecstoreError
from recstore.pytest_plugin.results import RunResults
from recstore.text import plural

_LONGEST_LIST: Final = 20


def report_errors(
    errors: list[RecstoreError], call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Return the report that is sent in, failed, with the text of each error that it does not show by itself."""
    failure = None
    unittest = sys.modules.get("unittest")  # whoever raises its SkipTest has imported it
    harmless = (pytest.skip.Exception, pytest.xfail.Exception, *([unittest.SkipTest] if unittest else []))
    if errors and (call.excinfo is None or isinstance(call.excinfo.value, harmless)):
        try:
            pytest.fail("\n\n".join(map(str, errors)), pytrace=False)
        except pytest.fail.Exception:
            failure = call.excinfo = pytest.ExceptionInfo.from_current()
    report = yield
    if not errors:
        return report
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    if not report.failed:
        report.outcome = "failed"
        if report.longrepr is None or isinstance(report.longrepr, tuple):  # passed, or skipped
            report.longrepr = "\n\n".join(map(str, errors))
    if call.excinfo is not failure:  # a test of unittest brings its own exception along
        shown = {str(error) for error in _chain(call.excinfo.value if call.excinfo else None)}
        _add_section(report, [error for error in errors if str(error) not in shown])
    return report


def report_collection_errors(errors: list[RecstoreError], report: pytest.CollectReport) -> None:
    """Fail the report of a module that met these errors while it was imported, unless it shows them."""
    if errors and not report.failed:
        report.outcome, report.longrepr, report.result = "failed", "\n\n".join(map(str, errors)), []
    else:
        _add_section(report, [error for error in errors if str(error).partition("\n")[0] not in report.longreprtext])


def summary_lines(results: RunResults, *, is_wanted: bool) -> list[str]:
    """Return the summary: all of it if `is_wanted`, else errors outside any test, and drift, which no report shows."""
    lines = [line for text in results.unreported for line in f"outside any test: {text}".splitlines()]
    for name, texts in sorted(results.drift.items()):
        lines.append(f"drift: {name or 'outside any test'}")
        lines += [f"  {line}" for text in texts for line in text.splitlines()]
    if not is_wanted:
        return lines
    sums = results.sums
    lines.append(f"new recordings     {sums['recorded']:,}")
    if sums["reused"]:
        lines.append(f"reused             {sums['reused']:,} of other tests, with no live call")
    lines.append(f"requests saved     {sums['requests_saved']:,}")
    if sums["tokens_saved"]:
        lines.append(f"tokens not paid    {sums['tokens_saved']:,}")
    misses = {name or "outside any test": len(texts) for name, texts in results.misses.items()}
    lines += _counts("missing or damaged", misses, [*misses])
    return [*lines, *_counts("unused entries", results.unused, [f"{k}: {n:,}" for k, n in results.unused.items()])]


def _counts(title: str, counts: dict[str, int], names: list[str]) -> Iterator[str]:
    yield f"{title:<18} {sum(counts.values()):,}" + (f" in {plural(len(counts), 'test')}" if counts else "")
    yield from (f"  {name}" for name in sorted(names)[:_LONGEST_LIST])
    if len(names) > _LONGEST_LIST:
        yield f"  ... and {len(names) - _LONGEST_LIST:,} more"


def _add_section(report: pytest.TestReport | pytest.CollectReport, errors: list[RecstoreError]) -> None:
    text = "\n\n".join(map(str, errors))
    if text and text != report.longrepr:
        report.sections.append(("recstore", text))


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
