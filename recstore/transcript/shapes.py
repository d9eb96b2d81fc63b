"""JSON of unknown shape, asked without trust: every question has an answer, for any value."""

from __future__ import annotations

import json
import re
from typing import Any, Final

TOO_DEEP: Final = "(JSON, nested too deeply to show)"

_BASE64: Final = re.compile(r"(?:data:[^,]{0,100},)?[A-Za-z0-9+/_-]{400,}={0,2}")
_SHOWN_NUMBERS: Final = 8


def table(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, an empty one if not."""
    return value if type(value) is dict else {}


def elements(value: Any) -> list[Any]:
    """Return `value` if it is an array, an empty one if not."""
    return value if type(value) is list else []


def tables(value: Any) -> list[dict[str, Any]]:
    """Return the objects among the elements of `value`."""
    return [element for element in elements(value) if type(element) is dict]


def text_in(holder: Any, *names: str) -> str:
    """Return the first of these members that is a string with something in it, "" if none is."""
    members = table(holder)
    return next((members[name] for name in names if type(members.get(name)) is str and members[name]), "")


def table_in(holder: Any, *names: str) -> dict[str, Any]:
    """Return the first of these members that is an object with something in it, an empty one if none is."""
    members = table(holder)
    return next((members[name] for name in names if type(members.get(name)) is dict and members[name]), {})


def compact(value: Any) -> str:
    """Return a string as it is, any other value as JSON in one line."""
    return value if type(value) is str else _dumped(value, None)


def indented(value: Any) -> str:
    """Return `value` as JSON down the page; base64 and long runs of numbers are counted, not shown."""
    try:
        return _dumped(_digested(value), 2)
    except RecursionError:
        return TOO_DEEP


def parse_json(text: str) -> Any:
    """Return the JSON value that `text` spells, however loosely; lone surrogates become `?`.

    Raises: ValueError: it is no JSON, or nested too deeply to look into.
    """
    try:
        value = json.loads(text)
        if "\\u" in text:
            value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    return value


def _dumped(value: Any, indent: int | None) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent)
    except RecursionError:
        return TOO_DEEP


def _digested(value: Any) -> Any:
    if type(value) is dict:
        return {key: _digested(member) for key, member in value.items()}
    if type(value) is list:
        if len(value) > _SHOWN_NUMBERS and all(type(element) in (int, float) for element in value):
            return f"({len(value):,} numbers)"
        return [_digested(element) for element in value]
    if type(value) is str and _BASE64.fullmatch(value):
        return f"({len(value):,} characters of base64)"
    return value
