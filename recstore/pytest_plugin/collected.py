"""Which test files a run has collected whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from recstore.pytest_plugin.ids import project_id


@dataclass(slots=True)
class Collected:
    """The ids of tests by test file, as collectors found them: before anything was deselected.

    `prefix` leads from the project's folder to pytest's root folder.
    """

    prefix: str
    _tests: dict[str, set[str]] = field(default_factory=dict)
    _open: dict[str, set[str]] = field(default_factory=dict)
    _partial: set[str] = field(default_factory=set)

    def saw(self, report: pytest.CollectReport) -> None:
        """Note what a module or a class holds; one that failed or was skipped is seen in part."""
        name = project_id(report.nodeid, self.prefix)
        file = name.partition("::")[0]
        tests, waiting = self._tests.setdefault(file, set()), self._open.setdefault(file, set())
        waiting.discard(name)
        if not report.passed:
            self._partial.add(file)
            return
        for node in report.result:
            (tests if isinstance(node, pytest.Item) else waiting).add(project_id(node.nodeid, self.prefix))

    def whole_files(self) -> dict[str, set[str]]:
        """Return the tests of each file that was collected whole: with those that were deselected afterwards.

        A file that no test was found in is none of them: whoever skips a file may do it by finding nothing.
        """
        return {
            file: tests
            for file, tests in self._tests.items()
            if tests and file not in self._partial and not self._open[file]
        }
