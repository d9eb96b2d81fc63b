"""httpx and httpx2: intercepted at the transports that open connections, sync and async.

What comes over the wire is passed on chunk by chunk while it is kept; on replay a stream's events come one by one.
Retries, redirects and authentication are the client's, above: each request that would go over the wire is one call.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from recstore.record.active import current
from recstore.record.call import Call
from recstore.record.wire import ErrorKind, WireError, WireRequest, WireResponse

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


def patch(module: Any) -> Callable[[], None]:
    """Intercept the client that `module` is, and return what undoes it."""
    client = _Client(module)
    originals = (module.HTTPTransport.handle_request, module.AsyncHTTPTransport.handle_async_request)
    module.HTTPTransport.handle_request = client.intercepted(originals[0])
    module.AsyncHTTPTransport.handle_async_request = client.intercepted_async(originals[1])

    def undo() -> None:
        module.HTTPTransport.handle_request, module.AsyncHTTPTransport.handle_async_request = originals

    return undo


class _Client:
    """One of the two, which have the same names."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.stream = type("Stream", (_Stream, module.SyncByteStream), {})
        self.async_stream = type("AsyncStream", (_AsyncStream, module.AsyncByteStream), {})

    def intercepted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return `handle_request` with the session asked first."""

        def handle_request(transport: Any, request: Any) -> Any:
            session = current()
            if session is None:
                return original(transport, request)
            call = session.begin(_wire_request(request, request.read()))
            if call is None:
                return original(transport, request)
            if call.replayed is not None:
                return self._replayed(call.replayed, request, self.stream)
            with self.watched(call):
                response = original(transport, request)
            return self._listened(response, call, self.stream)

        return handle_request

    def intercepted_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return `handle_async_request` with the session asked first."""

        async def handle_async_request(transport: Any, request: Any) -> Any:
            session = current()
            if session is None:
                return await original(transport, request)
            call = session.begin(_wire_request(request, await request.aread()))
            if call is None:
                return await original(transport, request)
            if call.replayed is not None:
                return self._replayed(call.replayed, request, self.async_stream)
            with self.watched(call):
                response = await original(transport, request)
            return self._listened(response, call, self.async_stream)

        return handle_async_request

    @contextmanager
    def watched(self, call: Call) -> Iterator[None]:
        """Tell the call of an error of the client's, and let it go on."""
        try:
            yield
        except self.module.TransportError as error:
            call.failed(self._wire_error(error))
            raise

    def error(self, told: WireError, request: Any) -> Exception:
        """Return the exception that was raised when it was recorded, or the nearest that this client has."""
        name = told.type_name.rpartition(".")[2]
        found = getattr(self.module, name, None)
        if not (isinstance(found, type) and issubclass(found, self.module.TransportError)):
            found = getattr(self.module, next(name for name, kind in _KINDS if kind == told.kind))
        error: Exception = found(told.message, request=request)
        return error

    def _wire_error(self, error: Exception) -> WireError:
        kind = next(kind for name, kind in _KINDS if isinstance(error, getattr(self.module, name)))
        return WireError(kind, f"{self.module.__name__}.{type(error).__name__}", str(error))

    def _replayed(self, answer: WireResponse, request: Any, stream: Callable[..., Any]) -> Any:
        if answer.status is None:
            raise self.error(answer.error or WireError("other", "", "no response was recorded"), request)
        return self.module.Response(
            answer.status,
            headers=[(_header_bytes(name), _header_bytes(value)) for name, value in answer.headers],
            stream=stream(self, None, (answer, request)),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("ascii", "ignore")},
        )

    def _listened(self, response: Any, call: Call, stream: Callable[..., Any]) -> Any:
        reason = response.extensions.get("reason_phrase", b"").decode("ascii", "ignore")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        call.answered(response.status_code, reason, headers)
        response.stream = stream(self, (response.stream, call), None)
        return response


def _wire_request(request: Any, body: bytes) -> WireRequest:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    return WireRequest(request.method, str(request.url), headers, body)


def _header_bytes(text: str) -> bytes:
    """Return the bytes of a header's name or value: those that it came in, unless another client read them otherwise."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


class _Body:
    """A response's body: live, told to a call; or recorded, from an answer."""

    def __init__(
        self, client: _Client, live: tuple[Any, Call] | None, recorded: tuple[WireResponse, Any] | None
    ) -> None:
        self._client, self._live, self._recorded = client, live, recorded

    def _parts(self) -> Iterator[tuple[float, bytes]]:
        """Yield the recorded chunks, each with the wait before it; raise what broke the stream."""
        assert self._recorded is not None  # noqa: S101 - one of the two is given
        answer, request = self._recorded
        for place, chunk in enumerate(answer.chunks):
            yield answer.delays_s[place] if answer.delays_s else 0.0, chunk
        if answer.error is not None:
            raise self._client.error(answer.error, request)


class _Stream(_Body):
    """A body that is read at once."""

    def __iter__(self) -> Iterator[bytes]:
        if self._live is None:
            for delay_s, chunk in self._parts():
                if delay_s:
                    time.sleep(delay_s)
                yield chunk
            return
        stream, call = self._live
        with self._client.watched(call):
            for chunk in stream:
                call.received(chunk)
                yield chunk
        call.ended()

    def close(self) -> None:
        """Close the live body: what has come until now is all that there is."""
        if self._live is not None:
            stream, call = self._live
            stream.close()
            call.ended()


class _AsyncStream(_Body):
    """A body that is awaited."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._live is None:
            for delay_s, chunk in self._parts():
                if delay_s:
                    import anyio

                    await anyio.sleep(delay_s)
                yield chunk
            return
        stream, call = self._live
        with self._client.watched(call):
            async for chunk in stream:
                call.received(chunk)
                yield chunk
        call.ended()

    async def aclose(self) -> None:
        """Close the live body."""
        if self._live is not None:
            stream, call = self._live
            await stream.aclose()
            call.ended()
