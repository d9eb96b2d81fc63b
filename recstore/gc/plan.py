"""What gc would do, as a value: every row says what goes, why it may, and where its bytes stay.

Nothing here changes anything; `execute` carries a plan out, and looks at each row again before it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from recstore.model import Manifest
from recstore.store.manifest import format_manifest

IN_TRASH: Final = "the trash"
"""Where the bytes are kept of what no commit has."""


@dataclass(frozen=True, slots=True)
class GcOptions:
    """How gc is to go about it.

    `is_staged`: judge by what Git is about to commit, and stage what is removed. `removes_unserved`: also entries that
    the last complete passing run did not use. `is_forced`: even while a merge or the like is under way.
    `tips_since_s`: leave out branches whose last commit is older (seconds since the epoch).
    """

    is_staged: bool = False
    removes_unserved: bool = False
    is_forced: bool = False
    tips_since_s: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """A file that goes, or a manifest that loses entries, of which `left` is what stays.

    It goes from the work tree where `oid` says what is there, from the index where `staged_oid` does. `keeper` is where its
    bytes stay: `commit 1a2b3c4d5e6f`, or `IN_TRASH`.
    """

    path: str
    size_bytes: int
    reason: str
    keeper: str = IN_TRASH
    oid: str = ""
    staged_oid: str = ""
    left: Manifest | None = None

    @property
    def objects(self) -> frozenset[str]:
        """The object ids of what goes."""
        return frozenset(filter(None, (self.oid, self.staged_oid)))

    @property
    def freed_bytes(self) -> int:
        """How much smaller the checkout is without it."""
        return self.size_bytes - (len(format_manifest(self.left)) if self.left is not None else 0)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that the work tree itself would not need, and what protects it: `stash@{0}: WIP on main`."""

    path: str
    size_bytes: int
    protector: str


@dataclass(frozen=True, slots=True)
class Unserved:
    """Entries of a test that the last complete passing run of it did not use, of how many."""

    test_id: str
    unserved: int
    entries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that gc would do and say.

    `offers` are (old, new) of tests that seem to be renamed; `notes` say of which tests nothing could be concluded.
    """

    options: GcOptions
    removals: tuple[Removal, ...]
    kept: tuple[Kept, ...]
    unserved: tuple[Unserved, ...]
    offers: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    blobs: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.removals
