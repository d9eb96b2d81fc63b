"""The rules that come with a name."""

from __future__ import annotations

import time

import pytest

from recstore.content.canonical import request_key
from recstore.model import Json, JsonBody, Request
from recstore.rules import parse_rules

UUIDS = ("0fca09f4-2d58-4a3f-9a70-6ba1a9b0c11d", "e3a1b2c4-ffff-4000-8000-000000000000")


def _asked(value: Json, upstream: str = "openai", method: str = "POST") -> Request:
    return Request(method, upstream, "/v1/chat/completions", body=JsonBody(value))


def _prompt(text: str) -> Json:
    return {"messages": [{"role": "tool", "content": [{"type": "text", "text": text}]}]}


def _are_close(one: Request, other: Request) -> bool:
    rules = parse_rules([{"preset": "llama-stack"}], "test")
    return request_key(rules.normalised(one)) == request_key(rules.normalised(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"vector": [0.1234567, 1]}, {"vector": [0.1234611, 1]}),
        (_prompt("it is 0.1234567 far"), _prompt("it is 0.1234611 far")),
        (_prompt("it is 0.1234 far"), _prompt("it is 0.12340 far")),
        (_prompt("score: 0.9"), _prompt("score:  -12.5e-3")),
        (_prompt("score: 3"), _prompt("score: .25")),
        (_prompt("a, attributes: {'x': 1}"), _prompt("a")),
        (_prompt("a \n attributes:{}b"), _prompt("ab")),
        (_prompt(f"document_id: {UUIDS[0]}"), _prompt(f"document_id:{UUIDS[1]}")),
        (_prompt(f"so <|{UUIDS[0]}|>."), _prompt(f"so <|{UUIDS[1]}|>.")),
        ({"extra_body": {"project_id": "p", "k": 1}}, {"extra_body": {"k": 1}}),
        ({"extra_query": {"project_id": "p"}}, {"extra_query": {}}),
        ({"project_id": "p", "k": 1}, {"project_id": "q", "k": 1}),
    ],
)
def test_what_differs_from_run_to_run_is_close_enough_for_llama_stack(one: Json, other: Json) -> None:
    """The pair are two requests without the preset, and one with it."""
    requests = _asked(one), _asked(other)

    assert request_key(requests[0]) != request_key(requests[1])
    assert _are_close(*requests)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"t": 0.12345}, {"t": 0.12346}),
        ({"t": 1}, {"t": 1.0}),
        (_prompt("version 1.123"), _prompt("version 1.124")),
        (_prompt("scores 0.9"), _prompt("scores 0.8")),
        (_prompt("the attributes are {a}"), _prompt("the attributes are {b}")),
        (_prompt("file_id: f-1"), _prompt("file_id: f-2")),
        (_prompt(f"<|{UUIDS[0].upper()}|>"), _prompt(f"<|{UUIDS[1].upper()}|>")),
        ({"extra_body": {"guided_choice": ["a"]}}, {"extra_body": {"guided_choice": ["b"]}}),
        ({"metadata": {"extra_body": {"project_id": 1}}}, {"metadata": {"extra_body": {}}}),
    ],
)
def test_what_was_asked_for_is_never_close_enough_for_llama_stack(one: Json, other: Json) -> None:
    """The preset leaves different questions different."""
    assert not _are_close(_asked(one), _asked(other))


@pytest.mark.parametrize(
    ("upstream", "is_close"),
    [("bedrock-runtime.us-west-2.amazonaws.com", True), ("bedrock", True), ("openai", False)],
)
def test_stream_options_count_but_on_bedrock(upstream: str, *, is_close: bool) -> None:
    """Only at the root, and only for an upstream that says it is Bedrock."""
    with_options: Json = {"stream": True, "stream_options": {"include_usage": True}}

    assert is_close == _are_close(_asked(with_options, upstream), _asked({"stream": True}, upstream))


def test_stream_options_deeper_than_the_root_count_on_bedrock_too() -> None:
    """What is ignored is the request's own member."""
    deep: Json = {"a": {"stream_options": 1}}

    assert not _are_close(_asked(deep, "bedrock"), _asked({"a": {}}, "bedrock"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"q": 0.1234567}, {"q": 0.1234568}),
        ({"q": "score: 1"}, {"q": "score: 2"}),
        ({"extra_body": {"project_id": 1}}, {"extra_body": {}}),
    ],
)
def test_arguments_of_tools_are_left_as_they_are(one: Json, other: Json) -> None:
    """A call of a tool is no HTTP request, and the recorder hashes it as it is."""
    assert not _are_close(_asked(one, method="CALL"), _asked(other, method="CALL"))


@pytest.mark.parametrize("text", [" " * 100_000, "1" * 100_000, "score: " * 20_000, "," * 100_000])
def test_a_long_run_of_one_thing_takes_no_square_of_its_length(text: str) -> None:
    """A page of blanks or digits is searched once, not from each of its characters."""
    start = time.process_time()
    parse_rules([{"preset": "llama-stack"}], "test").normalised(_asked(_prompt(text)))

    assert time.process_time() - start < 1
