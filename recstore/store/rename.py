"""Selectors of tests, and tests under new names: manifests are rewritten, no blob is touched, nothing is recorded again.

A selector stands for tests: an id, a function, a class, a file, a folder, or any of them with `*` in it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from recstore.errors import NotInStore, UsageError
from recstore.model import Manifest
from recstore.store.manifest import format_manifest
from recstore.store.store import Store


def is_selected(test_id: str, selector: str) -> bool:
    """Return whether `selector` stands for the test: `tests/a.py::test_x`, `tests/a.py`, `tests/`, `*::test_x`."""
    return _pattern(selector).fullmatch(test_id) is not None


def renamed_id(test_id: str, old: str, new: str) -> str | None:
    """Return the id that the test has after everything called `old` is called `new`, None if it is not one of them.

    What follows stays: parameters behind a function, functions behind a class or file, files below a folder.
    Each `*` of `new` stands for what the `*` at its place in `old` stood for.

    Raises: UsageError: `old` and `new` have not the same number of `*`.
    """
    if old.count("*") != new.count("*"):
        raise UsageError(new, f"has {new.count('*')} `*` where {old} has {old.count('*')}")
    match = _pattern(old).fullmatch(test_id)
    if match is None:
        return None
    *stars, rest = match.groups()
    parts = _plain(new).split("*")
    return parts[0] + "".join(star + part for star, part in zip(stars, parts[1:], strict=True)) + rest


def _pattern(selector: str) -> re.Pattern[str]:
    """Return what matches an id: one group for each `*`, and one for what follows."""
    body = "(.*?)".join(re.escape(part) for part in _plain(selector).split("*"))
    return re.compile(rf"{body}(|\[.*|::.*|/.*)", re.DOTALL)


def _plain(selector: str) -> str:
    return selector.removeprefix("./").rstrip("/")


@dataclass(frozen=True, slots=True)
class Move:
    """A test's manifest as it is, and the ids that it has and gets."""

    manifest: Manifest
    old_id: str
    new_id: str


def plan_moves(store: Store, old: str, new: str) -> tuple[Move, ...]:
    """Return what moves when everything called `old` (a test, class, file or folder; `*` allowed) becomes `new`.

    Raises: NotInStore: no test is called `old`. UsageError: a test that has recordings would be overwritten, two
    would become one, or `old` and `new` do not fit. DamagedManifest, ManifestConflict, NewerVersion: of any test.
    """
    moves = []
    for manifest in store.manifests("tests"):
        old_id = manifest.test_id or ""
        new_id = renamed_id(old_id, old, new)
        if new_id is not None:
            moves.append(Move(manifest, old_id, new_id))
    if not moves:
        raise NotInStore(old, "no test with recordings is called so")
    leaving = {move.old_id for move in moves}
    for new_id, times in Counter(move.new_id for move in moves).items():
        if times > 1:
            raise UsageError(new_id, f"{times} tests would get this name")
    for move in moves:
        if move.new_id not in leaving and not _is_free(store, move):
            raise UsageError(move.new_id, "has recordings already", "Remove or move those first: nothing was changed.")
    return tuple(move for move in moves if move.new_id != move.old_id)


def execute_moves(store: Store, moves: tuple[Move, ...]) -> None:
    """Write the manifests under their new names, then remove the old ones.

    After: a crash leaves each under its old name, its new one or both.

    Raises: Locked: another process is writing to the store. RecstoreError: the folder cannot be written.
    """
    left = {move.old_id: move for move in moves}
    with store.locked():
        for move in moves:
            present = store.manifest(move.old_id)
            is_same = present is not None and format_manifest(present) == format_manifest(move.manifest)
            if not is_same or not (move.new_id in left or _is_free(store, move)):
                reason = "or its new name was recorded meanwhile: nothing was changed"
                raise UsageError(move.old_id, reason, "Try again.")
        while left:  # first those whose new name no other has; at the end, those that change names in a circle
            batch = [move for move in left.values() if move.new_id not in left] or list(left.values())
            store.publish(replace(move.manifest, test_id=move.new_id) for move in batch)
            for move in batch:
                del left[move.old_id]
        arriving = {move.new_id for move in moves}
        store.withdraw(move.manifest for move in moves if move.old_id not in arriving)


def _is_free(store: Store, move: Move) -> bool:
    """Return whether nothing is called so, or but what a run that was stopped has left: the very manifest to write."""
    present = store.manifest(move.new_id)
    to_be = replace(move.manifest, test_id=move.new_id)
    return present is None or format_manifest(present) == format_manifest(to_be)
