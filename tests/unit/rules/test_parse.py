"""Rules as a configuration states them, and what it is told where it states none."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from recstore.errors import UsageError
from recstore.rules import (
    IgnoreJson,
    IgnoreNamed,
    Replace,
    Round,
    RuleSet,
    parse_rules,
    refuse_unknown,
)


def _parsed(text: str) -> RuleSet:
    return parse_rules(tomllib.loads(text)["rules"], "recstore.toml")


def _complaint(config: Any) -> str:
    with pytest.raises(UsageError) as caught:
        parse_rules(config, "recstore.toml")
    return str(caught.value)


def test_each_kind_of_table_is_its_rule() -> None:
    """The rules come out in the order in which they stand."""
    rules = _parsed(r"""
        [[rules]]
        ignore = "/metadata/a~1b~01/*"
        [[rules]]
        ignore = ""
        [[rules]]
        ignore_query = "api-version"
        [[rules]]
        ignore_header = "accept"
        [[rules]]
        round = 5
        [[rules]]
        round = 5
        text_from = 4
        [[rules]]
        replace = 'score:\s*[-+]?\d+\.\d+'
        with = "score: *"
        [[rules]]
        replace = 'id-(\d)'
        with = '\1'
        in = ["path", "query"]
    """)
    expected = (
        IgnoreJson(("metadata", "a/b~1", "*")),
        IgnoreJson(()),
        IgnoreNamed("query", "api-version"),
        IgnoreNamed("headers", "accept"),
        Round(5),
        Round(5, 4),
        Replace(re.compile(r"score:\s*[-+]?\d+\.\d+"), "score: *"),
        Replace(re.compile(r"id-(\d)"), r"\1", ("path", "query")),
    )

    assert expected == rules.rules


def test_a_rule_may_be_limited_to_upstreams_paths_and_methods() -> None:
    """What limits a rule is a shell pattern for each part."""
    rules = _parsed('[[rules]]\nround = 1\npath = "/v1/chat/*"\nupstream = "azure"\nmethod = "POST"')
    scope = (("upstream", "azure"), ("path", "/v1/chat/*"), ("method", "POST"))

    assert (Round(1, None, scope),) == rules.rules


def test_a_preset_stands_for_its_rules() -> None:
    """Between other rules, the preset's take the place of its name."""
    rules = _parsed('[[rules]]\nround = 1\n[[rules]]\npreset = "llama-stack"\n[[rules]]\nround = 2')

    assert (Round(1), *parse_rules([{"preset": "llama-stack"}], "test").rules, Round(2)) == rules.rules


def test_a_limited_preset_keeps_the_limits_of_its_own_rules() -> None:
    """The limit of the table narrows each rule further."""
    rules = _parsed('[[rules]]\npreset = "llama-stack"\nupstream = "ollama"').rules
    own = parse_rules([{"preset": "llama-stack"}], "test").rules

    assert [(("upstream", "ollama"), *rule.scope) for rule in own] == [rule.scope for rule in rules]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, ("a rule has one of", "none")),
        ({"round": 1, "ignore": "/a"}, ("`round` and `ignore`",)),
        ({"ignor": "/a"}, ("`ignor`", "Did you mean `ignore`?")),
        ({"round": 1, "pth": "/v1/*"}, ("`pth`", "Did you mean `path`?")),
        ({"round": 1, "with": "x"}, ("`with`", "Known are: round, text_from, upstream, path, method.")),
        ({"ignore": "$.a.b"}, ("ignore = '$.a.b'", "is not a JSON Pointer", "`/metadata/request_id`")),
        ({"ignore": "/a~b"}, ("ignore = '/a~b'", "`~0`")),
        ({"ignore": "/a/**"}, ("ignore = '/a/**'", "ends in `**`")),
        ({"ignore": 1}, ("ignore = 1", "is not a string")),
        ({"ignore_query": ["a"]}, ("ignore_query = ['a']", "is not a string")),
        ({"ignore_header": None}, ("ignore_header = None", "is not a string")),
        ({"round": 5.0}, ("round = 5.0", "0 to 15")),
        ({"round": True}, ("round = True",)),
        ({"round": 16}, ("round = 16",)),
        ({"round": -1}, ("round = -1",)),
        ({"round": 5, "text_from": "4"}, ("text_from = '4'",)),
        ({"replace": "(", "with": ""}, ("replace = '('", "is not a regular expression", "position 0")),
        ({"replace": "a{99999999999999999999}", "with": ""}, ("is not a regular expression",)),
        ({"replace": "a"}, ("with = None", "is not a string")),
        ({"replace": "a", "with": r"\1"}, ("with = '\\\\1'", "invalid group reference 1")),
        ({"replace": "a", "with": r"\g<x>"}, ("with = ", "unknown group name 'x'")),
        ({"replace": "a", "with": "", "in": "body"}, ("in = 'body'", "body, path, query")),
        ({"replace": "a", "with": "", "in": []}, ("in = []",)),
        ({"replace": "a", "with": "", "in": ["boby"]}, ("in = ['boby']",)),
        ({"replace": "a", "with": "", "in": [["body"]]}, ("in = [['body']]",)),
        ({"preset": "lama-stack"}, ("preset", "`lama-stack`", "Did you mean `llama-stack`?")),
        ({"round": 1, "upstream": 3}, ("upstream = 3", "is not a string")),
    ],
)
def test_a_broken_rule_is_named_with_what_is_wrong(table: dict[str, Any], words: tuple[str, ...]) -> None:
    """The message has the file, the number of the rule, the value and the reason."""
    text = _complaint([{"round": 1}, table])
    missing = [word for word in ("recstore.toml: rule 2", *words) if word not in text]

    assert not missing, text


@pytest.mark.parametrize("config", [{"round": 1}, "llama-stack", [1], None])
def test_rules_that_are_no_array_of_tables_are_refused(config: Any) -> None:
    """One table, or a name alone, is told how to be written."""
    assert "[[tool.recstore.rules]]" in _complaint(config)


def test_known_names_pass() -> None:
    """Nothing happens where every name is known."""
    refuse_unknown(["a"], ["a", "b"], "file")


def test_a_name_like_no_other_is_told_all_that_are_known() -> None:
    """Where nothing is near, the message lists what there is."""
    with pytest.raises(UsageError, match=r"(?s)file: `zzz` is not known here.*Known are: a, b\."):
        refuse_unknown(["zzz"], ["a", "b"], "file")
