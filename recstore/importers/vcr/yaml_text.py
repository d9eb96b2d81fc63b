"""YAML as vcrpy writes it, byte for byte: the text of a document in a style by name."""

from __future__ import annotations

from typing import Any, Final

import yaml

from recstore.importers.vcr.values import Tagged, is_same
from recstore.importers.vcr.yaml import Alias

if hasattr(yaml, "CSafeDumper"):
    from yaml import CSafeDumper as _UsualDumper
else:  # a PyYAML that was built without libyaml
    from yaml import SafeDumper as _UsualDumper  # type: ignore[assignment]


def dump(document: Any, style: str, shared: list[Alias]) -> str:
    """Return `document` as text in the style of that name; places in `shared` become aliases.

    Raises: KeyError: there is no such style. ValueError: the document holds what YAML cannot.
    """
    for place, first in shared:
        _share(document, place, first)
    settings = _STYLES[style]
    try:
        return str(yaml.dump(document, **{"Dumper": _Dumper, **settings}))
    except yaml.YAMLError as error:
        raise ValueError(f"cannot be written as YAML: {error}") from error


def _represent_tagged(dumper: Any, tagged: Tagged) -> Any:
    if type(tagged.value) is dict:
        return dumper.represent_mapping(tagged.tag, tagged.value)
    if type(tagged.value) is list:
        return dumper.represent_sequence(tagged.tag, tagged.value)
    return dumper.represent_scalar(tagged.tag, tagged.value)


class _Dumper(_UsualDumper):
    """Writes what vcrpy's dumper writes, tagged values included."""


class _PythonDumper(yaml.SafeDumper):
    """The same, where vcrpy ran without libyaml: long text that is not ASCII breaks otherwise."""


_Dumper.add_representer(Tagged, _represent_tagged)
_PythonDumper.add_representer(Tagged, _represent_tagged)


def _share(document: Any, place: list[str | int], first: list[str | int]) -> None:
    """Put at `place` the very object that stands at `first`; PyYAML then writes an anchor and an alias."""
    try:
        target, parent = _at(document, first), _inside(_at(document, place[:-1]))
        if is_same(parent[place[-1]], target):
            parent[place[-1]] = target
    except (LookupError, TypeError):
        pass  # an interaction is gone from the store: what is left is written in full


def _at(document: Any, place: list[str | int]) -> Any:
    node = _inside(document)
    for step in place[:-1]:
        node = _inside(node[step])
    return node[place[-1]] if place else node


def _inside(node: Any) -> Any:
    return node.value if type(node) is Tagged else node


_STYLES: Final[dict[str, dict[str, Any]]] = {
    "yaml": {},
    "yaml-unsorted": {"sort_keys": False},
    "yaml-unicode": {"allow_unicode": True},
    "yaml-python": {"Dumper": _PythonDumper},
}
"""How documents become text: as vcrpy calls libyaml, with two other settings, and by PyYAML's own emitter."""
