"""Stored responses as clients receive them."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.bodies import parse_body
from recstore.model import Headers, JsonBody, RawBody, Response, StreamBody
from recstore.record.answer import as_one, wire_response, with_chunks
from recstore.record.wire import WireError, WireResponse

EVENTS: Headers = (("content-type", "text/event-stream; charset=utf-8"),)


def _wire(response: Response, method: str = "POST", path: str = "/v1/chat") -> WireResponse:
    return wire_response(response, method, path)


def test_a_plain_body_is_one_chunk_and_its_length_is_told() -> None:
    """Whatever its bytes."""
    for data in (b'{ "a" : 1 }', b"text", b"\xff\x00"):
        found = _wire(Response(200, "OK", (("x", "y"),), body=parse_body(data)))

        assert WireResponse(200, "OK", (("x", "y"), ("content-length", str(len(data)))), (data,)) == found


@pytest.mark.parametrize(
    "data",
    [
        b"data: 1\n\nevent: a\ndata: {}\n\n",
        b"data: 1\r\n\r\ndata: 2\r\n\r\n",
        b"data:1\n\n: ping\n\n",
        b"data: 1\n\ndata: {",
    ],
)
def test_a_stream_comes_event_by_event_and_without_a_length(data: bytes) -> None:
    """Also one that is stored as bytes, because it broke off or is written unusually."""
    found = _wire(Response(200, headers=EVENTS, body=parse_body(data)))

    assert 2 == len(found.chunks)
    assert data == b"".join(found.chunks)
    assert EVENTS == found.headers


def test_lines_of_json_come_one_by_one() -> None:
    """As Ollama sends them."""
    data = b'{"a":1}\n{"a":2}\n'

    assert (b'{"a":1}\n', b'{"a":2}\n') == _wire(Response(200, body=parse_body(data))).chunks


def test_a_body_that_is_still_packed_is_one_chunk() -> None:
    """Its encoding is named, and the client undoes it."""
    found = _wire(Response(200, headers=(*EVENTS, ("content-encoding", "snappy")), body=RawBody(b"\n\n\xff\n\n")))

    assert (b"\n\n\xff\n\n",) == found.chunks
    assert ("content-encoding", "snappy") in found.headers


@pytest.mark.parametrize(("status", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD")])
def test_what_has_no_body_states_no_length(status: int, method: str) -> None:
    """It would be that of a body that is not sent."""
    assert WireResponse(status, "", (), ()) == _wire(Response(status), method)


def test_no_body_where_there_could_be_one_has_the_length_zero() -> None:
    """A client waits for nothing."""
    assert (("content-length", "0"),) == _wire(Response(200)).headers


def test_a_value_of_a_client_library_gets_the_bytes_a_server_sends() -> None:
    """Status and type are those of a success; a list of models becomes a listing."""
    found = _wire(
        Response(body=JsonBody([{"id": "m"}]), type_name="list[openai.types.model.Model]"), "GET", "/v1/models"
    )

    assert 200 == found.status
    assert (b'{"object":"list","data":[{"id":"m"}]}',) == found.chunks
    assert (("content-type", "application/json"), ("content-length", "37")) == found.headers
    stream = _wire(Response(body=StreamBody("objects", [{"a": 1}]), type_name="openai.types.X"))
    assert (("content-type", "text/event-stream"),) == stream.headers


def test_our_own_errors_are_raised_again() -> None:
    """Instead of an answer, or after what came of it."""
    error: dict[str, Any] = {"type": "httpx.ReadError", "message": "gone", "kind": "read"}
    raised = WireError("read", "httpx.ReadError", "gone")

    assert WireResponse(None, "", (), (), raised) == _wire(Response(error=error))
    broken = Response(200, "OK", EVENTS, body=RawBody(b"data: 1\n\nda"), error=error)
    assert WireResponse(200, "OK", EVENTS, (b"data: 1\n\n", b"da"), raised) == _wire(broken)


def test_other_recorders_errors_are_answers_where_they_have_a_status() -> None:
    """With the body that they kept, or one that says what is known; without a status they are raised."""
    error: dict[str, Any] = {"type": "RateLimitError", "message": "slow down", "status_code": 429}

    found = _wire(Response(error=error))

    assert (429, (b'{"error":{"message":"slow down","type":"RateLimitError"}}',)) == (found.status, found.chunks)
    assert (b'{"x":1}',) == _wire(Response(error={**error, "body": {"x": 1}})).chunks
    odd: dict[str, Any] = {"type": "E", "message": "m", "kind": "no kind of ours", "status_code": "429"}
    assert WireError("other", "E", "m") == _wire(Response(error=odd)).error
    partial = _wire(Response(error=odd, body=StreamBody("objects", [{"a": 1}]), type_name="openai.X"))
    assert (200, WireError("other", "E", "m")) == (partial.status, partial.error)


def test_several_recordings_of_one_time_are_one_listing() -> None:
    """Those of lists of models; of anything else the first answers."""
    first, second = (Response(200, body=JsonBody([{"id": name}], "compact")) for name in "ba")

    assert Response(200, body=JsonBody([{"id": "a"}, {"id": "b"}], "compact")) == as_one([first, second])
    assert first is as_one([first])
    raw = Response(200, body=RawBody(b"x"))
    assert raw is as_one([raw, Response(201)])


def test_other_chunks_have_another_length() -> None:
    """Where one was stated."""
    answer = WireResponse(200, "", (("a", "b"), ("content-length", "1")), (b"x",))

    assert (("a", "b"), ("content-length", "3")) == with_chunks(answer, (b"xyz",)).headers
    assert answer is with_chunks(answer, (b"x",))
