"""The text of a cassette: what it says, and the styles by name in which recorders write it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from recstore.content.json_text import LAYOUTS

DEPTH_LIMIT: Final = 64
"""vcrpy itself nests six levels."""

DIGITS_LIMIT: Final = 4_300
"""As Python's own for integers."""

USUAL_STYLE: Final = "yaml"
JSON_STYLES: Final = tuple(dict.fromkeys(("indent-4-ascii-lf", "indent-4-ascii", *LAYOUTS)))
"""vcrpy 9 ends a JSON cassette with a line feed, earlier versions do not; then any other layout."""

_CRLF: Final = "-crlf"
_FILE: Final = "tag:yaml.org,2002:python/object/new:_io.BytesIO"
_ITERATOR: Final = "tag:yaml.org,2002:python/object/apply:builtins.iter"

# Values of a document are told apart by their types at run time: hence Any.


@dataclass(frozen=True, slots=True)
class Tagged:
    """A YAML node with a tag that nobody constructs: its value is text, a list or a dict."""

    tag: str
    value: Any

    @property
    def content(self) -> str | bytes | None:
        """What a file or an iterator held that a client sent as a body; None of anything else.

        Source: vcrpy's `serializers/yamlserializer.py`, `_construct_bytesio` and `_construct_iter`.
        """
        if self.tag == _FILE:
            state = self._first_of("state")
            return state if type(state) in (str, bytes) else None
        chunks = self._first_of("args") if self.tag == _ITERATOR else None
        if type(chunks) is list and all(type(chunk) is bytes for chunk in chunks):
            return b"".join(chunks)
        return None

    def _first_of(self, name: str) -> Any:
        items = untagged(self.value.get(name)) if type(self.value) is dict else None
        return items[0] if type(items) is list and items else None


def untagged(value: Any) -> Any:
    """Return `value` without its tag, if it has one."""
    return value.value if type(value) is Tagged else value


@dataclass(frozen=True, slots=True)
class Cassette:
    """A file that may be a cassette: its bytes, and what they say."""

    data: bytes
    document: Any = None
    is_json: bool = False

    def styles(self) -> Iterator[str]:
        """Yield the styles that the bytes may be written in, the likeliest first."""
        ending = _CRLF if b"\r\n" in self.data else ""
        if self.is_json:
            names: tuple[str, ...] = JSON_STYLES
        else:
            from recstore.importers.vcr.yaml import YAML_STYLES

            names = tuple(YAML_STYLES)
        for name in names:
            if name != "yaml-python" or b"\\\n" in self.data:  # slow, and the only one that breaks text so
                yield name + ending


def read_text(data: bytes) -> Cassette:
    """Return what `data` says, as JSON if it is JSON, else as YAML.

    Raises: ValueError: it is neither, or not UTF-8, or nests too deep.
    """
    data.decode()
    failure = None
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            document = json.loads(data)
            refuse_deep(document)
            return Cassette(data, document, is_json=True)
        except ValueError as error:
            failure = error
        except RecursionError as error:
            raise ValueError("it nests too deep") from error
    from recstore.importers.vcr.yaml import load

    try:
        return Cassette(data, load(data))
    except ValueError as error:
        raise failure or error from error


def write_text(document: Any, style: str) -> bytes:
    """Return `document` as the bytes of a cassette.

    Raises: KeyError: there is no such style. ValueError, TypeError: the style cannot write the document.
    """
    name = style.removesuffix(_CRLF)
    if name in LAYOUTS:
        text = LAYOUTS[name](document)
    else:
        from recstore.importers.vcr.yaml import dump

        text = dump(document, name)
    return text if name == style else text.replace(b"\n", b"\r\n")


def is_sorted(style: str) -> bool:
    """Return whether the style writes the members of a mapping in alphabetical order."""
    return style.startswith("yaml") and not style.startswith("yaml-unsorted")


def refuse_deep(value: Any) -> None:
    """Return if `value` has at most `DEPTH_LIMIT` levels; what an alias stands for counts where it stands.

    Raises: ValueError: it has more.
    """
    level = [value]
    for _ in range(DEPTH_LIMIT):
        children = (child for node in level for child in _children(node))
        level = list({id(child): child for child in children}.values())
        if not level:
            return
    raise ValueError(f"it nests more than {DEPTH_LIMIT} levels deep")


def _children(node: Any) -> list[Any]:
    node = untagged(node)
    values = node.values() if type(node) is dict else node if type(node) is list else ()
    return [child for child in values if type(child) in (dict, list, Tagged)]
