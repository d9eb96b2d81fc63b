"""YAML as vcrpy reads and writes it, without ever constructing what a tag names.

Source: vcrpy's `serializers/yamlserializer.py`; PyYAML's `composer.py` and `constructor.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import yaml
from yaml.composer import Composer

from recstore.importers.vcr import Tagged, refuse_deep

EXPANDED_LIMIT: Final = 1 << 28  # characters and nodes that the aliases of a file may stand for in all
_MERGED_PAIR_COST: Final = 256  # of a member that `<<` merges: PyYAML constructs each of them again
_DIGITS_LIMIT: Final = 4_300  # as Python's own for integers
_TAG: Final = "tag:yaml.org,2002:"

if hasattr(yaml, "CSafeLoader"):
    from yaml import CSafeDumper as _UsualDumper
    from yaml import CSafeLoader as _UsualLoader
else:  # a PyYAML that was built without libyaml
    from yaml import SafeDumper as _UsualDumper  # type: ignore[assignment]
    from yaml import SafeLoader as _UsualLoader  # type: ignore[assignment]


def load(data: bytes) -> Any:
    """Return the document that `data` holds; lists and mappings stated by an alias are the same objects.

    Raises: ValueError: it holds none, or several, or one that nests or expands beyond all bounds.
    """
    try:
        loader = _Loader(data)
        node = loader.get_single_node()
        if node is None:
            raise ValueError("it holds no document")
        document = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (TypeError, RecursionError) as error:
        raise ValueError(f"a key is a list or a mapping, or it nests too deep: {error}") from error
    refuse_deep(document)
    return document


def dump(document: Any, style: str) -> bytes:
    """Return `document` as text in the style of that name, one of `YAML_STYLES`.

    Raises: KeyError: there is no such style. ValueError: the document holds what YAML cannot.
    """
    try:
        return str(yaml.dump(document, **{"Dumper": _Dumper, **YAML_STYLES[style]})).encode()
    except yaml.YAMLError as error:
        raise ValueError(f"cannot be written as YAML: {error}") from error


class _Loader(_UsualLoader, Composer):
    """Composes nodes as PyYAML does, but counts what aliases stand for, and builds plain values, or `Tagged`."""

    get_single_node = Composer.get_single_node  # libyaml's own would not count

    def __init__(self, data: bytes) -> None:
        _UsualLoader.__init__(self, data)
        Composer.__init__(self)
        self._size = self._repeated = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        is_alias, anchor = type(event) is yaml.AliasEvent, event.anchor
        if is_alias and anchor in self.anchors:
            if anchor not in self._sizes:
                raise ValueError(f"the alias {anchor!r} stands for what it is part of")
            self.repeat(self._sizes[anchor])
        size_before = self._size
        self._size += 1 + (len(event.value) if type(event) is yaml.ScalarEvent else 0)
        node = super().compose_node(parent, index)
        if anchor is not None and not is_alias:
            self._sizes[anchor] = self._size - size_before
        return node

    def repeat(self, size: int) -> None:
        """Count `size` characters and nodes that stand for something stated before."""
        self._size += size
        self._repeated += size
        if self._repeated > EXPANDED_LIMIT:
            raise ValueError(f"its aliases stand for more than {EXPANDED_LIMIT >> 20} MiB")

    def flatten_mapping(self, node: Any) -> None:
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(source, yaml.MappingNode):
                        self.flatten_mapping(source)
                        self.repeat(_MERGED_PAIR_COST * len(source.value))
        super().flatten_mapping(node)

    def construct_checked(self, node: Any) -> Any:
        """Return a number or a truth value; refuse what would take forever: counting to the base 60 is quadratic."""
        kind = node.tag.removeprefix(_TAG)
        with suppress(ValueError, LookupError, ArithmeticError):
            if len(node.value) <= _DIGITS_LIMIT:
                number = getattr(self, f"construct_yaml_{kind}")(node)
                str(number)  # raises ValueError if a hexadecimal number of fewer digits is too long in decimal ones
                return number
        raise ValueError(f"{str(node.value)!r:.40} is not a {kind}, or has more than {_DIGITS_LIMIT:,} digits")

    def construct_tagged(self, node: Any) -> Tagged:
        """Return the node's tag and its plain value: nothing that a file names is ever made."""
        construct = self.construct_sequence if isinstance(node, yaml.SequenceNode) else self.construct_mapping
        return Tagged(node.tag, node.value if isinstance(node, yaml.ScalarNode) else construct(node, deep=True))


for _kind in ("int", "float", "bool"):
    _Loader.add_constructor(f"{_TAG}{_kind}", _Loader.construct_checked)
for _kind in ("python/str", "python/unicode"):
    _Loader.add_constructor(f"{_TAG}{_kind}", _Loader.yaml_constructors[f"{_TAG}str"])
for _kind in ("timestamp", "omap", "pairs", "set"):
    _Loader.add_constructor(f"{_TAG}{_kind}", _Loader.construct_tagged)
_Loader.add_multi_constructor("", lambda loader, _suffix, node: loader.construct_tagged(node))  # any other tag


class _Dumper(_UsualDumper):
    """Writes what vcrpy's dumper writes, tagged values included."""


class _LiteralDumper(_Dumper):
    """Writes text of several lines as a literal block, as serializers do that are written for reviews."""


class _PythonDumper(yaml.SafeDumper):
    """Writes it as vcrpy does without libyaml: long text that is not ASCII breaks differently."""


def _represent_tagged(dumper: Any, tagged: Tagged) -> Any:
    kind = type(tagged.value)
    member = "mapping" if kind is dict else "sequence" if kind is list else "scalar"
    return getattr(dumper, f"represent_{member}")(tagged.tag, tagged.value)


for _dumper in (_Dumper, _PythonDumper, _LiteralDumper):
    _dumper.add_representer(Tagged, _represent_tagged)
_LiteralDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar(f"{_TAG}str", text, style="|" if "\n" in text else None)
)

YAML_STYLES: Final[dict[str, dict[str, Any]]] = {
    "yaml": {},
    "yaml-unsorted": {"sort_keys": False},
    "yaml-unicode": {"allow_unicode": True},
    "yaml-literal": {"Dumper": _LiteralDumper, "allow_unicode": True, "width": 120},
    "yaml-python": {"Dumper": _PythonDumper},
}
"""How documents become text, the likeliest first: as vcrpy calls libyaml, with other settings, by PyYAML's own emitter.

Source: for `yaml-literal` pydantic-ai's `tests/json_body_serializer.py`.
"""
