"""One hook in one folder: recognised, put in place atomically, and taken away again without a trace.

A hook of anybody else's is renamed and run first. The pre-commit framework does the same the other way round: where
its hook has renamed recstore's, recstore's stays under that name, and its hook is left alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from recstore.errors import GitError, UsageError
from recstore.git.hooks.texts import CHAINED_SUFFIX, FRAMEWORK_MARK, HOOK_VERSION, LEGACY_SUFFIX, MARK, hook_text

FileState: TypeAlias = Literal["installed", "not installed", "outdated", "foreign", "not executable"]

_OWN: Final = re.compile(rb"#![^\n]*\n" + re.escape(MARK).encode() + rb" (\d+): ")
_HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class HookFile:
    """The hook `name` in `folder`, and the files beside it that belong to it."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """Where recstore's hook is or belongs: under its name, or where the pre-commit framework has put it."""
        plain = self.folder / self.name
        legacy = self.folder / (self.name + LEGACY_SUFFIX)
        return legacy if _is_frameworks(plain) and _own_version(legacy) is not None else plain

    @property
    def is_own(self) -> bool:
        """Whether recstore's hook is there, of whatever version."""
        return _own_version(self.path) is not None

    @property
    def is_chained(self) -> bool:
        """Whether recstore's hook is there and runs another one first, or is run by one."""
        return self.is_own and (os.path.lexists(self._before) or self.path.name != self.name)

    @property
    def state(self) -> FileState:
        """What is there.

        Raises: GitError: it cannot be read.
        """
        version = _own_version(self.path)
        if version is None:
            return "foreign" if os.path.lexists(self.path) else "not installed"
        if not os.access(self.path, os.X_OK):
            return "not executable"
        with _naming(self.path, "read"):
            is_current = version > HOOK_VERSION or self.path.read_bytes() == hook_text(self.name).encode()
        return "installed" if is_current else "outdated"

    def refuse_third(self) -> None:
        """Do nothing, unless there is a foreign hook both under the name and where `put` would rename it to.

        Raises: UsageError: there is.
        """
        if self.state == "foreign" and os.path.lexists(self._before) and not self._are_both_frameworks():
            raise UsageError(
                str(self._before),
                f"is there already, and {self.name} is no hook of recstore's either",
                "Make one hook of the two, or remove one; nothing was changed.",
            )

    def put(self) -> None:
        """Put recstore's hook in place. Harmless to repeat; one of a newer recstore stays.

        After: a crash leaves the hook that was there, under its own name or the one it is run by; never half a file.
        Raises: GitError: a file cannot be written. UsageError: as `refuse_third`.
        """
        self.refuse_third()
        state = self.state
        if state == "installed":
            return
        with _naming(self.path, "written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{self.name}.tmp-{os.getpid()}"
            try:
                _write_durably(temporary, hook_text(self.name).encode())
                if state == "foreign":
                    self.path.replace(self._before)
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)

    def take_away(self) -> None:
        """Take recstore's hook away, and put back the one that was there before, bytes, mode and all.

        Raises: GitError: a file cannot be written.
        """
        path = self.path
        with _naming(path, "removed"):
            if self.is_own and path.name != self.name and _is_frameworks(self._before):
                self._before.unlink()  # an older copy of the hook that is there
            if os.path.lexists(self._before) and (self.is_own or not os.path.lexists(path)):
                self._before.replace(path)
            elif self.is_own:
                path.unlink()

    @property
    def _before(self) -> Path:
        return self.folder / (self.name + CHAINED_SUFFIX)

    def _are_both_frameworks(self) -> bool:
        return _is_frameworks(self.path) and _is_frameworks(self._before)


def _own_version(path: Path) -> int | None:
    """Return the version of a hook of recstore's, None where there is none or it is another's."""
    match = _OWN.match(_head(path))
    return int(match[1]) if match else None


def _is_frameworks(path: Path) -> bool:
    return FRAMEWORK_MARK.encode() in _head(path)


def _head(path: Path) -> bytes:
    with _naming(path, "read"), suppress(FileNotFoundError), path.open("rb") as opened:
        return opened.read(_HEAD_BYTES)
    return b""


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
    path.chmod(0o755)


@contextmanager
def _naming(path: Path, verb: str) -> Iterator[None]:
    """Say of an operating system's error what it was about."""
    try:
        yield
    except OSError as error:
        raise GitError(str(path), f"cannot be {verb}: {error.strerror or error}") from error
