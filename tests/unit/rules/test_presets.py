"""The rules that come with a name."""

from __future__ import annotations

import time

import pytest

from recstore.canonical import request_key
from recstore.model import Json, JsonBody, Request
from recstore.rules import PRESETS

UUIDS = ("0fca09f4-2d58-4a3f-9a70-6ba1a9b0c11d", "e3a1b2c4-ffff-4000-8000-000000000000")


def asked(value: Json, upstream: str = "openai", method: str = "POST") -> Request:
    return Request(method, upstream, "/v1/chat/completions", body=JsonBody(value))


def prompt(text: str) -> Json:
    return {"messages": [{"role": "tool", "content": [{"type": "text", "text": text}]}]}


def are_close(one: Request, other: Request) -> bool:
    rules = PRESETS["llama-stack"]()
    return request_key(rules.normalised(one)) == request_key(rules.normalised(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"vector": [0.1234567, 1]}, {"vector": [0.1234611, 1]}),
        (prompt("it is 0.1234567 far"), prompt("it is 0.1234611 far")),
        (prompt("it is 0.1234 far"), prompt("it is 0.12340 far")),
        (prompt("score: 0.9"), prompt("score:  -12.5e-3")),
        (prompt("score: 3"), prompt("score: .25")),
        (prompt("a, attributes: {'x': 1}"), prompt("a")),
        (prompt("a \n attributes:{}b"), prompt("ab")),
        (prompt(f"document_id: {UUIDS[0]}"), prompt(f"document_id:{UUIDS[1]}")),
        (prompt(f"so <|{UUIDS[0]}|>."), prompt(f"so <|{UUIDS[1]}|>.")),
        ({"extra_body": {"project_id": "p", "k": 1}}, {"extra_body": {"k": 1}}),
        ({"extra_query": {"project_id": "p"}}, {"extra_query": {}}),
    ],
)
def test_what_differs_from_run_to_run_is_close_enough_for_llama_stack(one: Json, other: Json) -> None:
    """The pair are two requests without the preset, and one with it."""
    requests = asked(one), asked(other)

    assert (False, True) == (request_key(requests[0]) == request_key(requests[1]), are_close(*requests))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"t": 0.12345}, {"t": 0.12346}),
        ({"t": 1}, {"t": 1.0}),
        (prompt("version 1.123"), prompt("version 1.124")),
        (prompt("scores 0.9"), prompt("scores 0.8")),
        (prompt("the attributes are {a}"), prompt("the attributes are {b}")),
        (prompt("file_id: f-1"), prompt("file_id: f-2")),
        (prompt(f"<|{UUIDS[0].upper()}|>"), prompt(f"<|{UUIDS[1].upper()}|>")),
        ({"extra_body": {"guided_choice": ["a"]}}, {"extra_body": {"guided_choice": ["b"]}}),
        ({"metadata": {"extra_body": {"project_id": 1}}}, {"metadata": {"extra_body": {}}}),
        ({"project_id": 1}, {"project_id": 2}),
    ],
)
def test_what_was_asked_for_is_never_close_enough_for_llama_stack(one: Json, other: Json) -> None:
    """The preset leaves different questions different."""

    assert not are_close(asked(one), asked(other))


@pytest.mark.parametrize(
    ("upstream", "is_close"),
    [("bedrock-runtime.us-west-2.amazonaws.com", True), ("bedrock", True), ("openai", False)],
)
def test_stream_options_count_but_on_bedrock(upstream: str, is_close: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Only at the root, and only for an upstream that says it is Bedrock."""
    with_options = {"stream": True, "stream_options": {"include_usage": True}}

    assert is_close == are_close(asked(with_options, upstream), asked({"stream": True}, upstream))


def test_stream_options_deeper_than_the_root_count_on_bedrock_too() -> None:
    """What is ignored is the request's own member."""
    deep: Json = {"a": {"stream_options": 1}}

    assert not are_close(asked(deep, "bedrock"), asked({"a": {}}, "bedrock"))


def test_arguments_of_tools_are_left_as_they_are() -> None:
    """A call of a tool is no HTTP request, and the recorder hashes it as it is."""

    assert not are_close(asked({"q": 0.1234567}, method="CALL"), asked({"q": 0.1234568}, method="CALL"))


@pytest.mark.parametrize("text", [" " * 100_000, "1" * 100_000, "score: " * 20_000, "," * 100_000])
def test_a_long_run_of_one_thing_takes_no_square_of_its_length(text: str) -> None:
    """A page of blanks or digits is searched once, not from each of its characters."""
    start = time.process_time()
    PRESETS["llama-stack"]().normalised(asked(prompt(text)))

    assert time.process_time() - start < 1
