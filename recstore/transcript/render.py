"""A recording as a transcript, and a transcript as lines of text: to read, or to compare line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from recstore.model import Recording
from recstore.text import plural
from recstore.transcript.body import compact, indented, parse_json, read_body
from recstore.transcript.messages import Message, Part, read_messages, read_model, read_parameters, read_tools
from recstore.transcript.responses import Answer, draft_response

LineStyle: TypeAlias = Literal[
    "heading", "request", "detail", "role", "text", "thinking", "call", "result", "file", "error"
]

_SHOWN_PARAMETER: Final = 200
_ONE_LINE_JSON: Final = 100
"""Longer JSON is indented."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recording as a conversation. Everything is text, and nothing is promised to be complete.

    `error` was raised by the client or sent by the upstream; `usage` counts tokens by kind; `event_count` is that of a stream.
    """

    method: str
    upstream: str
    path: str
    model: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    tools: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    status: int | None = None
    error: str = ""
    answers: tuple[Answer, ...] = ()
    answer_model: str = ""
    usage: tuple[tuple[str, int], ...] = ()
    event_count: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its end."""

    style: LineStyle
    text: str


def transcript_of(recording: Recording) -> Transcript:
    """Return the transcript of any recording."""
    request, response = recording.request, recording.response
    asked = read_body(request.body, request.headers)
    answered = draft_response(response)
    return Transcript(
        method=request.method,
        upstream=request.upstream,
        path=request.path + (f"?{request.query}" if request.query else ""),
        model=read_model(request, asked),
        parameters=tuple((name, _shortened(value)) for name, value in read_parameters(asked)),
        tools=tuple(name for names, _ in read_tools(asked) for name in names),
        messages=read_messages(request, asked),
        status=response.status,
        error=answered.error,
        answers=answered.answers(),
        answer_model=answered.model,
        usage=tuple(answered.usage.items()),
        event_count=answered.event_count,
    )


def page_lines(transcript: Transcript) -> tuple[Line, ...]:
    """Return the request, its messages, and the answers or the error, with an empty line before each."""
    return (*_request_lines(transcript), Line("text", ""), *_answer_lines(transcript))


def _request_lines(transcript: Transcript) -> list[Line]:
    model = f"  {transcript.model}" if transcript.model else ""
    lines = _block("request", f"{transcript.method} {transcript.upstream}{transcript.path}{model}")
    for name, value in transcript.parameters:
        lines += _block("detail", f"{name}: {value}", "  ")
    if transcript.tools:
        lines += _block("detail", f"tools: {', '.join(transcript.tools)}", "  ")
    for message in transcript.messages:
        lines += [Line("text", ""), *_block("role", message.role), *_part_lines(message.parts)]
    return lines


def _answer_lines(transcript: Transcript) -> list[Line]:
    lines: list[Line] = []
    for number, answer in enumerate(transcript.answers or (Answer(()),), 1):
        lines += [Line("text", "")] if number > 1 else []
        facts = ["" if transcript.status is None else str(transcript.status)]
        facts += [transcript.answer_model if transcript.answer_model != transcript.model else "", answer.finish]
        if number == 1:
            facts.append("" if transcript.event_count is None else plural(transcript.event_count, "event"))
            usage = " ".join(f"{kind} {count:,}" for kind, count in transcript.usage)
            facts.append(f"tokens {usage}" if usage else "")
        title = f"answer {number}" if len(transcript.answers) > 1 else "answer"
        lines += _block("role", f"{title}  {', '.join(filter(None, facts))}".rstrip())
        lines += _part_lines(answer.parts)
        if not answer.parts and not transcript.error:
            lines.append(Line("detail", "  (empty)"))
    if transcript.error:
        lines += _block("error", transcript.error, "  error: ")
    return lines


def review_text(recording: Recording) -> str:
    """Return the recording as text to compare line by line: all of the request, and the answer without counts.

    The ids of tool calls are numbered in the order in which they appear, as they change at every call.
    """
    return "\n".join(f"{text}\n" for text in review_texts(recording))


def review_texts(recording: Recording) -> tuple[str, str]:
    """Return the two halves of `review_text`, the request and the answer, each without the end of its last line."""
    numbers: dict[str, str] = {}

    def quiet(part: Part) -> Part:
        text = part.text
        if part.kind == "call" and len(text) > _ONE_LINE_JSON:
            with suppress(ValueError):
                arguments = parse_json(text)
                text = indented(arguments) if type(arguments) is dict else text
        call_id = numbers.setdefault(part.call_id, str(len(numbers) + 1)) if part.call_id else ""
        return replace(part, text=text, call_id=call_id)

    body = read_body(recording.request.body, recording.request.headers)
    parameters = read_parameters(body) + [(f"tool {', '.join(names)}", tool) for names, tool in read_tools(body)]
    transcript = transcript_of(recording)
    quieted = replace(
        transcript,
        parameters=tuple((name, _spread(value)) for name, value in parameters),
        tools=(),
        messages=tuple(replace(message, parts=tuple(map(quiet, message.parts))) for message in transcript.messages),
        answers=tuple(replace(answer, parts=tuple(map(quiet, answer.parts))) for answer in transcript.answers),
        usage=(),
        event_count=None,
    )
    request, answer = _request_lines(quieted), _answer_lines(quieted)
    return "\n".join(line.text for line in request), "\n".join(line.text for line in answer)


def _spread(value: Any) -> str:
    text = compact(value)
    return indented(value) if len(text) > _ONE_LINE_JSON and type(value) in (dict, list) else text


def _shortened(value: Any) -> str:
    text = compact(value)
    return text if len(text) <= _SHOWN_PARAMETER else f"{text[:_SHOWN_PARAMETER]}... ({len(text):,} characters)"


def _part_lines(parts: Iterable[Part]) -> Iterator[Line]:
    for part in parts:
        name, text, call_id = part.name, part.text, f"  #{part.call_id}" if part.call_id else ""
        match part.kind:
            case "thinking":
                yield from _block("thinking", text, "  ~ ")
            case "call":
                yield from _block("call", f"{name}({text}){call_id}", "  -> ")
            case "result":
                yield from _block("result", f"{name}{call_id}".lstrip(), "  <- ")
                yield from _block("text", text, "     ")
            case "file":
                yield from _block("file", f"[{name}, {text}]" if name else f"[{text}]", "  ")
            case "refusal":
                yield from _block("error", text, "  refused: ")
            case _:
                yield from _block("text", text, "  ")


def _block(style: LineStyle, text: str, first: str = "") -> list[Line]:
    """Return the lines of `text`, the first one behind `first`, the others indented as far."""
    indent = " " * len(first)
    lines = text.split("\n")
    return [Line(style, f"{indent if number else first}{line}".rstrip(" ")) for number, line in enumerate(lines)]
