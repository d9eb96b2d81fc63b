"""Values of client libraries, as the bytes that a server must have sent."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.model import StreamBody
from recstore.record.yielded import listed, sent_chunks, united

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
    assert expected == sent_chunks(StreamBody("objects", events), type_name)


def test_a_bare_list_of_models_is_a_listing() -> None:
    """Other lists, and listings, are what they are."""
    assert {"object": "list", "data": [1]} == listed([1], "/v1/models")
    assert [1] == listed([1], "/v1/other")
    assert {"models": []} == listed({"models": []}, "/v1/models")


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
    assert expected == united(values)
