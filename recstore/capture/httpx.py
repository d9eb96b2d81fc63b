"""httpx and httpx2: intercepted at the transports that open connections, sync and async.

Bytes from the wire are passed on chunk by chunk while they are recorded; on replay a stream's events come one by one.
Retries, redirects and authentication are the client's, above: each request that would go over the wire is one exchange.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from recstore.capture import Undo, swap
from recstore.record.exchange import ErrorKind, Exchange, WireError, WireRequest, WireResponse
from recstore.record.session import Session, current

_KINDS: Final[tuple[tuple[str, ErrorKind], ...]] = (
    ("ConnectTimeout", "connect-timeout"),
    ("ReadTimeout", "read-timeout"),
    ("WriteTimeout", "write-timeout"),
    ("PoolTimeout", "pool-timeout"),
    ("ConnectError", "connect"),
    ("ReadError", "read"),
    ("WriteError", "write"),
    ("ProxyError", "proxy"),
    ("RemoteProtocolError", "protocol"),
    ("ProtocolError", "protocol"),
    ("TransportError", "other"),
)
"""The client's class and recstore's word for it, the more special ones first."""


def patch(module: Any) -> Undo:
    """Intercept the client that `module` is, and return the function that undoes it."""
    client, sync, asynchronous = _Client(module), module.HTTPTransport, module.AsyncHTTPTransport
    return swap(
        (sync, "handle_request", client.intercepted(sync.handle_request)),
        (asynchronous, "handle_async_request", client.intercepted_async(asynchronous.handle_async_request)),
    )


class _Client:
    """One of the two, which have the same names."""

    def __init__(self, module: Any) -> None:
        self.module = module
        bases = (module.SyncByteStream, module.AsyncByteStream)
        self._live_stream = type("LiveStream", (_LiveStream, *bases), {})
        self._replayed_stream = type("ReplayedStream", (_ReplayedStream, *bases), {})

    def intercepted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return `handle_request` that asks the session first."""

        def handle_request(transport: Any, request: Any) -> Any:
            session = current()
            exchange = session.begin(_wire_request(request, request.read())) if session else None
            if session is None or exchange is None:
                return original(transport, request)
            if exchange.replayed is not None:
                return self._replayed(exchange.replayed, request)
            with self.errors_noted(session, exchange):
                response = original(transport, request)
            return self._live(response, session, exchange)

        return handle_request

    def intercepted_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return `handle_async_request` that asks the session first."""

        async def handle_async_request(transport: Any, request: Any) -> Any:
            session = current()
            exchange = session.begin(_wire_request(request, await request.aread())) if session else None
            if session is None or exchange is None:
                return await original(transport, request)
            if exchange.replayed is not None:
                return self._replayed(exchange.replayed, request)
            with self.errors_noted(session, exchange):
                response = await original(transport, request)
            return self._live(response, session, exchange)

        return handle_async_request

    @contextmanager
    def errors_noted(self, session: Session, exchange: Exchange) -> Iterator[None]:
        """Complete the exchange with an error of the client's, and let the error go on."""
        try:
            yield
        except self.module.TransportError as error:
            kind = next(kind for name, kind in _KINDS if isinstance(error, getattr(self.module, name)))
            name = f"{self.module.__name__}.{type(error).__name__}"
            session.complete(exchange, WireError(kind, name, str(error)))
            raise

    def to_client_error(self, wire_error: WireError, request: Any) -> Exception:
        """Return the exception that was raised when it was recorded, or the nearest that this client has."""
        error_class = getattr(self.module, wire_error.type_name.rpartition(".")[2], None)
        if not (isinstance(error_class, type) and issubclass(error_class, self.module.TransportError)):
            error_class = getattr(self.module, next(name for name, kind in _KINDS if kind == wire_error.kind))
        error: Exception = error_class(wire_error.message, request=request)
        return error

    def _replayed(self, answer: WireResponse, request: Any) -> Any:
        if answer.status is None:
            raise self.to_client_error(answer.error or WireError("other", "", "no response was recorded"), request)
        return self.module.Response(
            answer.status,
            headers=[(_header_bytes(name), _header_bytes(value)) for name, value in answer.headers],
            stream=self._replayed_stream(self, answer, request),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("ascii", "ignore")},
        )

    def _live(self, response: Any, session: Session, exchange: Exchange) -> Any:
        reason = response.extensions.get("reason_phrase", b"").decode("ascii", "ignore")
        exchange.on_headers(response.status_code, reason, _wire_headers(response))
        response.stream = self._live_stream(self, response.stream, session, exchange)
        return response


def _wire_request(request: Any, body: bytes) -> WireRequest:
    return WireRequest(request.method, str(request.url), _wire_headers(request), body)


def _wire_headers(message: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.raw)


def _header_bytes(text: str) -> bytes:
    """Return the bytes of a header's name or value: those that it came in, unless another client read them differently."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


class _LiveStream:
    """A live body, read or awaited, that is noted in its exchange on its way to the client."""

    def __init__(self, client: _Client, stream: Any, session: Session, exchange: Exchange) -> None:
        self._client, self._stream, self._session, self._exchange = client, stream, session, exchange

    def __iter__(self) -> Iterator[bytes]:
        with self._client.errors_noted(self._session, self._exchange):
            for chunk in self._stream:
                self._exchange.on_chunk(chunk)
                yield chunk
        self._session.complete(self._exchange)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._client.errors_noted(self._session, self._exchange):
            async for chunk in self._stream:
                self._exchange.on_chunk(chunk)
                yield chunk
        self._session.complete(self._exchange)

    def close(self) -> None:
        """Close the body: what has come until now is the answer."""
        self._stream.close()
        self._session.complete(self._exchange)

    async def aclose(self) -> None:
        """Close the body: what has come until now is the answer."""
        await self._stream.aclose()
        self._session.complete(self._exchange)


class _ReplayedStream:
    """A recorded body, read or awaited."""

    def __init__(self, client: _Client, answer: WireResponse, request: Any) -> None:
        self._client, self._answer, self._request = client, answer, request

    def __iter__(self) -> Iterator[bytes]:
        for delay_s, chunk in self._parts():
            if delay_s:
                time.sleep(delay_s)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for delay_s, chunk in self._parts():
            if delay_s:
                import anyio

                await anyio.sleep(delay_s)
            yield chunk

    def _parts(self) -> Iterator[tuple[float, bytes]]:
        """Yield the chunks, each with the wait before it; raise the error that broke the stream."""
        for index, chunk in enumerate(self._answer.chunks):
            yield self._answer.delays_s[index] if self._answer.delays_s else 0.0, chunk
        if self._answer.error is not None:
            raise self._client.to_client_error(self._answer.error, self._request)
