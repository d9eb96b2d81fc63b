"""Bytes for decoders: arbitrary ones, and sound files in which a few places were changed."""

from __future__ import annotations

import re
from typing import Final

from hypothesis import strategies as st

__all__ = ["hostile_bytes"]

_PIECES: Final = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\n", b"\r\n", b" ", b"\0", b"\x7f", b"\x1b[2J", b"\xff", b"\xc2\x9b"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"1e-5", b"0.1", b"-1", b"99999999999999999999", b"9" * 5000),
    *(b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae", b'"a":1,"a":2', b"[" * 200, b'{"a":' * 300, b"]" * 200),
    *(b"<<<<<<< ours\n", b"=======\n", b">>>>>>> theirs\n", b"recstore", b"../../etc/passwd", b"/etc/passwd", b"rec-*"),
    *(b"*a", b"&a ", b"<<: ", b"!!python/object/apply:os.system ", b"!!binary ", b"!!int ", b"!!float ", b"!!timestamp "),
    *(b"---\n", b"...\n", b"? ", b"- ", b"| ", b"> ", b"%YAML 9.9\n", b"# ", b"\t", b"0x", b"0o7", b"1:2:3", b"2001-13-45"),
    *(b'""', b"{}", b"[]", b'"/"', b'"/~2"', b'"!map"', b'"!tag"', b'"!int"', b'"!"', b"=", b"~", b"'", b"'''", b'"""'),
)  # fmt: skip

_VALUE: Final = re.compile(rb'"[^"]*"|-?\d+|true|false|null')
_VALUES: Final = (
    b"null",
    b"true",
    b"0",
    b"-1",
    b"0.5",
    b"99999999999999999999",
    b'""',
    b'"a"',
    b'"\\u0000"',
    b"[]",
    b"[1]",
    b"{}",
)


def hostile_bytes(*samples: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy for bytes that a decoder of files like `samples` must bear."""
    pieces = st.sampled_from(_PIECES)
    arbitrary = st.lists(pieces | st.binary(max_size=12), max_size=12).map(b"".join)
    return (
        arbitrary
        | st.binary(max_size=200)
        | _changed(st.sampled_from(samples), pieces)
        | _crossed(samples)
        | _retyped(samples)
    )


@st.composite
def _changed(draw: st.DrawFn, samples: st.SearchStrategy[bytes], pieces: st.SearchStrategy[bytes]) -> bytes:
    """Draw a sound file with one to four places cut, doubled, or filled with something else."""
    data = draw(samples)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            data = data[:start] + draw(pieces | st.binary(max_size=4)) + data[start:]
        elif kind == 1:
            data = data[:start] + draw(pieces | st.binary(max_size=4)) + data[start + length :]
        elif kind == 2:
            data = data[:start] + data[start + length :]
        elif kind == 3:
            data = data[: start + length] + data[start:]
        else:
            data = data[:start]
    return data


@st.composite
def _crossed(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """Draw the beginning of one sound file with the end of another."""
    one, other = draw(st.sampled_from(samples)), draw(st.sampled_from(samples))
    return one[: draw(st.integers(0, len(one)))] + other[draw(st.integers(0, len(other))) :]


@st.composite
def _retyped(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """Draw a sound file in which one value is of another type."""
    data = draw(st.sampled_from(samples))
    values = list(_VALUE.finditer(data))
    if not values:
        return data
    value = draw(st.sampled_from(values))
    return data[: value.start()] + draw(st.sampled_from(_VALUES)) + data[value.end() :]
