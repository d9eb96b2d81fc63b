"""One run of pytest from its configuration to its summary, in the process that runs tests or in the one that directs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from recstore.errors import RecstoreError, UsageError
from recstore.pytest_plugin.hooks import Conductor
from recstore.pytest_plugin.mode_choice import RECORDING, Wishes
from recstore.pytest_plugin.project import Project
from recstore.pytest_plugin.results import Tally
from recstore.pytest_plugin.summary import summary_lines

_OUTPUT: Final = "recstore"
"""Under which name a worker hands its share to the process that directs it."""


class Run:
    """The project, what was asked for, and what the run has shown so far."""

    def __init__(self, project: Project, wishes: Wishes) -> None:
        self.project = project
        self.wishes = wishes
        self.tally = Tally()
        self.conductor = Conductor(project, wishes, self.tally)
        self._note = ""

    @classmethod
    def open(cls, config: pytest.Config, folder: Path | None, environment: Mapping[str, str]) -> Run:
        """Return the run of the project in `folder` (None: there is no store), its options and variables checked.

        Raises: UsageError: they or the configuration cannot be used, or it is to record where no store is.
        """
        project = Project.open(folder, config.rootpath, environment)
        wishes = Wishes(
            option=config.getoption("--recstore") or "",
            variable=environment.get("RECSTORE_MODE", ""),
            setting=project.settings.mode,
            is_ci=environment.get("CI", "").lower() not in ("", "0", "false"),
        )
        if wishes.mode() in RECORDING and not project.has_store:
            raise UsageError(f"mode {wishes.mode()}", "there is no store to record to", project.lack)
        return cls(project, wishes)

    @property
    def header(self) -> str:
        """The line that the run begins with."""
        if not self.project.has_store:
            return f"recstore: {self.wishes.mode()}, no store"
        refusal = f" (`{self.wishes.setting}` counts on CI only as an option)" if self.wishes.is_refused else ""
        return f"recstore: {self.wishes.mode()}{refusal}, store in {self.project.folder}"

    def take(self, output: Mapping[str, object]) -> None:
        """Add what a worker has handed over; one that was lost hands over nothing."""
        text = output.get(_OUTPUT)
        if isinstance(text, str):
            self.tally.merge(Tally.of_text(text))

    def end(self, session: pytest.Session, *, has_passed: bool) -> None:
        """Close what is open, then hand the tally over (a worker) or keep what follows from it."""
        self.conductor.close(has_passed=has_passed)
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = self.tally.as_text()
            return
        if self.tally.untold and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.project.has_store:
            try:
                self.tally.write_runs(self.project.store)
            except RecstoreError as error:  # a read-only store replays all the same
                self._note = f"not kept which entries were served: {error}"

    def summary(self, *, is_wanted: bool) -> list[str]:
        """Return the lines that the run ends with."""
        lines = summary_lines(self.tally, is_wanted=is_wanted)
        return [*lines, self._note] if is_wanted and self._note else lines
