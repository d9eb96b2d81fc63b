"""YAML as vcrpy reads it, without ever constructing what a tag names.

`load` follows the parser's events instead of PyYAML's constructor: several times faster, and safe against
files that nest (its C code overflows the stack), repeat themselves by aliases, or name Python objects.

Source: YAML 1.1; PyYAML's `constructor.py` and `resolver.py` for what plain text stands for.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from recstore.importers.vcr.values import DEPTH_LIMIT, Tagged

EXPANDED_LIMIT: Final = 1 << 28
"""How many characters and nodes the aliases of a file may stand for in all."""

Alias = tuple[list[str | int], list[str | int]]
"""Two places of a document, as keys and positions on the way: at the first stands again what stands at the second."""

_TAG: Final = "tag:yaml.org,2002:"
_TEXT: Final = frozenset((f"{_TAG}str", f"{_TAG}python/str", f"{_TAG}python/unicode"))
_NUMBERS: Final = frozenset((f"{_TAG}int", f"{_TAG}float"))
_DIGITS_LIMIT: Final = 4_300
"""As Python's own: PyYAML takes quadratic time for numbers to the base 60."""
_MERGE: Final = Tagged(f"{_TAG}merge", "<<")

if hasattr(yaml, "CSafeLoader"):
    from yaml import CSafeLoader as _Loader
else:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


class NotYamlError(ValueError):
    """The text is no YAML document that vcrpy's loader could read, or is built to exhaust its reader."""


def load(data: bytes) -> tuple[Any, list[Alias]]:
    """Return the document that `data` holds, and where it states a list or mapping again by an alias.

    Raises: NotYamlError: it holds none, or several, or one that nests or expands beyond all bounds.
    """
    loader = None
    try:
        loader = _Loader(data)
        return _Builder(loader).build()
    except yaml.YAMLError as error:
        raise NotYamlError(" ".join(str(error).split())) from error
    finally:
        if loader is not None:
            loader.dispose()


# -- reading


@dataclass(slots=True)
class _Open:
    """A list or mapping that has begun and not ended; a mapping's items are its keys and values in turn."""

    is_mapping: bool
    tag: str
    anchor: str | None
    size_before: int
    items: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for, how much it stands for, and its place if it is no mere scalar."""

    value: Any
    size: int
    place: list[str | int] | None


class _Builder:
    """Builds the one document of an event stream, with a stack of its own."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._aliases: list[Alias] = []
        self._plain: dict[str, Any] = {}
        self._size = 0
        self._repeated = 0
        self._roots: list[Any] = []

    def build(self) -> tuple[Any, list[Alias]]:
        """Return the document, and its aliases.

        Raises: NotYamlError, yaml.YAMLError: there is no such document.
        """
        actions: dict[type, Any] = {
            yaml.ScalarEvent: self._add_scalar,
            yaml.AliasEvent: self._add_alias,
            yaml.MappingStartEvent: self._begin_mapping,
            yaml.SequenceStartEvent: self._begin_sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
        }
        next_event = self._loader.get_event
        while (kind := type(event := next_event())) is not yaml.StreamEndEvent:
            if kind in actions:
                actions[kind](event)
        if len(self._roots) != 1:
            raise NotYamlError(f"it holds {len(self._roots)} documents instead of one")
        return self._roots[0], self._aliases

    def _add(self, value: Any) -> None:
        (self._open[-1].items if self._open else self._roots).append(value)

    def _repeat(self, size: int) -> None:
        self._size += size
        self._repeated += size
        if self._repeated > EXPANDED_LIMIT:
            raise NotYamlError(f"its aliases stand for more than {EXPANDED_LIMIT >> 20} MiB")

    def _add_scalar(self, event: Any) -> None:
        text = event.value
        self._size += 1 + len(text)
        if event.tag is not None and event.tag != "!":
            value = self._construct(event.tag, text)
        elif not event.implicit[0]:
            value = text
        elif text in self._plain:
            value = self._plain[text]
        else:
            tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
            value = self._plain[text] = self._construct(tag, text)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1 + len(text), None)
        self._add(value)

    def _construct(self, tag: str, text: str) -> Any:
        if tag in _TEXT:
            return text
        method = _SCALARS.get(tag)
        if method is None:
            return Tagged(tag, text)
        if tag in _NUMBERS and len(text) > _DIGITS_LIMIT:
            raise NotYamlError(f"{text!r:.40} has more than {_DIGITS_LIMIT:,} digits")
        try:
            return getattr(self._loader, method)(yaml.ScalarNode(tag, text))
        except (ValueError, LookupError, ArithmeticError) as error:
            raise NotYamlError(f"{text!r:.40} is no {tag.removeprefix(_TAG)}") from error

    def _add_alias(self, event: Any) -> None:
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            raise NotYamlError(f"the alias {event.anchor!r} stands for nothing, or for what it is part of")
        self._repeat(anchored.size)
        place = self._place()
        if anchored.place is not None and place is not None:
            self._aliases.append((place, anchored.place))
        self._add(anchored.value)

    def _place(self) -> list[str | int] | None:
        """Return where the next value goes, None if it is a key, or below a key that is no text."""
        place: list[str | int] = []
        for node in self._open:
            is_key = node.is_mapping and len(node.items) % 2 == 0
            step = node.items[-1] if node.is_mapping and not is_key else len(node.items)
            if is_key or (node.is_mapping and type(step) is not str):
                return None
            place.append(step)
        return place

    def _begin_mapping(self, event: Any) -> None:
        self._begin(event, f"{_TAG}map")

    def _begin_sequence(self, event: Any) -> None:
        self._begin(event, f"{_TAG}seq")

    def _begin(self, event: Any, usual: str) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise NotYamlError(f"it nests more than {DEPTH_LIMIT} levels deep")
        tag = "" if event.tag in (None, "!", usual) else event.tag
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(usual.endswith("map"), tag, event.anchor, self._size))
        self._size += 1

    def _end(self, _event: Any) -> None:
        node = self._open.pop()
        value: Any = self._mapping(node.items) if node.is_mapping else node.items
        value = Tagged(node.tag, value) if node.tag else value
        if node.anchor is not None:
            self._anchors[node.anchor] = _Anchored(value, self._size - node.size_before, self._place())
        self._add(value)

    def _mapping(self, items: list[Any]) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        own: list[tuple[Any, Any]] = []
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, Hashable) or (type(key) is Tagged and type(key.value) is not str):
                raise NotYamlError("a key is a list or a mapping")
            if type(key) is Tagged and key == _MERGE:
                self._merge(mapping, value)
            else:
                own.append((key, value))
        mapping.update(own)
        return mapping

    def _merge(self, mapping: dict[Any, Any], value: Any) -> None:
        for source in reversed(value) if type(value) is list else (value,):
            if type(source) is not dict:
                raise NotYamlError("`<<` merges what is no mapping")
            self._repeat(len(source))
            mapping.update(source)


_SCALARS: Final = {
    f"{_TAG}null": "construct_yaml_null",
    f"{_TAG}bool": "construct_yaml_bool",
    f"{_TAG}int": "construct_yaml_int",
    f"{_TAG}float": "construct_yaml_float",
    f"{_TAG}binary": "construct_yaml_binary",
}
