"""Files and iterators that a client sent as a request's body, as vcrpy writes them: tagged, never constructed.

Source: vcrpy's `serializers/yamlserializer.py`, `_construct_bytesio` and `_construct_iter`.
"""

from __future__ import annotations

from typing import Any, Final

from recstore.importers.vcr.values import Tagged

_FILE: Final = "tag:yaml.org,2002:python/object/new:_io.BytesIO"
_ITERATOR: Final = "tag:yaml.org,2002:python/object/apply:builtins.iter"


def content_of(body: Tagged) -> str | bytes | None:
    """Return what the file or iterator held; None where `body` is neither, or holds no plain bytes or text."""
    if body.tag == _FILE:
        first = _first(_member(body, "state"))
        return first if type(first) in (str, bytes) else None
    chunks = _first(_member(body, "args")) if body.tag == _ITERATOR else None
    if type(chunks) is list and all(type(chunk) is bytes for chunk in chunks):
        return b"".join(chunks)
    return None


def with_content(body: Tagged, content: Any) -> Tagged:
    """Return the file `body` with `content` in place of its own; an iterator as it is, for its chunks would be lost."""
    if body.tag != _FILE:
        return body
    state = body.value["state"]
    rest: Any = [content, *untagged(state)[1:]]
    return Tagged(body.tag, {**body.value, "state": Tagged(state.tag, rest) if type(state) is Tagged else rest})


def untagged(value: Any) -> Any:
    """Return `value` without its tag, if it has one."""
    return value.value if type(value) is Tagged else value


def _member(body: Tagged, name: str) -> Any:
    return untagged(body.value.get(name)) if type(body.value) is dict else None


def _first(items: Any) -> Any:
    return items[0] if type(items) is list and items else None
