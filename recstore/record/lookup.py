"""The recordings of one scope, read once: its manifest, and each blob when it is first asked for.

Replay asks no index and writes nothing: it works on a folder that is read-only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from recstore.content.canonical import request_key
from recstore.errors import RecstoreError
from recstore.files import FOLDER
from recstore.model import BlobName, Entry, Manifest, Request, RequestKey, Response
from recstore.record.exchange import NormalisedRequest
from recstore.record.replay import DELAYS, merge_union
from recstore.rules import RuleSet
from recstore.store import Store
from recstore.store.blob import LLAMA_STACK, decode_recording, decode_request, placeholder_id

Occurrence: TypeAlias = tuple[Entry, ...]
"""The entries that answer one occurrence of a request: one, or several where a list of models is a union."""


@dataclass(frozen=True, slots=True)
class Match:
    """The answer to a request: the entries of one occurrence, and the response that they give together."""

    entries: Occurrence
    response: Response


class Recordings:
    """The recordings of a test, or with `scope_id` None those made outside any test, in the order in which they answer.

    `used` are the calls whose entries have answered.

    Raises: DamagedManifest, ManifestConflict, NewerVersion: any question, if the manifest cannot be used.
    """

    def __init__(self, store: Store, rules: RuleSet, scope_id: str | None) -> None:
        self.used: set[tuple[RequestKey, int]] = set()
        self._store = store
        self._rules = rules
        self._scope_id = scope_id
        self._blobs: dict[BlobName, bytes] = {}
        self._next: dict[RequestKey, int] = {}

    @cached_property
    def manifest(self) -> Manifest:
        """Everything that is recorded; outside any test as if one test had made all of it."""
        if self._scope_id is not None:
            return self._store.manifest(self._scope_id) or Manifest(self._scope_id, ())
        entries: list[Entry] = []
        last: dict[RequestKey, int] = {}
        for file in self._store.directory.walk("shared"):
            for entry in self._store.read_manifest(self._store.directory.name_of(file)).entries:
                key = entry.blob.key
                if not entry.is_union or key not in last:
                    last[key] = last.get(key, 0) + 1
                entries.append(replace(entry, n=last[key]))
        return Manifest(None, tuple(entries))

    @cached_property
    def _by_key(self) -> dict[RequestKey, list[Occurrence]]:
        by_key: dict[RequestKey, list[Occurrence]] = {}
        for entry in sorted(self.manifest.entries, key=lambda entry: entry.n):
            occurrences = by_key.setdefault(entry.blob.key, [])
            last = occurrences[-1][0] if occurrences else entry
            if occurrences and entry.is_union and last.is_union and last.n == entry.n:
                occurrences[-1] += (entry,)
            else:
                occurrences.append((entry,))
        return by_key

    @cached_property
    def _by_normal_form(self) -> dict[RequestKey, list[Occurrence]]:
        forms: dict[RequestKey, list[Occurrence]] = {}
        for occurrences in self._by_key.values():
            form = request_key(self._rules.normalised(self.request(occurrences[0][0])))
            forms.setdefault(form, []).extend(occurrences)
        return forms

    def count_of(self, key: RequestKey) -> int:
        """Return how often that very request was recorded."""
        return len(self._by_key.get(key, ()))

    def occurrences(self, request: Request, key: RequestKey) -> list[Occurrence]:
        """Return the recorded occurrences of the request in order; without one, those of requests that are close enough."""
        if key in self._by_key or not self._rules.rules or not self._by_key:
            return self._by_key.get(key, [])
        return self._by_normal_form.get(request_key(self._rules.normalised(request)), [])

    def next_match(self, request: Request, key: RequestKey, *, may_repeat: bool) -> Match | None:
        """Return the answer of the first occurrence that has answered nothing yet, None if all have.

        Then the last one answers again if it may: if that is configured, or it was recorded outside any test or by
        a recorder that has one answer for each request.

        Raises: NotInStore: its blob is not there. DamagedBlob, NewerVersion: it cannot be used. It counts as not used.
        """
        occurrences = self.occurrences(request, key)
        index = self._next.get(key, 0)
        while index < len(occurrences) and occurrences[index][0].call in self.used:
            index += 1
        self._next[key] = index
        if index < len(occurrences):
            match = self._match(occurrences[index])
            self.used.add(occurrences[index][0].call)
            return match
        if not occurrences:
            return None
        is_single = self._scope_id is None or occurrences[-1][0].origin.get("format") == LLAMA_STACK
        return self._match(occurrences[-1]) if may_repeat or is_single else None

    def find_reusable(self, request: NormalisedRequest, occurrence: int, *, share: bool) -> Match | None:
        """Return another test's answer to that occurrence of the request, None unless it is certain.

        It is if some test made the request that often, and the whole store knows one response to it (with `share`, the first
        test's will do). An entry with the id of its imported file is that file's alone. A damaged blob answers nothing.
        """
        from recstore.store.index import Index  # replay does without

        with Index(self._store) as index:
            uses = [use for use in index.uses_of(request.key) if not placeholder_id(use[1].origin)]
        owner = next((owner for owner, entry in uses if entry.n == occurrence), None)
        entries = [entry for other, entry in uses if other == owner and entry.n == occurrence]
        if not entries or (len({entry.blob for _, entry in uses}) > 1 and not share):
            return None
        if not entries[0].is_union:
            del entries[1:]
        delays = [{name: value for name, value in entry.origin.items() if name == DELAYS} for entry in entries]
        try:
            return self._match(tuple(replace(entry, origin=own) for entry, own in zip(entries, delays, strict=True)))
        except RecstoreError:
            return None

    def request(self, entry: Entry) -> Request:
        """Return the request that was recorded. Raises: as `next_match`."""
        return decode_request(self._read(entry.blob), f"{FOLDER}/{entry.blob.path}")

    def _match(self, entries: Occurrence) -> Match:
        responses = []
        for entry in entries:
            data, subject = self._read(entry.blob), f"{FOLDER}/{entry.blob.path}"
            responses.append(decode_recording(data, subject, placeholder_id(entry.origin)).response)
        return Match(entries, merge_union(responses))

    def _read(self, blob: BlobName) -> bytes:
        if blob not in self._blobs:
            self._blobs[blob] = self._store.read_blob(blob)
        return self._blobs[blob]
