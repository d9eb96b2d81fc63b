"""What is said of a request that nothing answers: what comes nearest, what differs, and how to record it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from recstore.content.json_text import compact_text
from recstore.errors import RecstoreError, ReplayMiss
from recstore.model import BlobName, Entry, Request
from recstore.record.lookup import Recordings
from recstore.record.near_misses import Near, matching_rule, nearest
from recstore.record.sent import Sent
from recstore.store import FOLDER, Store
from recstore.store.blob import decode_request
from recstore.upstreams import default_base

_MOST_DIFFERENCES: Final = 6
_MOST_OF_STORE: Final = 2000
"""How many requests of a store are compared: it may hold any number, and a whole suite may miss."""


def miss(store: Store, recordings: Recordings, scope_id: str | None, sent: Sent) -> ReplayMiss:
    """Return the error that says all there is to say of a request that the scope has no recording of."""
    whose = "this test has" if scope_id is not None else "outside any test was"
    times = recordings.times(sent.request, sent.key)
    lines = [f"no recording answers {_request_line(sent.request)}"]
    if times:
        lines.append(f"{whose} recorded that request {_times(len(times))}, and it is asked once more")
    else:
        near = _nearest_of_scope(recordings, sent)
        lines += _told_of_scope(near, sent, whose, is_empty=not recordings.entries)
        lines += _nearest_of_store(store, sent, near)
    return ReplayMiss(scope_id or "outside any test", "\n  ".join(lines), _remedy(store, scope_id))


def _request_line(request: Request) -> str:
    query = f"?{request.query}" if request.query else ""
    return f"{request.method} {default_base(request.upstream)}{request.path}{query}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _remedy(store: Store, scope_id: str | None) -> str:
    command = "pytest --recstore=record"
    if scope_id is not None:
        file, _, name = scope_id.partition("::")
        is_fixture = "@" in name.partition("[")[0]  # `client@module`: no name that pytest could be given
        target = file if is_fixture or not name else scope_id
        command += f" {shlex.quote(target)}" if target else ""
    if not store.directory.path("").is_dir():
        return f"There is no store yet at {store.directory.root}: `recstore init`, then record it: {command}"
    return f"Record it: {command}"


def _nearest_of_scope(recordings: Recordings, sent: Sent) -> Near[Entry] | None:
    return nearest(sent.request, _readable(recordings, recordings.entries))


def _told_of_scope(near: Near[Entry] | None, sent: Sent, whose: str, *, is_empty: bool) -> list[str]:
    if near is None:
        return [f"{whose} {'nothing recorded' if is_empty else 'recordings, none of which can be read'}"]
    return [f"the nearest that {whose} recorded (time {near.name.n}):", *_shown(near, sent.request)]


def _readable(recordings: Recordings, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Request]]:
    for entry in entries:
        try:
            yield entry, recordings.request(entry)
        except RecstoreError:  # the miss is what is reported; `recstore verify` finds the damage
            continue


def _nearest_of_store(store: Store, sent: Sent, of_scope: Near[Entry] | None) -> list[str]:
    known = _known.setdefault(store, _Requests())
    same = known.tests_of(store, sent.key)
    if same:
        return [
            f"{same[0]} has recorded that very request{_others(len(same) - 1)}:",
            "  `--recstore=record-if-missing` takes its answer over, if it has but one",
        ]
    near = nearest(sent.request, known.of_path(store, sent.request.path))
    if near is None:
        return ["no other request in the store has that path"]
    if of_scope is not None and of_scope.request == near.request:
        return ["nothing in the store is nearer"]
    owners = known.tests_of(store, near.name)
    return [f"the nearest of the store ({owners[0] if owners else 'of no test'}):", *_shown(near, sent.request)]


def _others(count: int) -> str:
    return f", and {count} more tests" if count > 1 else ", and one more test" if count else ""


def _shown(near: Near[Entry] | Near[BlobName], asked: Request) -> list[str]:
    shown = [f"  {difference}" for difference in near.differences[:_MOST_DIFFERENCES]]
    if len(near.differences) > _MOST_DIFFERENCES:
        shown.append(f"  and {len(near.differences) - _MOST_DIFFERENCES} more differences")
    rule = matching_rule(near.request, near.differences, asked)
    if rule:
        shown.append(f"  a rule that makes them the same ([[tool.recstore.rules]]): {rule}")
    return shown


@dataclass(slots=True)
class _Requests:
    """The requests of a store, read when something is missed: without the index, which would be written."""

    paths: dict[str, list[tuple[BlobName, Request]]] = field(default_factory=dict)
    manifests: dict[str, bytes] | None = None

    def of_path(self, store: Store, path: str) -> list[tuple[BlobName, Request]]:
        if path not in self.paths:
            sign = b'"path":' + compact_text(path)
            found: list[tuple[BlobName, Request]] = []
            for blob in store.blobs():
                data = store.directory.read(blob.path)
                if data is not None and sign in data[:4096] and len(found) < _MOST_OF_STORE:
                    found += _request_of(blob, data)
            self.paths[path] = found
        return self.paths[path]

    def tests_of(self, store: Store, name: str | BlobName) -> list[str]:
        if self.manifests is None:
            read = ((path, store.directory.read(path)) for path in store.manifest_paths())
            self.manifests = {path: data for path, data in read if data is not None}
        sign = str(name).replace("-", " ").encode()
        return [_owner(data) for data in self.manifests.values() if sign in data]


def _request_of(blob: BlobName, data: bytes) -> list[tuple[BlobName, Request]]:
    try:
        return [(blob, decode_request(data, f"{FOLDER}/{blob.path}"))]
    except RecstoreError:
        return []


def _owner(manifest: bytes) -> str:
    line = manifest.split(b"\n", 2)[1].decode("utf-8", "replace")
    return line.removeprefix("test ").strip('"') if line.startswith("test ") else "a recording made outside any test"


_known: Final[WeakKeyDictionary[Store, _Requests]] = WeakKeyDictionary()  # one reading serves every test that misses
