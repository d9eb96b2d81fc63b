"""recstore: recorded requests and responses, content-addressed, in Git.

from recstore import Store

store = Store.open(Path("."))
for entry in store.find(request, "tests/test_chat.py::test_answer"):
    recording = store.get(entry)
"""

from __future__ import annotations

from recstore.canonical import request_key
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
]

__version__ = "0.1.0"
