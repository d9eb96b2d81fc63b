"""What each kind of rule makes equal, and what it leaves different."""

from __future__ import annotations

import copy
import re
from typing import Literal, TypeAlias

import pytest

from recstore.content.canonical import request_key
from recstore.model import (
    BlobName,
    Body,
    Digest,
    Entry,
    Headers,
    Json,
    JsonBody,
    RawBody,
    Request,
    RequestKey,
    StreamBody,
)
from recstore.rules import IgnoreJson, IgnoreNamed, Replace, Round, Rule, RuleSet, close_enough

Patterns: TypeAlias = tuple[tuple[Literal["upstream", "path", "method"], str], ...]


def _asked(
    body: Body | None = None, *, path: str = "/v1/chat/completions", query: str = "", headers: Headers = ()
) -> Request:
    return Request("POST", "openai", path, query, headers, body)


def _normalised_value(rule: Rule, value: Json) -> Json:
    normal = RuleSet((rule,)).normalised(_asked(JsonBody(value)))
    assert isinstance(normal.body, JsonBody)
    return normal.body.value


def _are_close(rule: Rule, one: Request, other: Request) -> bool:
    rules = RuleSet((rule,))
    return request_key(rules.normalised(one)) == request_key(rules.normalised(other))


def _entry_of(request: Request, n: int = 1) -> Entry:
    return Entry(BlobName(request_key(request), Digest(f"{n:064x}")), n)


@pytest.mark.parametrize(
    ("steps", "value", "expected"),
    [
        (("id",), {"id": 1, "x": {"id": 2}}, {"x": {"id": 2}}),
        (("x", "id"), {"id": 1, "x": {"id": 2}}, {"id": 1, "x": {}}),
        (("a", "1"), {"a": [7, 8, 9]}, {"a": [7, None, 9]}),
        (("a", "01"), {"a": [7, 8, 9]}, {"a": [7, 8, 9]}),
        (("1",), {"1": 1}, {}),
        (("a", "*", "id"), {"a": [{"id": 1, "t": 2}, {"id": 3}, 4]}, {"a": [{"t": 2}, {}, 4]}),
        (("a", "*"), {"a": {"b": 1, "c": 2}}, {"a": {}}),
        (("a", "*"), {"a": [1, 2]}, {"a": [None, None]}),
        (("**", "id"), {"id": 1, "a": [{"id": {"id": 2}}, [{"id": 3, "t": 4}]]}, {"a": [{}, [{"t": 4}]]}),
        (("a", "**", "b", "**", "0"), {"a": {"b": {"b": [1, [2, 3]]}}}, {"a": {"b": {"b": [None, [None, 3]]}}}),
        (("**", "0"), [[1, 2], 3], [None, 3]),
        (("a", "b"), {"a": "text"}, {"a": "text"}),
        (("missing",), [1], [1]),
        (("a/b~c",), {"a/b~c": 1}, {}),
    ],
)
def test_a_pointer_takes_out_what_it_names_and_nothing_else(
    steps: tuple[str, ...], value: Json, expected: Json
) -> None:
    """Members are dropped, elements become null, and what is not there is no trouble."""
    assert expected == _normalised_value(IgnoreJson(steps), value)


def test_an_absent_member_is_like_an_ignored_one() -> None:
    """A request that lacks the ignored member is close to one that has it."""
    rule = IgnoreJson(("metadata",))

    assert _are_close(rule, _asked(JsonBody({"a": 1})), _asked(JsonBody({"a": 1, "metadata": {"t": 1}})))


def test_rules_for_two_elements_take_out_those_two_whatever_the_order() -> None:
    """An ignored element keeps its place, so that the next pointer still names the one that was meant."""
    rules = (IgnoreJson(("0",)), IgnoreJson(("1",)))
    request = _asked(JsonBody(["a", "b", "c"]))
    normal = _asked(JsonBody([None, None, "c"]))

    assert [normal, normal] == [RuleSet(rules).normalised(request), RuleSet(rules[::-1]).normalised(request)]


