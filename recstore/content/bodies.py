"""Bodies between their bytes and their structure.

`parse_body` keeps the structure of a body only where the structure gives back every byte; `body_bytes` is
its inverse. What is JSON, an event stream or lines of JSON is seen from the bytes: content types lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
    if len(data) > EXPANDED_LIMIT_BYTES:
        return _json_body(data) or RawBody(data)
    return _json_body(data) or parse_event_stream(data) or _json_lines(data) or RawBody(data)


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
    if body.framing in _NEWLINES:
        newline, layout = _NEWLINES[body.framing], body.layout or "compact"
        return b"".join(_event_bytes(event, layout, newline) for event in body.events)
    return b"".join(write(event) + b"\n" for event in body.events)


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
    return [_line_value(match[1]) for match in _DATA_LINE.finditer(body_bytes(body)) if match[1]] or None


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


def _line_value(line: bytes) -> Json:
    try:
        return parse_exact(line)
    except NotExactError:
        return line.decode("utf-8", "backslashreplace")


def _json_body(data: bytes) -> JsonBody | None:
    if data[:1] not in (b"{", b"["):
        return None
    try:
        value = parse_exact(data)
        return JsonBody(value, detect_layout(data, value))
    except NotExactError:
        return None


def parse_event_stream(data: bytes) -> StreamBody | None:
    """Return the server-sent events that `data` consists of, or None if they would not give it back.

    Source: WHATWG HTML, section 9.2 "Server-sent events".
    """
    framing, text = _normalised_newlines(data)
    if not text.endswith(b"\n\n"):
        return None
    try:
        blocks = [_event_fields(block) for block in text.decode()[:-2].split("\n\n")]
    except (NotExactError, UnicodeDecodeError):
        return None
    layout = next((_line_layout(text) for fields in blocks for name, text in fields if _is_json(name, text)), "compact")
    events: list[Json] = [{name: _event_data(name, text, layout) for name, text in fields} for fields in blocks]
    stream = StreamBody(framing, events, layout)
    return stream if body_bytes(stream) == data else None


def _normalised_newlines(data: bytes) -> tuple[Framing, bytes]:
    if data.endswith(b"\r\n\r\n"):
        return "sse-crlf", data.replace(b"\r\n", b"\n")
    return "sse", data


def _event_fields(block: str) -> list[tuple[str, str]]:
    fields = [(name, text) for name, _, text in (line.partition(": ") for line in block.split("\n"))]
    names = [name for name, _ in fields]
    if len(set(names)) != len(names) or not _SSE_FIELDS.issuperset(names):
        raise NotExactError("an event with an unknown field, or with two of one name")
    return fields


def _is_json(name: str, text: str) -> bool:
    return name == "data" and text[:1] in ("{", "[")


def _line_layout(text: str) -> str:
    try:
        return detect_layout(text.encode(), parse_exact(text.encode()))
    except NotExactError:
        return "compact"


def _event_data(name: str, text: str, layout: str) -> Json:
    if not _is_json(name, text):
        return text
    try:
        value = parse_exact(text.encode())
    except NotExactError:
        return text
    return value if LAYOUTS[layout](value) == text.encode() else text


def _event_bytes(event: Any, layout: str, newline: bytes) -> bytes:
    lines = []
    for name, value in event.items():
        text = value.encode() if isinstance(value, str) else LAYOUTS[layout](value)
        lines.append(b"%b: %b%b" % (name.encode(), text, newline))
    return b"".join(lines) + newline


def _json_lines(data: bytes) -> StreamBody | None:
    lines = data.split(b"\n")
    if len(lines) < 3 or lines.pop():  # noqa: PLR2004 - one line alone is no stream
        return None
    try:
        values = [parse_exact(line) for line in lines]
    except NotExactError:
        return None
    for layout in _LINE_LAYOUTS:
        if all(LAYOUTS[layout](value) == line for value, line in zip(values, lines, strict=True)):
            return StreamBody("ndjson", values, layout)
    return None
