"""Eight processes at work on one store in one Git repository: `python -m tests.races.racing SECONDS SEED FOLDER`.

Prints a line of JSON at the end: how often each did what, or what went wrong, with the seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.content.canonical import request_key
from recstore.errors import RecstoreError
from recstore.git import Repository
from recstore.git.history import find_blobs
from recstore.model import BlobName, Digest, Entry
from recstore.record.publish import NewRecording, publish
from recstore.store import FOLDER, Store
from recstore.store.blob import encode_recording
from recstore.store.verify import verify_store
from tests.crash.operations import called
from tests.forked import fork
from tests.generator import as_recorded, generated
from tests.git_repository import GitRepository, recording

__all__ = ["main"]

TESTS: Final = tuple(f"tests/test_{name}.py::test_{name}" for name in "abcdef")
IMPORTED, WATCHED = "tests/imported", "tests/watched"
PATIENCE_S: Final = 120.0
"""So long a process may take to end after its time: it may wait for others."""

CODES: Final = frozenset({0, 1, 10, 20, 30, 40, 41})
"""How a command may end beside others.

Done; something taken away meanwhile; missing until it is healed; half a file, for Git writes in place; locked; Git at work; in conflict until somebody resolves it.
"""


def main(seconds: float, seed: int, folder: Path) -> None:
    """Let them work for so long, then look at what is left."""
    race = Race(folder / "project", seed, time.time() + seconds)
    race.prepare()
    running = {role: fork(_working(race, role), folder / role) for role in ROLES}
    counts: dict[str, object] = {}
    try:
        for role in ROLES:
            process = running[role]
            code = process.wait(seconds + PATIENCE_S)
            del running[role]
            assert code == 0, f"seed {seed}: {role}: exit code {code}:\n{process.said[-4000:]}"
            assert "Traceback" not in process.said, f"seed {seed}: {role}:\n{process.said[-4000:]}"
            counts[role] = json.loads(process.said.splitlines()[-1])
    finally:
        for process in running.values():
            with suppress(ProcessLookupError):
                process.kill()
    told = [name for role in ROLES for name in _told(folder / f"project/.git/told-{role}")]
    print(json.dumps({**counts, "told": len(told), **race.look(told)}))  # noqa: T201 - what a driver is for


def _working(race: Race, role: str) -> Callable[[], int]:
    def work() -> int:
        counts: Counter[str] = Counter()
        for done in ROLES[role](race, role, random.Random(f"{race.seed} {role}")):  # noqa: S311 - the same seed draws the same
            counts[done] += 1
            if time.time() > race.until_s:
                break
        print(json.dumps(counts))  # noqa: T201 - what a driver is for
        return 0

    return work


def _told(notes: Path) -> Iterator[BlobName]:
    for line in notes.read_text().splitlines() if notes.exists() else ():
        name = BlobName.parse(line)
        assert name is not None
        yield name


@dataclass(frozen=True)
class Race:
    """The project, what is drawn, and until when they work (seconds since the epoch)."""

    project: Path
    seed: int
    until_s: float

    def prepare(self) -> None:
        """Make the project, with two branches, and import here what the processes import."""
        made = GitRepository.create(self.project)
        shutil.rmtree(self.project / ".git/hooks", ignore_errors=True)
        made.write(".gitignore", f"{IMPORTED}\n{WATCHED}\n")
        made.test_file("tests/test_a.py", "test_a")
        for folder in (IMPORTED, WATCHED):
            (self.project / folder).mkdir(parents=True)
        for test_id in TESTS[:3]:
            made.record(test_id, f"of {test_id}", "shared")
        made.commit()
        made.git("branch", "other")
        for words in (("gc",), ("import", IMPORTED), ("verify",), ("restore",), ("check",), ("ls",)):
            called(*words)(self.project)

    def run(self, *words: str) -> str:
        """Run a command, and return how it ended."""
        done = called(*words)(self.project)
        if done.code not in CODES or "defect" in done.said:
            raise AssertionError(f"{words} ended with {done.code}:\n{done.said}")
        return f"{words[0]} {done.code}"

    def git(self, *words: str) -> str:
        """Run Git, which may refuse, and return how it ended."""
        done = subprocess.run(["git", *words], cwd=self.project, capture_output=True, text=True, check=False)
        return f"{words[0]} {min(done.returncode, 1)}"

    def look(self, told: list[BlobName]) -> dict[str, object]:
        """Return what is to be told of the end; fail unless the store is sound, and has or can have all that was told."""
        for lock in (self.project / ".git").rglob("*.lock"):
            raise AssertionError(f"a lock is left: {lock}")
        assert called("resolve", "--ours")(self.project).code == 0
        done = called("restore")(self.project)
        assert done.code == 0, f"seed {self.seed}: {done.said}"
        store = Store.open(self.project)
        report = verify_store(store)
        assert report.problems == (), f"seed {self.seed}: {report.problems}"
        absent = sorted({blob for blob in told if store.directory.read(blob.path) is None})
        with Repository(self.project / FOLDER, os.environ) as repository:
            found = {file.path for file in find_blobs(repository, absent)}
        lost = [blob for blob in absent if blob.path not in found]
        assert lost == [], f"seed {self.seed}: {lost}"
        return {
            "recovered": len(found),
            "leftovers": len(report.temporary_files),
            "healed": "Brought back" in done.said,
        }


# -- who works


def recorder(race: Race, role: str, chance: random.Random) -> Iterator[str]:
    """Record answers of tests; each that is said to be stored is noted."""
    with (race.project / f".git/told-{role}").open("a") as notes:
        while True:
            time.sleep(0.01)  # a test does something else, too
            test_id = chance.choice([*TESTS, None])
            texts = chance.sample(range(200), chance.randrange(1, 4))
            new = [_new(f"answer {number}") for number in texts]
            try:
                publish(Store.open(race.project), test_id, new, replaces=True)
            except RecstoreError as error:
                yield f"failed: {error.reason}"
                continue
            notes.writelines(f"{one.entry.blob}\n" for one in new)
            notes.flush()
            yield "recorded"


def _new(text: str) -> NewRecording:
    made = recording(text)
    data = encode_recording(made)
    return NewRecording(Entry(BlobName(request_key(made.request), Digest.of(data)), 1), data)


def importer(race: Race, _: str, chance: random.Random) -> Iterator[str]:
    """Another recorder writes files, which are imported."""
    while True:
        _write(race.project / IMPORTED, chance)
        yield race.run("import", IMPORTED)


def watcher(race: Race, _: str, chance: random.Random) -> Iterator[str]:
    """Another recorder writes files, which are taken away as they are stored."""
    while True:
        _write(race.project / WATCHED, chance)
        yield race.run("watch", "--once", "--consume", WATCHED)


def _write(folder: Path, chance: random.Random) -> None:
    documents = list(generated(chance.randrange(30)))
    for _, name, document in chance.sample(documents, 2):
        file = folder / Path(name).name
        file.write_bytes(as_recorded(document))
        os.utime(file, (1_700_000_000, 1_700_000_000))  # long ago: it does not wait to be consumed


def collector(race: Race, _: str, chance: random.Random) -> Iterator[str]:
    """Remove what nothing needs."""
    while True:
        yield race.run("gc", *(["--force"] if chance.random() < 0.2 else []))


def verifier(race: Race, _: str, __: random.Random) -> Iterator[str]:
    """Read the store."""
    while True:
        yield race.run("verify")
        yield race.run("ls")


def healer(race: Race, _: str, __: random.Random) -> Iterator[str]:
    """Look for what is missing, and put it back."""
    while True:
        yield race.run("restore")
        yield race.run("check", "--fix")


def brancher(race: Race, _: str, chance: random.Random) -> Iterator[str]:
    """Somebody commits, changes branches, puts work aside and takes it up again.

    Not with `git stash --include-untracked`: it lists untracked files, stores them, and then cleans *all* there are, so that Git
    itself loses what is written in between. Source: the calls that `GIT_TRACE=1 git stash -u` shows, of Git 2.39.
    """
    ways = (("switch", "-q", "main"), ("switch", "-q", "other"), ("stash", "-q"), ("stash", "pop", "-q"))
    while True:
        time.sleep(0.05)
        if chance.random() < 0.5:
            yield race.git("add", "--all")
            yield race.git("commit", "-q", "-m", "more")
        else:
            done = race.git(*chance.choice(ways))
            yield done
            if done.endswith(" 1"):
                yield race.run("resolve", "--ours")


ROLES: Final[dict[str, Callable[[Race, str, random.Random], Iterator[str]]]] = {
    "recorder 1": recorder,
    "recorder 2": recorder,
    "importer": importer,
    "watcher": watcher,
    "collector": collector,
    "verifier": verifier,
    "healer": healer,
    "brancher": brancher,
}


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
