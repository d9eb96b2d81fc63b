"""Every error recstore raises, with its exit code and the command that mends it: docs/commands.md has the table.

    RecstoreError                 1
    +-- UsageError                2
    +-- Missing                  10
    |   +-- NotInStore
    |   +-- ReplayMiss
    +-- Damage                   20
    |   +-- DamagedBlob
    |   +-- DamagedManifest
    |   |   +-- ForeignManifest
    |   +-- DamagedSource
    +-- NewerVersion             21
    +-- Locked                   30
    +-- GitError                 40
    +-- ManifestConflict         41
    +-- SecretFound              60

Codes 50 (remote) and 130 (interrupted) are reserved: the last one is returned for Ctrl-C, which is no error of recstore's.
"""

from __future__ import annotations

from typing import ClassVar

from recstore.text import escape_control


class RecstoreError(Exception):
    """What recstore could not do: `subject` (a file, test or option), what is wrong with it, and a command or sentence as remedy."""

    exit_code: ClassVar[int] = 1
    default_remedy: ClassVar[str] = ""

    def __init__(self, subject: str, reason: str, remedy: str = "") -> None:
        super().__init__(subject, reason, remedy)
        self.subject = subject
        self.reason = reason
        self.remedy = remedy or self.default_remedy

    def __str__(self) -> str:
        """Return `subject: reason`, and the remedy on a line of its own; whoever prints it, no terminal acts on it."""
        text = f"{self.subject}: {self.reason}"
        return escape_control(f"{text}\n  {self.remedy}" if self.remedy else text)


class UsageError(RecstoreError):
    """The command, its options or the configuration do not fit together."""

    exit_code = 2


class Missing(RecstoreError):
    """Something that was asked for is not there."""

    exit_code = 10


class NotInStore(Missing):
    """No recording, test or blob of that name is in the store."""

    default_remedy = "`recstore ls` lists what is there."


class ReplayMiss(Missing):
    """A test asked for what it has no recording of; `reason` says how the nearest recorded requests differ."""


class Damage(RecstoreError):
    """A file is there, but it is not what its name or its format says. Never a miss."""

    exit_code = 20
    default_remedy = "`recstore verify` lists all damage; `git checkout -- FILE` brings back the committed file."


class DamagedBlob(Damage):
    """A blob's bytes do not fit its name, or are not in the format."""

    default_remedy = "`recstore verify --repair` moves it to quarantine, and puts back the one that Git has, if any."


class DamagedManifest(Damage):
    """A manifest is not in the format, or belongs to another test than its name says."""


class ForeignManifest(DamagedManifest):
    """A manifest is another test's than its name says: it is not replaced, not even by recording."""


class DamagedSource(Damage):
    """A file of another recorder claims to be a recording and cannot be read as one."""

    default_remedy = "Mend or remove the file, then import again: nothing of it was stored."


class NewerVersion(RecstoreError):
    """A file was written by a newer recstore than this one."""

    exit_code = 21
    default_remedy = "Upgrade: pip install --upgrade recstore"


class Locked(RecstoreError):
    """Another process is writing to the store."""

    exit_code = 30
    default_remedy = "Wait for the other recstore process to end, then try again."


class GitError(RecstoreError):
    """Git, or the repository, could not answer."""

    exit_code = 40


class ManifestConflict(RecstoreError):
    """A manifest holds the conflict markers of an unfinished merge."""

    exit_code = 41
    default_remedy = "`recstore resolve` settles what has one answer, and says what the choice is for the rest."


class SecretFound(RecstoreError):
    """A recording holds what looks like a key, a token or a password."""

    exit_code = 60
    default_remedy = "Run `recstore redact`; if it is none, allow it with a reason, see `allowed_secrets`."
