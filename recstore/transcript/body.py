"""A body as JSON documents (one for a plain body, one per event of a stream), and safe access to JSON of any shape."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from recstore.content.encodings import UndecodableError, decoded
from recstore.model import Body, Headers, JsonBody, StreamBody

TOO_DEEP: Final = "(JSON, nested too deeply to show)"

_EVENT_LINE: Final = re.compile(r"(data|event|id|retry)?:.*|data|")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BASE64: Final = re.compile(r"(?:data:[^,]{0,100},)?[A-Za-z0-9+/_-]{400,}={0,2}")
_SHOWN_NUMBERS: Final = 8
_SIGNATURES: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)


@dataclass(frozen=True, slots=True)
class BodyContent:
    """The content of a body: `documents` if it is JSON or a stream of it, else `text`, else `binary`, a description."""

    documents: list[Any] = field(default_factory=list)
    text: str = ""
    binary: str = ""
    event_count: int | None = None

    @property
    def value(self) -> Any:
        """The one document, or None if there is none or there are several."""
        return self.documents[0] if len(self.documents) == 1 else None


def read_body(body: Body | None, headers: Headers = ()) -> BodyContent:
    """Return the content of `body`; `headers` say how to decode it if it is bytes."""
    if isinstance(body, JsonBody):
        return BodyContent([body.value])
    if isinstance(body, StreamBody):
        if body.framing in ("sse", "sse-crlf"):
            return _read_events([event.get("data", "") if isinstance(event, dict) else event for event in body.events])
        if body.events and all(isinstance(event, str) for event in body.events):  # the lines of a stream
            return _read_text("\n".join(map(str, body.events)))
        return BodyContent(list(body.events), event_count=len(body.events))
    if body is None or not body.data:
        return BodyContent()
    values = {name.lower(): value for name, value in headers}
    data = body.data
    with suppress(UndecodableError):
        data = decoded(data, values.get("content-encoding", ""))
    with suppress(UnicodeDecodeError):
        text = data.decode()
        if "\0" not in text:
            return _read_text(text)
    media_type = values.get("content-type", "").partition(";")[0].strip()
    guess = next((known for signature, known in _SIGNATURES if data.startswith(signature)), "application/octet-stream")
    return BodyContent(binary=f"{len(data):,} bytes of {media_type or guess}")


def _read_text(text: str) -> BodyContent:
    """Return the content of text that is JSON, an event stream or lines of JSON, whether or not it is spelled strictly."""
    lines = _LINE_END.split(text)
    if text.lstrip()[:1] in ("{", "["):
        for pieces in ([text], [line for line in lines if line.strip()]):
            with suppress(ValueError):
                documents = [parse_json(piece) for piece in pieces]
                return BodyContent(documents, event_count=len(pieces) if len(pieces) > 1 else None)
    if any(line.startswith("data:") for line in lines) and all(map(_EVENT_LINE.fullmatch, lines)):
        events = [event.split("\n") for event in re.split(r"\n{2,}", "\n".join(lines)) if event.strip()]
        data = [[line[5:].removeprefix(" ") for line in event if line.startswith("data:")] for event in events]
        return _read_events(list(map("\n".join, data)))  # Source: WHATWG HTML, section 9.2 "Server-sent events"
    return BodyContent(text=text)


def _read_events(data: list[Any]) -> BodyContent:
    """Return the data of events: the documents of those that are JSON, and the text of the others."""
    documents, texts = [], []
    for item in data:
        value = item
        if type(item) is str and item[:1] in ("{", "["):
            with suppress(ValueError):
                value = parse_json(item)
        if type(value) is not str:
            documents.append(value)
        elif value not in ("", "[DONE]"):
            texts.append(value)
    return BodyContent(documents, "\n".join(texts), event_count=len(data))


# -- JSON of unknown shape


def as_object(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if type(value) is dict else {}


def as_list(value: Any) -> list[Any]:
    """Return `value` if it is an array, else an empty one."""
    return value if type(value) is list else []


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects among the elements of `value`."""
    return [element for element in as_list(value) if type(element) is dict]


def string_at(holder: Any, *names: str) -> str:
    """Return the first of these members that is a string and not empty, else ""."""
    members = as_object(holder)
    return next((members[name] for name in names if type(members.get(name)) is str and members[name]), "")


def object_at(holder: Any, *names: str) -> dict[str, Any]:
    """Return the first of these members that is an object and not empty, else an empty one."""
    members = as_object(holder)
    return next((members[name] for name in names if type(members.get(name)) is dict and members[name]), {})


def compact(value: Any) -> str:
    """Return a string as it is, any other value as JSON in one line."""
    if type(value) is str:
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return TOO_DEEP


def indented(value: Any) -> str:
    """Return `value` as indented JSON; base64 and long runs of numbers are counted, not shown."""

    def digested(value: Any) -> Any:
        if type(value) is dict:
            return {key: digested(member) for key, member in value.items()}
        if type(value) is list:
            if len(value) > _SHOWN_NUMBERS and all(type(element) in (int, float) for element in value):
                return f"({len(value):,} numbers)"
            return [digested(element) for element in value]
        if type(value) is str and _BASE64.fullmatch(value):
            return f"({len(value):,} characters of base64)"
        return value

    try:
        return json.dumps(digested(value), ensure_ascii=False, indent=2)
    except RecursionError:
        return TOO_DEEP


def parse_json(text: str) -> Any:
    """Return the JSON value of `text`, spelled strictly or not; lone surrogates become `?`.

    Raises: ValueError: it is not JSON, or nested too deeply to look into.
    """
    try:
        value = json.loads(text)
        if "\\u" in text:
            value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    return value
