"""Bodies: every byte comes back, whatever structure was seen in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from recstore.content.bodies import body_bytes, parse_body
from recstore.model import Body, JsonBody, RawBody, StreamBody
from tests.values import bodies, wire_bytes


@given(wire_bytes)
def test_every_byte_comes_back(data: bytes) -> None:
    """Reading a body and writing it is no change."""
    assert data == body_bytes(parse_body(data))


@given(bodies)
def test_bytes_are_read_as_what_they_were_written_from(body: Body | None) -> None:
    """A body has one set of bytes: reading them and writing them again settles at once."""
    data = body_bytes(body)

    assert data == body_bytes(parse_body(data))


@pytest.mark.parametrize("layout", ["compact", "spaced-ascii", "indent-2"])
def test_json_is_seen_in_its_usual_layouts(layout: str) -> None:
    """Clients and servers write JSON in a few ways; each keeps its structure."""
    value = {"text": "ja, natürlich", "n": [1, 2.5]}
    written = {
        "compact": json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        "spaced-ascii": json.dumps(value),
        "indent-2": json.dumps(value, ensure_ascii=False, indent=2),
    }[layout]

    assert JsonBody(value, layout) == parse_body(written.encode())  # type: ignore[arg-type]


def test_a_stream_is_seen_as_its_events() -> None:
    """Server-sent events with JSON in them are structure, the closing word is text."""
    body = parse_body(b'event: delta\ndata: {"a":1}\n\ndata: [DONE]\n\n')

    assert StreamBody("sse", [{"event": "delta", "data": {"a": 1}}, {"data": "[DONE]"}], "compact") == body


def test_a_stream_with_windows_line_ends_is_seen_too() -> None:
    """Some servers end the lines of an event stream with CR LF."""
    assert StreamBody("sse-crlf", [{"data": {"a": 1}}], "compact") == parse_body(b'data: {"a":1}\r\n\r\n')


def test_lines_of_json_are_seen_as_a_stream() -> None:
    """One JSON value a line is a stream of them."""
    assert StreamBody("ndjson", [{"a": 1}, {"a": 2}], "compact") == parse_body(b'{"a":1}\n{"a":2}\n')


@pytest.mark.parametrize("data", [b"plain text", b"\xff\xfe", b'{"a":1,"a":2}', b"[1e400]", b"data: x\n", b"5"])
def test_everything_else_is_its_bytes(data: bytes) -> None:
    """What no structure would give back is kept as it is."""
    assert RawBody(data) == parse_body(data)
