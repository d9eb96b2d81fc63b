"""What a writer asks of the system and of Git, counted, so that any one call can fail, come short or be the last.

`watch` puts a `System` between the process and the real one. `Audit` counts the same from inside of Python, whoever calls: a
test holds the two together, so that a way to write which `System` does not see is found the day it appears.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

import pytest

__all__ = ["CALLS", "Audit", "StoppedError", "System", "audited"]

CALLS: Final = (
    *("open", "write", "close", "replace", "rename", "link", "symlink", "unlink", "remove", "rmdir", "mkdir"),
    *("fsync", "sync", "chmod", "utime", "truncate", "ftruncate"),
)
"""What a writer asks of `os`. `os.makedirs` asks `mkdir`; pathlib asks the same calls."""

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READING_GIT: Final = frozenset(
    {
        *(
            "cat-file",
            "check-attr",
            "check-ignore",
            "diff",
            "diff-files",
            "diff-index",
            "diff-tree",
            "for-each-ref",
            "log",
        ),
        *("ls-files", "ls-tree", "merge-base", "merge-tree", "rev-list", "rev-parse", "show-ref", "stash", "status"),
        *("var", "version", "grep", "name-rev", "show", "blame", "--version"),
    }
)
"""Commands that change nothing as recstore calls them; `worktree list`, `config --get` and the like are told by their options."""

_CLOSE: Final = os.close

_SQLITE_SAYS: Final = {
    errno.ENOSPC: ("SQLITE_FULL", "database or disk is full"),
    errno.EIO: ("SQLITE_IOERR", "disk I/O error"),
    errno.EROFS: ("SQLITE_READONLY", "attempt to write a readonly database"),
}


class StoppedError(BaseException):
    """Stands for the end of the process: nothing that catches errors catches this one."""


@dataclass
class System:
    """Counts calls; at call `step` (from 0) it fails with `error`, comes short, or stops the process.

    A process that was stopped does nothing more. `torn` lets the last write put half of its bytes on disk, and no other last
    call have any effect. `short` lets that one write take half of its bytes, as the system may.
    """

    step: int | None = None
    error: int | None = None
    torn: bool = False
    short: bool = False
    log: list[tuple[str, str]] = field(default_factory=list)
    changing: list[int] = field(default_factory=list)
    is_stopped: bool = False
    _paths: dict[int, str] = field(default_factory=dict)
    _reading: set[int] = field(default_factory=set)
    _connections: list[sqlite3.Connection] = field(default_factory=list)
    _is_within: bool = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Be between the process and the real system; at the end the databases are let go, as those of a process are."""
        with pytest.MonkeyPatch.context() as patch:
            self.watch(patch)
            try:
                yield
            finally:
                for connection in self._connections:
                    connection.close()

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Put this system between the process and the real one."""
        for name in CALLS:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))
        for module in (builtins, io):
            patch.setattr(module, "open", self._opening(io.open))
        patch.setattr(subprocess, "run", self._running(subprocess.run))
        patch.setattr(sqlite3, "connect", self._connecting(sqlite3.connect))

    @property
    def was_reached(self) -> bool:
        """Whether the call that fails or stops has come."""
        return self.step is not None and len(self.log) > self.step

    def asked(self, name: str, subject: str, call: Callable[[], Any], *, changes: bool = True) -> Any:
        """Count a call, and make it unless its end has come."""
        if self._is_within:
            return call()
        if self.is_stopped:
            raise StoppedError
        number = len(self.log)
        self.log.append((name, subject))
        if changes:
            self.changing.append(number)
        is_last = number == self.step and not self.short
        return self._last(name, call) if is_last else call()

    def _last(self, name: str, call: Callable[[], Any]) -> Any:
        """Fail, or end the process with this call."""
        if self.error is not None:
            if name in ("close", "sync"):  # the descriptor is gone, whatever else is said; `sync` cannot fail
                done = call()
            if name == "sync":
                return done
            raise OSError(self.error, os.strerror(self.error))
        self.is_stopped = True
        if name == "open":
            _let_go(call())
        elif not self.torn:
            call()
        raise StoppedError

    def written(self, subject: str, data: bytes, call: Callable[[bytes], Any]) -> Any:
        """Count a write, which may come short or be torn."""
        is_last = len(self.log) == self.step and not self.is_stopped and not self._is_within
        if is_last and self.error is None and (self.torn or self.short):
            call_half = call(data[: max(len(data) // 2, 1)])
            return self.asked("write", subject, lambda: call_half)
        return self.asked("write", subject, lambda: call(data))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            subject = self._subject(name, arguments)
            if name == "write":
                return self.written(subject, bytes(arguments[1]), lambda data: call(arguments[0], data))
            if name == "close":
                return self._closed(arguments[0], call)
            is_reading = name == "open" and not (arguments[1] if len(arguments) > 1 else options["flags"]) & _WRITING
            result = self.asked(name, subject, lambda: call(*arguments, **options), changes=not is_reading)
            if name == "open":
                self._paths[result] = subject
                (self._reading.add if is_reading else self._reading.discard)(result)
            return result

        return watched

    def _closed(self, descriptor: int, call: Callable[[int], None]) -> None:
        path = self._paths.pop(descriptor, "")
        if path and descriptor not in self._reading and not self.is_stopped:
            self.asked("close", path, lambda: call(descriptor), changes=False)
        else:
            call(descriptor)

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def opening(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if isinstance(file, int):
                return call(file, mode, *arguments, **options)
            is_writing = any(letter in mode for letter in "wax+")
            opened = self.asked("open", str(file), lambda: call(file, mode, *arguments, **options), changes=is_writing)
            return _File(self, opened, str(file)) if is_writing else opened

        return opening

    def _running(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def running(command: Any, **options: Any) -> Any:
            words = _git_words(command)
            name = f"git {words[0]}" if words else "run"

            def whole() -> Any:
                self._is_within = True  # its pipes are no files of ours
                try:
                    return call(command, **options)
                finally:
                    self._is_within = False

            try:
                return self.asked(name, " ".join(words), whole, changes=not (words and _is_reading(words)))
            except OSError as error:
                if not words or error.errno in (errno.EMFILE, errno.EACCES):  # there is no process at all
                    raise
                said = f"fatal: unable to write: {error.strerror}".encode()
                return subprocess.CompletedProcess(command, 128, b"", said)

        return running

    def _connecting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        system = self

        class Watched(sqlite3.Connection):
            """A connection whose statements are counted."""

            def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
                """Run a statement, unless its end has come."""
                is_reading = statement.lstrip().upper().startswith(("SELECT", "PRAGMA"))
                with _as_sqlite_says():
                    done: sqlite3.Cursor = system.asked(
                        "sqlite",
                        statement.partition("(")[0],
                        lambda: super(Watched, self).execute(statement, *arguments),
                        changes=not is_reading,
                    )
                return done

        def connected(path: str, *arguments: Any, **options: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = call(path, *arguments, factory=Watched, **options)
            self._connections.append(made)
            return made

        def connecting(path: str, *arguments: Any, **options: Any) -> Any:
            with _as_sqlite_says():
                return self.asked("connect", path, lambda: connected(path, *arguments, **options))

        return connecting

    def _subject(self, name: str, arguments: tuple[Any, ...]) -> str:
        if name in ("write", "fsync"):
            return self._paths.get(arguments[0], "")
        if name in ("replace", "rename"):
            return str(arguments[1])
        return str(arguments[0]) if arguments else ""


def _let_go(opened: Any) -> None:
    """Close what was opened last: its process is no more."""
    if isinstance(opened, int):
        _CLOSE(opened)
    else:
        opened.close()


class _File:
    """A file that was opened for writing: its writes are counted, and go to the system at once."""

    def __init__(self, system: System, file: Any, path: str) -> None:
        self._system, self._file, self._path = system, file, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._file.close()

    def write(self, data: Any) -> int:
        """Write and flush; a buffered file goes on by itself where the system takes less than all."""

        def call(data: Any) -> int:
            self._file.write(data)
            self._file.flush()
            return len(data)

        if self._system.short:
            self._system.asked("write", self._path, lambda: None)
            return call(data)
        return int(self._system.written(self._path, data, call))


@contextmanager
def _as_sqlite_says() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name, said = _SQLITE_SAYS.get(error.errno or 0, ("SQLITE_CANTOPEN", "unable to open database file"))
        failure = sqlite3.OperationalError(said)
        failure.sqlite_errorname = name
        raise failure from error


def _git_words(command: Any) -> list[str]:
    """Return the words of a command of Git without its options, none where it is another program."""
    if not isinstance(command, list) or not command or command[0] != "git":
        return []
    words = [str(word) for word in command[1:]]
    while words and words[0].startswith("-") and words[0] != "--version":
        words = words[2:] if words[0] == "-c" else words[1:]
    return words


def _is_reading(words: list[str]) -> bool:
    if words[0] == "config":
        return any(word.startswith(("--get", "--list", "--show")) for word in words)
    return words[0] in _READING_GIT or words[:2] == ["worktree", "list"]


# -- the same, as Python itself sees it


_EVENTS: Final = {
    "os.rename": "replace",
    "os.remove": "unlink",
    "os.rmdir": "rmdir",
    "os.mkdir": "mkdir",
    "os.chmod": "chmod",
    "os.utime": "utime",
    "os.truncate": "truncate",
    "os.link": "link",
    "os.symlink": "symlink",
    "sqlite3.connect": "connect",
    "subprocess.Popen": "process",
}
_ALIASES: Final = {"rename": "replace", "remove": "unlink", "ftruncate": "truncate"}


@dataclass
class Audit:
    """Counts every change of a file, every database and every process, whoever makes it. Source: PEP 578."""

    seen: Counter[str] = field(default_factory=Counter)
    is_on: bool = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count one event, if it is one of those."""
        if not self.is_on:
            return
        if event == "open":
            path, _, flags = arguments  # no path: the end of a pipe
            if not isinstance(path, int) and flags & _WRITING and "__pycache__" not in str(path):
                self.seen["open"] += 1
        elif event in _EVENTS and "__pycache__" not in str(arguments[0]):
            self.seen[_EVENTS[event]] += 1

    @staticmethod
    def expected(system: System) -> Counter[str]:
        """Return what the calls that `system` has seen must look like."""
        found: Counter[str] = Counter()
        for number, (name, _) in enumerate(system.log):
            if name.startswith("git ") or name == "run":
                found["process"] += 1
            elif name != "open" or number in system.changing:
                found[_ALIASES.get(name, name)] += 1
        return found


_AUDITS: Final[list[Audit]] = []


@contextmanager
def audited() -> Iterator[Audit]:
    """Count meanwhile. The interpreter keeps a hook for good: there is one, which is deaf the rest of the time."""
    if not _AUDITS:
        _AUDITS.append(Audit())
        sys.addaudithook(_AUDITS[0].hear)
    audit = _AUDITS[0]
    audit.seen, audit.is_on = Counter(), True
    try:
        yield audit
    finally:
        audit.is_on = False
