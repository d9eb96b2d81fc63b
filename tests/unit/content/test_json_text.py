"""Exact JSON text: known spellings, and the edges where a value stops standing for its text."""

from __future__ import annotations

import json

import pytest

from recstore.content.json_text import (
    DEPTH_LIMIT,
    LAYOUTS,
    NotExactError,
    compact_lines,
    compact_text,
    detect_layout,
    parse_exact,
    python_indented,
    sorted_text,
)
from recstore.model import Json

SPELLINGS = [
    (1e-5, b"1e-05"),
    (-1e-5, b"-1e-05"),
    (1.5e-5, b"1.5e-05"),
    (1e-6, b"1e-06"),
    (1e-10, b"1e-10"),
    (1e-4, b"0.0001"),
    (10.00001, b"10.00001"),
    (-0.00001234, b"-1.234e-05"),
    (1e15, b"1000000000000000.0"),
    (1e16, b"1e+16"),
    (1.5e300, b"1.5e+300"),
    (5e-324, b"5e-324"),
    (0.0, b"0.0"),
    (-0.0, b"-0.0"),
    (1.0, b"1.0"),
    (1, b"1"),
    (2**64 - 1, b"18446744073709551615"),
    (-(2**63), b"-9223372036854775808"),
]


@pytest.mark.parametrize(("number", "text"), SPELLINGS)
def test_a_number_has_one_spelling(number: float, text: bytes) -> None:
    """Whatever the JSON library of the day writes: file names depend on it."""
    assert text == compact_text(number)
    assert text == sorted_text(number)
    assert text == python_indented(number)
    assert b"[" + text + b"," + text + b"]" == compact_text([number, number])
    assert b'{"0.00001":' + text + b',"b":["e-7",' + text + b"]}" == compact_text(
        {"0.00001": number, "b": ["e-7", number]}
    )


@pytest.mark.parametrize(("number", "text"), SPELLINGS)
def test_a_spelling_is_read_as_its_number(number: float, text: bytes) -> None:
    """What is written so comes back, its type and its sign included."""
    assert repr(number) == repr(parse_exact(text))


def test_keys_are_sorted_by_code_point() -> None:
    """Not by UTF-16 unit, which would put the astral ones before U+FFFF."""
    assert '{"Z":1,"a":2,"é":3,"\uffff":4,"\U00010000":5}'.encode() == sorted_text(
        {"\U00010000": 5, "\uffff": 4, "é": 3, "a": 2, "Z": 1}
    )


def test_keys_are_sorted_at_every_level_even_beside_small_reals() -> None:
    """The slow way of spelling sorts as the fast one does."""
    assert b'{"a":{"c":1e-05,"d":1},"b":[{"x":1,"y":2}]}' == sorted_text(
        {"b": [{"y": 2, "x": 1}], "a": {"d": 1, "c": 1e-5}}
    )


def test_compact_text_keeps_the_order_of_keys() -> None:
    """A recording's own order is part of it."""
    assert b'{"b":1,"a":1e-05}' == compact_text({"b": 1, "a": 1e-5})


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\x00\x1f", b'"\\u0000\\u001f"'),
        ("\b\f\n\r\t", b'"\\b\\f\\n\\r\\t"'),
        ('"\\/', b'"\\"\\\\/"'),
        ("\x7f\u2028é😀", '"\x7f\u2028é😀"'.encode()),
    ],
)
def test_strings_escape_what_they_must(text: str, written: bytes) -> None:
    """Controls, quotes and backslashes, nothing else."""
    assert written == compact_text(text)


def test_indented_text_is_pure_ascii() -> None:
    """As `json.dumps` writes it: surrogate pairs, and DEL, in lower-case digits."""
    assert b'[\n  "\\u007f\\u00e9\\ud83d\\ude00"\n]' == python_indented(["\x7fé😀"])


@pytest.mark.parametrize(
    "value", ["0.00001", "1e-7", "x e-8", '"0.00001', "0.00001\n0.00001,\n", ["1e-5", {"1e-5": 1e-5}]]
)
def test_text_that_looks_like_a_small_real_is_left_alone(value: Json) -> None:
    """Numbers are respelled, strings and keys never."""
    assert json.dumps(value, indent=2).encode() == python_indented(value)
    assert json.dumps(value, separators=(",", ":")).encode() == compact_text(value)


