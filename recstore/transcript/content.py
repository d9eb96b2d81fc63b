"""A body as JSON documents: one of a plain body, one an event of a stream, none where it is no JSON."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from recstore.model import Body, Headers, JsonBody, StreamBody
from recstore.transcript.attachments import binary_part
from recstore.transcript.shapes import compact, indented, parse_json
from recstore.transcript.turns import Part

_EVENT_LINE: Final = re.compile(r"(data|event|id|retry)?:.*|data|")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_COMPRESSED: Final = frozenset(("gzip", "x-gzip", "deflate"))
_INFLATED_LIMIT_BYTES: Final = 1 << 24
_DONE: Final = "[DONE]"


@dataclass(frozen=True, slots=True)
class Content:
    """What a body holds: `documents` if it is JSON or a stream of it, `text` if not; `binary` if neither."""

    documents: list[Any] = field(default_factory=list)
    text: str = ""
    binary: Part | None = None
    event_count: int | None = None

    @property
    def value(self) -> Any:
        """The one document, None where there is none or are several."""
        return self.documents[0] if len(self.documents) == 1 else None

    def whole(self) -> list[Part]:
        """Return all there is, as it is: for a body that no reader knows."""
        if self.binary is not None:
            return [self.binary]
        shown = [Part("json", indented(document)) for document in self.documents]
        if self.event_count is not None:
            shown = [Part("json", "\n".join(compact(document) for document in self.documents))] if shown else []
        return [*shown, *([Part("text", self.text)] if self.text else [])]


def read_body(body: Body | None, headers: Headers = ()) -> Content:
    """Return what `body` holds; `headers` tell how its bytes are to be taken, if it is bytes."""
    if isinstance(body, JsonBody):
        return Content([body.value])
    if isinstance(body, StreamBody):
        return _read_events(body)
    return _read_bytes(body.data, headers) if body is not None and body.data else Content()


def _read_events(body: StreamBody) -> Content:
    if body.framing in ("sse", "sse-crlf"):
        data = [event.get("data", "") if isinstance(event, dict) else event for event in body.events]
        return _sorted_out(data, len(body.events))
    if body.events and all(isinstance(event, str) for event in body.events):  # the lines of a stream
        return _read_text("\n".join(map(str, body.events)))
    return Content(list(body.events), event_count=len(body.events))


def _sorted_out(data: list[Any], event_count: int) -> Content:
    """Return the data of events: those that are JSON, and the text of the others."""
    documents, texts = [], []
    for item in data:
        try:
            documents.append(parse_json(item) if type(item) is str and item[:1] in ("{", "[") else item)
        except ValueError:
            documents.append(item)
    texts = [item for item in documents if type(item) is str and item not in ("", _DONE)]
    return Content([item for item in documents if type(item) is not str], "\n".join(texts), event_count=event_count)


def _read_bytes(data: bytes, headers: Headers) -> Content:
    values = {name.lower(): value for name, value in headers}
    if values.get("content-encoding", "").strip().lower() in _COMPRESSED:
        data = _inflated(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return Content(binary=binary_part(data, values.get("content-type", "").partition(";")[0].strip()))
    return _read_text(text)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, _INFLATED_LIMIT_BYTES)
    except zlib.error:
        return data


def _read_text(text: str) -> Content:
    """Return the content of text that is JSON, an event stream or lines of JSON, strictly spelled or not."""
    lines = _LINE_END.split(text)
    if text.lstrip()[:1] in ("{", "["):
        for pieces in ([text], [line for line in lines if line.strip()]):
            with suppress(ValueError):
                return Content([parse_json(piece) for piece in pieces], event_count=_count(pieces))
    if any(line.startswith("data:") for line in lines) and all(map(_EVENT_LINE.fullmatch, lines)):
        events = [event for event in re.split(r"\n{2,}", "\n".join(lines)) if event.strip()]
        return _sorted_out([_event_data(event) for event in events], len(events))
    return Content(text=text)


def _count(pieces: list[str]) -> int | None:
    return len(pieces) if len(pieces) > 1 else None


def _event_data(event: str) -> str:
    """Return the data of one event. Source: WHATWG HTML, section 9.2 "Server-sent events"."""
    lines = (line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
    return "\n".join(lines)
