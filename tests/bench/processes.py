"""Programs that a bench starts: how long they take, and how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "ROOT",
    "Cost",
    "beside",
    "bytes_of",
    "commit_all",
    "environment",
    "fresh_folder",
    "git",
    "peak_mb",
    "python",
    "recstore",
    "spent",
]

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Cost:
    """How long a process took, from its start to its end, and what it printed."""

    elapsed_s: float
    printed: str

    @property
    def said(self) -> float:
        """The number that it printed."""
        return float(self.printed)


def spent(
    command: Sequence[str], folder: Path, data: str = "", *, codes: tuple[int, ...] = (0,), **variables: str
) -> Cost:
    """Run a program, which must end with one of the codes, and return what it took."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as talk:
        given.write(data.encode())
        given.seek(0)
        started_s = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**environment(), **variables}, stdin=given, stdout=output, stderr=talk
        )
        process.wait()
        elapsed_s = time.perf_counter() - started_s
        output.seek(0)
        talk.seek(0)
        printed = output.read().decode()
        if process.returncode not in codes:
            raise ValueError(
                f"{command} ended with {process.returncode}:\n{printed[-2000:]}{talk.read().decode()[-2000:]}"
            )
    return Cost(elapsed_s, printed)


def peak_mb(folder: Path, *command: str) -> float:
    """Return the memory that a program, or the largest process that it starts, takes at most.

    Between it and the bench stands a small process: Linux has a new one begin with the memory of whoever started it.
    """
    return spent([sys.executable, "-S", "-c", _PEAK, *command], folder).said / 1024


_PEAK: Final = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def python(folder: Path, *arguments: str) -> Cost:
    """Run the Python that runs the bench, with this very checkout as the recstore that it imports."""
    return spent([sys.executable, *arguments], folder)


def recstore(folder: Path, *arguments: str) -> Cost:
    """Run a recstore command in `folder`."""
    return python(folder, "-m", "recstore", *arguments)


@contextmanager
def beside(*arguments: str) -> Iterator[Iterator[str]]:
    """Run Python with a program that ends with its standard input, until the block ends; give the lines it prints."""
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.stdin.close()
            process.wait(10)


def git(folder: Path, *arguments: str) -> str:
    """Run Git in `folder` and return what it prints."""
    return spent(["git", *arguments], folder).printed


def commit_all(folder: Path, message: str) -> str:
    """Commit everything in `folder`, without hooks, and return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


def bytes_of(folder: Path, pattern: str = "*") -> int:
    """Return the bytes of all files below `folder`, Git's own left out."""
    return sum(file.stat().st_size for file in folder.rglob(pattern) if ".git" not in file.parts and file.is_file())


def fresh_folder(parent: Path) -> Path:
    """Return a new folder in `parent`."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def environment() -> dict[str, str]:
    """Return an environment with this checkout first on Python's path, and Git without anyone's own configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _BENCH.items()}
    return {**kept, **names, "PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


_BENCH: Final = {"NAME": "bench", "EMAIL": "bench@localhost"}
