"""A real server on a loopback port that answers with bytes of the test's choosing: packed, empty, cut off, late."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, TypeAlias

__all__ = ["CUT", "RESET", "Asked", "RawServer", "Script", "chunked", "head", "serving_raw", "sized"]

CUT = "cut"
"""The connection ends here."""
RESET = "reset"
"""It ends with a reset."""

Step: TypeAlias = bytes | float | str
"""Bytes to send, seconds to wait, `CUT` or `RESET`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came, its body out of its chunks."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Script: TypeAlias = Callable[[Asked], list[Step]]


@dataclass
class RawServer:
    """The running server: its base URL, what it was asked, and over how many connections."""

    base: str
    script: Script
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    raw: RawServer


@contextmanager
def serving_raw(script: Script, port: int = 0) -> Iterator[RawServer]:
    """Run a server that does for each request what `script` says, until the block ends."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.raw = RawServer(f"http://127.0.0.1:{server.server_address[1]}", script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.raw
    finally:
        server.raw.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def head(status: str = "200 OK", **headers: str) -> bytes:
    """Return a status line and headers; `_` in a name is written as `-`."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def sized(body: bytes, status: str = "200 OK", **headers: str) -> list[Step]:
    """Return an answer that says how long it is."""
    return [head(status, **headers, content_length=str(len(body))) + body]


def chunked(*pieces: bytes, is_whole: bool = True, pause_s: float = 0.0, **headers: str) -> list[Step]:
    """Return an answer in chunks, with a pause before each; one that is not whole is cut off after the last of them."""
    steps: list[Step] = [head(**headers, transfer_encoding="chunked")]
    for piece in pieces:
        steps += [pause_s, b"%x\r\n%b\r\n" % (len(piece), piece)]
    return [*steps, b"0\r\n\r\n" if is_whole else CUT]


class _Handler(StreamRequestHandler):
    """One connection, with request after request."""

    server: _Server

    def handle(self) -> None:
        """Answer until either side has had enough."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.raw.connections += 1
        with suppress(OSError):
            while (asked := self._request()) is not None:
                self.server.raw.asked.append(asked)
                if not self._play(self.server.raw.script(asked)):
                    return

    def _request(self) -> Asked | None:
        first = self.rfile.readline()
        if not first:
            return None
        method, target, _ = first.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Asked(method, target, headers, b"".join(self._body(headers)))

    def _body(self, headers: Mapping[str, str]) -> Iterator[bytes]:
        if headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(headers.get("content-length", "0")))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size + 2)[:-2]
        self.rfile.readline()

    def _play(self, steps: list[Any]) -> bool:
        """Return whether the connection goes on."""
        for step in steps:
            if isinstance(step, bytes):
                self.wfile.write(step)
            elif isinstance(step, float):
                self.server.raw.over.wait(step) if step > 1 else time.sleep(step)
            else:
                if step == RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                return False
        return True
