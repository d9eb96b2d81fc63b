"""The store as a library: put, find, get, and what it says when something is wrong."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from recstore.content.canonical import request_key
from recstore.errors import (
    Damage,
    DamagedBlob,
    DamagedManifest,
    ManifestConflict,
    NewerVersion,
    NotInStore,
    RecstoreError,
)
from recstore.model import BlobName, Digest, Entry, JsonBody, Manifest, Recording, Request, Response
from recstore.store import FOLDER, Store
from recstore.store.index import Index
from recstore.store.manifest import manifest_path, shared_path
from recstore.store.store import scaffold_files

TEST = "tests/test_chat.py::test_answer[a/b]"


def recording(question: Any = 1, answer: Any = 1) -> Recording:
    """Return a recording of a question and its answer."""
    return Recording(Request("POST", "a", "/", body=JsonBody(question)), Response(200, body=JsonBody(answer)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store.create(tmp_path)


def files_of(store: Store) -> dict[str, bytes]:
    """Return every file of the store that is committed."""
    root = store.directory.root
    files = ((file.relative_to(root).as_posix(), file) for file in root.rglob("*") if file.is_file())
    return {name: file.read_bytes() for name, file in files if not name.startswith("local/")}


# -- opening


def test_creating_twice_changes_nothing(tmp_path: Path) -> None:
    """And leaves what the user wrote."""
    store = Store.create(tmp_path)
    (store.directory.root / "README.md").write_text("ours")

    Store.create(tmp_path)

    assert {**scaffold_files(), "README.md": b"ours"} == files_of(store)


@pytest.mark.parametrize("below", ["", FOLDER])
def test_a_store_is_opened_by_its_project_or_its_own_folder(tmp_path: Path, below: str) -> None:
    """Either path leads to the same store."""
    created = Store.create(tmp_path)

    assert created.directory.root == Store.open(tmp_path / below).directory.root


@pytest.mark.parametrize("below", ["", FOLDER])
def test_a_link_to_another_store_is_none(tmp_path: Path, below: str) -> None:
    """One that came with a project would have its commands write to somebody else's recordings."""
    theirs = Store.create(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / FOLDER).symlink_to(theirs.directory.root)

    with pytest.raises(NotInStore):
        Store.open(tmp_path / "ours" / below)


@pytest.mark.parametrize("is_there", [True, False], ids=["a folder", "nothing"])
def test_no_store_is_made_behind_a_link(tmp_path: Path, *, is_there: bool) -> None:
    """The link is named, and what it leads to is left alone."""
    theirs = tmp_path / "theirs"
    if is_there:
        theirs.mkdir()
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / FOLDER).symlink_to(theirs)

    with pytest.raises(RecstoreError, match="is a link") as raised:
        Store.create(tmp_path / "ours")
    assert str(tmp_path / "ours" / FOLDER) == raised.value.subject
    assert [] == list(theirs.rglob("*"))


def test_a_project_may_be_reached_by_a_link(tmp_path: Path) -> None:
    """The user's own leads to the project's folder, or from anywhere to its store."""
    made = Store.create(tmp_path / "project")
    (tmp_path / "link").symlink_to(tmp_path / "project")
    (tmp_path / "to the store").symlink_to(made.directory.root)
    found = [Store.open(tmp_path / name).directory.root for name in ("link", "to the store")]

    assert [made.directory.root] * 2 == [root.resolve() for root in found]


def test_a_store_of_blobs_alone_is_one(tmp_path: Path, store: Store) -> None:
    """The files that explain it are for people."""
    store.put(TEST, [recording()])
    for name in scaffold_files():
        (store.directory.root / name).unlink()

    assert [TEST] == list(Store.open(tmp_path).tests())


def test_there_is_no_store_where_none_is(tmp_path: Path) -> None:
    """The remedy is the command that makes one."""
    with pytest.raises(NotInStore, match="recstore init"):
        Store.open(tmp_path)


