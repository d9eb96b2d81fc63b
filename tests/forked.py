"""Calls in processes of their own, forked from one that has everything imported: they start at once, and can be killed.

Only for a process without threads; whoever uses it from pytest starts a driver (`python -m ...`) first.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Forked", "fork"]

DEFECT = 70
"""The exit code of a call that ended with an exception."""


@dataclass(frozen=True)
class Forked:
    """A process that was started, in a group of its own with all that it starts, and the file with what it says."""

    pid: int
    output: Path

    def kill(self) -> None:
        """End it and all that it has started, as a power cut would."""
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float) -> int:
        """Return its exit code, or minus the number of the signal that has ended it.

        Raises: TimeoutError: it has not ended; it has now.
        """
        end_s = time.monotonic() + timeout_s
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end_s:
                self.kill()
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"it has not ended after {timeout_s:g} s; it said:\n{self.said}")
            time.sleep(0.001)

    @property
    def said(self) -> str:
        """What it has said until now."""
        return self.output.read_text(errors="replace")


def fork(call: Callable[[], int], output: Path) -> Forked:
    """Start a process that makes the call, and ends with what it returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    begun, begin = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.write(begin, b".")
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os._exit(_ended(call))
    os.read(begun, 1)  # its group is there now
    os.close(begun)
    os.close(begin)
    return Forked(pid, output)


def _ended(call: Callable[[], int]) -> int:
    try:
        code = call()
    except BaseException:  # noqa: BLE001 - this is the top of a process
        traceback.print_exc()
        code = DEFECT
    sys.stdout.flush()
    sys.stderr.flush()
    return code
