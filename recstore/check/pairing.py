"""Which of two lists of requests belong together, where no key says so: a changed prompt is a changed request.

Only requests of one method and path are paired. The most alike come first, told by the words that both have, and by
upstream and model where as many words are the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from recstore.model import JsonBody, Request
from recstore.transcript.body import compact, read_body
from recstore.transcript.messages import read_model

_WORD: Final = re.compile(r"\w+")
_ALIKE: Final = 0.3
"""Requests with a smaller share of words in common are two requests."""

_MOST_COMPARED: Final = 40_000
"""More comparisons than that take longer than they are worth: then the lists are paired in their order."""


@dataclass(frozen=True, slots=True)
class _Features:
    place: tuple[str, str]
    upstream: str
    model: str
    words: Counter[str]


def pair_requests(old: Sequence[Request], new: Sequence[Request]) -> tuple[tuple[int, int], ...]:
    """Return pairs of places, in `old` and in `new`, each in at most one pair, in the order of `new`."""
    before, after = list(map(_features, old)), list(map(_features, new))
    if len(before) * len(after) > _MOST_COMPARED:
        both = zip(range(len(before)), range(len(after)), strict=False)
        return tuple((one, other) for one, other in both if before[one].place == after[other].place)
    scored = [
        (score, -one, -other)
        for one, first in enumerate(before)
        for other, second in enumerate(after)
        if first.place == second.place and (score := _score(first, second))[0] >= _ALIKE
    ]
    paired: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in sorted(scored, reverse=True):
        if other not in paired and one not in taken:
            paired[other] = one
            taken.add(one)
    return tuple((-paired[other], -other) for other in sorted(paired, reverse=True))


def _features(request: Request) -> _Features:
    body: Any = read_body(request.body, request.headers)
    text = compact(request.body.value) if isinstance(request.body, JsonBody) else body.text
    words = Counter(_WORD.findall(f"{request.method} {request.upstream}{request.path}?{request.query} {text}"))
    return _Features((request.method, request.path), request.upstream, read_model(request, body), words)


def _score(one: _Features, other: _Features) -> tuple[float, bool, bool]:
    shared = sum(min(count, other.words[word]) for word, count in one.words.items())
    share = 2 * shared / (one.words.total() + other.words.total())
    return share, one.upstream == other.upstream, one.model == other.model