@pytest.mark.parametrize("name", [".gitattributes", "blobs/of-the-project/x"])
def test_a_project_without_a_store_is_no_store(tmp_path: Path, name: str) -> None:
    """A project's own Git attributes, or a folder of that name, make its top folder no store."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("* text=auto\n")

    with pytest.raises(NotInStore):
        Store.open(tmp_path)


# -- putting and getting


def test_what_was_put_is_found_and_got(store: Store) -> None:
    """By test and request; the index finds it by the request alone."""
    [entry] = store.put(TEST, [recording()]).entries

    assert (entry,) == store.find(recording().request, TEST)
    assert [entry] == [entry for _, entry in Index(store).uses_of(request_key(recording().request))]
    assert recording() == store.get(entry)


def test_repeats_come_in_their_order(store: Store) -> None:
    """One request, several answers, one of them twice: first time first."""
    store.put(TEST, [recording(1, "a"), recording(2, "x"), recording(1, "b"), recording(1, "a")])

    entries = store.find(recording(1).request, TEST)

    assert [1, 2, 3] == [entry.n for entry in entries]
    assert [recording(1, answer) for answer in "aba"] == [store.get(entry) for entry in entries]
    assert 3 == len(list(store.blobs()))


def test_two_tests_share_a_blob_and_nothing_else(store: Store) -> None:
    """Equal recordings are stored once; what one test drops the other keeps."""
    store.put("a.py::one", [recording()])
    store.put("a.py::two", [recording()])
    store.put("a.py::one", [recording(answer=2)])

    [entry] = store.find(recording().request, "a.py::two")
    assert recording() == store.get(entry)
    assert ["a.py::one", "a.py::two"] == sorted(store.tests())


def test_the_same_request_has_another_answer_in_another_test(store: Store) -> None:
    """A request finds candidates, the manifest decides."""
    store.put("a.py::one", [recording(answer=1)])
    store.put("a.py::two", [recording(answer=2)])

    [one] = store.find(recording().request, "a.py::one")
    [two] = store.find(recording().request, "a.py::two")
    assert [recording(answer=1), recording(answer=2)] == [store.get(one), store.get(two)]
    assert {one.blob, two.blob} == {entry.blob for _, entry in Index(store).uses_of(one.blob.key)}


def test_putting_the_same_again_changes_no_byte(store: Store) -> None:
    """No time stamp, no random name; and no file is written anew, so Git need not look."""
    store.put(TEST, [recording(), recording(2)])
    before = files_of(store)
    nodes = {name: (store.directory.root / name).stat().st_ino for name in before}

    store.put(TEST, [recording(2), recording()])

    assert before == files_of(store)
    assert nodes == {name: (store.directory.root / name).stat().st_ino for name in before}


def test_a_test_that_records_nothing_has_no_recordings(store: Store) -> None:
    """What it had before is no longer found."""
    store.put(TEST, [recording()])
    store.put(TEST, [])

    assert () == store.find(recording().request, TEST)


def test_putting_nothing_outside_any_test_is_told_or_does_nothing(store: Store) -> None:
    """There is no manifest to return: no stranger error comes of it."""
    before = files_of(store)

    with suppress(RecstoreError):
        store.put(None, [])

    assert before == files_of(store)


def test_recordings_outside_any_test_have_a_manifest_each(store: Store) -> None:
    """Called like the blob that it names."""
    store.put(None, [recording(1), recording(2)])
    store.put(None, [recording(1)])

    blobs = sorted(store.blobs())
    assert 2 == len(blobs)
    assert [shared_path(blob) for blob in blobs] == list(store.manifest_paths())
    for blob in blobs:
        assert store.shared_manifest(blob) == Manifest(None, (Entry(blob, 1),))
    assert [] == list(store.tests())


def test_recording_again_outside_any_test_keeps_where_it_came_from(store: Store) -> None:
    """Such a recording replaces nothing: the file that it was imported from can still be exported."""
    blob = store.put_blob(recording())
    store.publish([Manifest(None, (Entry(blob, 1, origin={"format": "vcr", "path": "x.yaml"}),))])

    store.put(None, [recording()])

    manifest = store.shared_manifest(blob)
    assert manifest is not None
    assert {"format": "vcr", "path": "x.yaml"} in [entry.origin for entry in manifest.entries]


def test_nothing_is_found_where_nothing_is(store: Store) -> None:
    """An unknown test, an unknown request, an unknown blob."""
    assert store.manifest(TEST) is None
    assert () == store.find(recording().request, TEST)
    assert () == Index(store).uses_of(request_key(recording().request))
    assert store.shared_manifest(BlobName(request_key(recording().request), Digest.of(b""))) is None


def test_a_withdrawn_manifest_is_gone_and_its_blobs_are_not(store: Store) -> None:
    """Blobs may be shared; gc knows."""
    manifest = store.put(TEST, [recording()])

    store.withdraw([manifest])

    assert [] == list(store.tests())
    assert 1 == len(list(store.blobs()))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1 << 64, "\ud800", {"x": [float("nan")]}])
def test_a_value_that_json_cannot_say_is_refused_or_kept(store: Store, value: Any) -> None:
    """Nothing is stored as something else, in a request or in a response."""
    for odd in (recording(question=value), recording(answer=value)):
        try:
            [entry] = store.put(TEST, [odd]).entries
        except (RecstoreError, ValueError):
            continue
        assert repr(odd) == repr(store.get(entry))


def test_a_test_id_that_is_no_unicode_is_refused_or_kept(store: Store) -> None:
    """A lone surrogate is what Python makes of a file name that is no UTF-8."""
    try:
        store.put("tests/a.py::t[\udcff]", [recording()])
    except (RecstoreError, ValueError):
        return
    assert ["tests/a.py::t[\udcff]"] == list(store.tests())


# -- what is wrong


def damage(store: Store, path: str, data: bytes) -> None:
    """Overwrite a file behind the store's back."""
    (store.directory.root / path).write_bytes(data)