@pytest.mark.parametrize("body", [JsonBody({"a": 1}), RawBody(b"text"), RawBody(b"\xff"), None])
def test_no_steps_ignore_the_whole_body(body: Body | None) -> None:
    """The pointer of the whole document makes any body like none, of whatever kind it is."""
    assert _asked() == RuleSet((IgnoreJson(()),)).normalised(_asked(body))


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("api-version", "a=1&api-version=2024&b=2", "a=1&b=2"),
        ("api-version", "api-version=1&api-version=2", ""),
        ("api-version", "api-version", ""),
        ("filter[id]", "filter%5Bid%5D=1&filteri=2", "filter%5Bid%5D=1"),
        ("filter[[]id]", "filter%5Bid%5D=1&filteri=2", "filteri=2"),
        ("utm_*", "utm_a=1&UTM_b=2&c=3", "UTM_b=2&c=3"),
        ("*", "", ""),
    ],
)
def test_query_parameters_are_ignored_by_their_decoded_name(name: str, query: str, expected: str) -> None:
    """The name is a shell pattern for the name that was meant, in the case that it was sent in."""
    assert expected == RuleSet((IgnoreNamed("query", name),)).normalised(_asked(query=query)).query


def test_headers_are_ignored_in_whatever_case() -> None:
    """A header's name has no case, and may be a shell pattern."""
    headers = (("Accept-Language", "de"), ("anthropic-beta", "x"), ("ACCEPT", "text/csv"))

    assert (headers[1],) == RuleSet((IgnoreNamed("headers", "accept*"),)).normalised(_asked(headers=headers)).headers


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (Round(2), [1.239, -0.001, 1e300, 5], [1.24, -0.0, 1e300, 5]),
        (Round(0), {"t": [0.5001, True]}, {"t": [1.0, True]}),
        (Round(2), "1.23456", "1.23456"),
        (Round(2, text_from=3), "v1.23, 1.234 and -0.98765", "v1.23, 1.23 and -0.99"),
        (Round(5, text_from=4), "0.1234", "0.12340"),
        (Round(2, text_from=3), "5-3.14159 --2.71828 1.1111.2222", "5-3.14 --2.72 1.11.2222"),
        (Round(2, text_from=3), {"0.98765": 0.98765}, {"0.98765": 0.99}),
    ],
)
def test_rounding_changes_reals_and_where_told_decimals_in_strings(rule: Round, value: Json, expected: Json) -> None:
    """Integers, truth values and the names of members are never rounded."""
    assert repr(expected) == repr(_normalised_value(rule, value))


def test_rounding_leaves_an_integer_and_a_real_different() -> None:
    """A rule for reals does not make `1` and `1.0` the same."""
    assert not _are_close(Round(3), _asked(JsonBody({"t": 1})), _asked(JsonBody({"t": 1.0})))


def test_replacing_changes_every_string_of_the_body_but_no_name() -> None:
    """The replacement may speak of the groups of the expression."""
    rule = Replace(re.compile(r"(call)_\d+"), r"\1_*")
    value: Json = {"call_1": ["call_22", {"a": "x call_3 call_4", "n": 1}]}
    expected: Json = {"call_1": ["call_*", {"a": "x call_* call_*", "n": 1}]}

    assert expected == _normalised_value(rule, value)


def test_replacing_happens_in_the_places_it_was_told_alone() -> None:
    """Path and query are changed as sent, and the body is left alone unless it is named too."""
    rule = Replace(re.compile(r"\d+"), "#", ("path", "query"))
    request = _asked(JsonBody("1"), path="/files/12", query="after=3%204")
    expected = _asked(JsonBody("1"), path="/files/#", query="after=#%#")

    assert expected == RuleSet((rule,)).normalised(request)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (RawBody(b'{ "a" :"id-1"}'), JsonBody({"a": "id-*"})),
        (RawBody(b"name=id-1&x=id-2"), RawBody(b"name=id-*&x=id-*")),
        (RawBody(b'{"a": "id-1", "n": NaN}'), RawBody(b'{"a": "id-*", "n": NaN}')),
        (RawBody(b"\xffid-1"), RawBody(b"\xffid-1")),
        (StreamBody("ndjson", [{"a": "id-1"}, 2], "compact"), RawBody(b'{"a":"id-*"}\n2\n')),
        (None, None),
    ],
)
def test_a_body_that_is_no_json_value_is_one_text(body: Body | None, expected: Body | None) -> None:
    """Text that some JSON value can stand for is that value, other text is one string, other bytes stay."""
    assert _asked(expected) == RuleSet((Replace(re.compile(r"id-\d"), "id-*"),)).normalised(_asked(body))


