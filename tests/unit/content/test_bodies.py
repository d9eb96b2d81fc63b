"""Bodies: what structure is seen in bytes, and what is left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.bodies import body_bytes, json_value, parse_body, parse_event_stream
from recstore.model import Body, JsonBody, RawBody, StreamBody
from tests.effort import short_or_whole


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"", None),
        (b"{}", JsonBody({}, "compact")),
        (b"[]\n", JsonBody([], "compact-lf")),
        (b'{"a": 1}', JsonBody({"a": 1}, "spaced-ascii")),
        (b'{"a":"\\u00e9"}', JsonBody({"a": "é"}, "compact-ascii")),
        ('{"a": "é"}'.encode(), JsonBody({"a": "é"}, "spaced")),
        (b'{\n    "a": 1\n}', JsonBody({"a": 1}, "indent-4")),
        (b'data: {"a":1}\n\n', StreamBody("sse", [{"data": {"a": 1}}], "compact")),
        (b"data: plain\n\n", StreamBody("sse", [{"data": "plain"}], "compact")),
        (b"data: a\r\n\n", StreamBody("sse", [{"data": "a\r"}], "compact")),
        (b": ping\n\n", StreamBody("sse", [{"": "ping"}], "compact")),
        (
            b'id: 7\nretry: 10\ndata: {"a": 1}\n\n',
            StreamBody("sse", [{"id": "7", "retry": "10", "data": {"a": 1}}], "spaced-ascii"),
        ),
        (b"data: [1]\r\n\r\n", StreamBody("sse-crlf", [{"data": [1]}], "compact")),
        (b'{"a":1}\n{"a":2}\n', StreamBody("ndjson", [{"a": 1}, {"a": 2}], "compact")),
        (b'{"a": 1}\n5\n"x"\n', StreamBody("ndjson", [{"a": 1}, 5, "x"], "spaced-ascii")),
    ],
)
def test_structure_is_seen(data: bytes, body: Body | None) -> None:
    """JSON, event streams and lines of JSON are read as what they are, and give back their bytes."""
    assert body == parse_body(data)
    assert data == body_bytes(body)


@pytest.mark.parametrize(
    "data",
    [
        b"text",
        b" ",
        b"\x00",
        b"\xff\xfe",
        b"5",
        b'"text"',
        b"null",
        b"5\n",
        b"null\n",
        b' {"a":1}',
        b'{"a" : 1}',
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":1}\r\n',
        b'{"a":1',
        b'{"a":1}{"a":2}',
        b'{"a":1}\n{"a":2}',
        b'{"a":1}\n{"a": 2}\n',
        b'{"a":1}\n\n',
        b"\n\n",
        b"data: x",
        b"data: x\n",
        b"data: x\n\n\n",
        b"data:x\n\n",
        b"data\n\n",
        b"data: a\ndata: b\n\n",
        b"unknown: x\n\n",
        b"data: \xff\n\n",
        b"data: a\n\r\n\r\n",
        b"\xef\xbb\xbfdata: a\n\n",
        b"[" * 100_000,
        b"\x1f\x8b\x08\x00",
        b"[1e-99999999999999999999]",
    ],
)
def test_what_structure_would_not_give_back_stays_bytes(data: bytes) -> None:
    """One byte that structure does not say, and the body is its bytes."""
    assert data == body_bytes(parse_body(data))
    assert RawBody(data) == parse_body(data)


def test_json_in_an_event_that_has_another_layout_stays_text() -> None:
    """One event's odd spacing does not cost the others their structure."""
    data = b'data: {"a":1}\n\ndata: {"a": 2}\n\ndata: {"a":3}\n\ndata: {broken\n\n'

    assert StreamBody(
        "sse", [{"data": {"a": 1}}, {"data": '{"a": 2}'}, {"data": {"a": 3}}, {"data": "{broken"}], "compact"
    ) == parse_body(data)
    assert data == body_bytes(parse_body(data))


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (None, b""),
        (RawBody(b"\x00\xff"), b"\x00\xff"),
        (JsonBody({"b": 1, "a": "é"}), '{"b":1,"a":"é"}'.encode()),
        (JsonBody(None), b"null"),
        (JsonBody({"a": 1}, "indent-2-lf"), b'{\n  "a": 1\n}\n'),
        (StreamBody("objects", [{"a": 1}, 2]), b'{"a":1}\n2\n'),
        (StreamBody("sse", []), b""),
    ],
)
def test_a_body_has_bytes(body: Body | None, data: bytes) -> None:
    """A value that never had bytes gets those that a client would send."""
    assert data == body_bytes(body)


def test_only_json_bodies_have_a_json_value() -> None:
    """Streams and bytes have none."""
    bodies: list[Any] = [JsonBody([1]), RawBody(b"[1]"), StreamBody("ndjson", [1]), None]

    assert [[1], None, None, None] == [json_value(body) for body in bodies]


def test_an_event_stream_is_not_seen_where_there_is_none() -> None:
    """JSON is no stream."""
    assert parse_event_stream(b'{"a":1}\n\n') is None


@short_or_whole("events", 20_000, 200_000)
def test_a_large_body_is_read_in_reasonable_time(events: int) -> None:
    """Megabytes of events and of noise: no step is quadratic."""
    stream = b'data: {"delta":"word"}\n\n' * events
    noise = b"data: a\ndata: b\n\n" * 2 * events

    assert stream == body_bytes(parse_body(stream))
    assert RawBody(noise) == parse_body(noise)
