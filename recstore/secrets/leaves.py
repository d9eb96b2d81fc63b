"""The texts of a recording, each with its place: what a person would look through for a key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeAlias

from recstore.content.encodings import UndecodableError, decoded
from recstore.model import Body, Headers, Json, JsonBody, RawBody, Recording, StreamBody

Path: TypeAlias = tuple[str | int, ...]
"""Keys and places that lead to a value inside of JSON."""


def texts_of(recording: Recording) -> Iterator[tuple[str, bytes]]:
    """Yield where, and the text there. A stream's texts come whole, though no event has all of one.

    >>> texts_of(recording)                                           # doctest: +SKIP
    ("response /choices/0/delta/content", b"Humans live on Earth.")
    """
    request, response = recording.request, recording.response
    target = f"{request.path}?{request.query}" if request.query else request.path
    yield "request path", target.encode("utf-8", "replace")
    yield from _headers("request", request.headers)
    yield from _body("request", request.body, request.headers)
    yield from _headers("response", response.headers)
    yield from _body("response", response.body, response.headers)
    if response.error is not None:
        yield from _json("response error", response.error)


def string_leaves(value: Json) -> Iterator[tuple[Path, str]]:
    """Yield every string inside of `value`, names of members left out, with the path to it."""
    waiting: list[tuple[Path, Json]] = [((), value)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, str):
            yield path, found
        elif isinstance(found, dict):
            waiting += [((*path, name), member) for name, member in reversed(found.items())]
        elif isinstance(found, list):
            waiting += [((*path, place), found[place]) for place in range(len(found) - 1, -1, -1)]


def leaves_of(events: list[Json]) -> dict[Path, list[tuple[int, str]]]:
    """Return, for each path inside of a stream's events, the texts there, each with the place of its event.

    A text that only repeats that of the event before says nothing new, and is left out.
    """
    found: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    for place, event in enumerate(events):
        for path, text in string_leaves(event):
            parts = found[path]
            if not (parts and parts[-1] == (place - 1, text)):
                parts.append((place, text))
    return found


def _headers(where: str, headers: Headers) -> Iterator[tuple[str, bytes]]:
    for name, value in headers:
        yield f"{where} header {name}", value.encode("utf-8", "replace")


def _body(where: str, body: Body | None, headers: Headers) -> Iterator[tuple[str, bytes]]:
    if isinstance(body, JsonBody):
        yield from _json(where, body.value)
    elif isinstance(body, StreamBody):
        for path, parts in leaves_of(body.events).items():
            yield _name(where, path), "".join(text for _, text in parts).encode("utf-8", "replace")
    elif isinstance(body, RawBody):
        yield f"{where} body", body.data
        encoding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
        if encoding:
            with suppress(UndecodableError):
                yield f"{where} body", decoded(body.data, encoding)


def _json(where: str, value: Json) -> Iterator[tuple[str, bytes]]:
    for path, text in string_leaves(value):
        yield _name(where, path), text.encode("utf-8", "replace")


def _name(where: str, path: Path) -> str:
    return f"{where} /{'/'.join(map(str, path))}"
