"""Which requests belong together."""

from __future__ import annotations

from typing import Any

from recstore.check.diff import pair_requests
from recstore.model import JsonBody, RawBody, Request


def chat(
    *contents: str, model: str = "gpt-4o", path: str = "/v1/chat/completions", upstream: str = "openai"
) -> Request:
    """Return a request of a chat."""
    messages: Any = [{"role": "user", "content": content} for content in contents]
    return Request("POST", upstream, path, body=JsonBody({"model": model, "messages": messages, "stream": True}))


def test_a_changed_prompt_is_the_same_request() -> None:
    """Most words are still the same."""
    assert ((0, 0),) == pair_requests([chat("Hi")], [chat("Hello there")])


def test_turns_of_a_conversation_are_paired_with_their_likes() -> None:
    """In whatever order they come."""
    first, second = "Who lives on Earth, and since when?", "And on the planet Mars, what about that one?"
    old = [chat(first), chat(first, "Humans.", second)]
    new = [chat(first + " Please.", "Humans.", second), chat(first + " Please.")]

    assert ((1, 0), (0, 1)) == pair_requests(old, new)


def test_the_same_model_and_upstream_win_where_words_are_as_many() -> None:
    """One that was asked of another model stays for that one."""
    old = [chat("Hi", model="llama"), chat("Hi", model="gpt")]

    assert ((1, 0), (0, 1)) == pair_requests(old, [chat("Hi", model="gpt"), chat("Hi", model="llama")])


def test_other_endpoints_and_other_prompts_are_other_requests() -> None:
    """They are one recording gone and one come."""
    long = " ".join(f"word{number}" for number in range(60))

    assert () == pair_requests([chat("Hi")], [chat("Hi", path="/v1/completions")])
    assert () == pair_requests([chat(long)], [chat(long.replace("word", "term"))])


def test_nothing_is_paired_twice() -> None:
    """Not even among equals."""
    assert ((0, 0), (1, 1)) == pair_requests([chat("Hi")] * 2, [chat("Hi")] * 3)


def test_bodies_of_any_kind_can_be_paired() -> None:
    """Text by its words, none by the address."""
    old = [Request("POST", "x", "/", body=RawBody(b"\xff\x00")), Request("GET", "x", "/a")]

    assert ((1, 0),) == pair_requests(old, [Request("GET", "x", "/a")])


def test_very_many_requests_are_paired_in_their_order() -> None:
    """Comparing each with each would take too long."""
    many = [chat(f"question {number}") for number in range(300)]

    assert tuple((number, number) for number in range(300)) == pair_requests(many, many)
