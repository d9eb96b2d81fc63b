"""A scope's recordings: each answers once, in order, and each file is read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recstore.content.canonical import request_key
from recstore.errors import DamagedBlob, DamagedManifest, NotInStore
from recstore.model import BlobName, Digest, Entry, Json, JsonBody, Manifest, Recording, Request, Response
from recstore.record.lookup import Recordings
from recstore.rules import IgnoreJson, RuleSet
from recstore.store import Store
from recstore.store.blob import encode_recording
from recstore.store.directory import Directory
from recstore.store.manifest import manifest_path
from tests.exchanges import TEST

LLAMA_STACK: dict[str, Json] = {"format": "llama-stack", "path": f"tests/recordings/{'0123456789ab' * 5}.json"}


class _Counting(Directory):
    """Counts how often each file is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes."""
        self.reads.append(name)
        return super().read(name)


def _request(number: Any) -> Request:
    return Request("POST", "x.org", "/p", body=JsonBody({"n": number, "trace": 0}))


def _recording(number: Any, said: Json) -> Recording:
    return Recording(_request(number), Response(200, body=JsonBody(said, "compact")))


def _store(tmp_path: Path, *recordings: Recording) -> Store:
    store = Store.create(tmp_path)
    store.put(TEST, recordings)
    return store


def _recordings(store: Store, *rules: IgnoreJson, scope_id: str | None = TEST) -> Recordings:
    return Recordings(store, RuleSet(rules), scope_id)


def _said(recordings: Recordings, number: Any, *, may_repeat: bool = False) -> Json:
    request = _request(number)
    match = recordings.next_match(request, request_key(request), may_repeat=may_repeat)
    if match is None:
        return None
    assert isinstance(match.response.body, JsonBody)
    return match.response.body.value


def test_occurrences_of_one_request_answer_in_order(tmp_path: Path) -> None:
    """However the manifest lists them."""
    store = _store(tmp_path, _recording(1, "a"), _recording(2, "b"), _recording(1, "c"))
    manifest = store.directory.path(manifest_path(TEST))
    head, owner, *lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(head + owner + b"".join(reversed(lines)))
    recordings = _recordings(store)

    assert ["a", "b", "c", None] == [_said(recordings, number) for number in (1, 2, 1, 1)]
    assert 3 == len(recordings.used)


def test_each_file_is_read_once(tmp_path: Path) -> None:
    """The manifest with the first question, a blob with the first time it answers."""
    _store(tmp_path, *(_recording(number, number) for number in range(9)))
    directory = _Counting(tmp_path / ".recstore")
    recordings = _recordings(Store(directory))
    assert [] == directory.reads

    for _ in range(3):
        assert 8 == _said(recordings, 8, may_repeat=True)

    assert 2 == len(directory.reads) == len(set(directory.reads))


def test_a_close_request_reads_every_recorded_one_once(tmp_path: Path) -> None:
    """Rules look at all of them, for any number of questions."""
    _store(tmp_path, *(_recording(number, number) for number in range(9)))
    directory = _Counting(tmp_path / ".recstore")
    recordings = _recordings(Store(directory), IgnoreJson(("n",)))

    assert 9 == len({str(_said(recordings, f"other {number}")) for number in range(9)})
    assert 10 == len(directory.reads) == len(set(directory.reads))


def test_rules_are_not_asked_for_what_is_recorded_exactly(tmp_path: Path) -> None:
    """The very request comes first; close ones take what is left."""
    recordings = _recordings(_store(tmp_path, _recording(1, "a"), _recording(2, "b")), IgnoreJson(("n",)))

    assert ["b", None, "a", None] == [_said(recordings, number) for number in (2, 2, 3, 3)]


def test_a_recorder_that_keeps_one_answer_for_each_request_gives_it_again(tmp_path: Path) -> None:
    """llama-stack's does: its file is named by the request."""
    store = _store(tmp_path, _recording(1, "a"))
    [entry] = _recordings(store).manifest.entries
    store.publish([Manifest(TEST, (Entry(entry.blob, 1, origin=LLAMA_STACK),))])

    recordings = _recordings(store)

    assert ["a", "a"] == [_said(recordings, 1) for _ in range(2)]


