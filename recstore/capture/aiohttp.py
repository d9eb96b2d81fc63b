"""aiohttp, from 3.12 on: intercepted where it asks for a connection, and where a response begins.

A recorded response is written, event by event, to a transport without a network, so that the client's own parser
reads it. Of a live one the body is noted as the client's reader is fed with it. Redirects and retries are the client's, above.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakKeyDictionary

from recstore.capture import Undo, os_error, swap
from recstore.capture.http1 import serialize_response
from recstore.record.exchange import ErrorKind, Exchange, WireError, WireRequest, WireResponse
from recstore.record.session import Session, current

_KINDS: Final[tuple[tuple[str, ErrorKind], ...]] = (
    ("ConnectionTimeoutError", "connect-timeout"),
    ("ServerTimeoutError", "read-timeout"),
    ("ClientProxyConnectionError", "proxy"),
    ("ClientConnectorError", "connect"),
    ("ServerDisconnectedError", "protocol"),
    ("ClientPayloadError", "read"),
    ("ClientResponseError", "protocol"),
    ("ClientOSError", "read"),
    ("ClientError", "other"),
)
"""The client's class and recstore's word for it, the more special ones first."""


def patch(module: Any) -> Undo:
    """Intercept aiohttp, which `module` is, and return the function that undoes it; a version before 3.12 is left alone."""
    if not hasattr(module.payload.Payload, "as_bytes"):
        return lambda: None
    exchanges: WeakKeyDictionary[Any, tuple[Session, Exchange]] = WeakKeyDictionary()  # by connection
    connect_live, start_live = module.BaseConnector.connect, module.ClientResponse.start

    async def connect(connector: Any, req: Any, *arguments: Any, **named: Any) -> Any:
        session = current()
        if session is None or "websocket" in req.headers.get("Upgrade", "").lower():
            return await connect_live(connector, req, *arguments, **named)
        body = req.body if isinstance(req.body, bytes | bytearray) else await req.body.as_bytes()
        exchange = session.begin(WireRequest(req.method, str(req.url), tuple(req.headers.items()), bytes(body)))
        if exchange is None:
            return await connect_live(connector, req, *arguments, **named)
        answer = exchange.replayed
        if answer is None:
            with _errors_noted(module, session, exchange):
                connection = await connect_live(connector, req, *arguments, **named)
        elif answer.status is None:
            raise _to_client_error(module, answer.error or WireError("read", "", "no response was recorded"), req)
        else:
            loop = asyncio.get_running_loop()
            protocol = module.client_proto.ResponseHandler(loop)
            protocol.connection_made(_ReplayTransport(loop, protocol, answer, req.method))
            pool = SimpleNamespace(force_close=False, _release=lambda _key, protocol, **_: protocol.close())
            connection = module.connector.Connection(pool, req.connection_key, protocol, loop)
        exchanges[connection] = session, exchange
        return connection

    async def start(response: Any, connection: Any) -> Any:
        session, exchange = exchanges.pop(connection, (None, None))
        if session is None or exchange is None:
            return await start_live(response, connection)
        if exchange.replayed is not None:
            transport, error = connection.transport, exchange.replayed.error
            await start_live(response, connection)
            transport.send_body(response.content, _to_client_error(module, error) if error else None)
            return response
        with _errors_noted(module, session, exchange):
            await start_live(response, connection)
        _note_body(module, response, session, exchange)
        return response

    return swap((module.BaseConnector, "connect", connect), (module.ClientResponse, "start", start))


@contextmanager
def _errors_noted(module: Any, session: Session, exchange: Exchange) -> Iterator[None]:
    """Complete the exchange with an error of the client's, and let the error go on."""
    try:
        yield
    except (module.ClientError, OSError) as error:  # a TimeoutError is an OSError
        session.complete(exchange, _wire_error(module, error))
        raise


