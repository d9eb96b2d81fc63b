"""A transcript down the page."""

from __future__ import annotations

from typing import Any

from recstore.model import JsonBody, Recording, Request, Response, StreamBody
from recstore.transcript import page_lines, transcript_of
from tests.unit.transcript.samples import (
    PNG,
    answered,
    chat_chunk,
    page_text,
)

PAGE = """\
POST openai/v1/chat?v=1  m
  temperature: 0.5
  tools: add

system
  Be kind.

assistant
  ~ Hm.
  -> add({"a": 1})  #c1

tool
  <- #c1
     2
     3

user
  [a.png, image/png, 300 bytes]

answer  200, m-1, stop, 2 events, tokens input 5
  first line

  third line
"""


def test_a_page_can_be_read_down() -> None:
    """The request's line, what it sets, each message below its role, and the answer with its facts."""
    body: Any = {
        "model": "m",
        "temperature": 0.5,
        "tools": [{"name": "add"}],
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "assistant", "reasoning": "Hm.", "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "2\n3"},
            {"role": "user", "content": [{"type": "image", "filename": "a.png", "mimeType": "image/png", "data": PNG}]},
        ],
    }  # fmt: skip
    events: list[Any] = [
        chat_chunk({"content": "first line\n\n"}),
        {**chat_chunk({"content": "third line"}, "stop"), "model": "m-1", "usage": {"prompt_tokens": 5}},
    ]
    request = Request("POST", "openai", "/v1/chat", "v=1", body=JsonBody(body))

    page = page_text(transcript_of(Recording(request, Response(200, body=StreamBody("objects", events)))))

    assert PAGE == page


def test_errors_and_empty_answers_have_a_place_on_the_page() -> None:
    """An error stands below the answer it ended, several answers are numbered, and nothing at all is said to be so."""
    assert "GET openai/\n\nanswer  503\n  error: HTTP 503\n" == page_text(answered(None, status=503))
    assert "GET openai/\n\nanswer\n  (empty)\n" == page_text(answered(None))
    several = answered(JsonBody({"choices": [{"text": "a"}, {"message": {"refusal": "no"}}]}))
    assert "GET openai/\n\nanswer 1\n  a\n\nanswer 2\n  refused: no\n" == page_text(several)


def test_a_model_is_named_once() -> None:
    """The model that answered is told where it is another than the one that was asked."""
    request = Request("POST", "openai", "/", body=JsonBody({"model": "m"}))
    chat: Any = {"choices": [{"text": "a", "finish_reason": "stop"}], "model": "m"}

    assert "answer  stop\n" in page_text(transcript_of(Recording(request, Response(body=JsonBody(chat)))))
    assert "answer  m-1, stop\n" in page_text(
        transcript_of(Recording(request, Response(body=JsonBody({**chat, "model": "m-1"}))))
    )


def test_every_line_has_the_style_of_what_it_says() -> None:
    """Whoever paints the page needs to know what a line is."""
    message: Any = {
        "role": "assistant",
        "reasoning": "a",
        "content": [
            "b",
            {"image": {"url": "c"}},
            {"type": "refusal", "refusal": "d"},
            {"functionResponse": {"output": "e"}},
        ],
        "tool_calls": [{"function": {"name": "f"}}],
    }
    request = Request("POST", "openai", "/", body=JsonBody({"messages": [message], "n": 1}))

    lines = page_lines(transcript_of(Recording(request, Response(status=500))))

    words = [(line.style, line.text.strip()) for line in lines if line.text]
    assert [
        ("request", "POST openai/"),
        ("detail", "n: 1"),
        ("role", "assistant"),
        ("thinking", "~ a"),
        ("text", "b"),
        ("file", "[image at c]"),
        ("error", "refused: d"),
        ("result", "<-"),
        ("text", "e"),
        ("call", "-> f()"),
        ("role", "answer  500"),
        ("error", "error: HTTP 500"),
    ] == words
    assert {"text"} == {line.style for line in lines if not line.text}
