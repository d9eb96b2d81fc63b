"""A client recorded twice against a server, and then replayed without it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import recstore
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.exchanges import files_of
from tests.raw_server import Script, serving_raw

__all__ = ["Rehearsal", "free_port", "rehearsed", "with_timing"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the client got without recstore, from each recording and from replay, and what was stored each time."""

    plain: Any
    recorded: tuple[Any, Any]
    replayed: Any
    stored: tuple[dict[str, bytes], dict[str, bytes]]
    requests: int
    connections: tuple[int, int]
    """How many the client opened without recstore, and while it was recorded."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the second recording has changed no byte of the first."""
        return self.stored[0] == self.stored[1] != {}

    @property
    def everything(self) -> bytes:
        """All that is stored."""
        return b"\n".join(self.stored[1].values())


def free_port() -> int:
    """Return the number of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def rehearsed(project: Path, make_script: Callable[[], Script], ask: Callable[[str], Any]) -> Rehearsal:
    """Return what happened: `ask` is called with the server's base URL, each time with a server that knows nothing yet."""
    port = free_port()
    store = Store.create(project)
    with serving_raw(make_script(), port) as server:
        plain = ask(server.base)
        requests, connections = len(server.asked), server.connections
    recorded, stored = [], []
    for _ in range(2):
        with serving_raw(make_script(), port) as server, recstore.use("a test", mode="record", project=project):
            recorded.append(ask(server.base))
        assert requests == len(server.asked)
        counted = (connections, server.connections)
        stored.append(files_of(store.directory.root))
    with recstore.use("a test", project=project) as used:
        replayed = ask(server.base)
    assert used.report is not None
    assert () == used.report.unused
    assert () == verify_store(store).problems
    return Rehearsal(plain, (recorded[0], recorded[1]), replayed, (stored[0], stored[1]), requests, counted)


def with_timing(project: Path) -> Path:
    """Return the project's folder, in which pauses are recorded and replayed."""
    (project / "recstore.toml").write_text("timing = true\n")
    return project
