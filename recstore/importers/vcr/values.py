"""Values of a cassette as JSON that an origin can hold, and back, exactly.

A cassette holds what JSON does not: bytes, YAML tags, keys that are no text, NaN, integers of any size, text
with lone surrogates. Each is written as an object whose one key begins with `!`.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any, Final

import orjson

from recstore.model import Json

DEPTH_LIMIT: Final = 64
"""vcrpy itself nests six levels; a tagged value takes three of JSON's, of which orjson writes 254."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A YAML node with a tag that nobody constructs: its value is text, a list or a dict."""

    tag: str
    value: Any


@dataclass(frozen=True, slots=True)
class Part:
    """A place that is filled with something the recording knows, by name."""

    name: str


# Below, values are told apart by their types at run time: hence Any.


def encode(value: Any) -> Json:
    """Return `value` as JSON; `decode` is the inverse.

    Raises: ValueError: a type that no cassette holds.
    """
    write = _WRITERS.get(type(value))
    if write is None:
        raise ValueError(f"a cassette holds no {type(value).__name__}")
    stored: Json = write(value)
    return stored


def decode(stored: Json) -> Any:
    """Return the value that `encode` made `stored` of.

    Raises: ValueError: `encode` makes no such thing.
    """
    if type(stored) is list:
        return [decode(item) for item in stored]
    if type(stored) is not dict:
        return stored
    key = next(iter(stored), "")
    if not key.startswith("!"):
        return {name: decode(item) for name, item in stored.items()}
    read = _READERS.get(key)
    if read is None or len(stored) != 1:
        raise ValueError(f"{key!r:.40} is no kind of value")
    return read(stored[key])


def exact(value: Any) -> bytes:
    """Return bytes that two values have in common only if nothing tells them apart, key order included."""
    return orjson.dumps(encode(value))


def is_same(one: Any, other: Any) -> bool:
    """Return whether nothing tells the two values apart: type, key order, sign of zero."""
    kind = type(one)
    if kind is not type(other):
        return False
    return bool(one == other) if kind in (str, bytes) else exact(one) == exact(other)


def is_plain_json(value: Any) -> bool:
    """Return whether JSON holds `value` as it is."""
    return orjson.dumps(encode(value)) == _plain(value)


def refuse_deep(value: Any) -> None:
    """Return if `value` has at most `DEPTH_LIMIT` levels.

    Raises: ValueError: it has more.
    """
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise ValueError(f"it nests more than {DEPTH_LIMIT} levels deep")


def _children(node: Any) -> list[Any]:
    return [
        child
        for child in (node.values() if type(node) is dict else node if type(node) is list else ())
        if type(child) in (dict, list)
    ]


def _plain(value: Any) -> bytes | None:
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


# -- writing


def _write_text(value: str) -> Json:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"!text": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}
    return value


def _write_integer(value: int) -> Json:
    return value if -(1 << 63) <= value < 1 << 64 else {"!int": hex(value)}


def _write_real(value: float) -> Json:
    return value if math.isfinite(value) else {"!float": repr(value)}


def _write_mapping(value: dict[Any, Any]) -> Json:
    if all(type(key) is str and key[:1] != "!" and type(_write_text(key)) is str for key in value):
        return {key: encode(item) for key, item in value.items()}
    return {"!map": [[encode(key), encode(item)] for key, item in value.items()]}


_WRITERS: Final[dict[type, Any]] = {
    type(None): lambda value: value,
    bool: lambda value: value,
    str: _write_text,
    int: _write_integer,
    float: _write_real,
    bytes: lambda value: {"!bytes": base64.b64encode(value).decode()},
    list: lambda value: [encode(item) for item in value],
    dict: _write_mapping,
    Tagged: lambda value: {"!tag": [value.tag, encode(value.value)]},
    Part: lambda value: {"!": value.name},
}


# -- reading


def _read_tagged(stored: Any) -> Tagged:
    tag, value = stored
    return Tagged(str(tag), decode(value))


_READERS: Final[dict[str, Any]] = {
    "!": Part,
    "!text": lambda stored: base64.b64decode(stored, validate=True).decode("utf-8", "surrogatepass"),
    "!int": lambda stored: int(stored, 16),
    "!float": float,
    "!bytes": lambda stored: base64.b64decode(stored, validate=True),
    "!map": lambda stored: {decode(key): decode(item) for key, item in stored},
    "!tag": _read_tagged,
}
