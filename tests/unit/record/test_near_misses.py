"""The recorded request that is nearest to one that was made, and the rules that would make them the same."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.model import Headers, JsonBody, RawBody, Request
from recstore.record.near_misses import nearest_request, suggest_rule
from recstore.rules import parse_rules


def _request(body: Any = None, path: str = "/p", query: str = "", headers: Headers = ()) -> Request:
    return Request("POST", "x.org", path, query, headers, None if body is None else JsonBody(body))


def _rule(stored: Request, asked: Request) -> str:
    near = nearest_request(asked, [("it", stored)])
    assert near is not None
    return suggest_rule(near.request, near.differences, asked)


def test_the_nearest_differs_in_the_fewest_places() -> None:
    """The first of several; one of another path only if there is no other."""
    asked = _request({"a": 1, "b": 2, "c": 3})
    candidates = [
        ("elsewhere", _request({"a": 1, "b": 2, "c": 3}, "/q")),
        ("two", _request({"a": 1, "b": 8, "c": 9})),
        ("one", _request({"a": 1, "b": 2, "c": 9})),
        ("also one", _request({"a": 9, "b": 2, "c": 3})),
    ]

    found = nearest_request(asked, candidates)

    assert found is not None
    assert ("one", ["c: 9 -> 3"]) == (found.name, [str(difference) for difference in found.differences])
    assert nearest_request(asked, candidates[:1]) is not None
    assert nearest_request(asked, []) is None


def test_of_two_texts_the_one_that_begins_alike_is_nearer() -> None:
    """A prompt that was edited at its end."""
    asked = _request({"text": "What is the capital of France?"})
    near = nearest_request(
        asked, [("far", _request({"text": "Hello"})), ("near", _request({"text": "What is the capital of Spain?"}))]
    )

    assert near is not None
    assert "near" == near.name


def test_every_part_of_a_request_is_compared() -> None:
    """Query and headers by name, bodies that are no JSON as text."""
    stored = Request("POST", "x.org", "/p", "v=1&a", (("openai-beta", "x"),), RawBody(b"abc"))
    asked = Request("PUT", "y.org", "/q", "v=2&a", (("openai-beta", "y"),), RawBody(b"\xff"))
    found = nearest_request(asked, [("it", stored)])

    assert found is not None
    assert [
        'method: "POST" -> "PUT"',
        'upstream: "x.org" -> "y.org"',
        'path: "/p" -> "/q"',
        'query.v: "1" -> "2"',
        'headers.openai-beta: "x" -> "y"',
        'body: "abc" -> "\\\\xff"',
    ] == [str(difference) for difference in found.differences]


@pytest.mark.parametrize(
    ("stored", "asked", "expected"),
    [
        (_request({"a": 1, "run": {"id": "x"}}), _request({"a": 1, "run": {"id": "y"}}), 'ignore = "/run/id"'),
        (_request({"a/b~": 1}), _request({"a/b~": 2}), 'ignore = "/a~1b~0"'),
        (_request({"t": 0.1234561}), _request({"t": 0.1234569}), "round = 5"),
        (_request({"t": 0.5}), _request({"t": 0.9}), 'ignore = "/t"'),
        (_request(query="v=1"), _request(query="v=2"), 'ignore_query = "v"'),
        (_request(headers=(("range", "a"),)), _request(headers=(("range", "b"),)), 'ignore_header = "range"'),
        (_request({"a": 1}), _request({"a": 1}, query="v=2"), ""),
        (_request({"a": 1, "b": 1}), _request({"a": 2, "b": 2}), 'ignore = "/a"; ignore = "/b"'),
    ],
)
def test_a_rule_that_makes_them_the_same_is_proposed(stored: Request, asked: Request, expected: str) -> None:
    """As one writes it in the configuration, and only if it does."""
    assert expected == _rule(stored, asked)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (_request({"messages": [{"content": "a"}]}), _request({"messages": [{"content": "b"}]})),
        (_request({"model": "a"}), _request({"model": "b"})),
        (_request({"a": 1}, "/p"), _request({"a": 1}, "/q")),
        (_request(dict.fromkeys("abcd", 1)), _request(dict.fromkeys("abcd", 2))),
        (_request({"a": [1]}), _request({"a": [1, 2]})),
        (_request({"a": 1}), _request({"a": 1})),
    ],
)
def test_no_rule_is_proposed_where_none_should_be(stored: Request, asked: Request) -> None:
    """What is asked of whom is the question itself; many differences are another request."""
    assert "" == _rule(stored, asked)


def test_a_proposed_rule_can_be_written_down() -> None:
    """It is read as it is shown."""
    import tomllib

    shown = _rule(_request({"run": {'a"b': 1}}), _request({"run": {'a"b': 2}}))

    assert 1 == len(parse_rules([tomllib.loads(shown)], "rules").rules)
