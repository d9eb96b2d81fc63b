"""The mode of a test: from the command line, the environment, a marker, the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from recstore.errors import UsageError
from recstore.model import Mode

RECORDING: Final = frozenset((Mode.RECORD, Mode.RECORD_IF_MISSING))
"""The modes that write recordings."""


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
        if self.option:
            return _parsed(self.option, "--recstore")
        if self.variable:
            mode = _parsed(self.variable, "RECSTORE_MODE")
            if self.is_ci and mode in RECORDING:
                raise UsageError(
                    "RECSTORE_MODE",
                    f"{mode} does not count on CI, where nothing is recorded by accident",
                    f"Ask for it on the command line: `pytest --recstore={mode}`.",
                )
            return mode
        mode = _parsed(marker, "the marker `recstore`") if marker else self._from_setting()
        return Mode.REPLAY if self.is_ci and mode in RECORDING else mode

    @property
    def is_setting_ignored(self) -> bool:
        """Whether the setting would count, but for CI."""
        return self.is_ci and not (self.option or self.variable) and self._from_setting() in RECORDING

    def _from_setting(self) -> Mode:
        return _parsed(self.setting, "mode") if self.setting else Mode.REPLAY


def _parsed(text: str, subject: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise UsageError(subject, f"{text!r} is not a mode", f"Modes are {', '.join(Mode)}.") from None