def _note_body(module: Any, response: Any, session: Session, exchange: Exchange) -> None:
    """Note the body in the exchange as it comes, what has come already included."""
    live, owner = response.content, response._session  # noqa: SLF001 - only it says whether bodies are decoded
    undone = "content-encoding" if owner is None or owner.auto_decompress else None
    headers = tuple(pair for pair in response.headers.items() if pair[0].lower() != undone)
    exchange.on_headers(response.status, response.reason or "", headers)
    if type(live) is not module.StreamReader:  # it is empty
        session.complete(exchange)
        return

    class NotingReader(module.StreamReader):  # type: ignore[misc] # the module is a value
        """The client's own reader: it has no room for the exchange, so each has a class of its own."""

        __slots__ = ()

        def feed_data(self, data: bytes, *size: int) -> Any:
            exchange.on_chunk(data)
            return super().feed_data(data, *size)

        def feed_eof(self) -> None:
            session.complete(exchange)
            super().feed_eof()

        def set_exception(self, error: BaseException, *cause: BaseException) -> None:
            is_closed = isinstance(error, module.ClientConnectionError) and str(error) == "Connection closed"
            session.complete(exchange, None if is_closed else _wire_error(module, error))  # closed by the client
            super().set_exception(error, *cause)

        async def _wait(self, reader: str) -> None:
            try:
                await super()._wait(reader)
            except TimeoutError as error:  # that of the whole request, which is for who reads
                session.complete(exchange, _wire_error(module, error))
                raise

    live.__class__ = NotingReader
    for data in live._buffer:  # noqa: SLF001 - reading it would also tell the connection to go on
        exchange.on_chunk(data)
    if live.exception() is not None:
        session.complete(exchange, _wire_error(module, live.exception()))
    elif live.is_eof():
        session.complete(exchange)


def _wire_error(module: Any, error: BaseException) -> WireError:
    """Return the client's error in recstore's words."""
    name = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
    other: ErrorKind = "read-timeout" if isinstance(error, TimeoutError) else "read"
    classes = ((getattr(module, class_name), kind) for class_name, kind in _KINDS)
    kind = next((kind for error_class, kind in classes if isinstance(error, error_class)), other)
    return WireError(kind, name, str(getattr(error, "os_error", error)))


def _to_client_error(module: Any, wire_error: WireError, request: Any = None) -> Exception:
    """Return the exception that was raised when the answer was recorded, or the nearest that this client has."""
    name, message = wire_error.type_name.rpartition(".")[2], wire_error.message
    if name == "TimeoutError":
        return TimeoutError(message)
    error_class = getattr(module, name, None)
    if not (isinstance(error_class, type) and issubclass(error_class, module.ClientError)):
        nearest = next((name for name, kind in _KINDS if kind == wire_error.kind), "ClientOSError")
        error_class = getattr(module, nearest)
    if issubclass(error_class, module.ClientConnectorError):
        cause = os_error(OSError, message)
        cause.strerror = cause.strerror or message
        return module.ClientConnectorError(getattr(request, "connection_key", None), cause)  # type: ignore[no-any-return]
    if issubclass(error_class, module.ClientResponseError):
        error_class = module.ClientPayloadError
    return error_class(message)  # type: ignore[no-any-return]


class _ReplayTransport(asyncio.Transport):
    """A connection on which a recorded answer comes once a request has been written."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, answer: WireResponse, method: str) -> None:
        super().__init__()
        self._loop, self._protocol, self._delays_s = loop, protocol, answer.delays_s
        self._head, *self._body = serialize_response(answer, method, "utf-8")
        self._is_answering = self._is_closed = False
        self._sender: asyncio.Task[None] | None = None

    def write(self, _data: object) -> None:
        """Take a part of the request; after the first, the head of the answer comes."""
        if not self._is_answering:
            self._is_answering = True
            self._loop.call_soon(self._receive, self._head)

    def send_body(self, content: Any, error: Exception | None) -> None:
        """Have the body come, which is read from `content`, and then the error that broke it."""

        async def send() -> None:
            for index, piece in enumerate(self._body):
                await asyncio.sleep(self._delays_s[index] if index < len(self._delays_s) else 0)  # a reader sees each
                self._receive(piece)
            if error is not None:
                await asyncio.sleep(0)
                content.set_exception(error)

        if self._body or error is not None:
            self._sender = self._loop.create_task(send())

    def _receive(self, data: bytes) -> None:
        if not self._is_closed:
            self._protocol.data_received(data)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            if self._sender is not None:
                self._sender.cancel()
            with suppress(RuntimeError):  # the loop is closed, too
                self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self._is_closed

    def pause_reading(self) -> None:
        """Do nothing: the answer is in memory anyway."""

    resume_reading = pause_reading
