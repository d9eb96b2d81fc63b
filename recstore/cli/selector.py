"""What a person means by a word: a test, a request key, a digest, a file of the store or of another recorder."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.errors import NotInStore, UsageError
from recstore.model import BlobName, Entry
from recstore.store import FOLDER, Store
from recstore.store.blob import origin_path
from recstore.store.index import PREFIX_DIGITS, EntryRow, Index

_DIGITS: Final = re.compile(rf"[0-9a-f]{{{PREFIX_DIGITS},}}")
_SHOWN_CANDIDATES: Final = 20
_NEAREST: Final = 3


@dataclass(frozen=True, slots=True)
class Selected:
    """One recording: the entry of a test, or a blob and every test that uses it.

    `tests` holds the tests whose manifests have the entry, None standing for those made outside any test.
    """

    entry: Entry
    tests: tuple[str | None, ...]


def select(store: Store, what: str) -> tuple[Selected, ...]:
    """Return the recordings that `what` means.

    In this order: the id of a test; the path of a manifest or a blob; the path or the name of a file that
    recordings were imported from; the first digits of a request key or a digest; a test's id or function without
    its parameters; a part of one test's id; such a file's name without its suffix, or the first digits of it.

    Raises: UsageError: it may mean several; they are named. NotInStore: it means nothing here; the nearest
    names are named. Damage: what it means is there and cannot be used.
    """
    if not what:
        raise UsageError("WHAT", "is empty", "Name a test, a key, a digest or a file.")
    manifest = store.manifest(what)
    if manifest is not None:
        return tuple(Selected(entry, (what,)) for entry in manifest.entries)
    end, is_digits = "/" + what.replace(os.sep, "/").removeprefix("./"), bool(_DIGITS.fullmatch(what))
    with Index(store) as index:
        rows = list(index.listing())
        functions = {row.test_id: _function(row.test_id) for row in rows if row.test_id is not None}
        selected = (
            _of_store_file(store, index, what)
            or _of_source_file(rows, what, lambda path: f"/{path}".endswith(end))
            or _of_digits(index, what.lower())
            or _of_test_name(rows, functions, what)
            or _of_source_file(rows, what, lambda path: _stem(path) == what)
            or _of_source_file(rows, what, lambda path: is_digits and _stem(path).startswith(what))
        )
        problems = index.problems
    if not selected:
        unread = f" ({len(problems)} of its files could not be read: see `recstore verify`)" if problems else ""
        names = {
            name: function
            for test_id, function in functions.items()
            for name in (test_id, function, function.rpartition("::")[2])
        }
        near = dict.fromkeys(names[name] for name in difflib.get_close_matches(what, sorted(names), n=_NEAREST))
        remedy = "Nearest: " + ", ".join(f"`{name}`" for name in near) + "." if near else ""
        raise NotInStore(what, f"no test, recording or file of the store is called so{unread}", remedy)
    return selected


def _of_store_file(store: Store, index: Index, what: str) -> tuple[Selected, ...]:
    """Return the recordings of a manifest or a blob at a path from here, from the project's or from the store's folder."""
    root = os.path.realpath(store.directory.root)
    paths = (os.path.realpath(what), os.path.join(os.path.dirname(root), what))
    below = (path[len(root) + 1 :].replace(os.sep, "/") for path in paths if path.startswith(root + os.sep))
    name = next(below, what.removeprefix(f"{FOLDER}/"))
    blob = BlobName.parse(Path(name).name.removesuffix(".json"))
    if name.startswith(("tests/", "shared/")) and store.directory.path(name).is_file():
        manifest = store.read_manifest(name)
        return tuple(Selected(entry, (manifest.test_id,)) for entry in manifest.entries)
    if blob is not None and (index.resolve(blob.digest) or store.directory.path(blob.path).is_file()):
        return (_used(index, blob),)
    return ()


def _of_source_file(rows: list[EntryRow], what: str, is_meant: Callable[[str], bool]) -> tuple[Selected, ...]:
    """Return the recordings that were imported from the one file whose path `is_meant`."""
    meant = [(path, row) for row in rows if is_meant(path := origin_path(row.entry.origin))]
    _refuse_several(what, {path for path, _ in meant})
    return tuple(Selected(row.entry, (row.test_id,)) for _, row in meant)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _of_digits(index: Index, digits: str) -> tuple[Selected, ...]:
    blobs = index.resolve(digits)
    if len({blob.key for blob in blobs}) > 1:
        _refuse_several(digits, {blob.key if blob.key.startswith(digits) else blob.digest for blob in blobs})
    return tuple(_used(index, blob) for blob in blobs)


def _used(index: Index, blob: BlobName) -> Selected:
    uses = [(test_id, entry) for test_id, entry in index.uses_of(blob.key) if entry.blob == blob]
    entry = uses[0][1] if uses else Entry(blob, 1)
    return Selected(entry, tuple(dict.fromkeys(test_id for test_id, _ in uses)))


def _of_test_name(rows: list[EntryRow], functions: dict[str, str], what: str) -> tuple[Selected, ...]:
    """Return the recordings of all tests of one function, whose name ends in `what`; or of one test that has it in its id."""
    ends = {test_id for test_id, function in functions.items() if function.endswith(f"::{what}")}
    chosen = {test_id for test_id, function in functions.items() if function == what} or ends
    _refuse_several(what, {functions[test_id] for test_id in chosen})
    if not chosen:
        chosen = {test_id for test_id in functions if what in test_id}
        of_chosen = {functions[test_id] for test_id in chosen}
        is_long = len(chosen) > _SHOWN_CANDIDATES and len(of_chosen) > 1
        _refuse_several(what, of_chosen if is_long else chosen)
    return tuple(Selected(row.entry, (row.test_id,)) for row in rows if row.test_id in chosen)


def _function(test_id: str) -> str:
    """Return a test's id without its parameters, which begin at the first `[` behind the file's name."""
    file, colons, rest = test_id.partition("::")
    return file + colons + rest.partition("[")[0]


def _refuse_several(what: str, candidates: set[str]) -> None:
    if len(candidates) > 1:
        shown = sorted(candidates)[:_SHOWN_CANDIDATES]
        if len(candidates) > _SHOWN_CANDIDATES:
            shown.append(f"... and {len(candidates) - _SHOWN_CANDIDATES:,} more")
        raise UsageError(what, f"may mean any of {len(candidates):,}", "\n    ".join(["Name one of", *shown]))
