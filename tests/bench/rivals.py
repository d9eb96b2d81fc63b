"""The same recordings as other recorders would keep them: what crossed the wire, written by their own serializers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias

from recstore.content.bodies import body_bytes
from recstore.model import Entry, Headers, Manifest
from recstore.record.replay import response_to_wire
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.upstreams import default_base

__all__ = ["WRITERS", "Exchange", "exchanges", "named", "write_cassetter", "write_vcrpy"]

_JSON: Final = (("content-type", "application/json"),)
_FAILED: Final = 500


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, as bytes."""

    method: str
    url: str
    request: bytes
    status: int
    headers: Headers
    response: bytes


def exchanges(store: Store) -> Iterator[tuple[str, list[Exchange]]]:
    """Yield the name of a cassette for each test, and what is in it."""
    for manifest in store.manifests():
        name = manifest_path(manifest.test_id) if manifest.test_id else _shared(manifest)
        yield name, [_exchange(store, entry) for entry in manifest.entries]


def write_vcrpy(path: Path, kept: list[Exchange]) -> None:
    """Write a cassette as vcrpy does."""
    from vcr.request import Request
    from vcr.serialize import serialize
    from vcr.serializers import yamlserializer

    requests = [Request(one.method, one.url, one.request or None, dict(_JSON)) for one in kept]
    responses = [
        {
            "status": {"code": one.status, "message": "OK"},
            "headers": {name: [value] for name, value in one.headers},
            "body": {"string": one.response},
        }
        for one in kept
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(serialize({"requests": requests, "responses": responses}, yamlserializer), encoding="utf-8")


def write_cassetter(path: Path, kept: list[Exchange]) -> None:
    """Write a cassette as cassetter does."""
    from cassetter import Cassette, RecordMode

    cassette: Any = Cassette(path, record_mode=RecordMode.ALL)
    cassette.load()
    path.parent.mkdir(parents=True, exist_ok=True)
    for one in kept:
        headers = {name: [value] for name, value in one.headers}
        cassette.record(
            one.method, one.url, {_JSON[0][0]: [_JSON[0][1]]}, one.request, one.status, headers, one.response
        )
    cassette.save()


Writer: TypeAlias = Callable[[Path, list[Exchange]], None]

WRITERS: Final[Mapping[str, Writer]] = {
    "vcrpy": write_vcrpy,
    **({"cassetter": write_cassetter} if importlib.util.find_spec("cassetter") else {}),
}
"""Recorder -> what writes one of its cassettes. cassetter's pytest plugin and pytest-recording's want the same options, so
that it is not everywhere installed."""


def named(tool: str) -> str:
    """Return the name of a rival with its version."""
    return f"{tool} {version(tool)}"


def _exchange(store: Store, entry: Entry) -> Exchange:
    recording = store.get(entry)
    request = recording.request
    answer = response_to_wire(recording.response, request.method, request.path)
    base = str(entry.origin.get("base") or default_base(request.upstream))
    question = f"?{request.query}" if request.query else ""
    url = base + request.path + question
    body = b"".join(answer.chunks)
    return Exchange(request.method, url, body_bytes(request.body), answer.status or _FAILED, answer.headers, body)


def _shared(manifest: Manifest) -> str:
    blob = manifest.entries[0].blob
    return f"shared/{blob.key}-{blob.digest}"
