"""What one scope has recorded, read once: its manifest, and each blob when it is first asked for.

No index is asked, and nothing is written: replay works on a folder that is read-only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from recstore.content.canonical import request_key
from recstore.errors import DamagedManifest
from recstore.model import BlobName, Digest, Entry, Recording, Request, RequestKey, Response
from recstore.record.answer import as_one
from recstore.rules import RuleSet
from recstore.store import FOLDER, Store
from recstore.store.blob import LLAMA_STACK, decode_recording, decode_request, minted_id
from recstore.store.manifest import manifest_path, parse_manifest

Time: TypeAlias = tuple[Entry, ...]
"""What answers one request, the n-th of its kind: one entry, or several where a list of models is a union."""

_SHARED: Final = "shared"


class Recordings:
    """The recordings of a test, or with `scope_id` None those made outside any test, in the order they answer in.

    Raises: DamagedManifest, ManifestConflict, NewerVersion: any question, where the manifest cannot be used.
    """

    def __init__(self, store: Store, rules: RuleSet, scope_id: str | None) -> None:
        self._store = store
        self._rules = rules
        self._scope_id = scope_id
        self._entries: tuple[Entry, ...] | None = None
        self._digest = ""
        self._times: dict[RequestKey, tuple[Time, ...]] = {}
        self._close: dict[RequestKey, tuple[Time, ...]] | None = None
        self._blobs: dict[BlobName, bytes] = {}
        self._taken: dict[RequestKey, int] = {}
        self._served: set[tuple[RequestKey, int]] = set()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that is recorded."""
        if self._entries is None:
            entries, self._digest = self._shared() if self._scope_id is None else self._of_test(self._scope_id)
            self._times = _by_key(entries)
            self._entries = entries
        return self._entries

    @property
    def digest(self) -> Digest:
        """The digest of the manifest's text, "" where there is none."""
        _ = self.entries
        return Digest(self._digest)

    @property
    def served(self) -> frozenset[tuple[RequestKey, int]]:
        """What has been taken, as (key, n)."""
        return frozenset(self._served)

    def times(self, request: Request, key: RequestKey) -> tuple[Time, ...]:
        """Return what is recorded for the request, first time first; else for those that are close enough to it."""
        _ = self.entries
        found = self._times.get(key)
        if found is not None or not self._rules.rules or not self._times:
            return found or ()
        if self._close is None:
            self._close = self._by_normal_form()
        return self._close.get(request_key(self._rules.normalised(request)), ())

    def count_of(self, key: RequestKey) -> int:
        """Return how often that very request was recorded."""
        _ = self.entries
        return len(self._times.get(key, ()))

    def take(self, request: Request, key: RequestKey, *, may_repeat: bool) -> Time | None:
        """Return what answers the request this time: the first that answered none yet, None where all have.

        The last one again, where it may repeat: if that is configured, was recorded outside any test, or by
        a recorder that keeps one answer for each request.
        """
        times = self.times(request, key)
        place = self._taken.get(key, 0)
        while place < len(times) and _place_of(times[place]) in self._served:
            place += 1
        self._taken[key] = place
        if place < len(times):
            self._served.add(_place_of(times[place]))
            return times[place]
        return times[-1] if times and (may_repeat or self._repeats(times[-1])) else None

    def note_served(self, entries: Iterable[Entry]) -> None:
        """Have entries count as served that something else has answered from."""
        self._served.update((entry.blob.key, entry.n) for entry in entries)

    def give_back(self, time: Time) -> None:
        """Have a time that could not be read count as not taken."""
        self._served.discard(_place_of(time))
        self._taken.clear()

    def response(self, time: Time) -> Response:
        """Return the response that was recorded.

        Raises: NotInStore: its blob is not there. DamagedBlob, NewerVersion: it cannot be used.
        """
        return as_one([self._recording(entry).response for entry in time])

    def request(self, entry: Entry) -> Request:
        """Return the request that was recorded.

        Raises: as `response`.
        """
        return decode_request(self._bytes(entry.blob), _subject(entry.blob))

    def _recording(self, entry: Entry) -> Recording:
        return decode_recording(self._bytes(entry.blob), _subject(entry.blob), minted_id(entry.origin))

    def _bytes(self, blob: BlobName) -> bytes:
        data = self._blobs.get(blob)
        if data is None:
            data = self._blobs[blob] = self._store.read_blob(blob)
        return data

    def _repeats(self, time: Time) -> bool:
        return self._scope_id is None or time[0].origin.get("format") == LLAMA_STACK

    def _by_normal_form(self) -> dict[RequestKey, tuple[Time, ...]]:
        forms: dict[RequestKey, list[Time]] = {}
        for times in self._times.values():
            form = request_key(self._rules.normalised(self.request(times[0][0])))
            forms.setdefault(form, []).extend(times)
        return {form: tuple(times) for form, times in forms.items()}

    def _of_test(self, test_id: str) -> tuple[tuple[Entry, ...], str]:
        path = manifest_path(test_id)
        data = self._store.directory.read(path)
        if data is None:
            return (), ""
        manifest = parse_manifest(data, f"{FOLDER}/{path}")
        if manifest.test_id != test_id:
            reason = f"is the manifest of {manifest.test_id!r}, where that of {test_id!r} belongs"
            raise DamagedManifest(f"{FOLDER}/{path}", reason)
        return manifest.entries, Digest.of(data)

    def _shared(self) -> tuple[tuple[Entry, ...], str]:
        """Return what was recorded outside any test, numbered as if one test had made all of it."""
        directory = self._store.directory
        manifests = [self._store.read_manifest(directory.name_of(file)) for file in directory.walk(_SHARED)]
        entries: list[Entry] = []
        last: dict[RequestKey, int] = {}
        for entry in (entry for manifest in manifests for entry in manifest.entries):
            key = entry.blob.key
            if not entry.is_union or key not in last:
                last[key] = last.get(key, 0) + 1
            entries.append(replace(entry, n=last[key]))
        return tuple(entries), ""


def _by_key(entries: Iterable[Entry]) -> dict[RequestKey, tuple[Time, ...]]:
    times: dict[RequestKey, list[Time]] = {}
    for entry in sorted(entries, key=lambda entry: entry.n):
        of_key = times.setdefault(entry.blob.key, [])
        if entry.is_union and of_key and of_key[-1][0].is_union and of_key[-1][0].n == entry.n:
            of_key[-1] += (entry,)
        else:
            of_key.append((entry,))
    return {key: tuple(of_key) for key, of_key in times.items()}


def _place_of(time: Time) -> tuple[RequestKey, int]:
    return time[0].blob.key, time[0].n


def _subject(blob: BlobName) -> str:
    return f"{FOLDER}/{blob.path}"
