"""YAML read as PyYAML's safe loader reads it, and written as its dumper writes it."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from recstore.importers.vcr import Tagged, refuse_deep
from recstore.importers.vcr.yaml import dump, load

TAG = "tag:yaml.org,2002:"

SPELLINGS = """
text
'text'
"text"
'200'
'yes'
200
-1
+1
0x1F
0o17
017
0b11
1_000
190:20:30
1.5
-.5
1e3
1.e+3
.inf
-.INF
~
null
Null
yes
No
ON
true
FALSE
y
n
'~'
!!str 5
!!int '5'
!!float 5
!!bool yes
!!null ''
! 5
!!binary aGk=
"\\xe9\\u2028\\U0001F600\\n"
a b: c
it's
'it''s'
- x
[]
{}
[a, [b]]
{a: {b: c}}
{1: a, ~: b, 1.5: c}
{a: 1, a: 2}
&x a
[&x a, *x]
[&x {a: 1}, *x]
{<<: {a: 1}, b: 2}
{a: 1, <<: {a: 2, b: 3}}
{<<: [{a: 1}, {a: 2, b: 3}], c: 4}
!!map {a: b}
!!seq [a]
"""
BLOCKS = (">\n a\n b\n", "|\n a\n\n b\n", "'a\n\n b'", "a\n b\n", "- - a\n  - b\n- c: d\n")


@pytest.mark.parametrize("text", [*SPELLINGS.strip().split("\n"), *BLOCKS])
def test_reads_what_pyyaml_reads(text: str) -> None:
    """Every way to spell a value stands for what PyYAML takes it for, types included."""
    expected = yaml.load(text, yaml.CSafeLoader)

    actual = load(f"{text}\n".encode())

    assert (repr(expected), expected) == (repr(actual), actual)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "a: [",
        "a: b: c",
        "*x",
        "&x [*x]",
        "[&x 1, &x [*x]]",
        "--- a\n--- b\n",
        "!!int x",
        "!!float ''",
        "{<<: 1}",
        "\x07",
    ],
)
def test_refuses_what_pyyaml_refuses(text: str) -> None:
    """What is no document is refused, with a reason."""
    with pytest.raises(ValueError, match=r"\w"):
        load(text.encode())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-01\n", Tagged(f"{TAG}timestamp", "2020-01-01")),
        ("!!set\na: null\n", Tagged(f"{TAG}set", {"a": None})),
        ("!mine x\n", Tagged("!mine", "x")),
        ("!!python/tuple\n- 1\n", Tagged(f"{TAG}python/tuple", [1])),
        ("!!python/object/apply:os.system\n- reboot\n", Tagged(f"{TAG}python/object/apply:os.system", ["reboot"])),
    ],
)
def test_other_tags_are_kept_as_they_are(text: str, value: Any) -> None:
    """A tag is carried along with what it tags, and written again."""
    read = load(text.encode())

    assert value == read
    assert text.encode() == dump(read, "yaml")


def test_what_an_alias_stands_for_is_the_same_object() -> None:
    """A list or mapping that is stated again by an alias is the very object, and is written by an alias again."""
    text = b"a: &id001\n  x: y\nb:\n- 1\n- *id001\n"

    document = load(text)

    assert document["b"][1] is document["a"]
    assert text == dump(document, "yaml")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 65 + "]" * 65,
        "- " * 65 + "x",
        "{a: " * 65 + "}" * 65,
        "!t [" * 65 + "]" * 65,
        "- &a0 []\n" + "".join(f"- &a{number + 1} [*a{number}]\n" for number in range(70)),
        "[" * 200_000,
        "{a: " * 200_000,
    ],
    ids=["flow", "block", "mappings", "tags", "aliases", "endless", "endless-mappings"],
)
def test_refuses_deep_nesting(text: str) -> None:
    """A document of more than 64 levels is refused, whoever notices it first, and does not overflow a stack."""
    with pytest.raises(ValueError, match=r"\w"):
        load(text.encode())


def test_refuses_deep_values() -> None:
    """65 levels are too many, 64 are not."""
    value: list[Any] = []
    for _ in range(63):
        value = [value]

    refuse_deep(value)
    with pytest.raises(ValueError, match="64 levels"):
        refuse_deep([value])


@pytest.mark.parametrize(
    "text",
    [
        "1" + ":1" * 1_000_000,
        "1" + ":59" * 1_000_000 + ".5",
        "1" * 1_000_000,
        "0x" + "f" * 1_000_000,
        "0b" + "1" * 1_000_000,
        "!!int '" + "1:" * 1_000_000 + "1'",
    ],
    ids=lambda text: text[:8],
)
def test_a_number_without_end_is_refused(text: str) -> None:
    """At once: to count to the base 60, PyYAML takes time that grows with the square of the length."""
    started_s = time.monotonic()

    with pytest.raises(ValueError, match="more than 4,300 digits"):
        load(f"a: {text}\n".encode())
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize("text", ["1" + ":1" * 400 + ".5", "1" + ":59" * 1_400 + ".0"])
def test_a_number_that_no_float_can_hold_is_refused(text: str) -> None:
    """As any other that is no number."""
    with pytest.raises(ValueError, match="is not a float"):
        load(f"a: {text}\n".encode())


def test_a_long_number_is_read() -> None:
    """4,300 digits are not too many."""
    document = load(f"a: {'9' * 4300}\n".encode())

    assert 10**4300 - 1 == document["a"]


def test_reads_up_to_the_depth_limit() -> None:
    """64 levels are not too many."""
    document = load(("[" * 64 + "]" * 64).encode())

    assert "[" * 64 + "]" * 64 == str(document)