def test_empty_containers_have_no_lines() -> None:
    """`[]` and `{}`, at every level."""
    assert b'{\n  "a": [],\n  "b": {}\n}' == python_indented({"a": [], "b": {}})


def test_compact_lines_have_a_value_each() -> None:
    """A comma and a line feed between them; one small real does not disturb the others."""
    assert b'{"a":1},\n1e-05,\n"0.00001"' == compact_lines([{"a": 1}, 1e-5, "0.00001"])
    assert b"" == compact_lines([])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"nul",
        b'{"a":1,"a":1}',
        b'[{"x":{"a":1,"b":2,"a":3}}]',
        b'{"a":1,"\\u0061":2}',
        b"[18446744073709551616]",
        b"[-9223372036854775809]",
        b"[" + b"9" * 5000 + b"]",
        b"[NaN]",
        b"[-Infinity]",
        b"[-0]",
        b"[1e400]",
        b"[-1e400]",
        b"[1e-400]",
        b"[0.1000000000000000055]",
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'{"\\ud800":1}',
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b"\xef\xbb\xbf[]",
        b"[1]\x00",
        b"[1,]",
        b"[01]",
        b"[1.]",
        b"[\x0b1]",
        b"'a'",
        b'["\n"]',
    ],
)
def test_a_text_that_no_value_carries_is_refused(text: bytes) -> None:
    """Whatever is wrong with it, the one error says so."""
    with pytest.raises(NotExactError):
        parse_exact(text)


@pytest.mark.parametrize(
    "text", [b"[1.10e-99999999999999999999]", b"[0e99999999999999999999]", b"[0.1e-9999999999999999999]"]
)
def test_an_absurd_exponent_is_read_or_refused(text: bytes) -> None:
    """Exponents beyond what any arithmetic holds raise the one error, if any."""
    try:
        value = parse_exact(text)
    except NotExactError:
        return

    assert [0.0] == value


@pytest.mark.parametrize("text", [b"[1.10]", b"[100e-2]", b"[1E2]", b"[1e+2]", b"[-0.0]", b"[0.30]", b'["\\u0041\\/"]'])
def test_another_spelling_of_a_value_is_read(text: bytes) -> None:
    """A double keeps all digits: how they were written is the layout's business."""
    assert repr(json.loads(text)) == repr(parse_exact(text))


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [DEPTH_LIMIT + 1, 250, 260, 1000, 1100, 100_000])
def test_deep_nesting_is_refused(opening: bytes, depth: int) -> None:
    """At every depth beyond the limit, those that exhaust a parser's stack included."""
    closing = b"]" if opening == b"[" else b"}"

    with pytest.raises(NotExactError):
        parse_exact(opening * depth + b"1" + closing * depth)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_up_to_the_limit_is_read(opening: bytes) -> None:
    """The limit is the deepest that works, and every writer can write it."""
    closing = b"]" if opening == b"[" else b"}"
    text = opening * DEPTH_LIMIT + b"1e-05" + closing * DEPTH_LIMIT

    value = parse_exact(text)

    assert text == compact_text(value)
    assert json.dumps(value, indent=2).encode() == python_indented(value)


def test_many_shallow_brackets_are_no_depth() -> None:
    """Wide is not deep, and brackets in strings do not count."""
    text = b'[["' + b"[" * 1000 + b'"]' + b",[]" * 1000 + b"]"

    assert text == compact_text(parse_exact(text))


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_told_from_the_others(name: str) -> None:
    """A value that shows all differences is found to have the layout it was written in."""
    value: Json = {"b": ["é", 1e-5, {}], "a": [1, {"x": "\x7f"}]}

    assert name == detect_layout(LAYOUTS[name](value), value)


def test_a_text_in_no_layout_is_refused() -> None:
    """One space too many, and the text is carried by its bytes."""
    with pytest.raises(NotExactError, match="no known way"):
        detect_layout(b'{"a" :1}', {"a": 1})
