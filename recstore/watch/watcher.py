"""The loop: what changes is brought into the store, and looked at again until nothing is in doubt.

Events only say where to look at once. What counts is what lies there: after every burst, and now and then without one, all
sources are compared with what was seen of them, so that an event that was lost delays a recording and loses none. A
file that cannot be read is tried again for a while: its recorder may be writing it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from recstore.adapters.discovery import SourceFile
from recstore.errors import Locked, UsageError
from recstore.store.names import digest_of
from recstore.watch.following import Followed, Follower
from recstore.watch.memory import Memory
from recstore.watch.places import Signature, Sources, signature_of

__all__ = ["WatchOptions", "Watcher"]

_QUIET_S: Final = 0.3
"""So long nothing has happened when a burst is over, and a file that cannot be read is called bad."""

_TICK_S: Final = 0.1
"""So long after a write another one may leave the same time on a file."""

_LONG_BURST_S: Final = 5.0
_RESCAN_S: Final = 60.0
"""Between two looks at everything: while a burst goes on, and while nothing happens."""

_BATCH: Final = 200


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
        self._memory = Memory(follower.store.directory)
        self._seen: dict[str, tuple[SourceFile, Signature]] = {}
        self._doubts: dict[str, _Doubt] = {}
        self._digests: dict[str, str] = {}
        self._refused: set[str] = set()
        self._empty: set[str] = set()
        self._roots: tuple[str, ...] = ()
        self._is_restless = False
        self._last_s = self._rescanned_s = time.monotonic()

    def rescan(self) -> int:
        """Compare all sources with what was seen of them, follow what differs, and return how many files there are."""
        now = self._sources.look()
        for link in sorted(now.refused - self._refused):
            refusal = UsageError(link, "is a link that leads out of its source; it is not followed")
            self._tell(Followed(link, "bad", problem=refusal))
        self._refused |= now.refused
        self._roots = tuple(self._sources.roots())
        known = self._seen or self._memory.load()
        stored = self._follower.names()
        changed = [
            file
            for location, (file, signature) in now.files.items()
            if known.get(location, _NONE)[1] != signature or not (file.name in stored or location in self._empty)
        ]
        gone = [file.name for location, (file, _) in known.items() if location not in now.files]
        self._seen = {**known, **now.files}
        for location in [location for location in self._seen if location not in now.files]:
            del self._seen[location]
        self._follow(changed, gone if self._options.mirror else [])
        self._memory.save(self._seen)
        self._rescanned_s = time.monotonic()
        self._is_restless = False
        return len(now.files)

    def notice(self, locations: Iterable[str]) -> None:
        """Follow the files at these places at once, whatever is known of them."""
        self.distrust()
        files = []
        for location in set(locations):
            file = self._sources.file_at(location, self._roots)
            signature = signature_of(location)
            if file is not None and signature is not None:  # what has gone, the look after this burst finds
                files.append(file)
                self._seen[location] = (file, signature)
        self._follow(files, [])

    def settle(self) -> None:
        """Look again at what was in doubt, and at everything after a burst, or after a long time."""
        again = [doubt.file for location, doubt in list(self._doubts.items()) if self._is_another(location, doubt)]
        self._follow(again, [])
        now_s = time.monotonic()
        is_over = self._is_restless and now_s - self._last_s >= _QUIET_S
        if is_over or now_s - self._rescanned_s >= (_LONG_BURST_S if self._is_restless else _RESCAN_S):
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

    # -- files

    def _follow(self, files: list[SourceFile], gone: list[str]) -> None:
        for start in range(0, len(files), _BATCH):
            self._follow_batch(files[start : start + _BATCH], [])
        if gone:
            self._follow_batch([], gone)

    def _follow_batch(self, files: list[SourceFile], gone: list[str]) -> None:
        by_name = {file.name: file for file in files}
        try:
            outcomes = self._follower.follow(files, gone)
        except Locked:  # another process works on the store: these files are not lost
            for file in files:
                self._doubts[file.location] = _Doubt(file, time.monotonic(), None)
            self._is_restless = self._is_restless or bool(gone)
            return
        for outcome in outcomes:
            if outcome.name in by_name:
                self._take(outcome, by_name[outcome.name])
            else:
                self._tell(outcome)

    def _take(self, outcome: Followed, file: SourceFile) -> None:
        """Tell what became of a file, unless it may be half of one, and keep it in doubt where this may not be the last."""
        location, signature = file.location, signature_of(file.location)
        (self._empty.discard if outcome.blobs else self._empty.add)(location)
        is_told = self._digests.get(location) == outcome.digest and outcome.outcome in ("unchanged", "none")
        self._digests[location] = outcome.digest
        if outcome.outcome != "bad" and not is_told:
            self._tell(outcome)
        is_young = signature is not None and time.time() - signature[1] / 1e9 < _TICK_S
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
                self._tell(followed)
            elif self._options.consume and followed.blobs:
                self._consume(followed, location)
            return False
        del self._doubts[location]
        return digest is not None

    def _consume(self, followed: Followed, location: str) -> None:
        """Remove a file whose recordings are in the store, each read again, if nobody has written it since."""
        signature = signature_of(location)
        for blob in followed.blobs:
            self._follower.store.read_blob(blob)
        if _digest_at(location) == followed.digest and signature_of(location) == signature:
            os.unlink(location)
            self._seen.pop(location, None)


def _digest_at(location: str) -> str | None:
    """Return the digest of the file's bytes, None if there is none that can be read."""
    try:
        return digest_of(Path(location).read_bytes())
    except OSError:
        return None


_NONE: Final = (None, None)
