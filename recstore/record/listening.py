"""Live calls under way: what came back is made into what is stored, and their ids are known as soon as anybody has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

from recstore.model import Response
from recstore.record.call import Call, Clock
from recstore.record.kept import LiveAnswer, kept_response
from recstore.record.sent import Sent, credentials_of, header
from recstore.record.server_ids import Minter, Names
from recstore.record.wire import WireRequest
from recstore.secrets.redact import Redaction

Take: TypeAlias = Callable[[LiveAnswer, Response], None]
"""What takes a live answer that is over, and the response that is stored of it."""

_LOOK_UPS = frozenset(("GET", "HEAD"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the answer to one request is read with."""

    sent: Sent
    credentials: tuple[bytes, ...]


class Listener:
    """The live calls of one session, from any thread."""

    def __init__(self, names: Names, redaction: Redaction, clock: Clock | None) -> None:
        self._names = names
        self._redaction = redaction
        self._clock = clock
        self._turn = Lock()
        self._open: dict[int, tuple[Call, _Asked]] = {}
        self._last = 0

    def call(self, sent: Sent, wire: WireRequest, take: Take) -> Call:
        """Return the call of a request that is about to be made; `take` gets its answer, once."""
        asked = _Asked(sent, credentials_of(wire, self._redaction))

        def over(answer: LiveAnswer) -> None:
            with self._turn:
                self._open.pop(number, None)
            take(answer, self._response(answer, asked))

        call = Call(None, over, self._clock)
        with self._turn:
            self._last += 1
            number = self._last
            self._open[number] = (call, asked)
        return call

    def hear(self, wire: WireRequest) -> None:
        """Learn the ids that a request names from answers that are not over: a client may use what it has read of one."""
        with self._turn:
            under_way = list(self._open.values())
        if not under_way:
            return
        unknown = self._names.unknown_in(wire.url.encode("utf-8", "replace") + b"\n" + wire.body)
        for call, asked in under_way if unknown else ():
            answer = call.so_far()
            data = b"".join(answer.chunks)
            if header(answer.headers, "content-encoding") or any(name in data for name in unknown):
                self._response(answer, asked)

    def _response(self, answer: LiveAnswer, asked: _Asked) -> Response:
        sent = asked.sent
        minter = Minter(self._names, sent.key, sent.text(), looks_up=sent.request.method in _LOOK_UPS)
        is_head = sent.request.method == "HEAD"
        return kept_response(answer, self._redaction, minter, asked.credentials, is_head=is_head)
