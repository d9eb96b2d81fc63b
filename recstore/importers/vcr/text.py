"""The text of a cassette: in which style a document was written, and what an editor changed since.

Most cassettes are what vcrpy's serializer makes of their document, and a style's name says it all. For others
an origin also keeps the lines that differ, as long as they are few.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Final

from recstore.content.json_text import LAYOUTS
from recstore.importers.vcr.values import is_same, refuse_deep
from recstore.model import Digest, Json

_JSON_STYLES: Final = ("indent-4-ascii-lf", "indent-4-ascii")
_CRLF: Final = "-crlf"
_EDITS_SHARE: Final = 4
_EDITS_MINIMUM_BYTES: Final = 4096
_COMPARED_LINES: Final = 2000
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Cassette:
    """A file that may be a cassette: its bytes, what they say, and where YAML said a thing again by an alias."""

    data: bytes
    document: Any = None
    is_json: bool = False
    shared: list[Any] = field(default_factory=list)


def read_text(data: bytes) -> Cassette:
    """Return what `data` says, as JSON if it is JSON, else as YAML.

    Raises: ValueError: it is neither, or not UTF-8, or nests too deep.
    """
    data.decode()
    failure = None
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            return Cassette(data, _json_document(data), is_json=True)
        except ValueError as error:
            failure = error
    from recstore.importers.vcr.yaml import load

    try:
        document, shared = load(data)
    except ValueError as error:
        raise failure or error from error
    return Cassette(data, document, shared=shared)


def style_of(cassette: Cassette, document: Any) -> dict[str, Json]:
    """Return the members of an origin that make `write_text` give the cassette's bytes again.

    `document` is the cassette's as its recordings give it again. Where too many lines are in no known style,
    what is written says the same in vcrpy's own.

    Raises: ValueError: it cannot be written so that it says the same.
    """
    text = cassette.data.replace(b"\r\n", b"\n")
    ending = _CRLF if text != cassette.data and text.replace(b"\n", b"\r\n") == cassette.data else ""
    text = text if ending else cassette.data
    usual = b""
    for style in _styles(cassette):
        with suppress(ValueError, TypeError):
            written = _rendered(document, style, cassette.shared)
            usual = usual or written
            if written == text:
                return _named(style + ending)
    return _edited(cassette, text, usual, ending)


def write_text(document: Any, origin: dict[str, Any]) -> bytes:
    """Return `document` as the bytes that the origin of its first interaction describes.

    Raises: ValueError, LookupError, TypeError: the origin does not fit.
    """
    name = str(origin.get("style", "yaml"))
    text = _rendered(document, name.removesuffix(_CRLF), origin.get("shared", []))
    edits = origin.get("edits")
    if edits and edits[0] == _short_digest(text):
        text = _with_edits(text, edits[1:])
    return text.replace(b"\n", b"\r\n") if name.endswith(_CRLF) else text


def _json_document(data: bytes) -> Any:
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error
    refuse_deep(document)
    return document


def _styles(cassette: Cassette) -> Iterator[str]:
    """Yield the styles that the cassette may be written in, the likeliest first."""
    if cassette.is_json:
        yield from dict.fromkeys((*_JSON_STYLES, *LAYOUTS))
        return
    yield from ("yaml", "yaml-unsorted")
    if not cassette.data.isascii():
        yield "yaml-unicode"
    if b"\\\n" in cassette.data:
        yield "yaml-python"


def _rendered(document: Any, style: str, shared: list[Any]) -> bytes:
    if style in LAYOUTS:
        return LAYOUTS[style](document)
    from recstore.importers.vcr.yaml_text import dump

    return dump(document, style, shared).encode()


def _named(style: str) -> dict[str, Json]:
    return {} if style == "yaml" else {"style": style}


def _edited(cassette: Cassette, text: bytes, usual: bytes, ending: str) -> dict[str, Json]:
    style = _named((_JSON_STYLES[0] if cassette.is_json else "yaml") + ending)
    edits = _edits_between(usual, text)
    size_bytes = sum(len(inserted) for _first, _count, inserted in edits)
    if size_bytes <= max(_EDITS_MINIMUM_BYTES, len(text) // _EDITS_SHARE) and _with_edits(usual, edits) == text:
        return {**style, "edits": [_short_digest(usual), *edits]}
    if not is_same(read_text(usual).document, cassette.document):
        raise ValueError("it cannot be written again without loss; please report this file")
    return style


# -- lines that an editor changed: [first line, how many lines go, the text that comes]


def _edits_between(before: bytes, after: bytes) -> list[Any]:
    old, new = before.split(b"\n"), after.split(b"\n")
    start = _common(old, new)
    end = min(_common(old[::-1], new[::-1]), len(old) - start, len(new) - start)
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if len(old) + len(new) > _COMPARED_LINES:
        return [[start, len(old), _joined(new)]]
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        [start + first, last - first, _joined(new[begin:stop])]
        for kind, first, last, begin, stop in changes
        if kind != "equal"
    ]


def _common(one: list[bytes], other: list[bytes]) -> int:
    count = 0
    for line, counterpart in zip(one, other, strict=False):
        if line != counterpart:
            break
        count += 1
    return count


def _joined(lines: list[bytes]) -> str:
    return b"".join(line + b"\n" for line in lines).decode()


def _with_edits(text: bytes, edits: list[Any]) -> bytes:
    lines = text.split(b"\n")
    for first, count, inserted in reversed(edits):
        lines[first : first + count] = inserted.encode().split(b"\n")[:-1]
    return b"\n".join(lines)


def _short_digest(text: bytes) -> str:
    return Digest.of(text)[:_DIGITS]
