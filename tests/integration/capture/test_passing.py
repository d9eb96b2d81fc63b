"""`passthrough`: some requests are none of recstore's, in any mode."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

import recstore
from recstore.capture import intercept_clients, release_clients
from recstore.store import Store
from tests.loopback import serving


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a store and a setting."""
    Store.create(tmp_path)
    text = 'passthrough = ["http://127.0.0.1:*/own", "http://192.0.2.1"]\n'
    (tmp_path / "recstore.toml").write_text(text)
    return tmp_path


def test_they_go_through_while_others_are_replayed(project: Path) -> None:
    """The server sees them every time; nothing of them is stored."""
    with serving() as upstream:
        asked = []
        for mode in ("record", "replay"):
            with recstore.use("a test", mode=mode, project=project) as used:
                asked += [httpx.get(f"{upstream.base}/{path}").json()["number"] for path in ("own/x", "paid")]

    assert used.report is not None
    assert [1, 2, 3, 2] == asked
    assert ["/own/x", "/paid", "/own/x"] == [path for _, path in upstream.requests]
    manifest = Store.open(project).manifest("a test")
    assert manifest is not None
    assert 1 == len(manifest.entries)


def test_their_hosts_are_let_through_the_guard_of_sockets(project: Path) -> None:
    """A connection that such a request needs is not taken for one of an unknown client; it fails by itself."""
    release_clients()
    intercept_clients()  # above the guard of these tests, which would refuse first
    with recstore.use("a test", project=project), httpx.Client(timeout=0.2) as client, socket.socket() as plain:
        plain.settimeout(0.2)
        with pytest.raises(recstore.errors.ReplayMiss):
            plain.connect(("192.0.2.1", 80))
        with pytest.raises((httpx.TransportError, RuntimeError)):  # nobody is there, or the guard of these tests asks
            client.get("http://192.0.2.1/x")
        with pytest.raises(OSError, match=r"timed out|unreachable|refused"):
            plain.connect(("192.0.2.1", 80))
