"""All sorts of work at once on one store, for a while."""

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
SECONDS: Final = float(os.environ.get("RACE_SECONDS", "20"))
"""How long they work where slow tests are selected."""
SEED: Final = int(os.environ.get("RACE_SEED", random.randrange(1_000_000)))  # noqa: S311 - any will do; a failure names it

DONE: Final = {
    "recorder 1": ("recorded",),
    "recorder 2": ("recorded",),
    "importer": ("import 0",),
    "watcher": ("watch 0",),
    "collector": ("gc 0",),
    "verifier": ("verify 0",),
    "healer": ("restore 0", "check 0"),
    "brancher": ("commit 0",),
}
"""What each role has to have done at least once, of these: to be refused is not enough."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked from one that has everything imported")
@pytest.mark.timeout(300 + SECONDS)
@short_or_whole("seconds", 5.0, SECONDS)
def test_eight_processes_lose_nothing(tmp_path: Path, seconds: float) -> None:
    """Two record, one imports, one consumes, one collects, one verifies, one heals, one changes branches; none stands still."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.races.racing", str(seconds), str(SEED), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, f"RACE_SEED={SEED}\n{done.stderr[-6000:]}"
    counts = json.loads(done.stdout.splitlines()[-1])
    assert [] == [f"{role}: {counts[role]}" for role, words in DONE.items() if not any(map(counts[role].get, words))]
    assert DONE.keys() == {name for name, value in counts.items() if isinstance(value, dict)}
    assert counts["told"] > 0
