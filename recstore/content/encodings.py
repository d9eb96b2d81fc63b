"""Content encodings undone: what is stored is what a client reads, not how it was packed on the way.

Brotli and Zstandard are undone where a library for them is installed: a client that asks for them has one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from recstore.content.deltas import EXPANDED_LIMIT_BYTES

_PIECE_BYTES: Final = 4096
_BROTLI_PIECE_BYTES: Final = 64
"""So much is unpacked at once: what a few bytes stand for must not fill the memory before anybody counts it."""


class UndecodableError(ValueError):
    """The bytes are not encoded as they say, or nothing that decodes them is installed."""


def decoded(data: bytes, encoding: str) -> bytes:
    """Return `data` with every encoding that the header's value names undone; of data that breaks off, what is there.

    Raises: UndecodableError: that cannot be done, or what comes out is larger than anything that is stored.

    Source: RFC 9110, section 8.4: encodings are listed in the order in which they were applied.
    """
    for name in reversed(encoding.lower().split(",")):
        decode = _DECODERS.get(name.strip())
        if decode is None:
            raise UndecodableError(f"nothing decodes {name!r}")
        data = decode(data) if data else data
    return data


def _as_it_is(data: bytes) -> bytes:
    return data


def _gunzip(data: bytes) -> bytes:
    with _naming(zlib.error):
        return _whole(_members(data, lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), padding=b"\0"))


def _inflate(data: bytes) -> bytes:
    for wbits in (
        zlib.MAX_WBITS,
        -zlib.MAX_WBITS,
    ):  # with the header that the standard asks for; as some servers send it
        try:
            return _whole(map(zlib.decompressobj(wbits=wbits).decompress, _pieces(data, _PIECE_BYTES)))
        except zlib.error:
            continue
    raise UndecodableError("the bytes are not deflated")


def _unbrotli(data: bytes) -> bytes:
    library = _library("brotli", "brotlicffi")
    with _naming(library.error):
        decoder = library.Decompressor()
        process = decoder.process if hasattr(decoder, "process") else decoder.decompress
        return _whole(map(process, _pieces(data, _BROTLI_PIECE_BYTES)))


def _unzstd(data: bytes) -> bytes:
    library = _library("compression.zstd", "backports.zstd", "zstandard")
    is_standard = hasattr(library, "ZstdDecompressor") and not hasattr(library, "ZstdCompressionWriter")
    make = library.ZstdDecompressor if is_standard else lambda: library.ZstdDecompressor().decompressobj()
    with _naming(library.ZstdError):
        return _whole(_members(data, make))


@contextmanager
def _naming(kind: type[Exception]) -> Iterator[None]:
    """Say of a library's error what it means here."""
    try:
        yield
    except kind as error:
        raise UndecodableError(str(error)) from error


def _pieces(data: bytes, size_bytes: int) -> Iterator[bytes]:
    return (data[start : start + size_bytes] for start in range(0, len(data), size_bytes))


def _members(data: bytes, make: Callable[[], Any], padding: bytes = b"") -> Iterator[bytes]:
    """Yield what a file of several members, one behind the other, holds; each has a decoder of its own."""
    decoder, skipped = make(), b""
    for piece in _pieces(data, _PIECE_BYTES):
        rest = piece.lstrip(skipped)
        while rest:
            yield decoder.decompress(rest)
            skipped = b""
            if not decoder.eof:
                break
            rest = decoder.unused_data.lstrip(padding)
            decoder, skipped = make(), padding


def _whole(parts: Iterator[bytes]) -> bytes:
    whole = bytearray()
    for part in parts:
        whole += part
        if len(whole) > EXPANDED_LIMIT_BYTES:
            raise UndecodableError(f"the bytes stand for more than {EXPANDED_LIMIT_BYTES >> 20} MiB")
    return bytes(whole)


def _library(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UndecodableError(f"none of {', '.join(names)} is installed")


_DECODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "": _as_it_is,
        "identity": _as_it_is,
        "gzip": _gunzip,
        "x-gzip": _gunzip,
        "deflate": _inflate,
        "br": _unbrotli,
        "zstd": _unzstd,
    }
)
"""What undoes each encoding."""
