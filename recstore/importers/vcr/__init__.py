"""vcrpy's cassettes: reading and writing them exactly, and standing in for vcrpy's own storage.

Here: the values of a document that are not plain, and the bounds of all documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

DEPTH_LIMIT: Final = 64  # vcrpy itself nests six levels
_FILE: Final = "tag:yaml.org,2002:python/object/new:_io.BytesIO"
_ITERATOR: Final = "tag:yaml.org,2002:python/object/apply:builtins.iter"


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
        member = {_FILE: "state", _ITERATOR: "args"}.get(self.tag)
        items = untagged(self.value.get(member)) if type(self.value) is dict else None
        first = items[0] if type(items) is list and items else None
        if member == "args" and type(first) is list and all(type(chunk) is bytes for chunk in first):
            return b"".join(first)
        return first if member == "state" and type(first) in (str, bytes) else None


def untagged(value: Any) -> Any:
    """Return `value` without its tag, if it has one."""
    return value.value if type(value) is Tagged else value


def refuse_deep(document: Any) -> None:
    """Return if `document` has at most `DEPTH_LIMIT` levels; what an alias stands for counts where it stands.

    Raises: ValueError: it has more.
    """
    level = {0: [document]}
    for _ in range(DEPTH_LIMIT + 1):
        nodes = [untagged(node) for node in level.values()]
        children = [child for node in nodes for child in (node.values() if type(node) is dict else node)]
        level = {id(child): child for child in children if type(untagged(child)) in (dict, list)}
        if not level:
            return
    raise ValueError(f"it nests more than {DEPTH_LIMIT} levels deep")
