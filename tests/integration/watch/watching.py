"""A watcher in a process of its own, whose events are read as they come."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

__all__ = ["Watching", "recstore", "stored", "until", "watching"]

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60.0


def recstore(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore."""
    command = [sys.executable, "-P", "-m", "recstore", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


def environment() -> dict[str, str]:
    """Return the environment in which this checkout is the recstore that is run."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def stored(project: Path) -> dict[str, bytes]:
    """Return every file of a store that is committed."""
    root = project / ".recstore"
    found: dict[str, bytes] = {}
    for folder in ("blobs", "tests", "shared"):
        for place, _, names in os.walk(root / folder):  # which passes over what the watcher removes meanwhile
            for path in (Path(place, name) for name in sorted(names)):
                with suppress(FileNotFoundError):
                    found[str(path.relative_to(root))] = path.read_bytes()
    return found


def until(condition: Callable[[], Any]) -> Any:
    """Wait for the condition to hold, and return what it gave."""
    end_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < end_s:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError("it has not come to that")


class Watching:
    """The running watcher, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._threads = [Thread(target=self._read_events), Thread(target=self._read_talk)]
        for thread in self._threads:
            thread.start()

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_talk(self) -> None:
        assert self.process.stderr is not None
        self.said += self.process.stderr

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the events of these kinds."""
        return [event for event in list(self.events) if event["event"] in kinds]

    def end(self, number: int = signal.SIGINT) -> int:
        """End the watcher as a user does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        for thread in self._threads:
            thread.join()
        return code


@contextmanager
def watching(project: Path, *arguments: str) -> Iterator[Watching]:
    """Run a watcher in the project until the block ends."""
    command = [sys.executable, "-P", "-m", "recstore", "watch", "--json", *arguments]
    process = subprocess.Popen(
        command, cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watcher = Watching(process)
    try:
        until(lambda: watcher.of("ready") or process.poll() is not None)
        yield watcher
    finally:
        watcher.end(signal.SIGTERM)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
