"""JSON text, exactly: which texts a JSON value can stand for, and how to write that very text again.

A value stands for a text only where nothing is lost: integers within 64 bits, reals whose digits a
double keeps, no duplicate keys, no NaN, no lone surrogates, at most `DEPTH_LIMIT` levels. Everything
else is carried by its bytes. orjson alone cannot tell: it reads big integers as reals and drops the
first of two equal keys without a word.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson

from recstore.model import Json

DEPTH_LIMIT: Final = 128

_SMALL_REAL = re.compile(rb"0\.0000[1-9]\d*")
_EXPONENT = re.compile(rb"e-(\d)(?!\d)")
_SMALL_REAL_AT_LINE_END = re.compile(rb"0\.0000[1-9]\d*(?=,?\n|$)")
_EXPONENT_AT_LINE_END = re.compile(rb"e-(\d)(?=,?\n|$)")
_NOT_PLAIN_ASCII = re.compile(r"[^\x00-\x7e]")


class NotExactError(ValueError):
    """No JSON value can stand for this text without losing something of it."""


def parse_exact(data: bytes) -> Json:
    """Return the value that stands for `data` without loss.

    Raises: NotExactError: `data` is not JSON, or no value carries all of it.
    """
    try:
        value: Json = orjson.loads(data)
        if orjson.dumps(value) != data:
            value = json.loads(data, object_pairs_hook=_object, parse_int=_integer, parse_float=_real)
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise NotExactError(str(error)) from error
    if data.count(b"{") + data.count(b"[") > DEPTH_LIMIT:
        level = [value]
        for _ in range(DEPTH_LIMIT):
            arrays = ([*node.values()] if isinstance(node, dict) else node for node in level)
            level = [child for array in arrays if isinstance(array, list) for child in array]
        if any(isinstance(node, dict | list) for node in level):
            raise NotExactError(f"the text nests more than {DEPTH_LIMIT} levels deep")
    return value


def detect_layout(data: bytes, value: Json) -> str:
    """Return the name of the layout that writes `value` as `data`.

    Raises: NotExactError: none does.
    """
    for name, write in LAYOUTS.items():
        if write(value) == data:
            return name
    raise NotExactError("the text is laid out in no known way")


def sorted_text(value: Json) -> bytes:
    r"""Return `value` as compact UTF-8 text with sorted keys, spelled the same by every orjson version.

    Shape: keys in code-point order, no white space; reals as the shortest digits that give the double
    back, positional from 1e-4 up to below 1e16 and as `d.ddde-05` beyond; `"`, `\` and controls
    escaped, nothing else.

    Raises: NotExactError: no JSON text says this value: NaN, an integer beyond 64 bits, a lone surrogate.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise NotExactError(str(error)) from error
    if b"null" in text:  # which is also what orjson makes of NaN
        refuse_unsayable(value)
    return _spelled(value, orjson.OPT_SORT_KEYS) if _may_misspell(text) else text


def refuse_unsayable(value: Json) -> None:
    """Raise NotExactError where `value` holds NaN or an infinity, which JSON cannot say and orjson writes as null."""
    if isinstance(value, float) and not math.isfinite(value):
        raise NotExactError(f"JSON has no number {value}")
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            refuse_unsayable(member)


def compact_text(value: Json) -> bytes:
    """Return `value` as `sorted_text` does, with the keys in their own order."""
    text = orjson.dumps(value)
    return _spelled(value, 0) if _may_misspell(text) else text


def compact_lines(values: list[Json]) -> bytes:
    """Return the compact text of each value, joined by a comma and a line feed."""
    text = b",\n".join([orjson.dumps(value) for value in values])
    return b",\n".join([_spelled(value, 0) for value in values]) if _may_misspell(text) else text


def python_indented(value: Json) -> bytes:
    """Return exactly what `json.dumps(value, indent=2)` returns, at the speed of orjson.

    In this layout a line that ends in a digit (and perhaps a comma) ends in a number, since a string
    would end in a quote: reals that orjson spells its own way are found by looking at line ends.
    """
    text = _indented(value)
    if text.isascii() and b"\x7f" not in text:
        return text
    return _NOT_PLAIN_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text.decode()).encode()


def _indented(value: Json) -> bytes:
    """Return what `json.dumps(value, indent=2, ensure_ascii=False)` returns: how many servers lay out their answers."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    if b"0.0000" in text:
        text = _SMALL_REAL_AT_LINE_END.sub(_respell, text)
    return _EXPONENT_AT_LINE_END.sub(rb"e-0\1", text) if b"e-" in text else text


# orjson writes reals below 1e-4 its own way (0.00001, 1e-6) and has changed its mind on large ones; Python
# writes 1e-05 and 1e-06 since 2009. Names of blobs and requests must not depend on such a choice.


def _may_misspell(text: bytes) -> bool:
    return b"0.0000" in text or (b"e-" in text and _EXPONENT.search(text) is not None)


def _spelled(value: Json, option: int) -> bytes:
    if isinstance(value, dict):
        keys = sorted(value) if option else value
        return b"{%b}" % b",".join(b"%b:%b" % (orjson.dumps(key), _spelled(value[key], option)) for key in keys)
    text = orjson.dumps(value, option=option)
    if isinstance(value, str) or not _may_misspell(text):
        return text
    if isinstance(value, list) and (b'"' in text or b"{" in text):
        return b"[%b]" % b",".join(_spelled(item, option) for item in value)
    return _EXPONENT.sub(rb"e-0\1", _SMALL_REAL.sub(_respell, text))


def _python(**style: Any) -> Callable[[Json], bytes]:
    return lambda value: json.dumps(value, **style).encode()


def _with_newline(write: Callable[[Json], bytes]) -> Callable[[Json], bytes]:
    return lambda value: write(value) + b"\n"


LAYOUTS: Final[dict[str, Callable[[Json], bytes]]] = {
    "compact": compact_text,
    "spaced-ascii": _python(),
    "indent-2": _indented,
    "compact-ascii": _python(separators=(",", ":")),
    "spaced": _python(ensure_ascii=False),
    "indent-2-ascii": python_indented,
    "indent-4": _python(indent=4, ensure_ascii=False),
    "indent-4-ascii": _python(indent=4),
}
"""How a value becomes bytes, by name, in the order in which they are tried; each is also there with a line feed after it."""

LAYOUTS.update({f"{name}-lf": _with_newline(write) for name, write in LAYOUTS.items()})


def _respell(match: re.Match[bytes]) -> bytes:
    before = match.string[match.start() - 1 : match.start()]
    return match[0] if before.isdigit() else repr(float(match[0])).encode()


# What orjson reads without a word: it has refused NaN, infinities and lone surrogates by then.


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotExactError("an object names a key twice")
    return members


def _integer(digits: str) -> int:
    if digits == "-0" or not -(1 << 63) <= (value := int(digits)) < 1 << 64:
        raise NotExactError(f"the integer {digits[:40]} is not a 64-bit one")
    return value


def _real(token: str) -> float:
    value = float(token)
    if Decimal(token) != Decimal(repr(value)):
        raise NotExactError(f"a double does not hold all digits of {token[:40]}")
    return value
