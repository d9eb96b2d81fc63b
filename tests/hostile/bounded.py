"""Programs with so much memory and time, and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["bounded", "only_unix"]

ROOT = Path(__file__).resolve().parents[2]
LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({0}, {0}))\n"

only_unix = pytest.mark.skipif(sys.platform == "win32", reason="only Unix limits the memory of a process")


def bounded(script: str, *arguments: str, memory_bytes: int, timeout_s: float) -> str:
    """Return what a script of Python's prints, with recstore to import; it must end by itself, and without an error."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(memory_bytes) + script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout
