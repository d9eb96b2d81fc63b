"""Small bodies, packed in every way that recstore unpacks."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

import brotli
import zstandard

__all__ = ["PACKED"]

_BODY: Final = b'{"answer": "Nobody", "again": "Nobody, nobody, nobody"}' * 3

PACKED: Final[dict[str, bytes]] = {
    "gzip": gzip.compress(_BODY, mtime=0),
    "deflate": zlib.compress(_BODY),
    "br": brotli.compress(_BODY),
    "zstd": zstandard.ZstdCompressor().compress(_BODY),
}
"""Encoding -> a body in it."""
