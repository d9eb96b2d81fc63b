"""A request that nothing answers: the nearest recorded ones, how they differ, the rule and the command that mend it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Generic, TypeVar

from recstore.content.bodies import body_bytes
from recstore.content.canonical import identity_headers, request_key
from recstore.content.deltas import Difference, differences
from recstore.content.json_text import NotExactError, compact_text, parse_exact
from recstore.errors import RecstoreError, ReplayMiss
from recstore.files import FOLDER
from recstore.model import BlobName, Entry, Json, JsonBody, Request
from recstore.record.exchange import NormalisedRequest
from recstore.record.lookup import Recordings
from recstore.rules import parse_rules
from recstore.store import Store
from recstore.store.blob import decode_request
from recstore.upstreams import default_base

_Name = TypeVar("_Name")
_HEAD: Final = ("method", "upstream", "path", "query", "headers")
_MAX_DIFFERENCES: Final = 6
_MAX_RULES: Final = 3
_MAX_REQUESTS: Final = 2000
"""At most so many requests of a store are compared: it may hold any number, and a whole suite may miss."""
_PROMPT_MEMBERS: Final = frozenset(
    ("messages", "model", "tools", "input", "prompt", "contents", "system", "instructions")
)
"""Members that are the question: a rule that ignores one would give the answer to another question."""


@dataclass(frozen=True, slots=True)
class NearMiss(Generic[_Name]):
    """A recorded request, by whatever name the caller gave it, and where the one that was made differs from it."""

    name: _Name
    request: Request
    differences: tuple[Difference, ...]

    def lines(self, asked: Request) -> list[str]:
        """Return the differences for people, and the rule that would make the two the same, if there is one."""
        lines = [f"  {difference}" for difference in self.differences[:_MAX_DIFFERENCES]]
        if len(self.differences) > _MAX_DIFFERENCES:
            lines.append(f"  and {len(self.differences) - _MAX_DIFFERENCES} more differences")
        rule = suggest_rule(self.request, self.differences, asked)
        return [*lines, f"  a rule that makes them the same ([[tool.recstore.rules]]): {rule}"] if rule else lines


def replay_miss(store: Store, recordings: Recordings, scope_id: str | None, sent: NormalisedRequest) -> ReplayMiss:
    """Return the error that says all there is to say of a request that the scope has no recording of."""
    request, entries = sent.request, recordings.manifest.entries

    def readable() -> Iterator[tuple[Entry, Request]]:
        for entry in entries:
            with suppress(RecstoreError):  # the miss is what is reported; `recstore verify` finds the damage
                yield entry, recordings.request(entry)

    whose = "this test has" if scope_id is not None else "outside any test was"
    query = f"?{request.query}" if request.query else ""
    lines = [f"no recording answers {request.method} {default_base(request.upstream)}{request.path}{query}"]
    count = len(recordings.occurrences(request, sent.key))
    if count:
        times = {1: "once", 2: "twice"}
        recorded, requested = (times.get(number, f"{number} times") for number in (count, count + 1))
        lines.append(f"recorded {recorded}, requested {requested}")
    else:
        near = nearest_request(request, readable())
        if near is not None:
            lines += [f"the nearest that {whose} recorded (call {near.name.n}):", *near.lines(request)]
        elif entries:
            lines.append(f"{whose} recordings, none of which can be read")
        else:
            lines.append(f"{whose} nothing recorded")
        lines += _nearest_of_store(store, sent, near.request if near else None)
    remedy = "pytest --recstore=record"
    if scope_id is not None:
        file, _, name = scope_id.partition("::")
        is_fixture = "@" in name.partition("[")[0]  # `client@module` is not a name that pytest could be given
        target = file if is_fixture or not name else scope_id
        remedy += f" {shlex.quote(target)}" if target else ""
    if store.directory.path("").is_dir():
        remedy = f"Record it: {remedy}"
    else:
        remedy = f"There is no store yet at {store.directory.root}: `recstore init`, then record it: {remedy}"
    return ReplayMiss(scope_id or "outside any test", "\n  ".join(lines), remedy)


def _nearest_of_store(store: Store, sent: NormalisedRequest, of_scope: Request | None) -> list[str]:
    same = _tests_of(store, sent.key)
    if same:
        others = {1: "", 2: ", and one more test"}.get(len(same), f", and {len(same) - 1} more tests")
        return [
            f"{same[0]} has recorded that very request{others}:",
            "  `--recstore=record-if-missing` takes its answer over, if it has but one",
        ]
    near = nearest_request(sent.request, _requests_of_path(store, sent.request.path))
    if near is None:
        return ["no other request in the store has that path"]
    if of_scope == near.request:
        return ["nothing in the store is nearer"]
    owners = _tests_of(store, near.name)
    return [f"the nearest of the store ({owners[0] if owners else 'of no test'}):", *near.lines(sent.request)]


# A store is read once for all the tests that miss, and without the index, which would be written.


@lru_cache(maxsize=16)
def _requests_of_path(store: Store, path: str) -> list[tuple[BlobName, Request]]:
    marker = b'"path":' + compact_text(path)
    requests: list[tuple[BlobName, Request]] = []
    for blob in store.blobs():
        data = store.directory.read(blob.path)
        if data is not None and marker in data[:4096] and len(requests) < _MAX_REQUESTS:
            with suppress(RecstoreError):
                requests.append((blob, decode_request(data, f"{FOLDER}/{blob.path}")))
    return requests


@lru_cache(maxsize=1)
def _manifests(store: Store) -> list[bytes]:
    return [store.directory.read(path) or b"" for path in store.manifest_paths()]


def _tests_of(store: Store, name: str | BlobName) -> list[str]:
    marker = str(name).replace("-", " ").encode()
    owners = [data.split(b"\n", 2)[1].decode("utf-8", "replace") for data in _manifests(store) if marker in data]
    return [
        line.removeprefix("test ").strip('"') if line.startswith("test ") else "a recording made outside any test"
        for line in owners
    ]


def nearest_request(asked: Request, candidates: Iterable[tuple[_Name, Request]]) -> NearMiss[_Name] | None:
    """Return the candidate that differs in the fewest places, the first of several; None where there is none."""
    wanted = _as_json(asked)
    nears = (NearMiss(name, request, tuple(differences(_as_json(request), wanted))) for name, request in candidates)

    def distance(near: NearMiss[_Name]) -> tuple[bool, int, int]:
        is_elsewhere = (near.request.method, near.request.path) != (asked.method, asked.path)
        common = sum(difference.common_length for difference in near.differences)
        return is_elsewhere, len(near.differences), -common

    return min(nears, key=distance, default=None)


def suggest_rule(stored: Request, found: tuple[Difference, ...], asked: Request) -> str:
    """Return the rules that make the two requests the same, as the configuration states them; "" where none should."""
    if not 0 < len(found) <= _MAX_RULES:
        return ""
    tables: list[dict[str, Json]] = []
    for difference in found:
        (part, *steps), old, new = difference.path, difference.old, difference.new
        if part in ("query", "headers") and steps:
            tables.append({"ignore_query" if part == "query" else "ignore_header": str(steps[0])})
            continue
        digits = 0
        if isinstance(old, float) and isinstance(new, float):
            digits = next((count for count in range(10, 2, -1) if round(old, count) == round(new, count)), 0)
        if part in _HEAD or (part in _PROMPT_MEMBERS and not digits):
            return ""
        names = (str(step).replace("~", "~0").replace("/", "~1") for step in difference.path)
        tables.append({"round": digits} if digits else {"ignore": "/" + "/".join(names)})
    rules = parse_rules(tables, "rule")
    if request_key(rules.normalised(stored)) != request_key(rules.normalised(asked)):
        return ""
    texts = (", ".join(f"{name} = {compact_text(value).decode()}" for name, value in table.items()) for table in tables)
    return "; ".join(dict.fromkeys(texts))


def _as_json(request: Request) -> Json:
    """Return everything that makes the request what it is, as one object: its body's members beside its other parts."""
    head: dict[str, Json] = {"method": request.method, "upstream": request.upstream, "path": request.path}
    if request.query:
        pairs = (part.partition("=") for part in request.query.split("&"))
        head["query"] = {name: value for name, _, value in pairs}
    headers = identity_headers(request.headers)
    if headers:
        head["headers"] = dict(headers)
    if isinstance(request.body, JsonBody):
        body: Json = request.body.value
    else:
        data = body_bytes(request.body)
        try:
            body = parse_exact(data) if data else None
        except NotExactError:
            body = data.decode("utf-8", "backslashreplace")
    if isinstance(body, dict):
        return {**body, **head}
    return {**head, "body": body} if body is not None else head
