"""Bodies between their bytes and their structure.

`parse_body` keeps the structure of a body only where the structure gives back every byte; `body_bytes` is
its inverse. What is JSON, an event stream or lines of JSON is seen from the bytes: content types lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from recstore.content.deltas import EXPANDED_LIMIT_BYTES
from recstore.content.json_text import LAYOUTS, NotExactError, detect_layout, parse_exact
from recstore.model import Body, Framing, Json, JsonBody, RawBody, StreamBody

_LINE_LAYOUTS: Final = ("compact", "spaced-ascii", "spaced", "compact-ascii")
_NEWLINES: Final = {"sse": b"\n", "sse-crlf": b"\r\n"}
_SSE_FIELDS: Final = frozenset(("event", "data", "id", "retry", ""))
_SSE_EVENT: Final = re.compile(rb"[\s\S]*?(?:\r?\n\r?\n|\r\r|\Z)")
_JSON_LINE: Final = re.compile(rb"^(data: ?)?([{][^\r\n]*[}])(?=\r?$)", re.MULTILINE)
_DATA_LINE: Final = re.compile(rb"^(?:data: ?)?(.*?)\r?$", re.MULTILINE)


def parse_body(data: bytes) -> Body | None:
    """Return `data` as the most readable body that gives back its every byte; None for no bytes."""
    if not data:
        return None
    if data[:1] in (b"{", b"["):
        with suppress(NotExactError):
            value = parse_exact(data)
            return JsonBody(value, detect_layout(data, value))
    if len(data) > EXPANDED_LIMIT_BYTES:
        return RawBody(data)
    stream = parse_event_stream(data)
    if stream is not None:
        return stream
    *lines, rest = data.split(b"\n")
    if rest or len(lines) < 2:  # noqa: PLR2004 - one line alone is no stream
        return RawBody(data)
    with suppress(NotExactError):
        values = [parse_exact(line) for line in lines]
        for layout in _LINE_LAYOUTS:
            if all(LAYOUTS[layout](value) == line for value, line in zip(values, lines, strict=True)):
                return StreamBody("ndjson", values, layout)
    return RawBody(data)


def body_bytes(body: Body | None) -> bytes:
    """Return the bytes that went over the wire.

    For a value that never had bytes of its own (`layout` ""), those that an HTTP client would send.
    """
    if body is None:
        return b""
    if isinstance(body, RawBody):
        return body.data
    write = LAYOUTS[body.layout or "compact"]
    if isinstance(body, JsonBody):
        return write(body.value)
    if body.framing not in _NEWLINES:
        return b"".join(write(event) + b"\n" for event in body.events)
    newline, lines = _NEWLINES[body.framing], []
    events: list[Any] = body.events
    for event in events:
        for name, value in event.items():
            text = value.encode() if isinstance(value, str) else write(value)
            lines.append(b"%b: %b%b" % (name.encode(), text, newline))
        lines.append(newline)
    return b"".join(lines)


def json_value(body: Body | None) -> Json:
    """Return the JSON value of `body`, None where it is none."""
    return body.value if isinstance(body, JsonBody) else None


def body_value(body: Body | None) -> Json:
    """Return all that a body says as one JSON value: its own, or an array of its events, or of its lines.

    An event that has nothing but data stands for its data. A line is JSON where it can be read as that, text where not.
    """
    if isinstance(body, JsonBody):
        return body.value
    if isinstance(body, StreamBody):
        return [event["data"] if isinstance(event, dict) and [*event] == ["data"] else event for event in body.events]
    values: list[Json] = []
    for line in filter(None, _DATA_LINE.findall(body_bytes(body))):
        try:
            values.append(parse_exact(line))
        except NotExactError:
            values.append(line.decode("utf-8", "backslashreplace"))
    return values or None


def split_events(data: bytes) -> tuple[bytes, ...]:
    """Return the server-sent events of `data`, however they are written; joined they are `data` again."""
    return tuple(event for event in _SSE_EVENT.findall(data) if event)


def replace_json_lines(data: bytes, change: Callable[[Json], Json]) -> bytes:
    """Return `data` with `change` applied to each line that is a JSON object, or the data of an event that is one.

    Lines that could not be written back byte for byte stay as they are.
    """

    def replaced(line: re.Match[bytes]) -> bytes:
        try:
            value = parse_exact(line[2])
            write = LAYOUTS[detect_layout(line[2], value)]
        except NotExactError:
            return line[0]
        return (line[1] or b"") + write(change(value))

    return _JSON_LINE.sub(replaced, data)


def parse_event_stream(data: bytes) -> StreamBody | None:
    """Return the server-sent events that `data` consists of, or None if they would not give it back.

    Source: WHATWG HTML, section 9.2 "Server-sent events".
    """
    framing: Framing = "sse-crlf" if data.endswith(b"\r\n\r\n") else "sse"
    try:
        text = data.replace(_NEWLINES[framing], b"\n").decode()
    except UnicodeDecodeError:
        return None
    if not text.endswith("\n\n"):
        return None
    events: list[Json] = []
    layout = ""  # that of the first data that looks like JSON
    for block in text[:-2].split("\n\n"):
        event: dict[str, Json] = {}
        for line in block.split("\n"):
            name, _, field = line.partition(": ")
            if name in event or name not in _SSE_FIELDS:
                return None
            event[name] = field
            if name == "data" and field[:1] in ("{", "["):
                try:
                    value = parse_exact(field.encode())
                    layout = layout or detect_layout(field.encode(), value)
                except NotExactError:
                    layout = layout or "compact"
                    continue
                if LAYOUTS[layout](value) == field.encode():
                    event["data"] = value
        events.append(event)
    stream = StreamBody(framing, events, layout or "compact")
    return stream if body_bytes(stream) == data else None
