"""Processes killed by the system at moments that nobody chose."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
KILLS: Final = int(os.environ.get("CRASH_KILLS", "200"))
SEED: Final = int(os.environ.get("CRASH_SEED", random.randrange(1_000_000)))  # noqa: S311 - any will do; a failure names it


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork, processes start too slowly to kill many")
@pytest.mark.timeout(120 + KILLS)
def test_a_store_outlives_every_kill(tmp_path: Path) -> None:
    """Whatever was at work: the store verifies, nothing is lost, and the same work can be done again."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.killing", str(KILLS), str(SEED), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, f"CRASH_SEED={SEED}\n{done.stderr[-5000:]}"
    assert KILLS == json.loads(done.stdout.splitlines()[-1])["killed"]