def test_a_missing_blob_is_missing(store: Store) -> None:
    """With the remedy: Git has it."""
    [entry] = store.put(TEST, [recording()]).entries
    (store.directory.root / entry.blob.path).unlink()

    with pytest.raises(NotInStore, match="recstore restore"):
        store.get(entry)


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data[:-1], lambda _data: b"", lambda data: data + b"\n", lambda data: data.replace(b"\n", b"\r\n")],
)
def test_a_blob_that_does_not_fit_its_name_is_damage(store: Store, spoil: Any) -> None:
    """Never a miss, never served, never overwritten."""
    [entry] = store.put(TEST, [recording()]).entries
    path = entry.blob.path
    spoiled = spoil((store.directory.root / path).read_bytes())
    damage(store, path, spoiled)

    with pytest.raises(DamagedBlob):
        store.get(entry)
    with pytest.raises(DamagedBlob):
        store.put("another.py::test", [recording()])
    assert spoiled == store.directory.read(path)
    assert store.manifest("another.py::test") is None


def test_a_blob_that_fits_its_name_and_is_none_is_damage(store: Store) -> None:
    """The hash of rubbish is right too."""
    blob = BlobName(request_key(recording().request), Digest.of(b"rubbish"))
    store.put_encoded(blob, b"rubbish")

    with pytest.raises(DamagedBlob):
        store.get(Entry(blob, 1))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", DamagedManifest),
        (b"recstore 2\n", NewerVersion),
        (b"<<<<<<< ours\n", ManifestConflict),
        (b'recstore 1\ntest "another"\n', DamagedManifest),
        (b"recstore 1\nshared\n", DamagedManifest),
    ],
)
def test_a_manifest_that_cannot_be_used_is_never_a_miss(store: Store, text: bytes, error: type[RecstoreError]) -> None:
    """Neither when it is asked for, nor when it would be replaced."""
    store.put(TEST, [recording()])
    damage(store, manifest_path(TEST), text)

    for act in (
        lambda: store.manifest(TEST),
        lambda: store.find(recording().request, TEST),
        lambda: list(store.manifests()),
        lambda: list(store.tests()),
        lambda: store.put(TEST, [recording(2)]),
    ):
        with pytest.raises(error):
            act()
    assert text == store.directory.read(manifest_path(TEST))


def test_a_manifest_in_the_wrong_place_is_damage(store: Store) -> None:
    """With the name that it should have."""
    store.put(TEST, [recording()])
    data = store.directory.read(manifest_path(TEST)) or b""
    damage(store, "tests/elsewhere-00000000", data)

    with pytest.raises(DamagedManifest, match="Rename it to"):
        store.read_manifest("tests/elsewhere-00000000")


def test_a_shared_manifest_of_two_blobs_is_refused(store: Store) -> None:
    """It would have two names."""
    one, two = store.put_blob(recording(1)), store.put_blob(recording(2))

    for entries in ((), (Entry(one, 1), Entry(two, 1))):
        with pytest.raises(Damage):
            store.publish([Manifest(None, entries)])


def test_a_file_that_is_no_blob_is_none(store: Store) -> None:
    """Listed are files with a blob's name in a blob's place."""
    [entry] = store.put(TEST, [recording()]).entries
    for name in (
        "blobs/README",
        f"blobs/zz/{entry.blob}.json",
        f"blobs/{entry.blob.key[:2]}/{entry.blob}",
        "blobs/.tmp-x",
    ):
        store.directory.write(name, b"")

    assert [entry.blob] == list(store.blobs())


def test_a_dry_run_writes_nothing(store: Store) -> None:
    """It only says whether the blob is new."""
    blob = BlobName(request_key(recording().request), Digest.of(b"x"))

    assert store.put_encoded(blob, b"x", dry_run=True)
    assert [] == list(store.blobs())
    assert store.put_encoded(blob, b"x")
    assert not store.put_encoded(blob, b"x", dry_run=True)
