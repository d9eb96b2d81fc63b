"""Pauses of streams: measured by event, replayed where they fit."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from recstore.model import Headers
from recstore.record.kept import LiveAnswer
from recstore.record.timing import DELAYS, recorded_delays_ms, replayed_delays_s

EVENTS = b"data: 1\n\ndata: 2\n\ndata: 3\n\n"


def _delays(chunks: tuple[bytes, ...], times_s: tuple[float, ...], count: int, headers: Headers = ()) -> list[Any]:
    return recorded_delays_ms(LiveAnswer(200, "", headers, chunks, times_s), count)


def test_an_event_came_when_its_last_byte_did() -> None:
    """However the network cut the stream."""
    chunks = (EVENTS[:4], EVENTS[4:12], EVENTS[12:])

    assert [500, 1000, 0] == _delays(chunks, (10.0, 10.25, 10.5, 11.5), 3)


@pytest.mark.parametrize(
    ("chunks", "count", "headers"),
    [
        ((EVENTS[:4], EVENTS[4:]), 2, ()),
        ((gzip.compress(EVENTS)[:9], gzip.compress(EVENTS)[9:]), 3, (("content-encoding", "gzip"),)),
        ((b"some ", b"text"), 1, ()),
    ],
)
def test_where_events_cannot_be_told_apart_all_of_the_wait_is_first(
    chunks: tuple[bytes, ...], count: int, headers: Headers
) -> None:
    """Packed bodies, bodies of one piece, and what is replayed in other pieces."""
    assert [1500, *[0] * (count - 1)] == _delays(chunks, (10.0, 10.5, 11.5), count, headers)


def test_what_has_no_times_or_no_chunks_has_no_pauses() -> None:
    """They were not asked for; or there is nothing to wait for."""
    assert [] == _delays((EVENTS,), (), 3)
    assert [] == _delays((), (10.0,), 0)
    assert [0] == _delays((), (10.0,), 1)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({DELAYS: [500, 0]}, (0.5, 0.0)),
        ({DELAYS: [500]}, ()),
        ({DELAYS: "soon"}, ()),
        ({DELAYS: [1, "x"]}, ()),
        ({DELAYS: [1, -5]}, ()),
        ({}, ()),
    ],
)
def test_recorded_pauses_are_replayed_where_they_fit(origin: dict[str, Any], expected: tuple[float, ...]) -> None:
    """A manifest edited by hand may say anything."""
    assert expected == replayed_delays_s(origin, 2)
