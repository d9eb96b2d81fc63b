"""A recording as text to be compared line by line: what was asked and said, without what changes at every call.

Left out are how many events an answer came in and what it cost; the ids of tool calls are numbered in the order
of their appearance. Nothing of the request is cut: a definition of a tool is as good as a prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from recstore.model import Recording
from recstore.transcript import transcript_of
from recstore.transcript.content import read_body
from recstore.transcript.messages import read_parameters, read_tool_definitions
from recstore.transcript.page import page_text
from recstore.transcript.shapes import compact, indented, parse_json
from recstore.transcript.turns import Part, Transcript

_LONG: Final = 100
"""JSON of more characters goes down the page."""


def review_text(recording: Recording) -> str:
    """Return the recording down the page."""
    body = read_body(recording.request.body, recording.request.headers)
    tools = tuple((f"tool {name}", _laid_out(tool)) for name, tool in read_tool_definitions(body))
    parameters = tuple((name, _laid_out(value)) for name, value in read_parameters(body))
    transcript = quiet_transcript(transcript_of(recording))
    return page_text(replace(transcript, parameters=(*parameters, *tools), tools=()))


def quiet_transcript(transcript: Transcript) -> Transcript:
    """Return the transcript without counts of events and tokens, ids of calls numbered, long arguments laid out."""
    numbers: dict[str, str] = {}
    messages = tuple(replace(message, parts=_quiet(message.parts, numbers)) for message in transcript.messages)
    answers = tuple(replace(answer, parts=_quiet(answer.parts, numbers)) for answer in transcript.answers)
    return replace(transcript, messages=messages, answers=answers, usage=(), event_count=None)


def _quiet(parts: Iterable[Part], numbers: dict[str, str]) -> tuple[Part, ...]:
    return tuple(
        replace(
            part,
            text=_arguments(part.text) if part.kind == "call" else part.text,
            call_id=numbers.setdefault(part.call_id, str(len(numbers) + 1)) if part.call_id else "",
        )
        for part in parts
    )


def _arguments(text: str) -> str:
    try:
        value = parse_json(text) if len(text) > _LONG else None
    except ValueError:
        return text
    return indented(value) if type(value) is dict else text


def _laid_out(value: Any) -> str:
    text = compact(value)
    return indented(value) if len(text) > _LONG and type(value) in (dict, list) else text
