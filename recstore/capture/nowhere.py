"""A connection that leads nowhere: a recorded answer comes on it, and aiohttp's own parser reads that."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from recstore.record.wire import WireResponse

_BODILESS: Final = (204, 304)


class NoPool:
    """What a connection is given back to: nothing keeps it."""

    force_close = False

    def _release(self, _key: object, protocol: Any, **_: object) -> None:
        protocol.close()


class Nowhere(asyncio.Transport):
    """A connection on which a recorded answer comes once a request has been written."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, answer: WireResponse, *, has_body: bool) -> None:
        super().__init__()
        self._loop, self._protocol, self._answer = loop, protocol, answer
        self._has_body = has_body and answer.status not in _BODILESS
        self._is_chunked = self._has_body and "content-length" not in {name.lower() for name, _ in answer.headers}
        self._is_answering = self._is_closed = False
        self._sender: asyncio.Task[None] | None = None

    def write(self, _data: object) -> None:
        """Take a part of the request; after the first, the head of the answer comes."""
        if not self._is_answering:
            self._is_answering = True
            self._loop.call_soon(self._receive, self._head())

    def writelines(self, _parts: object) -> None:
        """Take parts of the request."""
        self.write(b"")

    def begin(self, content: Any, error: Exception | None) -> None:
        """Have the body come, which is read from `content`, and then what broke it."""
        if self._has_body:
            self._sender = self._loop.create_task(self._send(content, error))

    async def _send(self, content: Any, error: Exception | None) -> None:
        for place, chunk in enumerate(self._answer.chunks):
            delays_s = self._answer.delays_s
            await asyncio.sleep(delays_s[place] if delays_s else 0)  # whoever reads sees each
            self._receive(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._is_chunked else chunk)
        if error is not None:
            await asyncio.sleep(0)
            content.set_exception(error)
        elif self._is_chunked:
            self._receive(b"0\r\n\r\n")

    def _receive(self, data: bytes) -> None:
        if not self._is_closed:
            self._protocol.data_received(data)

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self._answer.status} {self._answer.reason}"]
        lines += [f"{name}: {value}" for name, value in self._answer.headers if name.lower() != "transfer-encoding"]
        lines += ["transfer-encoding: chunked"] if self._is_chunked else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def close(self) -> None:
        """Close the connection: nothing more comes."""
        if not self._is_closed:
            self._is_closed = True
            if self._sender is not None:
                self._sender.cancel()
            with suppress(RuntimeError):  # the loop is closed, too
                self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        return self._is_closed

    def pause_reading(self) -> None:
        """Do nothing: what comes is in memory anyway."""

    def resume_reading(self) -> None:
        """Do nothing."""
