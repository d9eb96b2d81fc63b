"""The loop: what changes is brought into the store, and looked at again until nothing is in doubt.

Events only say where to look at once. What counts is what lies there: after every burst, and now and then without one, all
sources are compared with what was seen of them, so that an event that was lost delays a recording and loses none. A
file that cannot be read is tried again for a while: its recorder may be writing it. While the store cannot be written,
nothing is given up: the files wait.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from recstore.errors import RecstoreError
from recstore.importers.scan import SourceFile
from recstore.watch.checkpoint import Memory, Remembered
from recstore.watch.consume import SpentFiles, digest_at
from recstore.watch.import_changes import Followed, Follower
from recstore.watch.sources import Sources, has_gone

_QUIET_S: Final = 0.3
"""So long nothing has happened when a burst is over, and a file that cannot be read is called bad."""

_TICK_S: Final = 0.1
"""So long after a write another one may leave the same time on a file."""

_LONG_BURST_S: Final = 5.0
_RESCAN_S: Final = 60.0
"""Between two looks at everything: while a burst goes on, and while nothing happens."""

_RETRY_S: Final = 1.0
"""After trouble with the store."""

_REST: Final = 150
"""So many times as long as a look took nothing is looked at: watching costs less than one part in a hundred."""

_BATCH: Final = 200
_BIG_BATCH: Final = 5_000
"""Files that are followed at once: as they come, and where so many are new that nobody waits for the first."""


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A file that is looked at again: when it was followed, and what came of it; None where the store could not be written."""

    file: SourceFile
    since_s: float
    followed: Followed | None


