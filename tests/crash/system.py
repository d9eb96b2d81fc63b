"""The system calls of a writer, counted, so that any one of them can fail or be its last."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

__all__ = ["CALLS", "StoppedError", "System"]

CALLS: Final = ("open", "write", "replace", "unlink", "rmdir", "mkdir", "fsync", "sync")
"""What a writer asks of the system. `os.makedirs` asks `mkdir`."""


class StoppedError(BaseException):
    """Stands for the end of the process: nothing that catches errors catches this one."""


@dataclass
class System:
    """Counts calls; at call `step` (from 0) it fails with `error`, or stops the process.

    A process that was stopped does nothing more. `torn` lets the last write put half of its bytes on disk.
    """

    step: int | None = None
    error: int | None = None
    torn: bool = False
    log: list[tuple[str, str]] = field(default_factory=list)
    is_stopped: bool = False
    _paths: dict[int, str] = field(default_factory=dict)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Put this system between the process and the real one."""
        for name in CALLS:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    @property
    def was_reached(self) -> bool:
        """Whether the call that fails or stops has come."""
        return self.step is not None and len(self.log) > self.step

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            if self.is_stopped:
                raise StoppedError
            number = len(self.log)
            self.log.append((name, self._subject(name, arguments)))
            if number == self.step:
                return self._end(name, call, arguments, options)
            result = call(*arguments, **options)
            if name == "open":
                self._paths[result] = str(arguments[0])
            return result

        return watched

    def _end(self, name: str, call: Callable[..., Any], arguments: Any, options: Any) -> Any:
        if self.error is not None and name != "sync":  # which cannot fail
            raise OSError(self.error, os.strerror(self.error))
        self.is_stopped = self.error is None
        if name == "write" and self.torn:
            call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        elif not self.torn:
            call(*arguments, **options)
        if self.is_stopped:
            raise StoppedError
        return None

    def _subject(self, name: str, arguments: tuple[Any, ...]) -> str:
        if name in ("write", "fsync"):
            return self._paths.get(arguments[0], "")
        if name == "replace":
            return str(arguments[1])
        return str(arguments[0]) if arguments else ""
