"""http.client, and urllib.request, urllib3, requests, botocore and all else that stands on it.

A connection's request is held back until its answer is asked for: then the session decides, and only a live request opens
the socket. So http.client's own parser reads recorded answers as it reads live ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from types import ModuleType
from typing import Any, Final

from recstore.capture.http1 import read_request
from recstore.capture.http_errors import network_errors, raised, wire_error
from recstore.capture.http_files import RecordedSocket, Tee, Unopened
from recstore.record.active import current
from recstore.record.call import Call
from recstore.record.modes import Mode
from recstore.record.wire import WireError, WireResponse

_HELD: Final = "_recstore_held"


def patch(module: ModuleType) -> Callable[[], None]:
    """Intercept the connections of `module`, http.client or urllib3.connection, and return what undoes it."""
    found: list[tuple[Any, str, Any]] = []

    def swap(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        original = owner.__dict__.get(name)
        if original is not None:
            found.append((owner, name, original))
            setattr(owner, name, wrap(original))

    for owner in (module.HTTPConnection, module.HTTPSConnection):
        swap(owner, "connect", _connecting)
    if module.__name__ == "http.client":
        swap(module.HTTPConnection, "send", _sending)
        swap(module.HTTPConnection, "getresponse", _answering)

    def undo() -> None:
        for owner, name, original in reversed(found):
            setattr(owner, name, original)

    return undo


def _is_asked() -> bool:
    session = current()
    return session is not None and session.mode is not Mode.LIVE


def _connecting(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(connection: Any) -> Any:
        if connection.__dict__.get(_HELD) is False or not _is_asked():
            return original(connection)
        connection.sock = Unopened()
        connection.is_verified = True  # urllib3 warns otherwise; a live request verifies when it connects
        return None

    return connect


def _sending(original: Callable[..., Any]) -> Callable[..., Any]:
    def send(connection: Any, data: Any) -> Any:
        held = connection.__dict__.get(_HELD)
        if held is False or (held is None and not _is_asked()):
            return original(connection, data)
        if held is None:
            held = connection.__dict__[_HELD] = []
            connection.sock = connection.sock or Unopened()
        held.extend(_pieces(data))
        return None

    return send


def _answering(original: Callable[..., Any]) -> Callable[..., Any]:
    def getresponse(connection: Any) -> Any:
        held = connection.__dict__.pop(_HELD, None)
        session = current()
        if not held:
            return original(connection)
        data = b"".join(held)
        request = read_request(data, _base_of(connection))
        call = session.begin(request) if session is not None else None
        if call is not None and call.replayed is not None:
            return _replayed(connection, call.replayed, request.method)
        if call is None:
            _flush(connection, data)
            return original(connection)
        try:
            _flush(connection, data)
            response = original(connection)
        except network_errors() as error:
            call.failed(wire_error(error))
            raise
        return _listened(response, call)

    return getresponse


def _flush(connection: Any, data: bytes) -> None:
    """Send what was held back, on a connection that is opened only now."""
    connection.__dict__[_HELD] = False
    try:
        if connection.sock is None or isinstance(connection.sock, Unopened):
            connection.sock = None
            connection.connect()
        connection.sock.sendall(data)
    finally:
        del connection.__dict__[_HELD]


def _base_of(connection: Any) -> str:
    scheme = "https" if isinstance(connection, HTTPSConnection) else "http"
    host, port = connection.host, connection.port
    if getattr(connection, "_tunnel_host", None):
        host, port = connection._tunnel_host, connection._tunnel_port  # noqa: SLF001 - what the request is for, behind a proxy
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port in (None, connection.default_port) else f"{scheme}://{name}:{port}"


def _pieces(data: Any) -> Iterator[bytes]:
    if hasattr(data, "read"):
        read = data.read()
        yield read.encode("latin-1") if isinstance(read, str) else bytes(read)
    elif isinstance(data, bytes | bytearray | memoryview) or hasattr(data, "__buffer__"):
        yield bytes(data)
    else:
        for piece in data:
            yield bytes(piece)


def _listened(response: Any, call: Call) -> Any:
    headers = tuple(response.getheaders())
    call.answered(response.status, response.reason or "", headers)
    if response.fp is None:  # nothing follows
        call.ended()
    else:
        response.fp = Tee(response.fp, call, length=response.length, is_chunked=response.chunked)
    return response


def _replayed(connection: Any, answer: WireResponse, method: str) -> Any:
    connection.close()  # the next request is another one
    if answer.status is None:
        error = answer.error or WireError("other", "", "no response was recorded")
        raise raised(error, connection)
    response = connection.response_class(RecordedSocket(answer, method), method=method)
    response.begin()
    return response
