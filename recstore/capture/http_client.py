"""http.client, and urllib.request, urllib3, requests, botocore and all else that stands on it.

A connection's request is held back until its answer is asked for: then the session decides, and only a live request opens
the socket. So http.client's own parser reads recorded answers as it reads live ones.
"""

from __future__ import annotations

import http.client
import io
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial, partialmethod
from http.client import BadStatusLine, HTTPException, HTTPSConnection, RemoteDisconnected, UnknownProtocol
from types import ModuleType
from typing import Any, Final

from recstore.capture import Undo, os_error, swap
from recstore.capture.http1 import ChunkedDecoder, read_request, serialize_response
from recstore.model import Mode
from recstore.record.exchange import ErrorKind, Exchange, WireError, WireResponse
from recstore.record.session import Session, current

_HELD: Final = "_recstore_held"  # the member of a connection with the parts of its request; False while they are sent
_ERRORS: Final[dict[ErrorKind, type[OSError]]] = {
    "connect": ConnectionRefusedError,
    "read": ConnectionResetError,
    "write": BrokenPipeError,
    "protocol": RemoteDisconnected,
    "proxy": ConnectionRefusedError,
}


def patch(module: ModuleType) -> Undo:
    """Intercept the connections of `module`, http.client or urllib3.connection, and return the function that undoes it."""
    plain, secure = module.HTTPConnection, module.HTTPSConnection
    wrappers: list[tuple[Any, str, Callable[..., Any]]] = [(plain, "connect", _connect), (secure, "connect", _connect)]
    if module.__name__ == "http.client":
        wrappers += [(plain, "send", _send), (plain, "getresponse", _get_response)]
    own = [(owner, name, wrapper) for owner, name, wrapper in wrappers if name in vars(owner)]
    return swap(*((owner, name, partialmethod(wrapper, vars(owner)[name])) for owner, name, wrapper in own))


def _is_intercepted() -> bool:
    session = current()
    return session is not None and session.mode is not Mode.LIVE


def _connect(connection: Any, original: Callable[..., Any]) -> Any:
    if connection.__dict__.get(_HELD) is False or not _is_intercepted():
        return original(connection)
    connection.sock = _DeferredSocket()
    connection.is_verified = True  # urllib3 warns if it is not set; a live request verifies when it connects
    return None


def _send(connection: Any, original: Callable[..., Any], data: Any) -> Any:
    held = connection.__dict__.get(_HELD)
    if held is False or (held is None and not _is_intercepted()):
        return original(connection, data)
    if held is None:
        held = connection.__dict__[_HELD] = []
        connection.sock = connection.sock or _DeferredSocket()
    if hasattr(data, "read"):
        text = data.read()
        held.append(text.encode("latin-1") if isinstance(text, str) else bytes(text))
    elif isinstance(data, bytes | bytearray | memoryview) or hasattr(data, "__buffer__"):
        held.append(bytes(data))
    else:
        held.extend(map(bytes, data))
    return None


def _get_response(connection: Any, original: Callable[..., Any]) -> Any:
    held = connection.__dict__.pop(_HELD, None)
    session = current()
    if not held:
        return original(connection)
    data = b"".join(held)
    host, port = connection.host, connection.port
    if getattr(connection, "_tunnel_host", None):
        host, port = connection._tunnel_host, connection._tunnel_port  # noqa: SLF001 - the target behind a proxy
    base = f"{'https' if isinstance(connection, HTTPSConnection) else 'http'}://{f'[{host}]' if ':' in host else host}"
    request = read_request(data, base if port in (None, connection.default_port) else f"{base}:{port}")
    exchange = session.begin(request) if session is not None else None
    if session is None or exchange is None:
        _flush(connection, data)
        return original(connection)
    if (answer := exchange.replayed) is not None:
        connection.close()  # the next request gets a connection of its own
        if answer.status is None:
            raise _to_client_error(answer.error or WireError("other", "", "no response was recorded"), connection)
        response = connection.response_class(_ReplayedSocket(answer, request.method), method=request.method)
        response.begin()
        return response
    urllib3 = sys.modules.get("urllib3.exceptions")
    network_errors = (OSError, HTTPException) if urllib3 is None else (OSError, HTTPException, urllib3.HTTPError)
    try:
        _flush(connection, data)
        response = original(connection)
    except network_errors as error:
        session.complete(exchange, _wire_error(error))
        raise
    exchange.on_headers(response.status, response.reason or "", tuple(response.getheaders()))
    if response.fp is None:  # nothing follows
        session.complete(exchange)
    else:
        response.fp = _RecordingReader(response, session, exchange)
    return response


