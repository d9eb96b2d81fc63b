"""A store with one of everything that the format can say."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Final

from recstore.importers.run import ImportOptions, import_paths
from recstore.model import Entry, Json, JsonBody, Manifest, RawBody, Recording, Request, Response, StreamBody
from recstore.store import FOLDER, Store
from recstore.store.blob import decode_recording
from recstore.store.directory import Directory
from tests.generator import as_recorded, generated

__all__ = ["FORMATS", "answers_of", "write_sample"]

FORMATS: Final = Path(__file__).parent
TEST: Final = "tests/test_sample.py::test_everything[gpt-4o-ü]"
UNION: Final = "tests/test_sample.py::test_union"

CASSETTE: Final = """\
interactions:
- request:
    body: '{"question": "Who?"}'
    headers:
      Accept:
      - '*/*'
    method: POST
    uri: https://api.example.com/ask
  response:
    body:
      string: '{"answer": "Nobody"}'
    headers:
      Content-Type:
      - application/json
    status:
      code: 200
      message: OK
version: 1
"""

_CHUNKS: Final[list[Json]] = [
    {"id": "1", "choices": [{"delta": {"content": text}, "index": 0}], "usage": None} for text in ("Hum", "ans", "")
]
_EVENTS: Final[list[Json]] = [*({"data": chunk} for chunk in _CHUNKS), {"data": "[DONE]"}]
_RECORDINGS: Final = (
    Recording(Request("GET", "api.example.com", "/models", "limit=2&after=a%20b"), Response(204)),
    Recording(
        Request("POST", "api.example.com", "/chat", body=JsonBody({"model": "gpt-4o", "n": 1.5, "ü": None}, "spaced")),
        Response(200, "OK", (("content-type", "application/json"),), body=JsonBody({"answer": [1, {}, []]}, "compact")),
    ),
    Recording(
        Request("POST", "api.example.com", "/chat", body=JsonBody({"stream": True}, "compact")),
        Response(
            200,
            "OK",
            (("content-type", "text/event-stream"),),
            body=StreamBody("sse", _EVENTS, "compact"),
        ),
    ),
    Recording(
        Request("POST", "localhost", "/api/chat", headers=(("accept-language", "de"),), body=RawBody(b"a=1&b=2")),
        Response(200, body=StreamBody("ndjson", list(_CHUNKS), "spaced")),
    ),
    Recording(Request("PUT", "s3", "/b", body=RawBody(bytes(range(256)))), Response(200, body=RawBody(b"text\n"))),
    Recording(
        Request("POST", "api.example.com", "/chat", body=JsonBody({"bad": True})),
        Response(error={"type": "httpx.ReadTimeout", "message": "timed out"}),
    ),
    Recording(
        Request("POST", "tools", "/search"), Response(type_name="list[a.Result]", body=StreamBody("objects", [1, "x"]))
    ),
)


def write_sample(target: Path) -> Store:
    """Write the files to import into `target/files`, and the store into `target/store`."""
    files = target / "files"
    for _, path, document in list(generated(3))[:6]:
        file = files / "recordings" / Path(path).name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(as_recorded(document))
    (files / "cassette.yaml").write_text(CASSETTE, newline="\n")
    store = Store.create(files)
    import_paths(store, [files / "recordings", files / "cassette.yaml"], ImportOptions())
    store.put(TEST, [*_RECORDINGS, *_RECORDINGS[:2]])
    store.put(None, [_RECORDINGS[1]])
    _put_union(store)
    shutil.rmtree(files / FOLDER / "local", ignore_errors=True)
    for name in ("README.md", ".gitattributes", ".gitignore"):  # what looks like a project would be taken for one
        (files / FOLDER / name).unlink()
    (files / FOLDER).rename(target / "store")
    return Store(Directory(target / "store"))


def _put_union(store: Store) -> None:
    request = Request("GET", "localhost", "/models")
    blobs = [store.put_blob(Recording(request, Response(200, body=RawBody(server)))) for server in (b"one", b"two")]
    store.directory.flush()
    store.publish([Manifest(UNION, tuple(Entry(blob, 1, is_union=True) for blob in blobs))])


def answers_of(store: Store) -> str:
    """Return what a store holds: for each test, each entry with its recording, as JSON."""
    found = {
        path: [
            {
                "test": manifest.test_id,
                "n": entry.n,
                "union": entry.is_union,
                "origin": entry.origin,
                "recording": asdict(decode_recording(store.read_blob(entry.blob), path)),
            }
            for entry in manifest.entries
        ]
        for path in store.manifest_paths()
        for manifest in [store.read_manifest(path)]
    }
    return json.dumps(found, indent=1, sort_keys=True, default=lambda data: {"bytes": data.hex()}) + "\n"
