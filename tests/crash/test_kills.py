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

from tests.effort import short_or_whole

ROOT: Final = Path(__file__).resolve().parents[2]
KILLS: Final = int(os.environ.get("CRASH_KILLS", "200"))
"""How many processes are killed where slow tests are selected."""
SEED: Final = int(os.environ.get("CRASH_SEED", random.randrange(1_000_000)))  # noqa: S311 - any will do; a failure names it


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork, processes start too slowly to kill many")
@pytest.mark.timeout(120 + KILLS)
@short_or_whole("kills", 20, KILLS)
def test_a_store_outlives_every_kill(tmp_path: Path, kills: int) -> None:
    """Whatever was at work: the store verifies, nothing is lost, and the same work can be done again."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.killing", str(kills), str(SEED), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, f"CRASH_SEED={SEED}\n{done.stderr[-5000:]}"
    assert kills == json.loads(done.stdout.splitlines()[-1])["killed"]
