"""The files and sockets that http.client reads from: a live one that is listened to, and a recorded one."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

from recstore.capture.http_errors import raised, wire_error
from recstore.capture.raw_http import dechunked, response_head
from recstore.session.call import Call
from recstore.session.wire import WireResponse

__all__ = ["RecordedSocket", "Tee", "Unopened"]


class Tee:
    """The file that a live response is read from: what is read is told to the call."""

    def __init__(self, file: Any, call: Call, *, is_chunked: bool) -> None:
        self._file, self._call, self._is_chunked = file, call, is_chunked
        self._raw: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _told(self, read: Callable[..., bytes], *arguments: Any) -> bytes:
        try:
            data = read(*arguments)
        except OSError as error:
            self._flush()
            self._call.failed(wire_error(error))
            raise
        if self._is_chunked:
            self._raw.append(data)
        else:
            self._call.received(data)
        return data

    def read(self, *arguments: Any) -> bytes:
        """Return what the file's own `read` returns."""
        return self._told(self._file.read, *arguments)

    def read1(self, *arguments: Any) -> bytes:
        """Return what the file's own `read1` returns."""
        return self._told(self._file.read1, *arguments)

    def readline(self, *arguments: Any) -> bytes:
        """Return what the file's own `readline` returns."""
        return self._told(self._file.readline, *arguments)

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`."""
        view = memoryview(buffer).cast("B")
        data = self._told(self._file.read, len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file: what was read is the answer."""
        self._file.close()
        self._flush()
        self._call.ended()

    def _flush(self) -> None:
        raw, self._raw = self._raw, []
        for chunk in dechunked(b"".join(raw)):
            self._call.received(chunk)


class Unopened:
    """Stands for the socket of a connection that is not opened before somebody needs it."""

    def __getattr__(self, name: str) -> Any:
        if name in ("settimeout", "setsockopt", "close", "shutdown", "setblocking"):
            return lambda *_: None
        raise AttributeError(name)


class _Recorded(io.RawIOBase):
    """The bytes of a recorded answer as a socket would give them: the head, then chunk by chunk."""

    def __init__(self, answer: WireResponse, method: str) -> None:
        super().__init__()
        self._error = answer.error
        self._delays_s = [0.0, *answer.delays_s]
        self._chunks = [response_head(answer), *([] if method == "HEAD" else answer.chunks)]

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give what is left of the next chunk."""
        while self._chunks and not self._chunks[0]:
            self._chunks.pop(0)
        if not self._chunks:
            if self._error is not None:
                raise raised(self._error, None)
            return 0
        if self._delays_s and (delay_s := self._delays_s.pop(0)):
            time.sleep(delay_s)
        view = memoryview(buffer).cast("B")
        data, rest = self._chunks[0][: len(view)], self._chunks[0][len(view) :]
        view[: len(data)] = data
        self._chunks[0] = rest
        if rest:
            self._delays_s.insert(0, 0.0)
        return len(data)


class RecordedSocket:
    """What http.client takes for the socket of a recorded answer."""

    def __init__(self, answer: WireResponse, method: str) -> None:
        self._file: Any = io.BufferedReader(_Recorded(answer, method))

    def makefile(self, *_: Any) -> Any:
        """Return the file that http.client reads."""
        return self._file
