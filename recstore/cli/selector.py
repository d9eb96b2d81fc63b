"""What a person means by a word: a test, a request key, a digest, a file of the store or of another recorder."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator
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
        meant = next(filter(None, _meanings(store, index, rows, what)), {})
        problems = index.problems
    if len(meant) > 1:
        shown = sorted(meant)[:_SHOWN_CANDIDATES]
        if len(meant) > _SHOWN_CANDIDATES:
            shown.append(f"... and {len(meant) - _SHOWN_CANDIDATES:,} more")
        raise UsageError(what, f"may mean any of {len(meant):,}", "\n    ".join(["Name one of", *shown]))
    if not meant:
        unread = f" ({len(problems)} of its files could not be read: see `recstore verify`)" if problems else ""
        functions: dict[str, str] = {}
        for test_id in {row.test_id for row in rows if row.test_id}:
            function = _function(test_id)
            functions.update(dict.fromkeys((test_id, function, function.rpartition("::")[2]), function))
        near = dict.fromkeys(functions[name] for name in difflib.get_close_matches(what, sorted(functions), n=_NEAREST))
        remedy = "Nearest: " + ", ".join(f"`{name}`" for name in near) + "." if near else ""
        raise NotInStore(what, f"no test, recording or file of the store is called so{unread}", remedy)
    return tuple(next(iter(meant.values())))


def _meanings(store: Store, index: Index, rows: list[EntryRow], what: str) -> Iterator[dict[str, list[Selected]]]:
    """Yield what `what` may mean, in the order of `select`: the names of all that it fits, each with its recordings."""
    root = os.path.realpath(store.directory.root)
    paths = (
        os.path.realpath(what),
        os.path.join(os.path.dirname(root), what),
    )  # from here, or from the project's folder
    below = (path[len(root) + 1 :].replace(os.sep, "/") for path in paths if path.startswith(root + os.sep))
    name = next(below, what.removeprefix(f"{FOLDER}/"))
    blob = BlobName.parse(Path(name).name.removesuffix(".json"))
    if name.startswith(("tests/", "shared/")) and store.directory.path(name).is_file():
        manifest = store.read_manifest(name)
        yield {name: [Selected(entry, (manifest.test_id,)) for entry in manifest.entries]}
    elif blob is not None and (index.resolve(blob.digest) or store.directory.path(blob.path).is_file()):
        yield {name: [_used(index, blob)]}
    files = [(origin_path(row.entry.origin), row) for row in rows]
    end = "/" + what.replace(os.sep, "/").removeprefix("./")
    yield _grouped((path, row) for path, row in files if f"/{path}".endswith(end))
    digits = what.lower()
    of_keys: dict[str, list[BlobName]] = {}
    for blob in index.resolve(digits):
        of_keys.setdefault(blob.key, []).append(blob)
    yield {
        key if key.startswith(digits) else blobs[0].digest: [_used(index, blob) for blob in blobs]
        for key, blobs in of_keys.items()
    }
    tests = [(row.test_id, _function(row.test_id), row) for row in rows if row.test_id is not None]
    yield _grouped((function, row) for _, function, row in tests if function == what)
    yield _grouped((function, row) for _, function, row in tests if function.endswith(f"::{what}"))
    by_test = _grouped((test_id, row) for test_id, _, row in tests if what in test_id)
    by_function = _grouped((function, row) for test_id, function, row in tests if what in test_id)
    yield by_function if len(by_test) > _SHOWN_CANDIDATES and len(by_function) > 1 else by_test
    stems = [(path.rpartition("/")[2].partition(".")[0], path, row) for path, row in files]
    yield _grouped((path, row) for stem, path, row in stems if stem == what)
    if _DIGITS.fullmatch(what):
        yield _grouped((path, row) for stem, path, row in stems if stem.startswith(what))


def _grouped(named: Iterable[tuple[str, EntryRow]]) -> dict[str, list[Selected]]:
    groups: dict[str, list[Selected]] = {}
    for name, row in named:
        groups.setdefault(name, []).append(Selected(row.entry, (row.test_id,)))
    return groups


def _used(index: Index, blob: BlobName) -> Selected:
    uses = [(test_id, entry) for test_id, entry in index.uses_of(blob.key) if entry.blob == blob]
    entry = uses[0][1] if uses else Entry(blob, 1)
    return Selected(entry, tuple(dict.fromkeys(test_id for test_id, _ in uses)))


def _function(test_id: str) -> str:
    """Return a test's id without its parameters, which begin at the first `[` behind the file's name."""
    file, colons, rest = test_id.partition("::")
    return file + colons + rest.partition("[")[0]