def test_ids_that_a_recorder_made_up_are_filled_in(tmp_path: Path) -> None:
    """By the name of the file that each entry was imported from."""
    store = Store.create(tmp_path)
    recording = _recording(1, {"id": "rec-0123456789ab"})
    data = encode_recording(recording, "rec-0123456789ab")
    blob = BlobName(request_key(recording.request), Digest.of(data))
    store.put_encoded(blob, data)
    store.publish([Manifest(TEST, (Entry(blob, 1, origin=LLAMA_STACK),))])

    assert {"id": "rec-0123456789ab"} == _said(_recordings(store), 1)


def test_entries_of_a_union_answer_together(tmp_path: Path) -> None:
    """Once, as one occurrence."""
    store = _store(tmp_path, _recording(1, [{"id": "b"}]), _recording(1, [{"id": "a"}]))
    entries = tuple(Entry(entry.blob, 1, is_union=True) for entry in _recordings(store).manifest.entries)
    store.publish([Manifest(TEST, entries)])

    recordings = _recordings(store)

    assert [[{"id": "a"}, {"id": "b"}], None] == [_said(recordings, 1), _said(recordings, 1)]
    assert 1 == len(recordings.used)


def test_a_scope_without_a_manifest_has_nothing(tmp_path: Path) -> None:
    """Nor has a store that is not there."""
    recordings = _recordings(Store(Directory(tmp_path / "nowhere")), IgnoreJson(("n",)))

    assert ((), "", None) == (recordings.manifest.entries, recordings.manifest.digest, _said(recordings, 1))


def test_a_manifest_of_another_test_is_damage(tmp_path: Path) -> None:
    """Each time it is asked for."""
    store = _store(tmp_path, _recording(1, "a"))
    path = store.directory.path(manifest_path(TEST))
    path.write_bytes(path.read_bytes().replace(b"test_answer", b"test_another"))
    recordings = _recordings(store)

    for _ in range(2):
        with pytest.raises(DamagedManifest, match="test_another"):
            _said(recordings, 1)


def test_a_blob_that_could_not_be_read_counts_as_not_used(tmp_path: Path) -> None:
    """A client that tries again gets the same error, or the same occurrence once it is mended."""
    store = _store(tmp_path, _recording(1, "a"), _recording(1, "b"))
    recordings = _recordings(store)
    store.directory.path("blobs").rename(tmp_path / "gone")
    request = _request(1)
    for _ in range(2):
        with pytest.raises(NotInStore):
            recordings.next_match(request, request_key(request), may_repeat=False)
    assert not recordings.used

    (tmp_path / "gone").rename(store.directory.path("blobs"))

    assert ["a", "b"] == [_said(recordings, 1) for _ in range(2)]


def test_damage_is_named(tmp_path: Path) -> None:
    """By the blob's path."""
    store = _store(tmp_path, _recording(1, "a"))
    for path in store.directory.path("blobs").rglob("*.json"):
        path.write_bytes(b"{}")

    with pytest.raises(DamagedBlob, match=r"\.recstore/blobs/"):
        _said(_recordings(store), 1)


def test_what_was_recorded_outside_any_test_answers_any_number_of_times(tmp_path: Path) -> None:
    """Several answers to one request one after another, the last of them again; unions as one."""
    store = Store.create(tmp_path)
    store.put(None, [_recording(1, "a"), _recording(1, "b"), _recording(2, "c")])
    recordings = _recordings(store, scope_id=None)

    first = [_said(recordings, 1) for _ in range(3)]

    assert {"a", "b"} == set(first[:2])
    assert first[1] == first[2]
    assert ["c", "c"] == [_said(recordings, 2) for _ in range(2)]


def test_unions_that_were_recorded_outside_any_test_answer_together(tmp_path: Path) -> None:
    """Each of their blobs has a manifest of its own."""
    store = Store.create(tmp_path)
    store.put(None, [_recording(1, [{"id": "b"}]), _recording(1, [{"id": "a"}])])
    store.publish([Manifest(None, (Entry(blob, 1, is_union=True),)) for blob in store.blobs()])

    assert [{"id": "a"}, {"id": "b"}] == _said(_recordings(store, scope_id=None), 1)