class Watcher:
    """Keeps one store in step with its sources.

    `tell` is called with what became of each file, `wait` with what keeps the store from being written, once, and with
    None when that is over; both from the same thread. With `is_mirror`, recordings whose files go, go as well. `spent` are
    the files that are to be consumed, `roots` what the last look looked at.
    """

    def __init__(
        self,
        follower: Follower,
        sources: Sources,
        tell: Callable[[Followed], None],
        wait: Callable[[RecstoreError | None], None] = lambda _: None,
        *,
        is_mirror: bool = False,
    ) -> None:
        self._follower = follower
        self._sources = sources
        self._is_mirror = is_mirror
        self._tell = tell
        self._wait = wait
        self._memory = Memory(follower.store.local, (*sources.stated, follower.reading))
        self.spent = SpentFiles(follower.store)
        self._seen: dict[str, SourceFile] | None = None
        self._doubts: dict[str, _Doubt] = {}
        self._digests: dict[str, str] = {}
        self._refused: set[str] = set()
        self._empty: set[str] = set()
        self._bad: dict[str, str] = {}
        self._gone: set[str] = set()
        self._state = ""
        self.roots: dict[str, int] = {}
        self._is_restless = False
        self._trouble = ""
        self._retry_s = 0.0
        self._last_s = self._rescanned_s = time.monotonic()
        self._rest_s = _RESCAN_S

    # -- what the loop calls: nothing that is wrong with the store ends it

    def look(self) -> None:
        """Compare all sources with what was seen of them, and follow what differs."""
        with self._patience():
            self._rescan()

    def notice(self, locations: Iterable[str]) -> None:
        """Follow the files at these places at once, whatever is known of them."""
        self.distrust()
        found = [self._sources.file_at(location, self.roots) for location in set(locations)]
        files = [file for file in found if file is not None]  # what has gone, the look after this burst finds
        if self._seen is not None:
            self._seen.update((file.location, file) for file in files)
        with self._patience():
            self._follow(files)

    def settle(self) -> None:
        """Look again at what was in doubt, and at everything after a burst, or after a long time."""
        if time.monotonic() >= self._retry_s:
            with self._patience():
                self._settle()

    def distrust(self) -> None:
        """Have everything looked at again soon: what came before somebody listened was not heard."""
        self._last_s, self._is_restless = time.monotonic(), True

    def look_at_store(self) -> None:
        """Tell what other processes have stored."""
        with self._patience():
            self._follower.ensure_store()
            for recorded in self._follower.recorded():
                self._tell(recorded)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is in doubt, and no burst is on."""
        return not self._doubts and not self._is_restless

    # -- what ends with all that is there

    def settle_down(self) -> None:
        """Look until nothing is in doubt, and no file waits to be consumed.

        Raises: RecstoreError: of the store.
        """
        self._rescan()
        while not self.is_settled or (self.spent and not self.spent.is_held):
            time.sleep(_TICK_S / 2)
            self._settle()
        self._save()

    def _settle(self) -> None:
        again = [doubt.file for location, doubt in list(self._doubts.items()) if self._is_another(location, doubt)]
        self._follow(again)
        self._consume()
        now_s = time.monotonic()
        if self._is_restless and now_s - self._last_s >= _QUIET_S:
            self._rescan()
            self._save()
        elif now_s - self._rescanned_s >= (_LONG_BURST_S if self._is_restless else self._rest_s):
            self._rescan()

    def _rescan(self) -> None:
        start_s = time.monotonic()
        self._is_restless = True  # until this is done
        self._follower.ensure_store()
        now = self._sources.look()
        for place in sorted(now.refused.keys() - self._refused):
            self._tell(Followed(place, "bad", problem=now.refused[place]))
        self._refused |= now.refused.keys()
        self.roots = self._sources.roots()
        state = self._follower.state()  # before the names: what changes between the two is not taken for known
        known, is_trusted = self._known(now.files, state)
        stored: Collection[str] = () if is_trusted else self._follower.names()
        changed = [
            file
            for location, file in now.files.items()
            if known.get(location) != file
            or not (is_trusted or file.name in stored or location in self._empty or location in self._doubts)
        ]
        if self._is_mirror:
            left = known.keys() - now.files.keys()
            self._gone |= {known[location].name for location in left if has_gone(location)}
            self._gone -= {file.name for file in now.files.values()}
        self._seen = now.files
        self._rescanned_s = time.monotonic()
        self._rest_s = max(_RESCAN_S, _REST * (self._rescanned_s - start_s))
        self._is_restless = bool(changed or self._gone)  # until a look finds nothing to follow
        self._state = "" if self._is_restless else state
        self._follow(changed)
        self._forget()

    def _known(self, now: dict[str, SourceFile], state: str) -> tuple[dict[str, SourceFile], bool]:
        """Return what was seen at the last look, and whether all of it is known to be in the store, still."""
        if self._seen is not None:
            return self._seen, False
        if self._follower.keeps:
            return {}, False  # whatever lies there is to go, also what an earlier watcher has stored
        remembered = self._memory.load(now)
        self._empty = set(remembered.empty)
        return remembered.files, remembered.manifests == state != ""

    def _save(self) -> None:
        """Note what was seen; files that the next watcher is to follow, or to tell of, as others than they are."""
        again = self._doubts.keys() | self._bad.keys()
        seen = self._seen or {}
        files = {
            location: file if location not in again else file._replace(size_bytes=-1) for location, file in seen.items()
        }
        self._digests.clear()
        self._memory.save(Remembered(files, frozenset(self._empty & seen.keys() - again), self._state))

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Have what is wrong with the store be told once, and everything be tried again until it is right."""
        try:
            yield
        except RecstoreError as problem:
            self.distrust()
            self._retry_s = time.monotonic() + _RETRY_S
            if self._trouble != str(problem):
                self._wait(problem)
            self._trouble = str(problem)
        else:
            if self._trouble and self.is_settled:
                self._trouble = ""
                self._wait(None)

    # -- files

    def _follow(self, files: list[SourceFile]) -> None:
        size = _BATCH if len(files) < _BIG_BATCH else _BIG_BATCH
        for start in range(0, len(files), size):
            batch = files[start : start + size]
            try:
                outcomes = self._follower.follow(batch)
            except RecstoreError:  # none of these files is lost
                now_s = time.monotonic()
                self._doubts.update((file.location, _Doubt(file, now_s, None)) for file in files[start:])
                raise
            by_name = {file.name: file for file in batch}
            for outcome in outcomes:
                self._take(outcome, by_name[outcome.name])

    def _forget(self) -> None:
        """Have the store forget what has gone."""
        if self._gone:
            for outcome in self._follower.follow([], self._gone):
                self._tell(outcome)
            self._gone = set()

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
        if outcome.outcome == "bad" or is_young:
            self._doubts[location] = _Doubt(file, time.monotonic(), outcome)
        if self._follower.keeps and outcome.outcome != "bad" and outcome.blobs:
            self.spent.add(file, outcome)
        else:
            self.spent.discard(location)

    def _is_another(self, location: str, doubt: _Doubt) -> bool:
        """Return whether a file in doubt has to be followed again; otherwise, in time, it is in doubt no more."""
        followed, waited_s = doubt.followed, time.monotonic() - doubt.since_s
        if waited_s < _TICK_S:
            return False
        digest = digest_at(location)
        if followed is not None and digest == followed.digest:
            if followed.outcome == "bad" and waited_s < _QUIET_S:
                return False
            del self._doubts[location]
            if followed.outcome == "bad":
                if self._bad.get(location) != digest:
                    self._tell(followed)
                self._bad[location] = digest
            return False
        del self._doubts[location]
        return digest is not None

    def _consume(self) -> None:
        """Remove files whose recordings are in the store; one that somebody has written since is followed again."""
        for file, fate, followed in self.spent.remove():
            if fate == "removed":
                (self._seen or {}).pop(file.location, None)
                self._tell(Followed(file.name, "consumed", followed.tests, followed.blobs))
            elif fate == "other":
                self._doubts[file.location] = _Doubt(file, time.monotonic(), None)
            elif fate == "kept":
                self._tell(followed)


def _modified_ns(location: str) -> int | None:
    """Return when the file was written, None if there is none."""
    try:
        return os.stat(location).st_mtime_ns
    except OSError:
        return None
