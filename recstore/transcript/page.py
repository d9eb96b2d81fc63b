"""A transcript down the page: lines of text, each with the name of a style."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from recstore.transcript.turns import Answer, Message, Part, Transcript

Style: TypeAlias = Literal[
    "heading", "request", "detail", "role", "text", "thinking", "call", "result", "file", "error"
]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its end."""

    style: Style
    text: str


def page_text(transcript: Transcript) -> str:
    """Return the page as plain text."""
    return "".join(f"{line.text}\n" for line in page_lines(transcript))


def page_lines(transcript: Transcript) -> tuple[Line, ...]:
    """Return the request, its messages, and the answers or the error, with an empty line before each."""
    return (*_request_lines(transcript), *_message_lines(transcript.messages), *_response_lines(transcript))


def _request_lines(transcript: Transcript) -> Iterator[Line]:
    model = f"  {transcript.model}" if transcript.model else ""
    yield from _block("request", f"{transcript.method} {transcript.upstream}{transcript.path}{model}", "")
    for name, value in transcript.parameters:
        yield from _block("detail", f"{name}: {value}", "  ")
    if transcript.tools:
        yield from _block("detail", f"tools: {', '.join(transcript.tools)}", "  ")


def _message_lines(messages: tuple[Message, ...]) -> Iterator[Line]:
    for message in messages:
        yield Line("text", "")
        yield from _block("role", message.role, "")
        yield from _part_lines(message.parts)


def _response_lines(transcript: Transcript) -> Iterator[Line]:
    yield Line("text", "")
    for number, answer in enumerate(transcript.answers or (Answer(()),), 1):
        if number > 1:
            yield Line("text", "")
        yield from _block("role", _answer_title(transcript, answer, number), "")
        yield from _part_lines(answer.parts)
        if not answer.parts and not transcript.error:
            yield Line("detail", "  (empty)")
    if transcript.error:
        yield from _block("error", transcript.error, "  error: ")


def _answer_title(transcript: Transcript, answer: Answer, number: int) -> str:
    facts = [f"answer {number}" if len(transcript.answers) > 1 else "answer"]
    if transcript.status is not None:
        facts.append(str(transcript.status))
    if transcript.answer_model and transcript.answer_model != transcript.model:
        facts.append(transcript.answer_model)
    if answer.finish:
        facts.append(answer.finish)
    if number == 1 and transcript.event_count is not None:
        facts.append(f"{transcript.event_count:,} event{'' if transcript.event_count == 1 else 's'}")
    if number == 1 and transcript.usage:
        facts.append("tokens " + " ".join(f"{name} {count:,}" for name, count in transcript.usage))
    return "  ".join([facts[0], ", ".join(facts[1:])]) if facts[1:] else facts[0]


def _part_lines(parts: tuple[Part, ...]) -> Iterator[Line]:
    for part in parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[Line]:
    if part.kind == "thinking":
        yield from _block("thinking", part.text, "  ~ ")
    elif part.kind == "call":
        yield from _block("call", f"{part.name}({part.text}){_call_id(part)}", "  -> ")
    elif part.kind == "result":
        yield from _block("result", f"{part.name}{_call_id(part)}".lstrip(), "  <- ")
        yield from _block("text", part.text, "     ")
    elif part.kind == "file":
        yield from _block("file", f"[{f'{part.name}, ' if part.name else ''}{part.text}]", "  ")
    elif part.kind == "refusal":
        yield from _block("error", part.text, "  refused: ")
    else:
        yield from _block("text", part.text, "  ")


def _call_id(part: Part) -> str:
    return f"  #{part.call_id}" if part.call_id else ""


def _block(style: Style, text: str, first: str) -> Iterator[Line]:
    """Yield the lines of `text`: `first` before the first of them, as much space before the others."""
    indent = " " * len(first)
    for number, line in enumerate(text.split("\n")):
        yield Line(style, f"{indent if number else first}{line}".rstrip(" "))
