"""How much Git-related commands take on a large project, beside what Git itself takes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from recstore.git.hook_texts import hook_text
from recstore.model import JsonBody, Recording, Request, Response
from recstore.store import Store
from tests.bench.scale import commit_all, git, make_project, test_id_of

__all__ = ["GitRow", "git_rows"]

ROOT = Path(__file__).resolve().parents[2]
TOUCHED_TESTS = 5

GitRow = tuple[str, float, str, float, float]
"""What, its median in seconds, beside what, that median, and the ratio that is wanted at most."""


def git_rows(folder: Path, recordings: int, repeats: int) -> list[GitRow]:
    """Return the rows about Git, on a project with so many recordings."""
    project = folder / f"project-{recordings}"
    make_project(project, recordings)
    base = git(project, "rev-parse", "HEAD").strip()
    for test in range(TOUCHED_TESTS):
        request = Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"model": "gpt-4o", "test": test}))
        Store.open(project).put(test_id_of(test), [Recording(request, Response(status=200, body=JsonBody({"a": 1})))])
    tip = commit_all(project, "Five tests recorded anew")
    line = f"refs/heads/main {tip} refs/heads/main {base}\n"
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(hook_text("pre-commit"))
    hook.chmod(0o755)
    python = [sys.executable, "-m", "recstore"]
    tree = ("git ls-tree -r HEAD", ["git", "ls-tree", "-r", "HEAD"])
    status = ("git status", ["git", "status", "--short"])
    click = ("python -c 'import click'", [sys.executable, "-c", "import click"])
    wanted = [
        ("check --pre-push, 5 tests", [*python, "check", "--pre-push"], line, tree, 3.0),
        ("gc --dry-run", [*python, "gc", "--dry-run"], "", status, 10.0),
        ("pre-commit, nothing to do", [str(hook)], "", click, 2.0),
    ]
    rows = []
    for name, command, data, (beside, other), goal in wanted:
        times = [(_run(project, command, data), _run(project, other, "")) for _ in range(repeats)]
        ours_s, theirs_s = (statistics.median(side) for side in zip(*times, strict=True))
        rows.append((name, ours_s, beside, theirs_s, goal))
    shutil.rmtree(project)
    return rows


def _run(folder: Path, command: list[str], data: str) -> float:
    """Return the seconds that a process takes, from its start to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started_s = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=data,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - started_s
