"""Content encodings undone: what is stored is what a client reads, not how it was packed on the way.

Brotli and Zstandard are undone where a library for them is installed: a client that asks for them has one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
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
    for name in reversed([name.strip() for name in encoding.lower().split(",")]):
        data = _undone(data, name) if data else data
    return data


def _undone(data: bytes, name: str) -> bytes:
    match name:
        case "" | "identity":
            return data
        case "gzip" | "x-gzip":
            return _unpack(data, lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), zlib.error, padding=b"\0")
        case "deflate":
            try:
                return _unpack(data, zlib.decompressobj, zlib.error)
            except UndecodableError:  # some servers leave out the header that the standard asks for
                return _unpack(data, lambda: zlib.decompressobj(wbits=-zlib.MAX_WBITS), zlib.error)
        case "br":
            brotli = _library("brotli", "brotlicffi")
            return _unpack(data, brotli.Decompressor, brotli.error)
        case "zstd":
            zstd = _library("compression.zstd", "backports.zstd", "zstandard")
            is_standard = hasattr(zstd, "ZstdDecompressor") and not hasattr(zstd, "ZstdCompressionWriter")
            make = zstd.ZstdDecompressor if is_standard else lambda: zstd.ZstdDecompressor().decompressobj()
            return _unpack(data, make, zstd.ZstdError, padding=b"")
    raise UndecodableError(f"nothing decodes {name!r}")


def _unpack(data: bytes, make: Callable[[], Any], failure: type[Exception], padding: bytes | None = None) -> bytes:
    """Return what a decoder makes of `data`.

    With `padding` there may be several members, one behind the other and those bytes between them; each has a decoder
    of its own.
    """
    whole, skipped = bytearray(), b""
    try:
        decoder = make()
        piece_bytes = _BROTLI_PIECE_BYTES if hasattr(decoder, "process") else _PIECE_BYTES
        for start in range(0, len(data), piece_bytes):
            rest = data[start : start + piece_bytes].lstrip(skipped)
            while rest:
                whole += decoder.process(rest) if hasattr(decoder, "process") else decoder.decompress(rest)
                if len(whole) > EXPANDED_LIMIT_BYTES:
                    raise UndecodableError(f"the bytes stand for more than {EXPANDED_LIMIT_BYTES >> 20} MiB")
                skipped = b""
                if padding is None or not decoder.eof:
                    break
                rest = decoder.unused_data.lstrip(padding)
                decoder, skipped = make(), padding
    except failure as error:
        raise UndecodableError(str(error)) from error
    return bytes(whole)


def _library(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UndecodableError(f"none of {', '.join(names)} is installed")
