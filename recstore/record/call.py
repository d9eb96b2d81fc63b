"""One request under way, from whichever thread or task it is told of."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

from recstore.model import Headers
from recstore.record.kept import LiveAnswer
from recstore.record.wire import WireError, WireResponse

Clock: TypeAlias = Callable[[], float]
"""Seconds, from any moment on."""


class Call:
    """One request: `replayed` answers it; where that is None it is made, and what comes back is told here.

    `when_over` takes the answer once, when it is complete or has failed.
    """

    def __init__(
        self,
        replayed: WireResponse | None = None,
        when_over: Callable[[LiveAnswer], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.replayed = replayed
        self._when_over = when_over
        self._clock = clock
        self._turn = Lock()
        self._head: tuple[int, str, Headers] | None = None
        self._chunks: list[bytes] = []
        self._times_s: list[float] = [clock()] if clock else []

    def answered(self, status: int, reason: str, headers: Headers) -> None:
        """Take the head of the live response."""
        self._head = (status, reason, headers)

    def received(self, chunk: bytes) -> None:
        """Take the next bytes of the live body as they came over the wire, still content-encoded."""
        if chunk and self._when_over is not None:
            self._chunks.append(bytes(chunk))
            if self._clock:
                self._times_s.append(self._clock())

    def ended(self) -> None:
        """Know that the live response is complete, or that the client wants no more of it; more than once is once."""
        if self._head is not None:
            self._over(None)

    def failed(self, error: WireError) -> None:
        """Know that there was no response, or that its stream broke."""
        self._over(error)

    def so_far(self) -> LiveAnswer:
        """Return what has come back until now."""
        return self._answer(None)

    def _over(self, error: WireError | None) -> None:
        with self._turn:
            take, self._when_over = self._when_over, None
        if take is not None:
            take(self._answer(error))

    def _answer(self, error: WireError | None) -> LiveAnswer:
        status, reason, headers = self._head or (None, "", ())
        return LiveAnswer(status, reason, headers, tuple(self._chunks), tuple(self._times_s), error)
