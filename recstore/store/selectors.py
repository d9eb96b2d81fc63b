"""Words that stand for tests: an id, a function, a class, a file, a folder, or any of them with `*` in it."""

from __future__ import annotations

import re

from recstore.errors import UsageError


def is_named(test_id: str, words: str) -> bool:
    """Return whether `words` stand for the test: `tests/a.py::test_x`, `tests/a.py`, `tests/`, `*::test_x`."""
    return _pattern(words).fullmatch(test_id) is not None


def renamed(test_id: str, old: str, new: str) -> str | None:
    """Return the id that the test has after everything called `old` is called `new`, None if it is not one of them.

    What follows stays: parameters behind a function, functions behind a class or file, files below a folder.
    Each `*` of `new` stands for what the `*` at its place in `old` stood for.

    Raises: UsageError: `old` and `new` have not the same number of `*`.
    """
    if old.count("*") != new.count("*"):
        raise UsageError(new, f"has {new.count('*')} `*` where {old} has {old.count('*')}")
    match = _pattern(old).fullmatch(test_id)
    if match is None:
        return None
    *stars, rest = match.groups()
    parts = _plain(new).split("*")
    return parts[0] + "".join(star + part for star, part in zip(stars, parts[1:], strict=True)) + rest


def _pattern(words: str) -> re.Pattern[str]:
    """Return what matches an id: one group for each `*`, and one for what follows."""
    body = "(.*?)".join(re.escape(part) for part in _plain(words).split("*"))
    return re.compile(rf"{body}(|\[.*|::.*|/.*)", re.DOTALL)


def _plain(words: str) -> str:
    return words.removeprefix("./").rstrip("/")
