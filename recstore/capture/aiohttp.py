"""aiohttp, from 3.12 on: intercepted where it asks for a connection, and where a response begins.

A recorded response is written, event by event, to a connection that leads nowhere, so that the client's own parser
reads it. Of a live one the body is passed on as it comes. Redirects and retries are the client's, above.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

from recstore.capture.nowhere import NoPool, Nowhere
from recstore.record.active import current
from recstore.record.call import Call
from recstore.record.wire import ErrorKind, WireError, WireRequest, WireResponse

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


def patch(module: Any) -> Callable[[], None]:
    """Intercept aiohttp, which `module` is, and return what undoes it; a version before 3.12 is left alone."""
    connector, response = module.BaseConnector, module.ClientResponse
    originals = connector.connect, response.start
    if not hasattr(module.payload.Payload, "as_bytes"):
        return lambda: None
    client = _Client(module)
    connector.connect, response.start = client.connecting(originals[0]), client.starting(originals[1])

    def undo() -> None:
        connector.connect, response.start = originals

    return undo


class _Client:
    """The module, and which calls its open connections are for."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self._calls: WeakKeyDictionary[Any, Call] = WeakKeyDictionary()

    def connecting(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return `BaseConnector.connect` with the session asked first."""

        async def connect(connector: Any, req: Any, *arguments: Any, **named: Any) -> Any:
            session = current()
            if session is None or "websocket" in req.headers.get("Upgrade", "").lower():
                return await original(connector, req, *arguments, **named)
            call = session.begin(_wire_request(req, await _body(req)))
            if call is None:
                return await original(connector, req, *arguments, **named)
            if call.replayed is not None:
                connection = self._recorded(call.replayed, req)
            else:
                with self._watched(call):
                    connection = await original(connector, req, *arguments, **named)
            self._calls[connection] = call
            return connection

        return connect

    def starting(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return `ClientResponse.start` with the body sent or listened to."""

        async def start(response: Any, connection: Any) -> Any:
            call = self._calls.pop(connection, None)
            if call is None:
                return await original(response, connection)
            if call.replayed is not None:
                nowhere = connection.transport
                await original(response, connection)
                nowhere.begin(response.content, self._error(call.replayed))
                return response
            with self._watched(call):
                await original(response, connection)
            self._listen(response, call)
            return response

        return start

    @contextmanager
    def _watched(self, call: Call) -> Iterator[None]:
        try:
            yield
        except (self.module.ClientError, OSError) as error:  # a TimeoutError is an OSError
            call.failed(self._wire_error(error))
            raise

    def _wire_error(self, error: BaseException) -> WireError:
        name = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
        message = str(getattr(error, "os_error", error))
        for class_name, kind in _KINDS:
            if isinstance(error, getattr(self.module, class_name)):
                return WireError(kind, name, message)
        return WireError("read-timeout" if isinstance(error, TimeoutError) else "read", name, message)

    def _error(self, answer: WireResponse, request: Any = None) -> Exception | None:
        """Return the exception that was raised when the answer was recorded, or the nearest that this client has."""
        told = answer.error
        if told is None:
            return None
        name = told.type_name.rpartition(".")[2]
        if name == "TimeoutError":
            return TimeoutError(told.message)
        kind = getattr(self.module, name, None)
        if not (isinstance(kind, type) and issubclass(kind, self.module.ClientError)):
            kind = getattr(self.module, next((name for name, kind in _KINDS if kind == told.kind), "ClientOSError"))
        if issubclass(kind, self.module.ClientConnectorError):
            key = request.connection_key if request is not None else None
            return self.module.ClientConnectorError(key, _os_error(told.message))  # type: ignore[no-any-return]
        if issubclass(kind, self.module.ClientResponseError):
            return self.module.ClientPayloadError(told.message)  # type: ignore[no-any-return]
        raised: Exception = kind(told.message)
        return raised

    def _recorded(self, answer: WireResponse, request: Any) -> Any:
        if answer.status is None:
            raise self._error(answer, request) or self.module.ClientOSError("no response was recorded")
        loop = asyncio.get_running_loop()
        protocol = self.module.client_proto.ResponseHandler(loop)
        protocol.connection_made(Nowhere(loop, protocol, answer, has_body=request.method != "HEAD"))
        return self.module.connector.Connection(NoPool(), request.connection_key, protocol, loop)

    def _listen(self, response: Any, call: Call) -> None:
        """Have the body go through `call` on its way to whoever reads it."""
        live, session = response.content, response._session  # noqa: SLF001 - whether bodies are decoded says only it
        is_decoded = session is None or session.auto_decompress
        headers = tuple(
            (name, value)
            for name, value in response.headers.items()
            if not (is_decoded and name.lower() == "content-encoding")
        )
        call.answered(response.status, response.reason or "", headers)
        if not isinstance(live, self.module.StreamReader) or live is self.module.streams.EMPTY_PAYLOAD:
            call.ended()
            return
        loop = asyncio.get_running_loop()
        open_end = self.module.client_proto.ResponseHandler(loop)  # what has come may be read when the server has gone
        open_end.connection_made(asyncio.Transport())
        timer = response._timer  # noqa: SLF001 - the limit on the whole response is for who reads it, too
        response.content = passed = self.module.StreamReader(open_end, 2**16, timer=timer, loop=loop)
        passing = loop.create_task(self._pass_on(live, passed, call))

        def over(_: object) -> None:
            if live.exception() is None:
                call.received(live.read_nowait(-1))
            call.ended()

        passing.add_done_callback(over)

    async def _pass_on(self, live: Any, passed: Any, call: Call) -> None:
        try:
            async for data, is_end in live.iter_chunks():
                call.received(data)
                passed.begin_http_chunk_receiving()
                passed.feed_data(data)
                if is_end:
                    passed.end_http_chunk_receiving()
        except (self.module.ClientError, OSError) as error:
            if not isinstance(error, self.module.ClientConnectionError) or str(error) != "Connection closed":
                call.failed(self._wire_error(error))  # otherwise the client wants no more of it
            passed.set_exception(error)
            return
        call.ended()
        passed.feed_eof()


def _os_error(message: str) -> OSError:
    numbered = re.fullmatch(r"\[Errno (\d+)\] (.*)", message, re.DOTALL)
    return OSError(int(numbered[1]), numbered[2]) if numbered else OSError(None, message)


async def _body(request: Any) -> bytes:
    body = request.body
    return bytes(body) if isinstance(body, bytes | bytearray) else await body.as_bytes()


def _wire_request(request: Any, body: bytes) -> WireRequest:
    return WireRequest(request.method, str(request.url), tuple(request.headers.items()), body)
