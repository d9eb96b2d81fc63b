"""Secrets in blobs and manifests: what kind, where, and masked.

The bytes of a file are looked through first, which is quick; only where something is found there, or where a body is
packed or in pieces, is the recording decoded and looked through text by text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from recstore.model import Digest
from recstore.secrets.leaves import texts_of
from recstore.secrets.shapes import SHAPES
from recstore.store.codec import decode_recording

_PACKED: Final = (b'"base64":"', b'"events":[', b'"content-encoding"', b'"Content-Encoding"')
_DIGEST_DIGITS: Final = 16
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """One secret: its kind, where it is, masked, and the digest by which an allow-list knows it."""

    kind: str
    place: str
    excerpt: str
    digest: str


@dataclass(frozen=True, slots=True)
class SecretScan:
    """What is looked for: the usual shapes, the project's own patterns, and not what is allowed, by digest."""

    allowed: Collection[str] = ()
    patterns: tuple[str, ...] = ()
    _own: tuple[re.Pattern[bytes], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the patterns once."""
        object.__setattr__(self, "_own", tuple(re.compile(pattern.encode()) for pattern in self.patterns))

    def spans(self, data: bytes) -> Iterator[tuple[str, int, int]]:
        """Yield the kind of each secret in `data`, where it begins and where it ends, in order; what overlaps is one."""
        merged: list[tuple[str, int, int]] = []
        for kind, start, end in sorted(self._matches(data), key=lambda match: match[1:]):
            if merged and start < merged[-1][2]:
                first, begun, ended = merged[-1]
                merged[-1] = first, begun, max(ended, end)
            else:
                merged.append((kind, start, end))
        yield from (span for span in merged if self._is_wanted(data[span[1] : span[2]]))

    def _matches(self, data: bytes) -> Iterator[tuple[str, int, int]]:
        for shape in SHAPES:
            if shape.sign in data:
                yield from ((shape.kind, *match.span()) for match in shape.pattern.finditer(data))
        for pattern in self._own:
            found = (match for match in pattern.finditer(data) if match[0])
            yield from (("what a pattern of the project says", *match.span()) for match in found)

    def _is_wanted(self, secret: bytes) -> bool:
        return secret != b"REDACTED" and Digest.of(secret)[:_DIGEST_DIGITS] not in self.allowed


def secrets_in_blob(data: bytes, subject: str, scan: SecretScan) -> tuple[Secret, ...]:
    """Return the secrets in the bytes of a blob; `subject` names it in errors.

    Raises: DamagedBlob, NewerVersion: it holds something, and cannot be read.
    """
    if not any(mark in data for mark in _PACKED) and next(scan.spans(data), None) is None:
        return ()
    found = (
        _secret(kind, place, text[start:end])
        for place, text in texts_of(decode_recording(data, subject))
        for kind, start, end in scan.spans(text)
    )
    return tuple(sorted(set(found))) or secrets_in_text(data, "blob", scan)


def secrets_in_text(data: bytes, place: str, scan: SecretScan) -> tuple[Secret, ...]:
    """Return the secrets in any bytes, said to be at `place`."""
    return tuple(sorted({_secret(kind, place, data[start:end]) for kind, start, end in scan.spans(data)}))


def masked(secret: bytes) -> str:
    """Return the first and the last letters of a secret, never as much as half of it.

    >>> masked(b"sk-proj-0123456789abcdef")
    'sk-p...ef'
    """
    text = "".join(letter if letter.isprintable() else " " for letter in secret.decode("utf-8", "replace"))
    if len(text) < 3 * _SHOWN:
        return f"{text[:1]}..."
    return f"{text[:_SHOWN]}...{text[-2:]}"


def _secret(kind: str, place: str, secret: bytes) -> Secret:
    return Secret(kind, place, masked(secret), Digest.of(secret)[:_DIGEST_DIGITS])
