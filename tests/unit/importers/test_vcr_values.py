"""Values of a cassette as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recstore.importers.vcr.values import Part, Tagged, decode, encode, is_plain_json, is_same, refuse_deep

VALUES: list[Any] = [
    None,
    True,
    0,
    1 << 63,
    -(1 << 63),
    1 << 64,
    -(1 << 70) + 1,
    1.5,
    -0.0,
    float("inf"),
    "",
    "\u00e9\U0001f600",
    "\ud800",
    b"",
    b"\xff",
    [],
    [b"a", [1]],
    {},
    {"a": {"b": None}},
    {"!": 1},
    {"!tag": []},
    {1: "a", None: "b", b"c": "d", "\udc00": "e"},
    Tagged("!t", "x"),
    Tagged("!t", {"a": [b"b"]}),
    {Tagged("!t", "x"): 1},
    Part("uri"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_comes_back(value: Any) -> None:
    """Through JSON text and back, nothing tells the value from what it was."""
    actual = decode(json.loads(json.dumps(encode(value), allow_nan=False)))

    assert is_same(value, actual)
    assert repr(value) == repr(actual)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), (0.0, -0.0), ("a", b"a"), ([1], [1.0]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ("", None)],
)
def test_tells_apart_what_python_calls_equal(one: Any, other: Any) -> None:
    """Types, signs and the order of keys count."""
    assert not is_same(one, other)
    assert not is_same([one], [other])


@pytest.mark.parametrize(
    ("value", "is_plain"), [({"a": [1, None]}, True), ([b""], False), ({"!": 1}, False), ([1 << 64], False)]
)
def test_knows_plain_json(value: Any, *, is_plain: bool) -> None:
    """Plain is what needs no encoding."""
    actual = is_plain_json(value)

    assert is_plain is actual


@pytest.mark.parametrize("stored", [{"!unknown": 1}, {"!": "a", "b": 1}, {"!bytes": "%"}, {"!int": "x"}, {"!tag": [1]}])
def test_refuses_what_it_never_wrote(stored: Any) -> None:
    """A damaged origin is an error, not a guess."""
    with pytest.raises(ValueError, match=r"\w"):
        decode(stored)


def test_refuses_values_of_other_types() -> None:
    """What no cassette holds is a mistake of the caller's."""
    with pytest.raises(ValueError, match="holds no set"):
        encode({1})


def test_refuses_deep_values() -> None:
    """65 levels are too many, 64 are not."""
    value: list[Any] = []
    for _ in range(63):
        value = [value]

    refuse_deep(value)
    with pytest.raises(ValueError, match="64 levels"):
        refuse_deep([value])
