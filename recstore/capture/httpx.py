"""httpx and httpx2: intercepted at the transports that open connections, sync and async.

Bytes from the wire are passed on chunk by chunk while they are recorded; on replay a stream's events come one by one.
Retries, redirects and authentication are the client's, above: each request that would go over the wire is one exchange.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

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
    bases = (_ExchangeStream, module.SyncByteStream, module.AsyncByteStream)
    stream_class: type[_ExchangeStream] = type("ExchangeStream", bases, {"module": module})
    send, send_async = module.HTTPTransport.handle_request, module.AsyncHTTPTransport.handle_async_request

    def handle_request(transport: Any, request: Any) -> Any:
        session = current()
        stream = stream_class.begin(session, request, request.read()) if session else None
        if stream is None:
            return send(transport, request)
        if stream.exchange.replayed is not None:
            return stream.replayed_response(stream.exchange.replayed)
        with stream.errors_noted():
            return stream.noted_response(send(transport, request))

    async def handle_async_request(transport: Any, request: Any) -> Any:
        session = current()
        stream = stream_class.begin(session, request, await request.aread()) if session else None
        if stream is None:
            return await send_async(transport, request)
        if stream.exchange.replayed is not None:
            return stream.replayed_response(stream.exchange.replayed)
        with stream.errors_noted():
            return stream.noted_response(await send_async(transport, request))

    return swap(
        (module.HTTPTransport, "handle_request", handle_request),
        (module.AsyncHTTPTransport, "handle_async_request", handle_async_request),
    )


class _ExchangeStream:
    """One request, and the body of its answer, read or awaited: a recorded one, or a live one that is noted."""

    module: Any  # httpx or httpx2, which have the same names

    def __init__(self, request: Any, session: Session, exchange: Exchange) -> None:
        self.exchange = exchange
        self._request, self._session = request, session
        self._live: Any = None

    @classmethod
    def begin(cls, session: Session, request: Any, body: bytes) -> Self | None:
        """Return the exchange that the request begins; None: let it through."""
        exchange = session.begin(WireRequest(request.method, str(request.url), _wire_headers(request), body))
        return cls(request, session, exchange) if exchange is not None else None

    @contextmanager
    def errors_noted(self) -> Iterator[None]:
        """Complete the exchange with an error of the client's, and let the error go on."""
        try:
            yield
        except self.module.TransportError as error:
            kind = next(kind for name, kind in _KINDS if isinstance(error, getattr(self.module, name)))
            name = f"{self.module.__name__}.{type(error).__name__}"
            self._session.complete(self.exchange, WireError(kind, name, str(error)))
            raise

    def noted_response(self, response: Any) -> Any:
        """Return the live response, whose body is noted on its way to the client."""
        reason = response.extensions.get("reason_phrase", b"").decode("ascii", "ignore")
        self.exchange.on_headers(response.status_code, reason, _wire_headers(response))
        self._live, response.stream = response.stream, self
        return response

    def replayed_response(self, answer: WireResponse) -> Any:
        """Return the recorded response, or raise the error that was recorded instead of one."""
        if answer.status is None:
            raise self._client_error(answer.error or WireError("other", "", "no response was recorded"))
        return self.module.Response(
            answer.status,
            headers=[(_header_bytes(name), _header_bytes(value)) for name, value in answer.headers],
            stream=self,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("ascii", "ignore")},
        )

    def __iter__(self) -> Iterator[bytes]:
        for delay_s, chunk in self._replayed_parts():
            if delay_s:
                time.sleep(delay_s)
            yield chunk
        if self._live is not None:
            with self.errors_noted():
                for chunk in self._live:
                    self.exchange.on_chunk(chunk)
                    yield chunk
            self._session.complete(self.exchange)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for delay_s, chunk in self._replayed_parts():
            if delay_s:
                import anyio

                await anyio.sleep(delay_s)
            yield chunk
        if self._live is not None:
            with self.errors_noted():
                async for chunk in self._live:
                    self.exchange.on_chunk(chunk)
                    yield chunk
            self._session.complete(self.exchange)

    def close(self) -> None:
        """Close the body: what has come until now is the answer."""
        if self._live is not None:
            self._live.close()
            self._session.complete(self.exchange)

    async def aclose(self) -> None:
        if self._live is not None:
            await self._live.aclose()
            self._session.complete(self.exchange)

    def _replayed_parts(self) -> Iterator[tuple[float, bytes]]:
        """Yield the recorded chunks, each with the wait before it; raise the error that broke the stream."""
        if (answer := self.exchange.replayed) is not None:
            for index, chunk in enumerate(answer.chunks):
                yield answer.delays_s[index] if answer.delays_s else 0.0, chunk
            if answer.error is not None:
                raise self._client_error(answer.error)

    def _client_error(self, wire_error: WireError) -> Exception:
        """Return the exception that was raised when it was recorded, or the nearest that this client has."""
        error_class = getattr(self.module, wire_error.type_name.rpartition(".")[2], None)
        if not (isinstance(error_class, type) and issubclass(error_class, self.module.TransportError)):
            error_class = getattr(self.module, next(name for name, kind in _KINDS if kind == wire_error.kind))
        return error_class(wire_error.message, request=self._request)  # type: ignore[no-any-return]


def _wire_headers(message: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.raw)


def _header_bytes(text: str) -> bytes:
    """Return the bytes of a header's name or value: those that it came in, unless another client read them differently."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
