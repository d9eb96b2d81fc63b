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


NAME = BlobName(RequestKey("ab" * 32), Digest("cd" * 32))


def test_a_blob_is_in_the_folder_of_its_first_digits() -> None:
    """So that no folder holds them all."""
    assert f"blobs/ab/{'ab' * 32}-{'cd' * 32}.json" == NAME.path


def test_a_blob_name_is_read_as_it_is_written() -> None:
    """Both ways."""
    assert NAME == BlobName.parse(str(NAME))


@pytest.mark.parametrize(
    "stem",
    [
        "",
        "x",
        "ab" * 32,
        "ab" * 32 + "-" + "CD" * 32,
        "ab" * 32 + "-" + "cd" * 31,
        f"{NAME} ",
        f"{NAME}\n",
        f"{NAME}.json",
        "\u0661" * 64 + "-" + "c" * 64,
    ],
)
def test_nothing_else_is_a_blob_name(stem: str) -> None:
    """Not by upper-case digits, other digits, or one character too many."""
    assert BlobName.parse(stem) is None


def test_a_digest_is_blake3() -> None:
    """The published digest of nothing."""
    assert "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" == Digest.of(b"")


@pytest.mark.parametrize("folder", ["", "blobs/ab/", "blobs/zz/", "of/a/project/.recstore/blobs/ab/", "a\nb/"])
def test_a_blob_name_is_read_from_its_file_in_any_folder(folder: str) -> None:
    """Whether it is the right folder, the name's own path says."""
    path = f"{folder}{NAME}.json"

    assert (NAME, folder == "blobs/ab/") == (BlobName.from_path(path), path == NAME.path)


@pytest.mark.parametrize("path", ["", f"{NAME}", f"shared/{NAME}", f"blobs/ab/{NAME}.json\n", f"blobs/ab/x{NAME}.json"])
def test_other_files_have_no_blob_name(path: str) -> None:
    """A manifest of `shared/`, which is named as its blob, is not one."""
    assert BlobName.from_path(path) is None


def test_a_name_fits_the_bytes_it_promises() -> None:
    """And no others."""
    name = BlobName(RequestKey("ab" * 32), Digest.of(b"bytes"))

    assert [True, False] == [name.fits(b"bytes"), name.fits(b"byte")]
