"""The loop: what changes is brought into the store, and looked at again until nothing is in doubt.

Events only say where to look at once. What counts is what lies there: after every burst, and now and then without one, all
sources are compared with what was seen of them, so that an event that was lost delays a recording and loses none. A
file that cannot be read is tried again for a while: its recorder may be writing it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from recstore.adapters.discovery import SourceFile
from recstore.errors import Locked, UsageError
from recstore.reading import read_file
from recstore.store.directory import Directory
from recstore.store.names import digest_of
from recstore.watch.following import Followed, Follower
from recstore.watch.memory import Memory, Remembered
from recstore.watch.places import Sources

__all__ = ["WatchOptions", "Watcher"]

_QUIET_S: Final = 0.3
"""So long nothing has happened when a burst is over, and a file that cannot be read is called bad."""

_TICK_S: Final = 0.1
"""So long after a write another one may leave the same time on a file."""

_LONG_BURST_S: Final = 5.0
_RESCAN_S: Final = 60.0
"""Between two looks at everything: while a burst goes on, and while nothing happens."""

_REST: Final = 150
"""So many times as long as a look took nothing is looked at: watching costs less than one part in a hundred."""

_BATCH: Final = 200
_BIG_BATCH: Final = 5_000
"""Files that are followed at once: as they come, and where so many are new that nobody waits for the first."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`mirror`: recordings whose files go, go as well. `consume`: a file goes once its recordings are safe."""

    mirror: bool = False
    consume: bool = False


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A file that is looked at again: when it was followed, and what came of it; None where the store was locked."""

    file: SourceFile
    since_s: float
    followed: Followed | None


class Watcher:
    """Keeps one store in step with its sources. `tell` is called with what became of each file, from the same thread."""

    def __init__(
        self, follower: Follower, sources: Sources, options: WatchOptions, tell: Callable[[Followed], None]
    ) -> None:
        if options.mirror and options.consume:
            raise UsageError("--mirror and --consume", "contradict each other: a file that is consumed is gone")
        self._follower = follower
        self._sources = sources
        self._options = options
        self._tell = tell
        self._memory = Memory(follower.store.directory, sources.stated)
        self._seen: dict[str, SourceFile] | None = None
        self._doubts: dict[str, _Doubt] = {}
        self._digests: dict[str, str] = {}
        self._refused: set[str] = set()
        self._empty: set[str] = set()
        self._bad: dict[str, str] = {}
        self._gone: set[str] = set()
        self._state = ""
        self._roots: tuple[str, ...] = ()
        self._is_restless = False
        self._last_s = self._rescanned_s = time.monotonic()
        self._rest_s = _RESCAN_S

    def rescan(self) -> int:
        """Compare all sources with what was seen of them, follow what differs, and return how many files there are."""
        start_s = time.monotonic()
        now = self._sources.look()
        for place in sorted(now.refused.keys() - self._refused):
            self._tell(Followed(place, "bad", problem=now.refused[place]))
        self._refused |= now.refused.keys()
        self._roots = tuple(self._sources.roots())
        state = self._follower.state()  # before the names: what changes between the two is not taken for known
        known, is_trusted = self._known(now.files, state)
        stored: Collection[str] = () if is_trusted else self._follower.names()
        changed = [
            file
            for location, file in now.files.items()
            if known.get(location) != file
            or not (is_trusted or file.name in stored or location in self._empty or location in self._doubts)
        ]
        if self._options.mirror:
            left = known.keys() - now.files.keys()
            self._gone |= {known[location].name for location in left if _has_gone(location)}
            self._gone -= {file.name for file in now.files.values()}
        self._seen = now.files
        self._rescanned_s = time.monotonic()
        self._rest_s = max(_RESCAN_S, _REST * (self._rescanned_s - start_s))
        self._is_restless = bool(changed or self._gone)  # until a look finds nothing to follow
        self._state = "" if self._is_restless else state
        self._follow(changed)
        self._forget()
        return len(now.files)

    def _known(self, now: dict[str, SourceFile], state: str) -> tuple[dict[str, SourceFile], bool]:
        """Return what was seen at the last look, and whether all of it is known to be in the store, still."""
        if self._seen is not None:
            return self._seen, False
        remembered = self._memory.load(now)
        self._empty = set(remembered.empty)
        return remembered.files, remembered.manifests == state != ""

    def save(self) -> None:
        """Note what was seen, but for files that the next watcher is to follow, or to tell of, as well."""
        seen, left_out = self._seen or {}, self._doubts.keys() | self._bad.keys()
        files = {location: file for location, file in seen.items() if location not in left_out}
        self._digests.clear()
        self._memory.save(Remembered(files, frozenset(self._empty & files.keys()), self._state))

    def notice(self, locations: Iterable[str]) -> None:
        """Follow the files at these places at once, whatever is known of them."""
        self.distrust()
        files = []
        for location in set(locations):
            file = self._sources.file_at(location, self._roots)
            if file is not None:  # what has gone, the look after this burst finds
                files.append(file)
        if self._seen is not None:
            self._seen.update((file.location, file) for file in files)
        self._follow(files)

    def settle(self) -> None:
        """Look again at what was in doubt, and at everything after a burst, or after a long time."""
        again = [doubt.file for location, doubt in list(self._doubts.items()) if self._is_another(location, doubt)]
        self._follow(again)
        now_s = time.monotonic()
        if self._is_restless and now_s - self._last_s >= _QUIET_S:
            self.rescan()
            self.save()
        elif now_s - self._rescanned_s >= (_LONG_BURST_S if self._is_restless else self._rest_s):
            self.rescan()

    def distrust(self) -> None:
        """Have everything looked at again soon: what came before somebody listened was not heard."""
        self._last_s, self._is_restless = time.monotonic(), True

    def look_at_store(self) -> None:
        """Tell what other processes have stored."""
        for recorded in self._follower.recorded():
            self._tell(recorded)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is in doubt, and no burst is on."""
        return not self._doubts and not self._is_restless

    def settle_down(self, stop: Event | None = None) -> None:
        """Look until nothing is in doubt."""
        self.rescan()
        while not self.is_settled and not (stop is not None and stop.is_set()):
            time.sleep(_TICK_S / 2)
            self.settle()
        self.save()

    # -- files

    def _follow(self, files: list[SourceFile]) -> None:
        size = _BATCH if len(files) < _BIG_BATCH else _BIG_BATCH
        for start in range(0, len(files), size):
            self._follow_batch(files[start : start + size])

    def _forget(self) -> None:
        """Have the store forget what has gone; where it is locked, at the next look."""
        if self._gone:
            with suppress(Locked):
                for outcome in self._follower.follow([], self._gone):
                    self._tell(outcome)
                self._gone = set()

    def _follow_batch(self, files: list[SourceFile]) -> None:
        by_name = {file.name: file for file in files}
        try:
            outcomes = self._follower.follow(files)
        except Locked:  # another process works on the store: these files are not lost
            for file in files:
                self._doubts[file.location] = _Doubt(file, time.monotonic(), None)
            return
        for outcome in outcomes:
            self._take(outcome, by_name[outcome.name])

    def _take(self, outcome: Followed, file: SourceFile) -> None:
        """Tell what became of a file, unless it may be half of one, and keep it in doubt where this may not be the last."""
        location, modified_ns = file.location, _modified_ns(file.location)
        if outcome.outcome != "bad":
            self._bad.pop(location, None)
        (self._empty.discard if outcome.blobs else self._empty.add)(location)
        is_told = self._digests.get(location) == outcome.digest and outcome.outcome in ("unchanged", "none")
        self._digests[location] = outcome.digest
        if outcome.outcome != "bad" and not is_told:
            self._tell(outcome)
        is_young = modified_ns is not None and time.time() - modified_ns / 1e9 < _TICK_S
        if outcome.outcome == "bad" or is_young or self._options.consume:
            self._doubts[location] = _Doubt(file, time.monotonic(), outcome)

    def _is_another(self, location: str, doubt: _Doubt) -> bool:
        """Return whether a file in doubt has to be followed again; otherwise, in time, it is in doubt no more."""
        followed, waited_s = doubt.followed, time.monotonic() - doubt.since_s
        if waited_s < _TICK_S:
            return False
        digest = _digest_at(location)
        if followed is not None and digest == followed.digest:
            if followed.outcome == "bad" and waited_s < _QUIET_S:
                return False
            del self._doubts[location]
            if followed.outcome == "bad":
                if self._bad.get(location) != digest:
                    self._tell(followed)
                self._bad[location] = digest
            elif self._options.consume and followed.blobs:
                self._consume(followed, doubt.file)
            return False
        del self._doubts[location]
        return digest is not None

    def _consume(self, followed: Followed, file: SourceFile) -> None:
        """Remove a file whose recordings are in the store, each read again; one that somebody has written since is followed."""
        location = file.location
        modified_ns = _modified_ns(location)
        for blob in followed.blobs:
            self._follower.store.read_blob(blob)
        if _digest_at(location) == followed.digest and _modified_ns(location) == modified_ns:
            place = Path(location)
            Directory(place.parent).remove(place.name)
            if self._seen is not None:
                self._seen.pop(location, None)
        else:
            self._doubts[location] = _Doubt(file, time.monotonic(), None)


def _has_gone(location: str) -> bool:
    """Return whether there is nothing: not where a folder on the way cannot be read."""
    try:
        os.lstat(location)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _digest_at(location: str) -> str | None:
    """Return the digest of the file's bytes, "" if they cannot be read, None if there is no file."""
    try:
        return digest_of(read_file(location))
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _modified_ns(location: str) -> int | None:
    """Return when the file was written, None if there is none."""
    try:
        return os.stat(location).st_mtime_ns
    except OSError:
        return None
