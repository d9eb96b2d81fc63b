"""Recordings of the store back into the files that other recorders wrote, byte for byte."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from recstore.errors import DamagedManifest, RecstoreError
from recstore.importers.llama_stack import document as llama_stack_file
from recstore.model import Entry, Manifest
from recstore.store import Store
from recstore.store.directory import Directory
from recstore.store.origins import LLAMA_STACK, VCR, is_imported, origin_path

_OWNED: Final = re.compile(r"(\.git|git~\d+|\.recstore|recsto~\d+)[. ]*(:.*)?", re.IGNORECASE)
"""Folders that are read as what they are told: Git's own, however a file system spells it, and a store's."""

_UNSEEN: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ leaves out of a name. Source: Git, `is_hfs_dotgit` in utf8.c."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export: tests that match the glob `test` ("" for everything); `force` overwrites other bytes."""

    test: str = ""
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Names of the files written (or that would be), left as they were, and why some were not written.

    `native` counts recordings that were made with recstore, and so have no file to go back to.
    """

    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    native: int = 0
    problems: tuple[RecstoreError, ...] = ()


Place = tuple[str | None, Entry]
"""An entry, and the test whose manifest it stands in."""

Progress = Callable[[int, int], None]
"""Called with the number of files done, and of all files."""


def export_recordings(
    store: Store, folder: Path, options: ExportOptions, progress: Progress | None = None
) -> ExportReport:
    """Write the files that the store's recordings were imported from into `folder`, at their paths.

    A file that cannot be written is a problem of the report, and stops no other.

    Raises: Damage, ManifestConflict, NewerVersion: a manifest cannot be used.
    """
    manifests = [manifest for manifest in store.manifests() if _is_wanted(manifest, options.test)]
    files = entries_by_file(manifests)
    target = Directory(folder, follows_links=True)
    written: list[str] = []
    unchanged: list[str] = []
    problems: list[RecstoreError] = []
    for number, (path, places) in enumerate(sorted(files.items()), start=1):
        try:
            changed = _export_file(store, target, path, places, options)
            (written if changed else unchanged).append(path)
        except RecstoreError as error:
            problems.append(error)
        if progress is not None:
            progress(number, len(files))
    target.flush()
    native = sum(not is_imported(entry.origin) for manifest in manifests for entry in manifest.entries)
    return ExportReport(tuple(written), tuple(unchanged), native, tuple(problems))


def _is_wanted(manifest: Manifest, pattern: str) -> bool:
    return not pattern or (manifest.test_id is not None and _matches(manifest.test_id, pattern))


def _matches(test_id: str, pattern: str) -> bool:
    return test_id == pattern or test_id.startswith(f"{pattern}[") or fnmatchcase(test_id, pattern)


def entries_by_file(manifests: Iterable[Manifest]) -> dict[str, list[Place]]:
    """Return the imported entries of `manifests`, and their tests, by the file that they came from."""
    files: dict[str, list[Place]] = defaultdict(list)
    for manifest in manifests:
        for entry in manifest.entries:
            if is_imported(entry.origin):
                files[origin_path(entry.origin)].append((manifest.test_id, entry))
    return files


def _export_file(store: Store, target: Directory, path: str, places: list[Place], options: ExportOptions) -> bool:
    _refuse_escape(target, path)
    data = file_bytes(store, path, places)
    present = target.read(path)
    if present == data:
        return False
    if present is not None and not options.force:
        raise RecstoreError(path, "is there with other bytes", "Export into an empty folder, or add --force.")
    if not options.dry_run:
        target.write(path, data)
    return True


def file_bytes(store: Store, path: str, places: list[Place]) -> bytes:
    """Return the bytes of the file `path`, from all the entries that were imported from it.

    Raises: NotInStore, Damage, NewerVersion: of a blob, or an origin that cannot be used. RecstoreError: two files had the name.
    """
    _refuse_two_files(path, places)
    kind = places[0][1].origin.get("format")
    try:
        if kind == LLAMA_STACK:
            test_id, entry = places[0]
            return llama_stack_file.write_file(store.get(entry), test_id, entry.origin)
        if kind == VCR:
            from recstore.importers.vcr.cassette import write_cassette

            return write_cassette([(store.get(entry), entry.origin) for _, entry in places])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DamagedManifest(path, f"its origin in the manifest cannot be used: {error!r}") from error
    raise DamagedManifest(path, f"was imported from a format unknown to this recstore: {kind!r}")


def _refuse_two_files(path: str, places: list[Place]) -> None:
    """Raise where the name was used again after its first file was consumed: there is no one file to go back to."""
    claims: dict[str, Place] = {}
    for test_id, entry in places:
        first_id, first = claims.setdefault(repr(entry.origin.get("index")), (test_id, entry))
        if (first_id, first.blob) != (test_id, entry.blob):
            names = " and ".join(sorted({str(first_id), str(test_id)}))
            raise RecstoreError(path, f"held other recordings at different times, of {names}", _ONE_TEST)


_ONE_TEST: Final = "`recstore export --test TEST` takes those of one test."


def _refuse_escape(target: Directory, path: str) -> None:
    """Raise unless `path` leads to a place inside the folder that is nobody's own, whatever links are on the way."""
    parts = PurePosixPath(path).parts
    is_plain = (
        bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path and ":" not in parts[0]
    )
    folder = target.root.resolve()
    place = Path(os.path.realpath(target.path(path))) if is_plain and "\0" not in path else folder
    if folder not in place.parents:
        raise DamagedManifest(
            path, "a manifest names a file outside the folder to export to; nothing was written there"
        )
    if any(_OWNED.fullmatch(_UNSEEN.sub("", part)) for part in (*parts, *place.relative_to(folder).parts)):
        raise DamagedManifest(path, "a manifest names a file of Git's own or of a store; nothing was written there")
