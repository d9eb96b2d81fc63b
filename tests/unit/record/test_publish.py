"""Publishing: what is written, in what order, and what stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.content.canonical import request_key
from recstore.errors import DamagedManifest, ManifestConflict
from recstore.model import BlobName, Digest, Entry, Json, JsonBody, Manifest, Recording, Request, Response
from recstore.record.publish import FAILED, NewRecording, publish, put_aside
from recstore.store import Store
from recstore.store.blob import encode_checked
from recstore.store.directory import Directory
from recstore.store.manifest import manifest_path, shared_path
from tests.exchanges import TEST


class _Told(Directory):
    """Tells in which order things are written and made durable."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.steps: list[str] = []

    def write(self, name: str, data: bytes) -> None:
        """Write, and tell."""
        self.steps.append(name.split("/", maxsplit=1)[0])
        super().write(name, data)

    def flush(self) -> None:
        """Make durable, and tell."""
        self.steps.append("flush")
        super().flush()


def _new(said: Json, n: int = 1, path: str = "/p") -> NewRecording:
    recording = Recording(Request("GET", "x.org", path), Response(200, body=JsonBody(said, "compact")))
    data = encode_checked(recording)
    return NewRecording(Entry(BlobName(request_key(recording.request), Digest.of(data)), n), data)


def _entries(store: Store) -> list[tuple[int, BlobName]]:
    manifest = store.manifest(TEST)
    assert manifest is not None
    return [(entry.n, entry.blob) for entry in manifest.entries]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store.create(tmp_path)


def test_blobs_are_durable_before_the_manifest_names_them(tmp_path: Path) -> None:
    """And the manifest is when it is over."""
    Store.create(tmp_path)
    told = _Told(tmp_path / ".recstore")

    publish(Store(told), TEST, [_new("a"), _new("b", 2)], replaces=True)

    assert ["blobs", "blobs", "flush", "tests", "flush"] == told.steps


def test_occurrences_are_numbered_without_gaps(store: Store) -> None:
    """In the order in which the requests began; entries of a union keep together."""
    new = [_new("a", 2), _new("b", 5), _new("c", 3, "/q"), _new("d", 3, "/q")]

    publish(store, TEST, new, replaces=True)

    expected = [(1, new[0]), (2, new[1]), (1, new[2]), (1, new[3])]
    assert sorted((n, recording.entry.blob) for n, recording in expected) == sorted(
        [(n, blob) for n, blob in _read_unchecked(store)]
    )


def _read_unchecked(store: Store) -> list[tuple[int, BlobName]]:
    """Return the lines of a manifest, of which some would have to be marked as a union."""
    text = store.directory.path(manifest_path(TEST)).read_text()
    lines = [line.split() for line in text.splitlines()[2:]]
    names = [(int(n), BlobName.parse(f"{key}-{digest}")) for n, key, digest, _ in lines]
    return [(n, name) for n, name in names if name is not None]


def test_what_others_have_published_since_stays(store: Store) -> None:
    """Where nothing is replaced: an occurrence that is there by now is not written twice."""
    first, other, second = _new("a"), _new("b"), _new("c", 2)
    publish(store, TEST, [first], replaces=True)

    publish(store, TEST, [other, second], replaces=False)

    assert [(1, first.entry.blob), (2, second.entry.blob)] == _entries(store)


def test_what_is_replaced_is_gone(store: Store) -> None:
    """The test's own entries alone: blobs are for `gc`."""
    first, other = _new("a"), _new("b", path="/q")
    publish(store, TEST, [first], replaces=True)

    manifest = publish(store, TEST, [other], replaces=True)

    assert [(1, other.entry.blob)] == _entries(store)
    assert manifest == store.manifest(TEST)
    assert store.directory.read(first.entry.blob.path) is not None


def test_a_damaged_blob_is_mended(store: Store) -> None:
    """What its name says is in our hands."""
    new = _new("a")
    store.directory.write(new.entry.blob.path, b"{}")

    publish(store, TEST, [new], replaces=True)

    assert new.data == store.read_blob(new.entry.blob)


@pytest.mark.parametrize(("text", "error"), [(b"x", DamagedManifest), (b"recstore 1\n<<<<<<< a\n", ManifestConflict)])
def test_a_manifest_that_cannot_be_read_is_added_to_by_nobody(
    store: Store, text: bytes, error: type[Exception]
) -> None:
    """It is replaced, or left as it is."""
    store.directory.write(manifest_path(TEST), text)

    with pytest.raises(error):
        publish(store, TEST, [_new("a")], replaces=False)

    assert text == store.directory.read(manifest_path(TEST))
    publish(store, TEST, [_new("a")], replaces=True)
    assert 1 == len(_entries(store))


def test_outside_any_test_each_blob_has_a_manifest(store: Store) -> None:
    """Where they replace, older answers to the same requests go; imported and other ones stay."""
    old, imported, elsewhere = _new("old"), _new("imported"), _new("x", path="/q")
    publish(store, None, [old, imported, elsewhere], replaces=True)
    origin: dict[str, Json] = {"format": "vcr", "path": "a.yaml"}
    store.publish([Manifest(None, (Entry(imported.entry.blob, 1, origin=origin),))])

    new = _new("new", 7)
    assert publish(store, None, [new], replaces=True) is None
    publish(store, None, [_new("more")], replaces=False)

    named = {recording.entry.blob for recording in (imported, elsewhere, new, _new("more"))}
    assert {shared_path(blob) for blob in named} == set(store.manifest_paths())
    assert [1] * 4 == [entry.n for manifest in store.manifests() for entry in manifest.entries]


def test_what_a_failed_test_recorded_is_put_aside(store: Store) -> None:
    """In a folder of its own, in place of its last failure; until it passes."""
    folder = store.common.path(f"{FAILED}/{manifest_path(TEST)}")
    put_aside(store, TEST, [_new("a"), _new("b", 2), NewRecording(_new("c").entry, None)])
    assert 2 == len(list(folder.iterdir()))

    put_aside(store, TEST, [_new("c")])

    assert [_new("c").data] == [path.read_bytes() for path in folder.iterdir()]
    assert ([], []) == (list(store.manifest_paths()), list(store.blobs()))
    publish(store, TEST, [_new("a")], replaces=True)
    assert not folder.exists()
