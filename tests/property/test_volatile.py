"""Recording an unchanged answer again changes no byte, and replay gives back every byte that is not volatile."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recstore.content.bodies import body_bytes, parse_body
from recstore.content.volatile import is_model_answer, scrub_volatile
from recstore.model import Response
from recstore.record.exchange import Exchange
from recstore.record.normalise import normalise_request, normalise_response
from recstore.record.replay import response_to_wire
from recstore.record.server_ids import IdMap
from recstore.secrets.redact import Redaction
from recstore.upstreams import UpstreamMap
from tests.exchanges import asked
from tests.values import objects, texts, values, wire_bytes

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

said = st.fixed_dictionaries({"role": st.just("assistant"), "content": texts})
calls = st.lists(st.integers(0, 3), max_size=3)


def _id(prefix: str, chance: random.Random) -> str:
    return prefix + "".join(chance.choices(LETTERS, k=24))


def _completion(content: Any, tools: list[int], seed: int) -> dict[str, Any]:
    """Return what a server answers with: what it says, and everything that it makes up for this time."""
    chance = random.Random(seed)  # noqa: S311 - a server's ids, not a secret
    names = [_id("call_", chance) for _ in range(4)]
    return {
        "id": _id("chatcmpl-", chance),
        "object": chance.choice(["chat.completion"]),
        "created": chance.randrange(1 << 31),
        "choices": [{"message": {**content, "tool_calls": [{"id": names[tool], "n": tool} for tool in tools]}}],
        "system_fingerprint": _id("fp_", chance),
    }


def _stored(data: bytes) -> Response:
    sent = normalise_request(asked(), UpstreamMap(), Redaction(), IdMap("t"))
    return normalise_response(Exchange(asked(), sent, status=200, reason="OK", chunks=[data]), Redaction(), IdMap("t"))


@given(said, calls, st.integers(0, 99), st.integers(100, 199), st.sampled_from([None, 2]))
def test_an_unchanged_answer_is_stored_as_the_same_bytes(
    content: Any, tools: list[int], one: int, other: int, indent: int | None
) -> None:
    """Though every id, time and fingerprint of it differs; an id that occurs twice is still the same twice."""
    first, second = (
        _stored(json.dumps(_completion(content, tools, seed), indent=indent).encode()) for seed in (one, other)
    )

    assert first == second


@given(said, calls, st.lists(st.integers(0, 99), min_size=1, max_size=4), st.integers(100, 199))
def test_an_unchanged_stream_is_stored_as_the_same_bytes(
    content: Any, tools: list[int], order: list[int], offset: int
) -> None:
    """Event by event."""

    def stream(seed: int) -> bytes:
        events = [_completion({**content, "at": at}, tools, seed) for at in order]
        return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"

    assert _stored(stream(1)) == _stored(stream(offset))


@given(wire_bytes | st.builds(lambda value: json.dumps(value, indent=2).encode(), values))
def test_what_is_no_models_answer_comes_back_byte_for_byte(data: bytes) -> None:
    """Whatever it is: the pieces that it is replayed in make up all of it."""
    body = parse_body(data)

    settled = scrub_volatile(body, lambda _: "changed")

    if b"object" not in data and b"type" not in data and b"model" not in data:
        assert data == body_bytes(settled)
    for framing in ("text/event-stream", "application/json"):
        response = Response(200, headers=(("content-type", framing),), body=body)
        assert data == b"".join(response_to_wire(response, "POST", "/x").chunks)


@given(objects)
def test_settling_twice_is_settling_once(value: dict[str, Any]) -> None:
    """And an answer stays recognisable as one."""
    live = {**value, "object": "chat.completion"}
    data = json.dumps(live).encode("utf-8", "replace")
    body = parse_body(data)
    once = scrub_volatile(body, lambda _: "x")

    assert once == scrub_volatile(once, lambda _: "x")
    assert is_model_answer(live)
