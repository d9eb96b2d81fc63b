"""What a person means by a word: a test, a request key, a digest, a file of the store or of another recorder."""

from __future__ import annotations

import difflib
import os
import re
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
    with Index(store) as index:
        rows = list(index.listing())
        selected = (
            _of_store_file(store, index, what)
            or _of_one_file(what, [row for row in rows if _is_at(row, what)])
            or _of_digits(index, what)
            or _of_test_name(rows, what)
            or _of_one_file(what, [row for row in rows if _stem(row) == what])
            or _of_one_file(what, [row for row in rows if _DIGITS.fullmatch(what) and _stem(row).startswith(what)])
        )
        problems = index.problems()
    if not selected:
        unread = f" ({len(problems)} of its files could not be read: see `recstore verify`)" if problems else ""
        raise NotInStore(what, f"no test, recording or file of the store is called so{unread}", _nearest(rows, what))
    return selected


def _of_store_file(store: Store, index: Index, what: str) -> tuple[Selected, ...]:
    name = _name_in_store(store, what)
    blob = BlobName.parse(Path(name).name.removesuffix(".json"))
    if name.startswith(("tests/", "shared/")) and store.directory.path(name).is_file():
        manifest = store.read_manifest(name)
        return tuple(Selected(entry, (manifest.test_id,)) for entry in manifest.entries)
    if blob is not None and (index.resolve(blob.digest) or store.directory.path(blob.path).is_file()):
        return (_used(index, blob),)
    return ()


def _name_in_store(store: Store, what: str) -> str:
    """Return `what` as a path below the store's folder: from here, from the project's folder, or as it is."""
    root = os.path.realpath(store.directory.root)
    for path in (os.path.realpath(what), os.path.join(os.path.dirname(root), what)):
        if path.startswith(root + os.sep):
            return path[len(root) + 1 :].replace(os.sep, "/")
    return what.removeprefix(f"{FOLDER}/")


def _of_one_file(what: str, rows: list[EntryRow]) -> tuple[Selected, ...]:
    _refuse_several(what, sorted({origin_path(row.entry.origin) for row in rows}))
    return tuple(Selected(row.entry, (row.test_id,)) for row in rows)


def _is_at(row: EntryRow, path: str) -> bool:
    """Return whether the recording was imported from a file of this path, seen from some folder."""
    return f"/{origin_path(row.entry.origin)}".endswith("/" + path.replace(os.sep, "/").removeprefix("./"))


def _stem(row: EntryRow) -> str:
    return origin_path(row.entry.origin).rpartition("/")[2].partition(".")[0]


def _of_digits(index: Index, what: str) -> tuple[Selected, ...]:
    digits = what.lower()
    blobs = index.resolve(digits)
    if len({blob.key for blob in blobs}) > 1:
        names = {blob.key if blob.key.startswith(digits) else blob.digest for blob in blobs}
        _refuse_several(what, sorted(names))
    return tuple(_used(index, blob) for blob in blobs)


def _used(index: Index, blob: BlobName) -> Selected:
    uses = [(test_id, entry) for test_id, entry in index.uses_of(blob.key) if entry.blob == blob]
    if not uses:
        return Selected(Entry(blob, 1), ())
    return Selected(uses[0][1], tuple(dict.fromkeys(test_id for test_id, _ in uses)))


def _of_test_name(rows: list[EntryRow], what: str) -> tuple[Selected, ...]:
    ids = sorted({row.test_id for row in rows if row.test_id is not None})
    chosen = {test_id for test_id in ids if _function(test_id) == what} or _variants_of(ids, what)
    if not chosen:
        chosen = {test_id for test_id in ids if what in test_id}
        functions = {_function(test_id) for test_id in chosen}
        is_long = len(chosen) > _SHOWN_CANDIDATES and len(functions) > 1
        _refuse_several(what, sorted(functions if is_long else chosen))
    return tuple(Selected(row.entry, (row.test_id,)) for row in rows if row.test_id in chosen)


def _variants_of(ids: list[str], name: str) -> set[str]:
    """Return the tests of the one function that ends in `name`: `test_answer`, or `TestChat::test_answer`."""
    functions = {_function(test_id) for test_id in ids if _function(test_id).endswith(f"::{name}")}
    _refuse_several(name, sorted(functions))
    return {test_id for test_id in ids if _function(test_id) in functions}


def _function(test_id: str) -> str:
    """Return a test's id without its parameters, which begin at the first `[` behind the file's name."""
    file, colons, rest = test_id.partition("::")
    return file + colons + rest.partition("[")[0]


def _refuse_several(what: str, candidates: list[str]) -> None:
    if len(candidates) < 2:  # noqa: PLR2004 - several begin with two
        return
    shown = candidates[:_SHOWN_CANDIDATES]
    if len(candidates) > _SHOWN_CANDIDATES:
        shown.append(f"... and {len(candidates) - _SHOWN_CANDIDATES:,} more")
    raise UsageError(what, f"may mean any of {len(candidates):,}", "\n    ".join(["Name one of", *shown]))


def _nearest(rows: list[EntryRow], what: str) -> str:
    """Return a remedy that names what is spelled most like `what`; "" if nothing is."""
    functions = {}
    for test_id in {row.test_id for row in rows if row.test_id}:
        function = _function(test_id)
        functions.update(dict.fromkeys((test_id, function, function.rpartition("::")[2]), function))
    near = dict.fromkeys(functions[name] for name in difflib.get_close_matches(what, sorted(functions), n=_NEAREST))
    return "Nearest: " + ", ".join(f"`{name}`" for name in near) + "." if near else ""
