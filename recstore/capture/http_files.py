"""The files and sockets that http.client reads from: a live one that is listened to, and a recorded one."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any, Final

from recstore.capture.http1 import Unchunking, response_pieces
from recstore.capture.http_errors import raised, wire_error
from recstore.record.call import Call
from recstore.record.wire import WireError, WireResponse

_CUT_OFF: Final = "http.client.IncompleteRead"


class Tee:
    """The file that a live response is read from: what is read of the body is told to the call.

    `length` is how much is to come, None where nobody said so. Where the file ends before the body does, the call has
    failed: http.client finds that out by itself, after it has read.
    """

    def __init__(self, file: Any, call: Call, *, length: int | None, is_chunked: bool) -> None:
        self._file, self._call, self._length = file, call, length
        self._chunks = Unchunking() if is_chunked else None
        self._size_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _told(self, read: Callable[..., bytes], *arguments: Any) -> bytes:
        try:
            data = read(*arguments)
        except OSError as error:
            self._call.failed(wire_error(error))
            raise
        for piece in [data] if self._chunks is None else self._chunks.feed(data):
            self._size_bytes += len(piece)
            self._call.received(piece)
        return data

    def _end(self) -> None:
        """Know that the file has ended."""
        read = f"{self._size_bytes} bytes read"
        if self._chunks is not None and not self._chunks.is_whole:
            self._call.failed(WireError("protocol", _CUT_OFF, f"IncompleteRead({read})"))
        elif self._chunks is None and self._length is not None and self._size_bytes < self._length:
            missing = f"{self._length - self._size_bytes} more expected"
            self._call.failed(WireError("protocol", _CUT_OFF, f"IncompleteRead({read}, {missing})"))

    def read(self, size: int | None = -1) -> bytes:
        """Return what the file's own `read` returns."""
        data = self._told(self._file.read, size)
        if size is None or size < 0 or len(data) < size:
            self._end()
        return data

    def read1(self, size: int = -1) -> bytes:
        """Return what the file's own `read1` returns."""
        data = self._told(self._file.read1, size)
        if size and not data:
            self._end()
        return data

    def readline(self, size: int = -1) -> bytes:
        """Return what the file's own `readline` returns."""
        data = self._told(self._file.readline, size)
        if not data.endswith(b"\n") and (size < 0 or len(data) < size):
            self._end()
        return data

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file: what was read is the answer."""
        self._file.close()
        self._call.ended()


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
        self._chunks = response_pieces(answer, method)

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give what is left of the next chunk."""
        while self._chunks and not self._chunks[0]:
            self._chunks.pop(0)
        if not self._chunks:
            if self._error is not None and self._error.kind != "protocol":  # there, that nothing comes is the error
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
