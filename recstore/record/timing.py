"""The pauses of a stream: recorded and replayed where that is asked for, and no part of the answer."""

from __future__ import annotations

from typing import Any, Final

from recstore.content.bodies import parse_body
from recstore.model import Json, Response
from recstore.record.answer import wire_response
from recstore.record.kept import LiveAnswer
from recstore.record.sent import header

DELAYS: Final = "delays_ms"
"""The member of an entry's origin that has the wait before each chunk that is replayed, in milliseconds."""


def recorded_delays_ms(answer: LiveAnswer, chunk_count: int) -> list[Json]:
    """Return the wait before each of the chunks that the answer is replayed in.

    An event came when its last byte did. Where the bytes cannot be told apart (they were packed), or make other chunks
    than those replayed, all of the wait is before the first.
    """
    if not chunk_count or not answer.times_s:
        return []
    start_s, *times_s = answer.times_s
    ends_s = _ends_s(answer, times_s, chunk_count) if times_s else [start_s] * chunk_count
    starts_s = [start_s, *ends_s[:-1]]
    return [round(1000 * (end - start)) for start, end in zip(starts_s, ends_s, strict=True)]


def replayed_delays_s(origin: dict[str, Any], chunk_count: int) -> tuple[float, ...]:
    """Return the recorded waits, none where there are none that fit."""
    delays_ms = origin.get(DELAYS)
    if type(delays_ms) is not list or len(delays_ms) != chunk_count:
        return ()
    if not all(type(delay) is int and delay >= 0 for delay in delays_ms):
        return ()
    return tuple(delay / 1000 for delay in delays_ms)


def _ends_s(answer: LiveAnswer, times_s: list[float], chunk_count: int) -> list[float]:
    last = [times_s[-1]] * chunk_count
    if header(answer.headers, "content-encoding"):
        return last
    body = parse_body(b"".join(answer.chunks))
    events = wire_response(Response(answer.status, headers=answer.headers, body=body), "", "").chunks
    if len(events) != chunk_count:
        return last
    arrivals = [(size, time) for chunk, time in zip(answer.chunks, times_s, strict=True) for size in (len(chunk),)]
    ends_s, received, arrived = [], 0, iter(arrivals)
    time_s, end = times_s[0], 0
    for event in events:
        end += len(event)
        while received < end:
            size, time_s = next(arrived)
            received += size
        ends_s.append(time_s)
    return ends_s
