"""Secrets taken out of what is stored: everything else stays as it was, and a stream keeps its events."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from recstore.model import Body, Headers, Json, JsonBody, RawBody, Recording, StreamBody
from recstore.secrets.leaves import Path, leaves_of, string_leaves
from recstore.secrets.redact import REDACTED
from recstore.secrets.scanning import SecretScan


def without_secrets(data: bytes, scan: SecretScan) -> bytes:
    """Return `data` with every secret replaced by the word that stands for one."""
    return b"".join(_in_pieces([data], scan))


def redacted_recording(recording: Recording, scan: SecretScan) -> Recording:
    """Return the recording without the secrets in it, also those that no single event of a stream has whole."""

    def clean(text: str) -> str:
        return without_secrets(text.encode("utf-8", "surrogatepass"), scan).decode("utf-8", "surrogatepass")

    request, response = recording.request, recording.response
    return Recording(
        replace(
            request,
            path=clean(request.path),
            query=clean(f"?{request.query}")[1:],
            headers=_headers(request.headers, clean),
            body=_body(request.body, clean, scan),
        ),
        replace(
            response,
            headers=_headers(response.headers, clean),
            body=_body(response.body, clean, scan),
            error=None if response.error is None else _value(response.error, clean),
        ),
    )


def _headers(headers: Headers, clean: Callable[[str], str]) -> Headers:
    return tuple((name, clean(value)) for name, value in headers)


def _body(body: Body | None, clean: Callable[[str], str], scan: SecretScan) -> Body | None:
    if isinstance(body, RawBody):
        return RawBody(without_secrets(body.data, scan))
    if isinstance(body, JsonBody):
        return replace(body, value=_value(body.value, clean))
    return None if body is None else redacted_stream(body, scan)


def _value(value: Json, clean: Callable[[str], str]) -> Any:
    changed = copy.deepcopy(value)
    for path, text in string_leaves(value):
        if (cleaned := clean(text)) != text:
            changed = _with_leaf(changed, path, cleaned)
    return changed


def redacted_stream(body: StreamBody, scan: SecretScan) -> StreamBody:
    """Return the stream without the secrets in it: where one begins stands the word for it, the rest of it is cut out.

    It is `body` itself where there is none, as there hardly ever is: copying events takes longer than looking through them.
    """
    changes: list[tuple[int, Path, str]] = []
    for path, parts in leaves_of(body.events).items():
        pieces = [text.encode("utf-8", "surrogatepass") for _, text in parts]
        for (place, _), old, new in zip(parts, pieces, _in_pieces(pieces, scan), strict=True):
            if old != new:
                changes.append((place, path, new.decode("utf-8", "surrogatepass")))
    if not changes:
        return body
    events = copy.deepcopy(body.events)
    for place, path, text in changes:
        events[place] = _with_leaf(events[place], path, text)
    return replace(body, events=events)


def _with_leaf(value: Json, path: Path, text: str) -> Json:
    """Return `value`, changed in place where it can be, with the text at the path."""
    if not path:
        return text
    holder: Any = value
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = text
    return value


def _in_pieces(pieces: list[bytes], scan: SecretScan) -> list[bytes]:
    """Return the pieces of one text without the secrets in the whole: the word is where one begins."""
    found = list(pieces)
    for _, start, end in sorted(scan.spans(b"".join(pieces)), key=lambda span: span[1], reverse=True):
        place = 0
        for number, piece in enumerate(pieces):
            first, last = max(start - place, 0), min(end - place, len(piece))
            if first < last:
                word = REDACTED.encode() if start >= place else b""
                found[number] = found[number][:first] + word + found[number][last:]
            place += len(piece)
    return found
