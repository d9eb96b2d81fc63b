"""The store as a library: recordings in, found, and out again, verified on every read.

Nothing here knows Git, HTTP or other recorders. Replaying a test touches its manifest and blobs: their paths are known.

`recstore help format` says which files are committed, and what is in Git's own folders, found as Git finds them.

Source: gitrepository-layout(5), `commondir`; gitfile in gitglossary(7); `git rev-parse --git-path`.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from recstore.content.canonical import request_key
from recstore.errors import DamagedBlob, DamagedManifest, ForeignManifest, Locked, NotInStore
from recstore.files import FOLDER, is_store, read_file
from recstore.model import BlobName, Digest, Entry, Manifest, Recording, Request
from recstore.rules import RuleSet, close_enough
from recstore.store.blob import decode_recording, decode_request, encode_checked, placeholder_id
from recstore.store.directory import Directory, file_failure
from recstore.store.manifest import MANIFEST_FOLDERS, format_manifest, manifest_path, parse_manifest, shared_path

MISSING_BLOB_REMEDY: Final = "`recstore restore` brings back what Git has anywhere; or record the test again."

_LOCK: Final = "lock"
_POLL_S: Final = 0.01


@cache
def scaffold_files() -> dict[str, bytes]:
    """Return the bytes of the files that explain a store to people and Git, by name, as `Store.create` writes them."""
    from importlib.resources import files  # not on the way of a replay

    texts = files("recstore.store") / "scaffold"
    return {name: (texts / name.lstrip(".")).read_bytes() for name in ("README.md", ".gitattributes", ".gitignore")}


class Store:
    """A folder of blobs and manifests, usable with or without Git.

    >>> store = Store.create(Path("project"))                     # doctest: +SKIP
    >>> store.put("tests/test_chat.py::test_answer", [recording])  # doctest: +SKIP
    >>> store.find(request, "tests/test_chat.py::test_answer")    # doctest: +SKIP
    """

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    @classmethod
    def open(cls, path: Path) -> Store:
        """Return the store in the folder `path`, or in its `.recstore`.

        Raises: NotInStore: there is none.
        """
        for folder in (path / FOLDER, path):
            if is_store(folder):
                return cls(Directory(folder))
        raise NotInStore(str(path), "there is no store here", "Run `recstore init` in the project's top folder.")

    @classmethod
    def create(cls, path: Path) -> Store:
        """Return the store in `path/.recstore`, made if it is not there; files of the user's are left alone.

        Raises: RecstoreError: the folder cannot be written.
        """
        Directory(path).check_no_symlink(FOLDER)
        store = cls(Directory(path / FOLDER))
        for name, data in scaffold_files().items():
            if store.directory.read(name) is None:
                store.directory.write(name, data)
        store.directory.flush()
        return store

    # -- local state

    @cached_property
    def local(self) -> Directory:
        """The folder for the local state of this work tree: index, lock, usage. Made when it is first written."""
        return Directory(local_folders(self.directory.root)[0])

    @cached_property
    def common(self) -> Directory:
        """The folder for the local state that outlives a work tree: quarantine, failed recordings."""
        return Directory(local_folders(self.directory.root)[1])

    @contextmanager
    def locked(self, timeout_s: float = 10.0) -> Iterator[None]:
        """Hold the write lock: for what reads a file, decides and writes. It ends with its process. Not to be nested.

        Raises: Locked: another thread or process held it for `timeout_s`. RecstoreError: it cannot be made, or the store
        is gone: it is not made again.
        """
        from filelock import FileLock, Timeout  # not on the way of a replay

        root = str(self.directory.root)
        if not os.path.isdir(root):
            raise file_failure(root, "cannot be locked", FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        self.local.check_no_symlink(_LOCK)
        path = self.local.path(_LOCK)
        lock = FileLock(path, timeout=timeout_s, poll_interval=_POLL_S)
        try:
            os.makedirs(path.parent, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise Locked(root, f"another process has been writing to it for {timeout_s:g} s") from error
        except OSError as error:
            raise file_failure(str(path), "cannot be locked", error) from error
        try:
            yield
        finally:
            lock.release()

    # -- writing

    def put(self, test_id: str | None, recordings: Iterable[Recording]) -> Manifest:
        """Store `recordings` as those of the test, in order, in place of what it had; return its manifest.

        Recordings made outside any test (`test_id` None) get a manifest each, and replace nothing; the
        last one's is returned.

        After: the blobs are durable before a manifest names them. A crash leaves the old manifest.

        Raises: DamagedBlob: one of that name has other bytes. Locked: others are writing. RecstoreError: disk trouble.
        """
        calls: Counter[str] = Counter()
        with self.locked():  # `gc` must not take a blob that was found here before the manifest names it
            entries = []
            for recording in recordings:
                blob = self.put_blob(recording)
                calls[blob.key] += 1
                entries.append(Entry(blob, calls[blob.key]))
            self.directory.flush()
            manifests = [Manifest(test_id, tuple(entries))]
            if test_id is None:
                names = [entry.blob for entry in entries]
                manifests = [self.shared_manifest(name) or Manifest(None, (Entry(name, 1),)) for name in names]
            self.publish(manifests)
        return manifests[-1] if manifests else Manifest(None, ())

    def put_blob(self, recording: Recording) -> BlobName:
        """Write the recording's blob unless it is there, and return its name.

        After: durable only once `directory.flush` was called; until then nothing may name it.

        Raises: DamagedBlob: a file of that name holds other bytes; it is left as it is. UsageError: a body
        holds a value that is not JSON.
        """
        data = encode_checked(recording)
        blob = BlobName(request_key(recording.request), Digest.of(data))
        self.put_encoded(blob, data)
        return blob

    def put_encoded(self, blob: BlobName, data: bytes, *, dry_run: bool = False) -> bool:
        """Write a blob whose bytes and name are known, unless it is there; return whether it was not.

        After, Raises: as `put_blob`.
        """
        present = self.directory.read(blob.path)
        if present is not None:
            if present != data:
                raise DamagedBlob(str(self.directory.path(blob.path)), "holds other bytes than its name says")
            self.directory.also_flush([blob.path])  # its writer may not have come to that yet
        elif not dry_run:
            self.directory.write(blob.path, data)
        return present is None

    def publish(self, manifests: Iterable[Manifest]) -> None:
        """Write each manifest in place of its old one, in one step each.

        Raises: DamagedManifest: another test's manifest has that path. RecstoreError: disk trouble.
        """
        for manifest in manifests:
            path = self._path_of(manifest)
            present = self._manifest_at(path, manifest.test_id)
            text = format_manifest(manifest)
            if present is None or present.digest != Digest.of(text):
                self.directory.write(path, text)
        self.directory.flush()

    def withdraw(self, manifests: Iterable[Manifest]) -> None:
        """Remove each manifest; its blobs stay, and may go next: no power cut brings back what named them.

        Raises: RecstoreError: disk trouble.
        """
        for manifest in manifests:
            self.directory.remove(self._path_of(manifest))
        self.directory.flush()

    # -- reading

    def manifest(self, test_id: str) -> Manifest | None:
        """Return the manifest of the test, None if it has none.

        Raises: DamagedManifest, ManifestConflict, NewerVersion: it is there and cannot be used.
        """
        return self._manifest_at(manifest_path(test_id), test_id)

    def shared_manifest(self, blob: BlobName) -> Manifest | None:
        """Return the manifest of a blob recorded outside any test, None if there is none.

        Raises: as `manifest`.
        """
        return self._manifest_at(shared_path(blob), None)

    def manifests(self, *folders: str) -> Iterator[Manifest]:
        """Yield every manifest: of tests, by path, then those of recordings made outside any test.

        Raises: as `manifest`.
        """
        return map(self.read_manifest, self.manifest_paths(*folders))

    def manifest_paths(self, *folders: str) -> Iterator[str]:
        """Yield the path of every manifest below the store's folder."""
        for folder in folders or MANIFEST_FOLDERS:
            yield from map(self.directory.name_of, self.directory.walk(folder))

    def read_manifest(self, path: str) -> Manifest:
        """Return the manifest at `path` below the store's folder.

        Raises: NotInStore: there is none. DamagedManifest: also where its name is not its test's.
        ManifestConflict, NewerVersion: as `manifest`.
        """
        data = self.directory.read(path)
        if data is None:
            raise NotInStore(path, "there is no such manifest")
        manifest = parse_manifest(data, self.subject(path))
        right_path = self._path_of(manifest, path)
        if right_path != path:
            reason = "its name is not the one of the test or recording that it names"
            raise DamagedManifest(self.subject(path), reason, f"Rename it to {FOLDER}/{right_path}, or remove it.")
        return manifest

    def tests(self) -> Iterator[str]:
        """Yield the id of every test that has a manifest.

        Raises: as `manifests`.
        """
        return (manifest.test_id for manifest in self.manifests("tests") if manifest.test_id is not None)

    def blobs(self) -> Iterator[BlobName]:
        """Yield the name of every blob file; files that have no blob's name are not blobs."""
        for path in map(self.directory.name_of, self.directory.walk("blobs")):
            name = BlobName.from_path(path)
            if name is not None and path == name.path:
                yield name

    def find(self, request: Request, test_id: str, rules: RuleSet | None = None) -> tuple[Entry, ...]:
        """Return the test's recordings of `request`, first occurrence first.

        Where it has none of that very request, those that are close enough under `rules`: the requests that the
        test's blobs hold are read for it. `Index.uses_of` finds the recordings of all tests.

        Raises: as `manifest`; with `rules` also as `read_blob`.
        """
        key = request_key(request)
        manifest = self.manifest(test_id)
        entries = manifest.entries if manifest else ()
        exact = tuple(entry for entry in entries if entry.blob.key == key)
        if exact or rules is None or not rules.rules:
            return exact
        blobs = ((entry, self.read_blob(entry.blob)) for entry in entries)
        requests = ((entry, decode_request(data, self.subject(entry.blob.path))) for entry, data in blobs)
        return close_enough(rules, request, requests)

    def get(self, entry: Entry) -> Recording:
        """Return the recording that `entry` names, its recorder's own ids filled in.

        Raises: NotInStore: the blob is not there. DamagedBlob: its bytes do not fit its name.
        NewerVersion: a later recstore wrote it.
        """
        data = self.read_blob(entry.blob)
        return decode_recording(data, self.subject(entry.blob.path), placeholder_id(entry.origin))

    def read_blob(self, blob: BlobName) -> bytes:
        """Return the blob's bytes, which are what its name says.

        Raises: NotInStore, DamagedBlob: as `get`.
        """
        data = self.directory.read(blob.path)
        if data is None:
            raise NotInStore(self.subject(blob.path), "the blob is missing", MISSING_BLOB_REMEDY)
        if not blob.fits(data):
            raise DamagedBlob(self.subject(blob.path), "its bytes do not fit its name")
        return data

    def subject(self, path: str) -> str:
        """Return how errors name the file `path`."""
        return f"{FOLDER}/{path}"

    def _path_of(self, manifest: Manifest, path: str = "shared") -> str:
        if manifest.test_id is not None:
            return manifest_path(manifest.test_id)
        if len(manifest.blobs) != 1:
            reason = "a manifest of `shared/` names one blob, neither none nor several"
            raise DamagedManifest(self.subject(path), reason)
        return shared_path(manifest.entries[0].blob)

    def _manifest_at(self, path: str, test_id: str | None) -> Manifest | None:
        data = self.directory.read(path)
        manifest = None if data is None else parse_manifest(data, self.subject(path))
        if manifest is not None and manifest.test_id != test_id:
            reason = f"is the manifest of {manifest.test_id!r}, where that of {test_id!r} belongs"
            raise ForeignManifest(self.subject(path), reason)
        return manifest


def local_folders(store: Path) -> tuple[Path, Path]:
    """Return the folders for the local state of the store: that of its work tree, and that of its repository.

    Raises: RecstoreError: there is no Git, and `.recstore/local` is a link.
    """
    project = store.resolve().parent
    for top in (project, *project.parents):
        git_folder = top / ".git"
        if os.path.isfile(git_folder):  # it leads to one
            prefix, _, target = _line_of(git_folder).partition("gitdir: ")
            git_folder = top / ".git" if prefix or not target else Path(os.path.normpath(top / target))
        if os.path.lexists(git_folder / "HEAD"):
            inside = project.relative_to(top).as_posix()
            name = "" if inside == "." else f"{project.name}-{Digest.of(inside.encode())[:8]}"
            shared = os.path.normpath(git_folder / _line_of(git_folder / "commondir"))
            return git_folder / "recstore" / name, Path(shared) / "recstore" / name
    Directory(store).check_no_symlink("local")
    return store / "local", store / "local"


def _line_of(path: Path) -> str:
    """Return the one line of a file of Git's, "" if there is none."""
    try:
        return os.fsdecode(read_file(str(path))).rstrip("\n")
    except OSError:
        return ""
