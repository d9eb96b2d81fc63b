"""Text of blobs for Git, and comparisons of recordings: whatever they hold, both are made and say what is true."""

from __future__ import annotations

import json
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from recstore.cli.textconv_command import converted
from recstore.content.deltas import differences
from recstore.model import Recording
from recstore.store.blob import encode_recording
from recstore.transcript import DiffLine, compare_recordings, diff_lines
from tests.values import recordings, values

STARTS = st.sampled_from(
    [b"", b'{"recstore":1,\n"request":', b'{"recstore":2}', b"version https://git-lfs", b"\xff\xfe"]
)
WORDS = st.lists(st.sampled_from(["a", "b", "is", " ", "\n", "Rome", ".", "\u5730", "\r\n"]), max_size=60).map("".join)


SIDES = ("removed", "added")


def said_by(line: DiffLine, side: str) -> str:
    """Return what a line of a diff says on one side."""
    return "".join(piece.text for piece in line.pieces if piece.mark in (side, "same"))


def is_plain(text: str) -> bool:
    """Return whether text can be written down and acts on no terminal."""
    return text.encode() is not None and all(letter.isprintable() or letter in "\n\t" for letter in text)


@given(STARTS, st.binary(max_size=200))
def test_any_bytes_are_text(start: bytes, data: bytes) -> None:
    """A file that is no blob is shown as it is, below a line that says so."""
    text = converted(start + data)

    assert is_plain(text)
    assert text.startswith("recstore textconv shows the file as it is: ")


@given(recordings)
def test_any_blob_is_text(recording: Recording) -> None:
    """Every blob that the store can hold is shown as a page, the same one each time."""
    data = encode_recording(recording)

    assert is_plain(converted(data))
    assert "recstore textconv" not in converted(data).partition("\n")[0]
    assert converted(data) == converted(data)


@given(recordings, st.data())
def test_a_blob_with_a_changed_byte_is_text(recording: Recording, draw: st.DataObject) -> None:
    """A damaged blob is a page, or is shown as it is."""
    data = bytearray(encode_recording(recording))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))

    assert is_plain(converted(bytes(data)))


@given(recordings, recordings)
def test_any_two_recordings_can_be_compared(old: Recording, new: Recording) -> None:
    """A recording differs from itself in nothing, and from one with another request in something."""
    request, answer = compare_recordings(old, new)

    for same in compare_recordings(old, old):
        assert same.is_same
        assert not same.volatile
    assert old.response.status == new.response.status or not answer.is_same
    assert old.request.path == new.request.path or not request.is_same


@given(values, values)
def test_equal_json_alone_has_no_differences(old: object, new: object) -> None:
    """Two values differ in no member exactly if they are spelled alike, the order of keys aside."""
    is_same = json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)

    assert is_same == (list(differences(old, new)) == [])


@given(WORDS, WORDS)
def test_a_diff_of_texts_invents_nothing(old: str, new: str) -> None:
    """What it calls removed stands in the old text, what it calls added in the new one, and no changed line is left out."""
    lines = diff_lines(old, new)
    sides = {side: [said_by(line, side) for line in lines if line.mark in (side, "changed", "same")] for side in SIDES}
    before, after = old.split("\n") if old else [], new.split("\n") if new else []

    assert (old == new) == (lines == ())
    assert set(sides["removed"]) <= set(before)
    assert set(sides["added"]) <= set(after)
    left_out = sum(int(line.pieces[0].text.partition(" ")[0]) for line in lines if line.mark == "skipped")
    if lines:
        assert (len(before), len(after)) == tuple(len(sides[side]) + left_out for side in SIDES)
    assert all(piece.text for piece in chain.from_iterable(line.pieces for line in lines if line.mark == "changed"))
