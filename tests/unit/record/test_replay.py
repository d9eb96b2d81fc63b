"""Stored responses as clients receive them, their pauses, and how live ones differ from them."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from recstore.content.bodies import parse_body
from recstore.model import Headers, JsonBody, RawBody, Request, Response, StreamBody
from recstore.record.exchange import Exchange, WireError, WireResponse
from recstore.record.normalise import normalise_request
from recstore.record.replay import (
    DELAYS,
    merge_union,
    recorded_delays_ms,
    replayed_delays_s,
    response_differences,
    response_to_wire,
    stream_to_wire,
    with_chunks,
)
from recstore.record.server_ids import IdMap
from recstore.secrets.redact import Redaction
from recstore.upstreams import UpstreamMap
from tests.exchanges import asked

EVENTS: Headers = (("content-type", "text/event-stream; charset=utf-8"),)


def _wire(response: Response, method: str = "POST", path: str = "/v1/chat") -> WireResponse:
    return response_to_wire(response, method, path)


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

    assert Response(200, body=JsonBody([{"id": "a"}, {"id": "b"}], "compact")) == merge_union([first, second])
    assert first is merge_union([first])
    raw = Response(200, body=RawBody(b"x"))
    assert raw is merge_union([raw, Response(201)])


def test_other_chunks_have_another_length() -> None:
    """Where one was stated."""
    answer = WireResponse(200, "", (("a", "b"), ("content-length", "1")), (b"x",))

    assert (("a", "b"), ("content-length", "3")) == with_chunks(answer, (b"xyz",)).headers
    assert answer is with_chunks(answer, (b"x",))


# -- values of client libraries


SSE, LINES = "text/event-stream", "application/x-ndjson"


@pytest.mark.parametrize(
    ("events", "type_name", "expected"),
    [
        ([{"a": 1}], "openai.types.completion.Completion", (SSE, (b'data: {"a":1}\n\n', b"data: [DONE]\n\n"))),
        (
            [{"object": "chat.completion.chunk"}],
            "",
            (SSE, (b'data: {"object":"chat.completion.chunk"}\n\n', b"data: [DONE]\n\n")),
        ),
        (
            [{"type": "response.created"}],
            "openai.types.responses.X",
            (SSE, (b'event: response.created\ndata: {"type":"response.created"}\n\n',)),
        ),
        (
            [{"type": "message_start"}, {"type": "message_stop"}],
            "anthropic.types.X",
            (
                SSE,
                (
                    b'event: message_start\ndata: {"type":"message_start"}\n\n',
                    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
                ),
            ),
        ),
        ([{"a": 1}, {"b": 2}], "ollama._types.ChatResponse", (LINES, (b'{"a":1}\n', b'{"b":2}\n'))),
        ([], "openai.types.X", (SSE, (b"data: [DONE]\n\n",))),
        ([], "", (LINES, ())),
        (["data: 1", "", "data: 2", ""], "", (SSE, (b"data: 1\n\n", b"data: 2\n\n"))),
        (["data: 1", "", "da"], "", (SSE, (b"data: 1\n\n", b"da\n"))),
        (['{"a":1}', '{"b":2}\n'], "", (LINES, (b'{"a":1}\n', b'{"b":2}\n'))),
    ],
)
def test_a_stream_is_sent_as_its_server_sends_it(events: list[Any], type_name: str, expected: Any) -> None:
    """Events one by one, each with what belongs to it."""
    assert expected == stream_to_wire(StreamBody("objects", events), type_name)


def test_a_bare_list_of_models_is_a_listing() -> None:
    """Other lists, and listings, are what they are."""
    bare, whole = Response(body=JsonBody([1])), Response(body=JsonBody({"models": []}))

    assert (b'{"object":"list","data":[1]}',) == response_to_wire(bare, "GET", "/v1/models").chunks
    assert (b"[1]",) == response_to_wire(bare, "GET", "/v1/other").chunks
    assert (b'{"models":[]}',) == response_to_wire(whole, "GET", "/v1/models").chunks


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            [[{"id": "b"}, {"id": "a"}], [{"id": "c"}, {"id": "a", "x": 1}]],
            [{"id": "a", "x": 1}, {"id": "b"}, {"id": "c"}],
        ),
        ([{"models": [{"model": "b"}]}, {"models": [{"model": "a"}]}], {"models": [{"model": "a"}, {"model": "b"}]}),
        ([{"object": "list", "data": [{"id": "b"}]}, {"data": [5]}], {"object": "list", "data": [5, {"id": "b"}]}),
        ([{}, {"data": [5]}], {"data": [5]}),
        ([[], "odd", {"models": 3}], []),
    ],
)
def test_listings_of_several_servers_are_one(values: list[Any], expected: Any) -> None:
    """Each model once, by name."""
    merged = merge_union([Response(body=JsonBody(value)) for value in values])

    assert JsonBody(expected) == merged.body


# -- pauses


THREE_EVENTS = b"data: 1\n\ndata: 2\n\ndata: 3\n\n"


def _delays(chunks: tuple[bytes, ...], times_s: tuple[float, ...], count: int, headers: Headers = ()) -> list[Any]:
    sent = normalise_request(asked(), UpstreamMap(), Redaction(), IdMap("t"))
    exchange = Exchange(asked(), sent, status=200, headers=headers, chunks=[*chunks])
    exchange.times_s = [*times_s]
    return recorded_delays_ms(exchange, count)


def test_an_event_came_when_its_last_byte_did() -> None:
    """However the network cut the stream."""
    chunks = (THREE_EVENTS[:4], THREE_EVENTS[4:12], THREE_EVENTS[12:])

    assert [500, 1000, 0] == _delays(chunks, (10.0, 10.25, 10.5, 11.5), 3)


@pytest.mark.parametrize(
    ("chunks", "count", "headers"),
    [
        ((THREE_EVENTS[:4], THREE_EVENTS[4:]), 2, ()),
        ((gzip.compress(THREE_EVENTS)[:9], gzip.compress(THREE_EVENTS)[9:]), 3, (("content-encoding", "gzip"),)),
        ((b"some ", b"text"), 1, ()),
    ],
)
def test_where_events_cannot_be_told_apart_all_of_the_wait_is_first(
    chunks: tuple[bytes, ...], count: int, headers: Headers
) -> None:
    """Packed bodies, bodies of one piece, and what is replayed in other pieces."""
    assert [1500, *[0] * (count - 1)] == _delays(chunks, (10.0, 10.5, 11.5), count, headers)


def test_no_chunks_have_no_pauses() -> None:
    """There is nothing to wait for."""
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


# -- verify mode


REQUEST = Request("POST", "x.org", "/v1/chat")
IMPORTED = Response(
    body=StreamBody(
        "objects", [{"object": "chat.completion.chunk", "id": "rec-0123456789ab", "created": 0, "x": None}]
    ),
    type_name="openai.types.chat.X",
)


def _live(data: bytes, **more: Any) -> Response:
    return Response(200, "OK", (("content-type", "application/json"),), body=parse_body(data), **more)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"a": 1}', b'{"a":1}'),
        (
            b'{"object":"chat.completion","id":"chatcmpl-Aaaaaaaaaa"}',
            b'{"object":"chat.completion","id":"chatcmpl-Bbbbbbbbbb"}',
        ),
        (b'{"a":1,"b":null}', b'{"a":1}'),
        (b"", b""),
        (b"\xff", b"\xff"),
    ],
)
def test_what_no_client_notices_is_no_drift(old: bytes, new: bytes) -> None:
    """Layout, ids, members that are null."""
    assert () == response_differences(_live(old), _live(new), REQUEST)


def test_an_imported_stream_is_compared_with_a_live_one() -> None:
    """As a client would read both."""
    live = b'data: {"object":"chat.completion.chunk","id":"chatcmpl-Aaaaaaaaaa","created":17}\n\ndata: [DONE]\n\n'

    assert () == response_differences(IMPORTED, _live(live), REQUEST)
    assert ('body[0].x: (nothing) -> "y"',) == response_differences(
        IMPORTED, _live(live.replace(b"}", b',"x":"y"}', 1)), REQUEST
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (_live(b'{"a":1}'), _live(b'{"a":2}'), ("body.a: 1 -> 2",)),
        (_live(b"text"), _live(b"test"), ('body[0]: "text" -> "test"',)),
        (_live(b'{"a":1}'), Response(500, body=JsonBody({"a": 1}, "compact")), ("status: 200 -> 500",)),
        (
            _live(b""),
            _live(b"", error={"type": "E", "message": "m", "kind": "read"}),
            ('error: (nothing) -> {"kind":"read","type":"E"}',),
        ),
    ],
)
def test_what_a_client_notices_is_told(old: Response, new: Response, expected: tuple[str, ...]) -> None:
    """Status, error, and where the body differs."""
    assert expected == response_differences(old, new, REQUEST)


def test_much_drift_is_cut() -> None:
    """The first places, and how many more there are."""
    found = response_differences(_live(b"[1,2,3,4,5,6,7]"), _live(b"[0,0,0,0,0,0,0]"), REQUEST)

    assert (6, "and 2 more") == (len(found), found[-1])
