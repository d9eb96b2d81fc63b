"""The watcher: files that change are imported, and looked at again until they are final.

Events only say where to look at once. A scan of all sources, after every burst and now and then without one, finds what
changed, so that a lost event delays a recording and loses none. A file that cannot be read is tried again for a while:
its recorder may be writing it. While the store cannot be written, nothing is given up: the files wait.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from recstore.errors import RecstoreError
from recstore.files import read_file
from recstore.importers.scan import SourceFile, Sources, is_removed
from recstore.model import Digest
from recstore.store.directory import Directory
from recstore.store.fingerprints import load_note, save_note
from recstore.store.index import Index
from recstore.watch.import_changes import ChangeImporter, WatchResult

_TICK_S: Final = 0.1  # two writes within this time may leave one time on a file
_QUIET_S: Final = 0.3  # after this long without an event a burst is over, and a file that cannot be read is reported
_CONSUME_AFTER_S: Final = 2.0  # from reading a file to deleting it: some recorders write one recording at a time
_OLD_S: Final = 10.0  # since it was written, by its own time: then it is deleted at once. Clocks differ by less
_LONG_BURST_S: Final = 5.0  # between two scans during a burst
_RESCAN_S: Final = 60.0  # between two scans without events
_ROOTS_S: Final = 0.5  # between two looks whether there are other folders
_COST_FACTOR: Final = 150  # and this many times as long as the last scan or look took: under one part in a hundred
_RETRY_S: Final = 1.0  # after trouble with the store
_BATCH_SIZE: Final = 200  # files that are imported at once, as they come
_BIG_BATCH_SIZE: Final = 5_000  # and where so many are new that nobody waits for the first
_CHECKPOINT: Final = "watch.json"
_CHECKPOINT_VERSION: Final = 5


class Clock(Protocol):
    """The module `time`, or a test's clock. Units: seconds."""

    def monotonic(self) -> float:
        """Return the time since some moment."""

    def time(self) -> float:
        """Return the time since 1970, by the clock that stamps files."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class Status(Enum):
    """How far the watcher is with one file."""

    CHANGED = "changed"  # to be imported: new or written since, or the store could not be written
    SETTLING = "settling"  # imported or unreadable, and perhaps half written: its bytes are compared once more
    CONSUMABLE = "consumable"  # imported, and deleted once nobody has written to it for a while
    IMPORTED = "imported"
    EMPTY = "empty"  # holds no recording
    INVALID = "invalid"  # reported as unreadable


_FINAL: Final = (Status.IMPORTED, Status.EMPTY, Status.INVALID)


@dataclass(slots=True)
class TrackedFile:
    """All that is known of one source file."""

    source: SourceFile
    status: Status = Status.CHANGED
    read_at_s: float = 0.0  # monotonic
    result: WatchResult | None = None  # of the last import
    reported: str | None = None  # the digest of the bytes that were last reported in this burst


class Watcher:
    """Keeps one store in step with its sources.

    `on_result` is called with what became of each file, `on_trouble` with what keeps the store from being written,
    once, and with None when that is over; both from the calling thread. While `holds_files`, none is deleted.
    """

    def __init__(
        self,
        importer: ChangeImporter,
        sources: Sources,
        clock: Clock,
        on_result: Callable[[WatchResult], None],
        on_trouble: Callable[[RecstoreError | None], None] = lambda _: None,
    ) -> None:
        self.holds_files = False
        self._importer = importer
        self._sources = sources
        self._clock = clock
        self._on_result = on_result
        self._on_trouble = on_trouble
        self._identity = [list(sources.stated), importer.config_digest]
        self._roots: dict[str, int] = {}  # what the last scan looked into
        self._files: dict[str, TrackedFile] = {}
        self._unfinished: dict[str, TrackedFile] = {}
        self._removed: set[str] = set()
        self._refused: set[str] = set()
        self._is_loaded = self._is_dirty = False
        self._trouble = self._manifests_digest = ""
        self._changed_at_s = self._scanned_at_s = clock.monotonic()
        self._retry_at_s = 0.0
        self._rescan_after_s = _RESCAN_S

    # -- nothing that is wrong with the store ends these

    @property
    def is_settled(self) -> bool:
        """Whether every file is final or waits to be deleted, and no burst is on."""
        return not self._is_dirty and all(file.status is Status.CONSUMABLE for file in self._unfinished.values())

    def request_rescan(self) -> None:
        """Have all sources scanned soon: something happened, or may have happened unheard."""
        self._changed_at_s, self._is_dirty = self._clock.monotonic(), True

    def rescan(self) -> None:
        """Scan all sources now, and import what changed."""
        with self._reporting_trouble():
            self._scan()

    def tick(self, events: Iterable[str] = ()) -> None:
        """Import the files at the paths of `events` whatever is known of them, and do what is due."""
        for location in set(events):
            self.request_rescan()
            source = self._sources.file_at(location, self._roots)
            if source is not None:  # what was removed, the scan after this burst finds
                self._mark_changed(source)
        if self._clock.monotonic() >= self._retry_at_s:
            with self._reporting_trouble():
                self._advance()

    def follow(self, stop: Event, on_tick: Callable[[], None]) -> None:
        """Follow the sources until `stop` is set; `on_tick` is called some times a second.

        Folders that are added, removed or made again are watched from then on. The index follows the store, whoever
        writes it.
        """
        import watchfiles

        store = self._importer.store
        own_folder = os.path.realpath(store.directory.root)
        own, local = f"{own_folder}{os.sep}", os.path.join(own_folder, "local")

        def find_roots() -> dict[str, int]:
            roots = self._sources.roots()
            with suppress(FileNotFoundError):
                roots[own_folder] = os.stat(own_folder).st_ino
            return roots

        while not stop.is_set():
            roots, scanned_roots = find_roots(), self._roots
            pause_s, found_at_s, is_index_old, is_first = _ROOTS_S, time.monotonic(), True, True
            try:
                for batch in watchfiles.watch(
                    *roots,
                    watch_filter=None,
                    debounce=20,
                    step=5,
                    stop_event=stop,
                    rust_timeout=100,
                    yield_on_timeout=True,
                    ignore_permission_denied=True,
                ):
                    if is_first:  # what happened before was not heard
                        is_first = False
                        self.request_rescan()
                    paths = {path for _, path in batch}
                    of_store = {path for path in paths if path.startswith(own)}
                    is_index_old = is_index_old or not all(path.startswith(local) for path in of_store)
                    self.tick(paths - of_store)
                    if is_index_old and self.is_settled and not batch:
                        self.report_recorded()
                        with suppress(RecstoreError):  # it is tried again
                            Index(store).close()
                            is_index_old = False
                    on_tick()
                    if self._roots != scanned_roots:  # a scan has found a folder that nobody listens to
                        break
                    if time.monotonic() - found_at_s >= pause_s:
                        found_at_s, used_s = time.monotonic(), time.thread_time()
                        if find_roots() != roots:
                            break
                        pause_s = max(_ROOTS_S, _COST_FACTOR * (time.thread_time() - used_s))
            except FileNotFoundError:  # a folder was removed before it could be watched
                time.sleep(_TICK_S)
            self.rescan()

    def report_recorded(self) -> None:
        """Report what other processes have stored: for each test, the blobs that are new to it."""
        with self._reporting_trouble():
            self._importer.ensure_store()
            self._importer.tracker.refresh()
            for test_id, blobs, has_new_answer in self._importer.tracker.take_recorded():
                name = test_id or "(outside any test)"
                self._on_result(WatchResult(name, "recorded", (test_id,), blobs, has_new_answer))

    # -- what ends with all that is there

    def drain(self) -> None:
        """Work until every file is final, and none waits to be deleted.

        Raises: RecstoreError: of the store.
        """
        self._scan()
        while not self.is_settled or (self._unfinished and not self.holds_files):
            self._clock.sleep(_TICK_S / 2)
            self._advance()
        self._save()

    def _advance(self) -> None:
        self._settle()
        self._import_changed()
        self._consume()
        now_s = self._clock.monotonic()
        if self._is_dirty and now_s - self._changed_at_s >= _QUIET_S:
            self._scan()
            self._save()
        elif now_s - self._scanned_at_s >= (_LONG_BURST_S if self._is_dirty else self._rescan_after_s):
            self._scan()

    def _scan(self) -> None:
        started_at_s = self._clock.monotonic()
        self._is_dirty = True  # until this is done
        self._importer.ensure_store()
        sources, refused = self._sources.scan()
        for path in sorted(refused.keys() - self._refused):
            self._on_result(WatchResult(path, "bad", problem=refused[path]))
        self._refused |= refused.keys()
        self._roots = self._sources.roots()
        digest = self._importer.tracker.digest()  # before the names: a change between the two is not taken for known
        is_known = self._load() == digest != "" if not self._is_loaded else False
        stored: Collection[str] = ()
        if not is_known:
            self._importer.tracker.refresh(thorough=True)
            stored = self._importer.tracker.names()
        self._is_loaded = True
        for location, source in sources.items():
            file = self._files.get(location)
            if file is None or file.source != source:
                self._mark_changed(source)
            elif file.status in (Status.IMPORTED, Status.CONSUMABLE) and not (is_known or source.name in stored):
                self._put(file, Status.CHANGED)
        for location in self._files.keys() - sources.keys():
            file = self._files.pop(location)
            self._unfinished.pop(location, None)
            if self._importer.mirror and is_removed(location):
                self._removed.add(file.source.name)
        self._removed -= {source.name for source in sources.values()}
        self._scanned_at_s = self._clock.monotonic()
        self._rescan_after_s = max(_RESCAN_S, _COST_FACTOR * (self._scanned_at_s - started_at_s))
        has_changes = any(file.status is Status.CHANGED for file in self._unfinished.values())
        self._is_dirty = has_changes or bool(self._removed)  # until a scan finds nothing to do
        self._manifests_digest = "" if self._is_dirty else digest
        self._import_changed()
        if self._removed:
            for result in self._importer.import_files([], self._removed):
                self._on_result(result)
            self._removed = set()

    @contextmanager
    def _reporting_trouble(self) -> Iterator[None]:
        """Report what is wrong with the store once, and try everything again until it is over."""
        try:
            yield
        except RecstoreError as problem:
            self.request_rescan()
            self._retry_at_s = self._clock.monotonic() + _RETRY_S
            if self._trouble != str(problem):
                self._on_trouble(problem)
            self._trouble = str(problem)
        else:
            if self._trouble and self.is_settled:
                self._trouble = ""
                self._on_trouble(None)

    # -- files

    def _mark_changed(self, source: SourceFile) -> None:
        file = self._files.setdefault(source.location, TrackedFile(source))
        file.source = source
        self._put(file, Status.CHANGED)

    def _put(self, file: TrackedFile, status: Status) -> None:
        file.status = status
        if status in _FINAL:
            self._unfinished.pop(file.source.location, None)
        else:
            self._unfinished[file.source.location] = file

    def _with_status(self, status: Status) -> list[TrackedFile]:
        return [file for file in self._unfinished.values() if file.status is status]

    def _import_changed(self) -> None:
        """Import the files that changed. Where the store cannot be written they stay so: none is lost."""
        changed = self._with_status(Status.CHANGED)
        size = _BATCH_SIZE if len(changed) < _BIG_BATCH_SIZE else _BIG_BATCH_SIZE
        for start in range(0, len(changed), size):
            batch = {file.source.name: file for file in changed[start : start + size]}
            for result in self._importer.import_files([file.source for file in batch.values()]):
                self._take(batch[result.name], result)

    def _take(self, file: TrackedFile, result: WatchResult) -> None:
        """Report the result unless the file may be half written, and compare its bytes again if they may be older."""
        file.read_at_s, file.result = self._clock.monotonic(), result
        modified_s = 0.0
        with suppress(OSError):
            modified_s = os.stat(file.source.location).st_mtime
        if result.problem is None:
            self._report(file, result)
        if result.problem is not None or self._clock.time() - modified_s < _TICK_S:
            self._put(file, Status.SETTLING)
        else:
            self._finish(file, result)

    def _report(self, file: TrackedFile, result: WatchResult) -> None:
        """Report the result, unless it says nothing new of bytes that were reported in this burst."""
        if file.reported != result.digest or result.outcome not in ("unchanged", "none", "bad"):
            self._on_result(result)
        file.reported = result.digest

    def _finish(self, file: TrackedFile, result: WatchResult) -> None:
        if result.problem is not None:
            self._report(file, result)
            self._put(file, Status.INVALID)
        elif not result.blobs:
            self._put(file, Status.EMPTY)
        else:
            self._put(file, Status.CONSUMABLE if self._importer.consume else Status.IMPORTED)

    def _settle(self) -> None:
        for file in self._with_status(Status.SETTLING):
            waited_s = self._clock.monotonic() - file.read_at_s
            if waited_s < _TICK_S or file.result is None:
                continue
            digest = _digest_at(file.source.location)
            if digest is None:  # the next scan imports it if it is back
                self._put(file, Status.EMPTY)
                file.source = file.source._replace(size_bytes=-1)
            elif digest != file.result.digest:
                self._put(file, Status.CHANGED)
            elif file.result.problem is None or waited_s >= _QUIET_S:
                self._finish(file, file.result)

    def _consume(self) -> None:
        """Delete files whose recordings are in the store; one that was written since is imported again."""
        for file in [] if self.holds_files else self._with_status(Status.CONSUMABLE):
            source, result = file.source, file.result
            is_old = self._clock.time() - source.modified_ns / 1e9 >= _OLD_S
            if result is None or not (is_old or self._clock.monotonic() - file.read_at_s >= _CONSUME_AFTER_S):
                continue
            try:
                if not self._importer.is_stored(result) or _digest_at(source.location) != result.digest:
                    self._put(file, Status.CHANGED)
                    continue
                Directory(Path(source.location).parent).remove(Path(source.location).name)
            except RecstoreError as problem:
                self._put(file, Status.IMPORTED)
                self._on_result(replace(result, outcome="bad", problem=problem))
                continue
            del self._files[source.location], self._unfinished[source.location]
            self._on_result(WatchResult(source.name, "consumed", result.tests, result.blobs))

    # -- the checkpoint: what has not changed since the last watcher of these sources ended need not be read again

    def _load(self) -> str:
        """Take over the files of the checkpoint, and return the digest of the manifests that it was saved with.

        "", and no file, where it is absent, damaged, of other sources or another configuration.
        """
        note = load_note(self._importer.store.local, _CHECKPOINT, _CHECKPOINT_VERSION)
        if self._importer.consume or note.get("identity") != self._identity:
            return ""  # a file that an earlier watcher has stored is deleted as well
        try:
            files = [
                TrackedFile(SourceFile(str(location), *map(int, numbers)), Status(status))
                for status, location, *numbers in note["files"]
            ]
        except (ValueError, TypeError, KeyError):
            return ""
        if any("\0" in file.source.location for file in files):
            return ""
        for file in files:
            self._files[file.source.location] = file
            self._put(file, file.status)
        return str(note.get("manifests", ""))

    def _save(self) -> None:
        """Write the checkpoint, where the store can be written, at the end of a burst.

        Shape: `{"version":5,"identity":[...],"manifests":<digest>,"files":[[<status>,<location>,<root_length>,<inode>,
        <modified_ns>,<size_bytes>],...]}`; a file that the next watcher is to read has the status "changed".
        """
        files = []
        for file in self._files.values():
            if file.status is not Status.INVALID:
                file.reported = None
            is_known = file.status in (Status.IMPORTED, Status.EMPTY)
            files.append(((file.status if is_known else Status.CHANGED).value, *file.source))
        members = {"identity": self._identity, "manifests": self._manifests_digest, "files": files}
        with suppress(RecstoreError):  # the next watcher reads everything
            save_note(self._importer.store.local, _CHECKPOINT, _CHECKPOINT_VERSION, **members)


def _digest_at(location: str) -> str | None:
    """Return the digest of the file's bytes, "" if they cannot be read, None if it does not exist."""
    try:
        return Digest.of(read_file(location))
    except FileNotFoundError:
        return None
    except OSError:
        return ""
