"""Which mode a test runs in: asked for on the command line, in the environment, by a marker, in the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from recstore.errors import UsageError
from recstore.record.modes import Mode

RECORDING: Final = frozenset((Mode.RECORD, Mode.RECORD_IF_MISSING))
"""The modes that write recordings."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for, "" where nothing was: the first of `option`, `variable`, a marker and `setting` counts.

    On CI nothing is recorded unless the command line says so: a variable that asks for it is an error, a marker or a
    setting that does gives replay.
    """

    option: str = ""
    variable: str = ""
    setting: str = ""
    is_ci: bool = False

    def mode(self, marker: str = "") -> Mode:
        """Return the mode of a test whose marker asks for `marker`.

        Raises: UsageError: one of them names no mode, or none that counts on CI.
        """
        if self.option:
            return _parsed(self.option, "--recstore")
        if self.variable:
            return self._from_variable()
        mode = _parsed(marker, "the marker `recstore`") if marker else self._from_setting()
        return Mode.REPLAY if self.is_ci and mode in RECORDING else mode

    @property
    def is_refused(self) -> bool:
        """Whether the setting asks for a mode that does not count on CI."""
        return self.is_ci and not (self.option or self.variable) and self._from_setting() in RECORDING

    def _from_variable(self) -> Mode:
        mode = _parsed(self.variable, "RECSTORE_MODE")
        if self.is_ci and mode in RECORDING:
            raise UsageError(
                "RECSTORE_MODE",
                f"{mode} does not count on CI, where nothing is recorded by accident",
                f"Ask for it on the command line: `pytest --recstore={mode}`.",
            )
        return mode

    def _from_setting(self) -> Mode:
        return _parsed(self.setting, "mode") if self.setting else Mode.REPLAY


def _parsed(text: str, subject: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise UsageError(subject, f"{text!r} is no mode", f"Modes are {', '.join(Mode)}.") from None
