"""Tokens that an answer says were paid for."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.content.tokens import tokens_paid
from recstore.model import Framing, Json, JsonBody, RawBody, Response, StreamBody


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}, 7),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, 7),
        ({"usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 9}}, 9),
        ({"usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 100}}, 107),
        ({"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 12}}, 12),
        ({"model": "x", "prompt_eval_count": 3, "eval_count": 4}, 7),
        ({"usage": None}, 0),
        ({"usage": {"total_tokens": "7"}}, 0),
        ({"data": []}, 0),
        ([1], 0),
    ],
)
def test_every_interface_accounts_in_its_own_words(value: Json, tokens: int) -> None:
    """OpenAI, Anthropic, Google, Ollama; others not at all."""
    assert tokens == tokens_paid(Response(200, body=JsonBody(value)))


@pytest.mark.parametrize(
    ("framing", "events", "tokens"),
    [
        ("sse", [{"data": {"usage": None}}, {"data": {"usage": {"total_tokens": 7}}}, {"data": "[DONE]"}], 7),
        (
            "sse",
            [{"event": "x", "data": {"type": "response.completed", "response": {"usage": {"total_tokens": 8}}}}],
            8,
        ),
        (
            "sse",
            [
                {"data": {"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}}},
                {"data": {"type": "message_delta", "usage": {"output_tokens": 5}}},
                {"data": {"type": "message_stop"}},
            ],
            15,
        ),
        ("ndjson", [{"done": False}, {"done": True, "prompt_eval_count": 3, "eval_count": 4}], 7),
        ("objects", [{"usage": None}, {"usage": {"total_tokens": 9}}], 9),
        ("objects", [], 0),
    ],
)
def test_a_stream_accounts_at_its_end(framing: Framing, events: list[Any], tokens: int) -> None:
    """Anthropic's says at its start what went in."""
    assert tokens == tokens_paid(Response(200, body=StreamBody(framing, events)))


def test_bytes_account_for_nothing() -> None:
    """Nor does no body."""
    assert 0 == tokens_paid(Response(200, body=RawBody(b"x"))) == tokens_paid(Response(204))
