"""Content encodings undone: what is stored is what a client reads, not how it was packed on the way.

Brotli and Zstandard are undone where a library for them is installed: a client that asks for them has one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

__all__ = ["UndecodableError", "decoded"]


class UndecodableError(ValueError):
    """The bytes are not encoded as they say, or nothing that decodes them is installed."""


def decoded(data: bytes, encoding: str) -> bytes:
    """Return `data` with every encoding that the header's value names undone; of data that breaks off, what is there.

    Raises: UndecodableError: that cannot be done.

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
    whole = b""
    try:
        while data:  # a file may have several members
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            whole += member.decompress(data)
            data = member.unused_data.lstrip(b"\0") if member.eof else b""
    except zlib.error as error:
        raise UndecodableError(str(error)) from error
    return whole


def _inflate(data: bytes) -> bytes:
    for wbits in (
        zlib.MAX_WBITS,
        -zlib.MAX_WBITS,
    ):  # with the header that the standard asks for; as some servers send it
        try:
            return zlib.decompressobj(wbits=wbits).decompress(data)
        except zlib.error:
            continue
    raise UndecodableError("the bytes are not deflated")


def _unbrotli(data: bytes) -> bytes:
    library = _library("brotli", "brotlicffi")
    try:
        decoder = library.Decompressor()
        whole: bytes = (decoder.process if hasattr(decoder, "process") else decoder.decompress)(data)
    except library.error as error:
        raise UndecodableError(str(error)) from error
    return whole


def _unzstd(data: bytes) -> bytes:
    library = _library("compression.zstd", "backports.zstd", "zstandard")
    is_standard = hasattr(library, "ZstdDecompressor") and not hasattr(library, "ZstdCompressionWriter")
    whole = b""
    try:
        while data:  # a body may have several frames
            decoder: Any = library.ZstdDecompressor()
            decoder = decoder if is_standard else decoder.decompressobj()
            whole += decoder.decompress(data)
            data = decoder.unused_data if decoder.eof else b""
    except library.ZstdError as error:
        raise UndecodableError(str(error)) from error
    return whole


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
