"""A recording as a person reads it: who said what, the answers, and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PartKind: TypeAlias = Literal["text", "thinking", "call", "result", "refusal", "file", "names", "json"]
"""`file` is an image, a sound or a document, described and never dumped; `names` is one name a line."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message or an answer.

    Of a call, `text` is the arguments as they were sent and `name` the function; of a result, `text` is the output of
    the call with that `call_id`.
    """

    kind: PartKind
    text: str
    name: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the request, with its role."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers in a response, which usually has one. The pieces of a stream are joined."""

    parts: tuple[Part, ...]
    finish: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recording as a conversation. Everything is text, and nothing is promised to be complete.

    `parameters` are the other members of the request, by name; `tools` the names of the tools it offers; `error` is the
    error that the client raised or the upstream sent, or ""; `usage` counts tokens by kind; `event_count` is None
    unless the response was a stream.
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