def test_normalising_leaves_the_request_as_it_was() -> None:
    """Rules work on copies: the JSON of the request is shared with whoever asked."""
    value: Json = {"a": [{"id": "x 1.23456", "t": 1.23456}]}
    before = copy.deepcopy(value)
    rules = RuleSet((Round(2, 3), IgnoreJson(("a", "*", "id")), Replace(re.compile("x"), "y")))
    rules.normalised(_asked(JsonBody(value)))

    assert before == value


@pytest.mark.parametrize(
    ("patterns", "is_covered"),
    [
        ((), True),
        ((("upstream", "open*"),), True),
        ((("upstream", "azure"),), False),
        ((("path", "/v1/*"), ("upstream", "openai")), True),
        ((("path", "/v1/*"), ("upstream", "azure")), False),
        ((("path", "/V1/*"),), False),
        ((("method", "POST"),), True),
    ],
)
def test_a_scope_covers_what_matches_all_its_patterns(patterns: Patterns, *, is_covered: bool) -> None:
    """A rule is for a request only where every part that it names matches."""
    request = Request("post", "openai", "/v1/chat/completions", body=JsonBody(1))
    normal = RuleSet((IgnoreJson((), patterns),)).normalised(request)

    assert is_covered == (normal.body is None)


def test_a_scope_is_asked_about_the_request_as_sent() -> None:
    """A rule that changes the path does not decide whether the next one applies."""
    rules = RuleSet(
        (
            Replace(re.compile("/v1"), "/v2", ("path",)),
            IgnoreJson(("id",), (("path", "/v1/*"),)),
        )
    )

    assert _asked(JsonBody({}), path="/v2/x") == rules.normalised(_asked(JsonBody({"id": 1}), path="/v1/x"))


def test_without_a_rule_for_it_a_request_is_itself() -> None:
    """No rules, or none that covers the request: what is compared is the request as sent."""
    request = _asked(RawBody(b'{ "a": 1 }'))
    elsewhere = RuleSet((IgnoreJson((), (("upstream", "azure"),)),))

    assert (request, request) == (RuleSet().normalised(request), elsewhere.normalised(request))


def test_close_enough_gives_the_entries_that_are_equal_under_the_rules_in_their_order() -> None:
    """Each stored request is normalised as the one that is asked for."""
    stored = [_asked(JsonBody({"t": t, "a": a})) for t, a in ((0.123, 1), (0.124, 1), (0.124, 2), (0.2, 1))]
    entries = [_entry_of(request) for request in stored]
    rules = RuleSet((Round(2),))
    request = _asked(JsonBody({"a": 1, "t": 0.1218}))

    assert (entries[0], entries[1]) == close_enough(rules, request, zip(entries, stored, strict=True))


def test_without_rules_only_the_same_request_is_close_enough() -> None:
    """The empty rule set compares keys."""
    stored = _asked(JsonBody({"t": 0.12}))
    candidates = [(_entry_of(stored), stored)]
    found = [close_enough(RuleSet(), _asked(JsonBody({"t": t})), candidates) for t in (0.12, 0.121)]

    assert [(_entry_of(stored),), ()] == found


def test_the_stored_request_is_compared_and_not_the_entry() -> None:
    """The key that an entry is filed under says nothing about closeness."""
    entry = Entry(BlobName(RequestKey("0" * 64), Digest("0" * 64)), 1)

    assert (entry,) == close_enough(RuleSet(), _asked(JsonBody(1)), [(entry, _asked(JsonBody(1)))])
