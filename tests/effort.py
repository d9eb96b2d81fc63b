"""How much of a long test is done: by default a part that takes seconds, and the whole under the mark `slow`."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TypeVar

import pytest

T = TypeVar("T")


def short_or_whole(argument: str, short: object, whole: object) -> pytest.MarkDecorator:
    """Return the parametrisation that gives a test `short` by default, and `whole` where slow tests are selected."""
    values = [pytest.param(short, id="short"), pytest.param(whole, id="whole", marks=pytest.mark.slow)]
    return pytest.mark.parametrize(argument, values)


def some(items: Iterable[T], limit: int | None) -> list[T]:
    """Return `limit` of the items in their order, all of them for None.

    They are drawn with the seed that pytest-randomly prints: other ones in each run, the same ones with `-p "randomly_seed=N"`.
    """
    every = list(items)
    if limit is None or len(every) <= limit:
        return every
    drawn = sorted(random.sample(range(len(every)), limit))
    return [every[position] for position in drawn]
