"""What a person reads of a recording: who said what, what came back, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "thinking", "call", "result", "refusal", "file", "names", "json"]
"""`file` is an image, a sound or a document, described and never dumped; `names` one name a line."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message or an answer.

    Of a call, `text` is the arguments as they were sent, `name` the function; of a result, what came out of
    the call with that `call_id`.
    """

    kind: Kind
    text: str
    name: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What the request says in one role."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers that a response holds: usually there is one. A stream's is joined."""

    parts: tuple[Part, ...]
    finish: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recording as a conversation. Everything is text; nothing is promised to be complete.

    `parameters` are the request's other members, by name; `tools` the names of those it offers; `error` what
    the client raised or the upstream complained of, "" where all went well; `usage` counts tokens by name;
    `event_count` is None where the response was no stream.
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
