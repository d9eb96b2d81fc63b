"""Commands of recstore, run in the process of the test: starting Python takes longer than most of what they do.

For signals, hooks, terminals and memory limits, tests start a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

from recstore.cli.main import main


def recstore_bytes(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, data: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as `recstore ARGUMENTS` in `folder`: its exit code, and the bytes it has printed."""
    printed, errors = BytesIO(), BytesIO()
    encoding = (environment or {}).get("PYTHONIOENCODING", "utf-8")
    output, talk = (TextIOWrapper(stream, encoding, write_through=True) for stream in (printed, errors))
    code: object = 0
    with (
        chdir(folder),
        patch.dict(os.environ, environment or {}, clear=environment is not None),
        patch.object(sys, "argv", ["recstore", *arguments]),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(data.encode()), "utf-8")),
        redirect_stdout(output),
        redirect_stderr(talk),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(["recstore", *arguments], code, printed.getvalue(), errors.getvalue())


def recstore(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, data: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command as `recstore ARGUMENTS` in `folder`: its exit code, and the text it has printed."""
    done = recstore_bytes(folder, *arguments, environment=environment, data=data)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
