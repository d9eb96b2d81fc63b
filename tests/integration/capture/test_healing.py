"""What a merge has dropped comes back from Git, also outside pytest."""

from __future__ import annotations

from pathlib import Path

import httpx

import recstore
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
