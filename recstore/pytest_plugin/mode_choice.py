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
            raise UsageError(
                subject,
                f"{mode} does not count on CI, where nothing is recorded by accident",
                f"Ask for it on the command line: `pytest --recstore={mode}`.",
            )
        return Mode.REPLAY

    @property
    def is_setting_ignored(self) -> bool:
        """Whether the setting would count, but for CI."""
        return self.is_ci and not (self.option or self.variable) and self.setting in RECORDING
