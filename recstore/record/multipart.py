"""Bodies of several parts: the boundary that a client makes up for each is replaced by one that is always the same."""

from __future__ import annotations

import re
from typing import Final

BOUNDARY: Final = "recstore-boundary"

_STATED: Final = re.compile(r'(?i)(;\s*boundary=)(?:"([^"]+)"|([^\s;,"]+))')


def is_multipart(content_type: str) -> bool:
    """Return whether the value of a Content-Type says that the body has several parts."""
    return content_type.lstrip()[:10].lower() == "multipart/"


def with_constant_boundary(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return both with the boundary replaced; as they are, where none is stated or the new one occurs in the body."""
    stated = _STATED.search(content_type)
    if stated is None or not is_multipart(content_type) or BOUNDARY.encode() in body:
        return content_type, body
    boundary = (stated[2] or stated[3]).encode("latin-1", "replace")
    delimiter = re.compile(rb"(?:\A|(?<=\n))--" + re.escape(boundary) + rb"(?=\s|--)")
    return _STATED.sub(rf"\g<1>{BOUNDARY}", content_type, count=1), delimiter.sub(b"--" + BOUNDARY.encode(), body)
