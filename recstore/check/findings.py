"""What `recstore check` finds, as values: what is wrong, with which test, and the one thing that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from recstore.errors import Damage, ManifestConflict, Missing, RecstoreError, SecretFound

Kind: TypeAlias = Literal["missing", "uncommitted", "unrecorded", "loose", "changed", "damage", "conflict", "secret"]

IGNORED: Final = "the work tree, ignored by Git"
"""The place of what a `.gitignore` keeps from being committed."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong.

    `test` is the test's id, `(outside any test)` for a recording that has none; `subject` the blob's name or the file;
    `path` (from the project's folder) and `line` are where an annotation belongs, 0 where no line is known.
    """

    kind: Kind
    test: str
    subject: str
    remedy: str
    path: str = ""
    line: int = 0
    place: str = ""

    def __str__(self) -> str:
        """Return the finding as a line: `(missing) tests/a.py::test_x 1f2e...-3d4c...`."""
        where = f"  in {self.place}" if self.place else ""
        return f"({self.kind}) {' '.join(filter(None, (self.test, self.subject)))}{where}"


def unusable_manifest(subject: str, error: Damage | ManifestConflict, place: str) -> Finding:
    """Return what is said of a manifest that cannot be used; `subject` is its path."""
    if isinstance(error, ManifestConflict):
        return Finding("conflict", "", subject, "recstore resolve", subject, 0, place)
    return Finding("damage", "", subject, error.reason, subject, 0, place)


_SEVEREST_FIRST: Final[tuple[tuple[Kind, type[RecstoreError]], ...]] = (
    ("conflict", ManifestConflict),
    ("secret", SecretFound),
    ("damage", Damage),
)


def exit_code_of(findings: Iterable[Finding]) -> int:
    """Return the exit code of the severest finding: a conflict, a secret, damage, anything missing; 0 for none."""
    kinds = {finding.kind for finding in findings}
    for kind, error in _SEVEREST_FIRST:
        if kind in kinds:
            return error.exit_code
    return Missing.exit_code if kinds else 0
