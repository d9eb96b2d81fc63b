"""Exact JSON text: nothing is read as something else, nothing is written otherwise than stated."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from tests.values import reals, values


@given(values)
def test_texts_are_those_of_the_standard_library(value: object) -> None:
    """The fast writers write what `json.dumps` writes, whatever orjson thinks of small reals."""
    compact = {"ensure_ascii": False, "separators": (",", ":")}

    assert json.dumps(value, indent=2) == python_indented(value).decode()  # type: ignore[arg-type]
    assert json.dumps(value, indent=2, ensure_ascii=False) == LAYOUTS["indent-2"](value).decode()  # type: ignore[arg-type]
    assert json.dumps(value, **compact) == compact_text(value).decode()  # type: ignore[arg-type]
    assert json.dumps(value, sort_keys=True, **compact) == sorted_text(value).decode()  # type: ignore[arg-type]


@given(st.lists(reals, max_size=20), st.sampled_from(["", "a 0.00001", "1e-7"]))
def test_lists_of_reals_are_those_of_the_standard_library(numbers: list[float], text: str) -> None:
    """Vectors, which are spelled by a short cut, come out as `json.dumps` writes them, beside any text."""
    value = {text: [numbers, {text: numbers}, [[text], numbers]]}

    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")) == compact_text(value).decode()  # type: ignore[arg-type]
    assert compact_text(numbers) + b",\n" + compact_text(text) == compact_lines([numbers, text])  # type: ignore[arg-type,list-item]


@given(values, st.sampled_from(sorted(LAYOUTS)))
def test_a_layout_is_found_again(value: object, layout: str) -> None:
    """What a layout wrote is read as the same value, and some layout writes it so again."""
    text = LAYOUTS[layout](value)  # type: ignore[arg-type]

    parsed = parse_exact(text)

    assert orjson.dumps(value) == orjson.dumps(parsed)
    assert text == LAYOUTS[detect_layout(text, parsed)](parsed)


@given(st.binary(max_size=80) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_reading_any_bytes_gives_a_value_or_the_one_error(data: bytes) -> None:
    """No bytes make the reader raise anything but NotExactError."""
    try:
        value = parse_exact(data)
    except NotExactError:
        return

    assert orjson.dumps(json.loads(data)) == orjson.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b"[18446744073709551616]",
        b"[-9223372036854775809]",
        b"[NaN]",
        b"[Infinity]",
        b"[1e400]",
        b"[-0]",
        b"[0.1000000000000000055]",
        b'["\\ud800"]',
        b'["\xff"]',
        b"\xef\xbb\xbf[]",
        b"[" * 1000 + b"]" * 1000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * (DEPTH_LIMIT + 2) + b"]" * (DEPTH_LIMIT + 2),
        b"[1",
        b"",
    ],
)
def test_what_no_value_can_carry_is_refused(text: bytes) -> None:
    """Texts that would lose something as a value are not read as one."""
    with pytest.raises(NotExactError):
        parse_exact(text)


@pytest.mark.parametrize("text", [b"[1.50]", b"[15e-1]", b"[18446744073709551615]", b"[-0.0]", b" [1 ]\n"])
def test_other_spellings_of_the_same_value_are_read(text: bytes) -> None:
    """White space and spelling are no loss: the layout says how to write them, or the bytes are kept."""
    assert json.loads(text) == parse_exact(text)


def test_the_deepest_value_that_is_read() -> None:
    """The limit on nesting is where it is said to be."""
    text = b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT

    assert text == compact_text(parse_exact(text))
