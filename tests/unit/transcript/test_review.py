"""Recordings as text to be compared."""

from __future__ import annotations

from typing import Any

from recstore.model import JsonBody, Recording, Request, Response, StreamBody
from recstore.transcript import review_text
from tests.unit.transcript.samples import call_chunk, chat_chunk

TOOL = {"type": "function", "function": {"name": "weather", "description": "Tells it. " * 30, "strict": True}}


def recorded(events: list[Any], **members: Any) -> Recording:
    """Return a recorded chat that came in chunks."""
    body: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Who?\nAnd why?"}], **members}
    return Recording(
        Request("POST", "openai", "/v1/chat/completions", body=JsonBody(body)),
        Response(body=StreamBody("objects", events)),
    )


def test_the_page_has_a_line_for_each_line() -> None:
    """A short header, the messages, the joined answer."""
    page = review_text(recorded([chat_chunk({"content": "Hum"}), chat_chunk({"content": "ans.\nBecause."}, "stop")]))

    assert page == (
        "POST openai/v1/chat/completions  gpt-4o\n\nuser\n  Who?\n  And why?\n\nanswer  stop\n  Humans.\n  Because.\n"
    )


def test_chunks_counts_and_ids_make_no_difference() -> None:
    """Two recordings that say the same are the same page."""
    usage = {"prompt_tokens": 5, "completion_tokens": 7}
    one = [
        call_chunk('{"city": ', name="weather", id="call_x1"),
        call_chunk('"Rome"}'),
        {"choices": [], "usage": usage},
    ]
    other = [call_chunk('{"city": "Rome"}', name="weather", id="call_y2")]

    assert review_text(recorded(one)) == review_text(recorded(other))
    assert '-> weather({"city": "Rome"})  #1' in review_text(recorded(other))


def test_calls_and_their_results_stay_together() -> None:
    """A number stands for the same call everywhere."""
    calls = [{"id": name, "function": {"name": "f", "arguments": "{}"}} for name in ("call_b", "call_a")]
    messages: list[Any] = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_a", "content": "one"},
        {"role": "tool", "tool_call_id": "call_b", "content": "two"},
    ]

    page = review_text(recorded([], messages=messages))

    assert ["#1", "#2", "#2", "#1"] == [word for word in page.split() if word.startswith("#")]


def test_nothing_of_a_request_is_cut() -> None:
    """A change deep inside a tool's definition, or at the end of a long parameter, is a change of the page."""
    changed: Any = {**TOOL, "function": {**TOOL["function"], "strict": False}}  # type: ignore[dict-item]
    schema = {"name": "x" * 300, "strict": True}

    assert review_text(recorded([], tools=[TOOL])) != review_text(recorded([], tools=[changed]))
    assert '    "strict": true' in review_text(recorded([], response_format=schema)).splitlines()


def test_long_arguments_go_down_the_page() -> None:
    """So that a line is one member."""
    arguments = '{"text": "' + "x" * 100 + '", "city": "Rome"}'

    page = review_text(recorded([call_chunk(arguments, name="f")]))

    assert '"city": "Rome"' in [line.strip() for line in page.splitlines()]
