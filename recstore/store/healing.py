"""A recording that a test names and that is not here is looked for in Git before it is said to be missing.

A merge can drop a file that the other branch newly shares, without a conflict. The look is a process of its own: replay itself
never loads what reads Git.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def healing(folder: Path) -> Callable[[], object]:
    """Return what puts back every recording that the project in `folder` names, lacks, and Git has."""
    command = [sys.executable, "-P", "-m", "recstore", "restore", "--quiet"]  # -P: nothing of the folder
    return lambda: subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603 - our own words
