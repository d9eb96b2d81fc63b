"""The values that cross doors: frozen, compared by what they mean."""

from __future__ import annotations

import dataclasses

import pytest

from recstore import model
from recstore.model import (
    BlobName,
    Digest,
    Entry,
    JsonBody,
    Manifest,
    RawBody,
    Recording,
    Request,
    RequestKey,
    Response,
)

BLOB = BlobName(RequestKey("a" * 64), Digest("b" * 64))
VALUES = [
    RawBody(b""),
    JsonBody(1),
    model.StreamBody("sse", []),
    Request("GET", "a", "/"),
    Response(),
    Recording(Request("GET", "a", "/"), Response()),
    BLOB,
    Entry(BLOB, 1),
    Manifest(None, ()),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_does_not_change(value: object) -> None:
    """Whoever is given a value may keep it; a misspelled member is an error."""
    [first, *_] = dataclasses.fields(value)  # type: ignore[arg-type]

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, first.name, None)
    assert not hasattr(value, "__dict__")


def test_a_blob_name_is_written_as_its_file_is_called() -> None:
    """Both halves, joined by a dash."""
    assert "a" * 64 + "-" + "b" * 64 == str(BLOB)


def test_blob_names_sort_by_request() -> None:
    """A sorted list keeps the answers to one request together."""
    later = BlobName(RequestKey("b" * 64), Digest("a" * 64))

    assert [BLOB, later] == sorted([later, BLOB])


def test_entries_are_the_same_wherever_they_came_from() -> None:
    """An origin says how an entry came to be, not what it is."""
    assert Entry(BLOB, 1) == Entry(BLOB, 1, origin={"format": "vcr", "path": "x.yaml"})
    assert Entry(BLOB, 1) != Entry(BLOB, 2)
    assert Entry(BLOB, 1) != Entry(BLOB, 1, is_union=True)


def test_entries_do_not_share_an_origin() -> None:
    """The empty origin of one entry is not that of another."""
    one, other = Entry(BLOB, 1), Entry(BLOB, 2)

    assert one.origin is not other.origin
