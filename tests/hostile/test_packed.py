"""A few kilobytes that unpack to gigabytes, or slowly: refused in bounded time and memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard

from tests.hostile.bounded import bounded, only_unix

pytestmark = only_unix

MEMORY_BYTES = 1 << 30
PART = bytes(64 << 20)

UNPACK = """
from recstore.content.encodings import UndecodableError, decoded
data = open(sys.argv[1], "rb").read()
try:
    print("unpacked", len(decoded(data, sys.argv[2])))
except UndecodableError as error:
    print(error)
"""


def deflated() -> bytes:
    """Return 5 GiB of nothing in one stream."""
    packer = zlib.compressobj(1)
    first = packer.compress(PART) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(PART) + packer.flush(zlib.Z_FULL_FLUSH)  # each part stands by itself
    return first + again * 79


def zstandard_frame() -> bytes:
    """Return 64 MiB of nothing in one frame."""
    return zstandard.ZstdCompressor(level=1).compress(PART)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "many members": ("gzip", lambda: gzip.compress(PART, 1) * 80),
    "packed twice": ("gzip, gzip", lambda: gzip.compress(gzip.compress(PART, 1) * 80)),
    "packed a hundred times": (",".join(["gzip"] * 100), lambda: gzip.compress(PART, 1)),
    "one stream": ("deflate", deflated),
    "brotli": ("br", lambda: brotli.compress(PART * 5, quality=3)),
    "many frames": ("zstd", lambda: zstandard_frame() * 80),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_large_is_not_unpacked(tmp_path: Path, name: str) -> None:
    """Whoever asked keeps the bytes as they came."""
    encoding, make = BOMBS[name]
    (tmp_path / "bomb").write_bytes(make())
    said = bounded(UNPACK, str(tmp_path / "bomb"), encoding, memory_bytes=MEMORY_BYTES, timeout_s=60)

    assert "unpacked" not in said
    assert said.strip()


def test_many_small_members_are_unpacked_soon(tmp_path: Path) -> None:
    """Each costs what it is long, and not what is still to come."""
    (tmp_path / "members").write_bytes(gzip.compress(b"a") * 200_000)
    said = bounded(UNPACK, str(tmp_path / "members"), "gzip", memory_bytes=MEMORY_BYTES, timeout_s=60)

    assert "unpacked 200000" == said.strip()
