"""Drift: what a client would notice."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.bodies import parse_body
from recstore.model import JsonBody, Request, Response, StreamBody
from recstore.record.compare import drift_of

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
    assert () == drift_of(_live(old), _live(new), REQUEST)


def test_an_imported_stream_is_compared_with_a_live_one() -> None:
    """As a client would read both."""
    live = b'data: {"object":"chat.completion.chunk","id":"chatcmpl-Aaaaaaaaaa","created":17}\n\ndata: [DONE]\n\n'

    assert () == drift_of(IMPORTED, _live(live), REQUEST)
    assert ('body[0].x: (nothing) -> "y"',) == drift_of(IMPORTED, _live(live.replace(b"}", b',"x":"y"}', 1)), REQUEST)


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
    assert expected == drift_of(old, new, REQUEST)


def test_much_drift_is_cut() -> None:
    """The first places, and how many more there are."""
    found = drift_of(_live(b"[1,2,3,4,5,6,7]"), _live(b"[0,0,0,0,0,0,0]"), REQUEST)

    assert (6, "and 2 more") == (len(found), found[-1])
