"""recstore: recorded requests and responses, content-addressed, in Git.

    from pathlib import Path
    from recstore import Store

    store = Store.open(Path("."))
    for entry in store.find(request, "tests/test_chat.py::test_answer"):
        recording = store.get(entry)

Names are imported when they are first used: `recstore --version` loads none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recstore.capture.use import use
    from recstore.content.canonical import request_key
    from recstore.errors import RecstoreError
    from recstore.model import Entry, JsonBody, Manifest, RawBody, Recording, Request, Response, StreamBody
    from recstore.store import Store
    from recstore.upstreams import UpstreamMap

__all__ = [
    "Entry",
    "JsonBody",
    "Manifest",
    "RawBody",
    "Recording",
    "RecstoreError",
    "Request",
    "Response",
    "Store",
    "StreamBody",
    "UpstreamMap",
    "__version__",
    "request_key",
    "use",
]

__version__ = "0.1.0"

_HOMES = {
    "RecstoreError": "errors",
    "Store": "store",
    "UpstreamMap": "upstreams",
    "request_key": "content.canonical",
    "use": "capture.use",
}


def __getattr__(name: str) -> object:
    """Return a public name from the module it lives in."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'model')}"), name)
