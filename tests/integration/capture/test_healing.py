"""What a merge has dropped comes back from Git, also outside pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import recstore
from recstore.errors import NotInStore
from tests.git_repository import GitRepository
from tests.loopback import serving


def test_a_recording_that_is_missing_is_put_back(tmp_path: Path) -> None:
    """Replay finds the file gone, Git has it, and the block is answered."""
    project = GitRepository.create(tmp_path / "p")
    with serving() as upstream, recstore.use("a test", mode="record", project=project.folder):
        live = httpx.get(f"{upstream.base}/x").json()
    project.commit()
    [blob] = list(project.store.blobs())
    (project.folder / ".recstore" / blob.path).unlink()
    with recstore.use("a test", project=project.folder):
        again = httpx.get(f"{upstream.base}/x").json()

    assert live == again
    assert [blob] == list(project.store.blobs())


def test_replay_does_not_load_what_reads_git(tmp_path: Path) -> None:
    """Nothing is missing, so that nothing is healed."""
    project = GitRepository.create(tmp_path / "p")
    with serving() as upstream, recstore.use("a test", mode="record", project=project.folder):
        httpx.get(f"{upstream.base}/x")
    program = f"""
import sys, urllib.request, recstore
with recstore.use("a test", project={str(project.folder)!r}):
    urllib.request.urlopen("{upstream.base}/x").read()
print(*sorted({{"dulwich", "click", "yaml", "recstore.git"}} & sys.modules.keys()))
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "" == done.stdout.strip()


def test_what_git_does_not_have_either_is_named(tmp_path: Path) -> None:
    """The request fails, and says which blob is missing."""
    project = GitRepository.create(tmp_path / "p")
    with serving() as upstream, recstore.use("a test", mode="record", project=project.folder):
        httpx.get(f"{upstream.base}/x")
    [blob] = list(project.store.blobs())
    (project.folder / ".recstore" / blob.path).unlink()

    with pytest.raises(NotInStore, match="the blob is missing"), recstore.use("a test", project=project.folder):
        httpx.get(f"{upstream.base}/x")