def _flush(connection: Any, data: bytes) -> None:
    """Send the request that was held back, on a connection that is opened only now."""
    connection.__dict__[_HELD] = False
    try:
        if connection.sock is None or isinstance(connection.sock, _DeferredSocket):
            connection.sock = None
            connection.connect()
        connection.sock.sendall(data)
    finally:
        del connection.__dict__[_HELD]


def _to_client_error(wire_error: WireError, connection: Any) -> Exception:
    """Return the exception that was raised when it was recorded, or the nearest that http.client raises."""
    name, message = wire_error.type_name.rpartition(".")[2], wire_error.message
    urllib3 = sys.modules.get("urllib3.exceptions")
    if urllib3 is not None and name in ("NewConnectionError", "ConnectTimeoutError"):
        return getattr(urllib3, name)(connection, message)  # type: ignore[no-any-return]
    own = getattr(http.client, name, None) if wire_error.type_name.startswith("http.client.") else None
    if own in (BadStatusLine, HTTPException, RemoteDisconnected, UnknownProtocol):  # these take a text
        return own(message)  # type: ignore[no-any-return]
    is_timeout = wire_error.kind.endswith("-timeout")
    return os_error(TimeoutError if is_timeout else _ERRORS.get(wire_error.kind, OSError), message)


def _wire_error(error: Exception) -> WireError:
    name = f"{type(error).__module__}.{type(error).__name__}"
    kind: ErrorKind = "read"
    if isinstance(error, ConnectionRefusedError) or name.endswith(("NewConnectionError", "gaierror")):
        kind = "connect"
    elif name.endswith("ConnectTimeoutError"):
        kind = "connect-timeout"
    elif isinstance(error, TimeoutError):
        kind = "read-timeout"
    elif isinstance(error, HTTPException):
        kind = "protocol"
    return WireError(kind, name, str(error))


class _RecordingReader:
    """The file of a live response: what the client reads of the body, no more, is noted in the exchange.

    If the file ends before the body does, the exchange has failed: http.client finds that out by itself, after it has read.
    """

    def __init__(self, response: Any, session: Session, exchange: Exchange) -> None:
        self._file, self._session, self._exchange = response.fp, session, exchange
        self._length = response.length
        self._decoder = ChunkedDecoder() if response.chunked else None
        self._size_bytes = 0

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._file, name)
        return partial(self._note, name, member) if name in ("read", "read1", "readline") else member

    def _note(self, name: str, read: Callable[[int], bytes], size: int | None = -1) -> bytes:
        size = -1 if size is None else size
        try:
            data = read(size)
        except OSError as error:
            self._session.complete(self._exchange, _wire_error(error))
            raise
        for piece in [data] if self._decoder is None else self._decoder.feed(data):
            self._size_bytes += len(piece)
            self._exchange.on_chunk(piece)
        is_end = size < 0 or len(data) < size
        if name == "read1":
            is_end = size != 0 and not data
        elif name == "readline":
            is_end = is_end and not data.endswith(b"\n")
        more = "" if self._length is None else f", {self._length - self._size_bytes} more expected"
        is_whole = self._size_bytes >= (self._length or 0) if self._decoder is None else self._decoder.is_whole
        if is_end and not is_whole:
            message = f"IncompleteRead({self._size_bytes} bytes read{more})"
            self._session.complete(self._exchange, WireError("protocol", "http.client.IncompleteRead", message))
        return data

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file: what was read is the answer."""
        self._file.close()
        self._session.complete(self._exchange)


class _DeferredSocket:
    """Stands for the socket of a connection that is not opened before somebody needs it."""

    def __getattr__(self, name: str) -> Any:
        if name in ("settimeout", "setsockopt", "close", "shutdown", "setblocking"):
            return lambda *_: None
        raise AttributeError(name)


class _ReplayedSocket(io.RawIOBase):
    """The socket of a recorded answer, which gives its bytes as a live one would: the head, then chunk by chunk."""

    def __init__(self, answer: WireResponse, method: str) -> None:
        super().__init__()
        self._pieces, self._rest = self._send(answer, method), b""

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Give the rest of the piece, or the next one."""
        data = self._rest or next(self._pieces, b"")
        size_bytes = min(len(buffer), len(data))
        buffer[:size_bytes], self._rest = data[:size_bytes], data[size_bytes:]
        return size_bytes

    def _send(self, answer: WireResponse, method: str) -> Iterator[bytes]:
        pieces = serialize_response(answer, method)
        for delay_s, piece in zip([0.0, *answer.delays_s, *[0.0] * len(pieces)], pieces, strict=False):
            if delay_s:
                time.sleep(delay_s)
            yield piece
        if answer.error is not None and answer.error.kind != "protocol":  # there, that nothing comes is the error
            raise _to_client_error(answer.error, None)
