"""Content encodings: undone, one after another, as far as the data goes."""

from __future__ import annotations

import gzip
import zlib

import pytest

from recstore.content.encodings import UndecodableError, decoded

TEXT = b"some text that repeats, repeats, repeats itself " * 20


def _raw_deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0), "X-GZip"),
        (gzip.compress(TEXT[:9], mtime=0) + gzip.compress(TEXT[9:], mtime=0), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (_raw_deflated(TEXT), "deflate"),
        (gzip.compress(zlib.compress(TEXT), mtime=0), "deflate, gzip"),
    ],
)
def test_what_python_itself_can_undo_is_undone(data: bytes, encoding: str) -> None:
    """In whatever case the header is written; the last encoding first."""
    assert TEXT == decoded(data, encoding)


def test_brotli_is_undone_where_a_library_is_there() -> None:
    """The one that HTTP clients use."""
    brotli = pytest.importorskip("brotli")

    assert TEXT == decoded(brotli.compress(TEXT), "br")
    with pytest.raises(UndecodableError):
        decoded(b"no brotli at all", "br")


def test_zstandard_is_undone_where_a_library_is_there() -> None:
    """Several frames, too."""
    zstandard = pytest.importorskip("zstandard")
    pack = zstandard.ZstdCompressor().compress

    assert TEXT == decoded(pack(TEXT), "zstd")
    assert TEXT == decoded(pack(TEXT[:9]) + pack(TEXT[9:]), "zstd")
    with pytest.raises(UndecodableError):
        decoded(b"no zstandard at all", "zstd")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_of_data_that_breaks_off_the_beginning_is_kept(encoding: str) -> None:
    """A stream that broke is recorded as far as it came."""
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    data = packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)

    assert decoded(data, encoding) == TEXT
    assert TEXT.startswith(decoded(data[:-9], encoding))


@pytest.mark.parametrize(("data", "encoding"), [(b"no gzip", "gzip"), (b"\xff\xff", "deflate"), (b"x", "snappy")])
def test_what_cannot_be_undone_is_said(data: bytes, encoding: str) -> None:
    """It is not what it says, or nobody knows the encoding."""
    with pytest.raises(UndecodableError):
        decoded(data, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_nothing_is_nothing_in_every_encoding(encoding: str) -> None:
    """Answers to HEAD have the header, and no body."""
    assert b"" == decoded(b"", encoding)
