"""The index says what the files say, whatever has happened to them since it last looked."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from recstore.content.canonical import request_key
from recstore.errors import RecstoreError
from recstore.model import BlobName, Digest, Entry, JsonBody, Manifest, Recording, Request, Response
from recstore.store import Store
from recstore.store.blob import encode_recording
from recstore.store.directory import Directory
from recstore.store.index import INDEX_NAME, SCHEMA_VERSION, Index
from recstore.store.manifest import format_manifest, manifest_path

RECORDINGS: Final = [
    Recording(
        Request("POST", "openai", "/v1/chat", body=JsonBody({"prompt": prompt})),
        Response(body=JsonBody({"text": answer})),
    )
    for prompt in ("Hello", "Other")
    for answer in ("aaa", "bbb")  # of one size: only the digest tells a manifest from another
]
TEST: Final = "tests/test_a.py::test_a"
TICK_NS: Final = 2_000_000_000
LONG_AGO_NS: Final = 1_600_000_000_000_000_000

recordings = st.sampled_from(RECORDINGS)
lists = st.lists(recordings, min_size=1, max_size=2)
tests = st.sampled_from([TEST, "tests/test_a.py::test_b", None])
picks = st.integers(0, 7)


class _UnsyncedDirectory(Directory):
    """A directory that leaves it to the system when to write: no test pulls the plug."""

    def flush(self) -> None:
        self._unflushed.clear()


class IndexFollows(RuleBasedStateMachine):
    """A store on a file system with a slow clock, one index that lives on, and another that begins anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        root = Store.create(self.folder).directory.root
        self.store = Store(_UnsyncedDirectory(root))
        self.other = Store(_UnsyncedDirectory(root))
        self.hours = itertools.count()
        self.once_sound: set[BlobName] = set()

    def teardown(self) -> None:
        """Ask a last time."""
        try:
            self.ask()
        finally:
            shutil.rmtree(self.folder)

    @initialize(recorded=lists)
    def begin(self, recorded: list[Recording]) -> None:
        """Have something to begin with."""
        self.put(TEST, recorded)

    @rule(test_id=tests, recorded=lists)
    def put(self, test_id: str | None, recorded: list[Recording]) -> None:
        """Record a test, for the first time or again; damage that is in the way stays."""
        with suppress(RecstoreError):
            self.store.put(test_id, recorded)
        self.once_sound |= {_name_of(one) for one in recorded if self._has(one)}
        self._tick_slowly()

    @rule(recorded=recordings)
    def rewrite_in_place(self, recorded: Recording) -> None:
        """Write over a manifest, as other programs do: the inode stays, the size too; a blob there may be or not."""
        path = self.store.directory.path(manifest_path(TEST))
        if path.exists():
            path.write_bytes(format_manifest(Manifest(TEST, (Entry(_name_of(recorded), 1),))))
        self._tick_slowly()

    @rule(pick=picks)
    def remove_manifest(self, pick: int) -> None:
        """Remove one."""
        for path in self._picked(pick, "tests", "shared"):
            path.unlink()

    @rule(pick=picks)
    def remove_blob(self, pick: int) -> None:
        """Remove one, named or not."""
        for path in self._picked(pick, "blobs"):
            path.unlink()

    @rule(pick=picks, tail=st.sampled_from([b"", b"x", b"<<<<<<< HEAD\n"]))
    def damage_manifest(self, pick: int, tail: bytes) -> None:
        """Flip a byte of one or add to it; done twice, the flip mends it."""
        for path in self._picked(pick, "tests", "shared"):
            data = path.read_bytes()
            path.write_bytes(data + tail if tail else data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        self._tick_slowly()

    @rule(recorded=recordings, data=st.sampled_from([None, b"", b"damage"]))
    def damage_or_mend_blob(self, recorded: Recording, data: bytes | None) -> None:
        """Put a damaged blob there, or its bytes; one that was ever sound is trusted, and left alone."""
        name = _name_of(recorded)
        if name not in self.once_sound:
            sound = encode_recording(recorded)
            same_size = sound.replace(b"openai", b"opened")
            mended = data is None and self.store.directory.path(name.path).exists()
            self.store.directory.write(name.path, sound if mended else data or same_size)
            self.once_sound |= {name} if mended else set()

    @rule()
    def let_time_pass(self) -> None:
        """Let every manifest come to rest, at a time that no file had before."""
        at_ns = LONG_AGO_NS + next(self.hours) * 3600 * TICK_NS
        for path in self._files("tests", "shared"):
            os.utime(path, ns=(at_ns, at_ns))

    @rule(data=st.sampled_from([None, b"", b"garbage" * 99]))
    def spoil_index(self, data: bytes | None) -> None:
        """Lose the database, or damage it."""
        path = self.store.local.path(INDEX_NAME)
        path.unlink(missing_ok=True)
        if data is not None and path.parent.exists():
            path.write_bytes(data)

    @rule()
    def outdate_index(self) -> None:
        """Leave a database of another schema behind."""
        path = self.store.local.path(INDEX_NAME)
        if path.exists():
            with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    @rule()
    def ask(self) -> None:
        """Ask the one that lives on, and one that knows nothing."""
        expected = list(_answers(_rebuilt(self.store)))

        assert expected == list(_answers(Index(self.store)))

    @rule()
    def ask_another(self) -> None:
        """Ask through another index of the same database."""
        expected = list(_answers(_rebuilt(self.store)))

        assert expected == list(_answers(Index(self.other)))

    def _tick_slowly(self) -> None:
        """Round the time of every file down, as a file system does whose clock ticks every two seconds."""
        for path in self._files("tests", "shared"):
            at_ns = path.stat().st_mtime_ns // TICK_NS * TICK_NS
            os.utime(path, ns=(at_ns, at_ns))

    def _has(self, recording: Recording) -> bool:
        return self.store.directory.read(_name_of(recording).path) == encode_recording(recording)

    def _files(self, *folders: str) -> list[Path]:
        return [Path(file.path) for folder in folders for file in self.store.directory.walk(folder)]

    def _picked(self, pick: int, *folders: str) -> list[Path]:
        files = self._files(*folders)
        return files[pick % len(files) :][:1] if files else []


def _name_of(recording: Recording) -> BlobName:
    return BlobName(request_key(recording.request), Digest.of(encode_recording(recording)))


def _rebuilt(store: Store) -> Index:
    """Return an index that has read every file of the store just now, and leaves no file of its own there."""
    with tempfile.TemporaryDirectory() as folder:
        knows_nothing = Store(store.directory)
        knows_nothing.local = Directory(Path(folder))
        return Index(knows_nothing)


def _answers(index: Index) -> Iterator[object]:
    with index:
        rows = list(index.listing())
        yield rows
        yield [row.entry.origin for row in rows]
        yield list(index.blob_rows())
        yield [(type(problem), problem.args) for problem in index.problems]
        for row in rows:
            yield index.uses_of(row.entry.blob.key)
            yield index.resolve(row.entry.blob.digest[:6])


TestIndexFollows = IndexFollows.TestCase
TestIndexFollows.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
