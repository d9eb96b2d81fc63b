"""A recording that a merge has dropped is put back from Git while its test is replayed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from recstore.store import Store
from tests.integration.plugin.stories import Story

FILES = {
    "test_a.py": "import pytest\nfrom client import ask\n\n@pytest.mark.recstore\ndef test_a():\n    assert ask('a')\n",
}


def git(folder: Path, *arguments: str) -> None:
    """Run Git in `folder`, with nobody's configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def test_a_missing_recording_comes_back_from_git(story: Story) -> None:
    """Replay finds the file gone, Git has it, and the test passes without a call."""
    story.write(FILES)
    story.run("--recstore=record")
    git(story.path, "init", "--quiet")
    git(story.path, "add", "--all")
    git(story.path, "commit", "--quiet", "-m", "Everything")
    [blob] = [Path(file.path) for file in Store.open(story.path).directory.walk("blobs")]
    data = blob.read_bytes()
    blob.unlink()
    story.upstream.take()

    outcome = story.run()

    assert {"passed": 1} == outcome.counts
    assert data == blob.read_bytes()
    assert [] == story.upstream.take()


def test_a_recording_that_git_has_not_either_is_damage(story: Story) -> None:
    """Where nobody has the file, the test fails and names it."""
    story.write(FILES)
    story.run("--recstore=record")
    for file in list(Store.open(story.path).directory.walk("blobs")):
        Path(file.path).unlink()

    outcome = story.run()

    assert 1 == outcome.code
    assert "the blob is missing" in outcome.output


def test_a_replay_loads_nothing_that_reads_git(story: Story) -> None:
    """Where nothing is missing: neither Git's objects nor what only commands need."""
    heavy = "('dulwich', 'click', 'watchfiles', 'rich', 'yaml', 'recstore.check.restore', 'recstore.git')"
    loaded = f"[name for name in {heavy} if name in sys.modules]"
    story.write(
        {
            "test_a.py": FILES["test_a.py"].replace("import pytest", "import sys, pytest")
            + f"    assert {loaded} == []\n"
        }
    )
    story.run("--recstore=record")

    outcome = story.run()

    assert {"passed": 1} == outcome.counts, outcome.output
