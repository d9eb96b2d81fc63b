"""Real processes, killed at random moments, and a store that must be sound after each: `python -m tests.crash.killing`.

    python -m tests.crash.killing KILLS SEED FOLDER

One project lives through all of them. Prints a line of JSON at the end, or what went wrong, with the seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recstore.git import Repository
from recstore.git.history import find_blobs
from recstore.model import Mode
from recstore.store import FOLDER, Store
from tests.crash.operations import called
from tests.crash.state import names_of, refuse_loss, state_of
from tests.exchanges import answer, chat, completion, session
from tests.forked import Forked, fork
from tests.generator import as_recorded, generated
from tests.git_repository import GitRepository

__all__ = ["main"]

TESTS: Final = tuple(f"tests/test_{name}.py::test_{name}" for name in "abcdef")
SOURCE: Final = "tests/recordings"
PATIENCE_S: Final = 60.0


def main(kills: int, seed: int, folder: Path) -> None:
    """Kill so many processes."""
    begun_s = time.monotonic()
    rounds = _Rounds(folder, random.Random(seed))  # noqa: S311 - the same seed draws the same
    try:
        rounds.warm_up()
        while rounds.counts["killed"] < kills:
            rounds.kill_one()
    except BaseException:
        print(f"seed {seed}, round {rounds.counts['rounds']}: {rounds.under_way}", file=sys.stderr)  # noqa: T201 - what a driver is for
        raise
    print(json.dumps({**rounds.counts, "seconds": round(time.monotonic() - begun_s, 1)}))  # noqa: T201 - what a driver is for


@dataclass
class _Rounds:
    folder: Path
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    under_way: str = ""

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def warm_up(self) -> None:
        """Make the project, import what commands import, and measure how long each takes."""
        os.cpu_count = lambda: 1  # workers have the same code, and take longer to start than all this
        made = GitRepository.create(self.project)
        shutil.rmtree(self.project / ".git/hooks", ignore_errors=True)
        self._test_files(TESTS)
        for test_id in TESTS:
            made.record(test_id, f"of {test_id}", "shared")
        made.commit()
        for name, operation in OPERATIONS.items():
            operation(self)()  # once to import, in this process
            call = operation(self)
            begun_s = time.monotonic()
            self._finish(call)
            self.seconds[name] = time.monotonic() - begun_s

    def kill_one(self) -> None:
        """Start one operation, kill it, and look at what it has left; sometimes do it again."""
        self.counts["rounds"] += 1
        name = self.chance.choice(list(OPERATIONS))
        call = OPERATIONS[name](self)
        before = state_of(self.project)
        delay_s = self.chance.random() * self.seconds[name] * 1.1
        self.under_way = f"{name}, killed after {delay_s * 1000:.1f} ms"
        process = fork(call, self.folder / "output")
        time.sleep(delay_s)
        with suppress(ProcessLookupError):
            process.kill()
        code = process.wait(PATIENCE_S)
        self.counts["killed" if code < 0 else "too late"] += 1
        self.counts[name] += code < 0
        self._unlock_git()
        self._refuse_damage(before, process)
        if self.chance.random() < 0.3:
            self.under_way += ", done again"
            self._finish(call)
            self._refuse_damage(before, process)

    def _finish(self, call: Callable[[], int]) -> None:
        process = fork(call, self.folder / "output")
        code = process.wait(PATIENCE_S)
        assert code in (0, 10), f"exit code {code}: {process.said}"

    def _unlock_git(self) -> None:
        """Do what Git asks for where one of its processes was killed."""
        for lock in (self.project / ".git").rglob("*.lock"):
            lock.unlink()
            self.counts["locks of Git"] += 1

    def _refuse_damage(self, before: dict[str, bytes] | object, process: Forked) -> None:
        assert "Traceback" not in process.said, process.said
        assert "defect" not in process.said, process.said
        now = state_of(self.project)
        assert now["the problems"] == b"", now["the problems"].decode()
        assert isinstance(before, dict)
        gone = before.keys() - now.keys()
        lost = [name for name, path in names_of(before).items() if path in gone]
        if lost and not self.under_way.startswith("import, replacing"):  # which is there to drop what files have not
            with Repository(self.project / FOLDER, os.environ) as repository:
                found = {file.path for file in find_blobs(repository, lost)}
            assert {blob.path for blob in lost} == found
        sources = {path: data for path, data in before.items() if path.startswith(SOURCE) and path in gone}
        if sources:
            refuse_loss(self.project, (sources, {}), self.folder / "exported", "consumed")
            shutil.rmtree(self.folder / "exported")

    # -- what is there for an operation to do

    def _test_files(self, tests: tuple[str, ...]) -> None:
        made = GitRepository(self.project)
        for test_id in TESTS:
            path, _, name = test_id.partition("::")
            made.test_file(path, *([name] if test_id in tests else []))

    def record(self) -> Callable[[], int]:
        """Have a test record answers of which some are known."""
        test_id = self.chance.choice([*TESTS, None])
        texts = [f"answer {self.chance.randrange(30)}" for _ in range(3)]

        def call() -> int:
            recorder = session(self.project, Mode.RECORD, test_id)
            for text in texts:
                answer(recorder, recorder.begin(chat(text)), completion(text))
            recorder.finish(passed=True)
            return 0

        return call

    def collect(self) -> Callable[[], int]:
        """Collect after some tests are gone, some are there again; sometimes all is committed first."""
        made = GitRepository(self.project)
        if self.chance.random() < 0.5:
            made.commit()
        self._test_files(tuple(test_id for test_id in TESTS if self.chance.random() < 0.7))
        words = self.chance.choice([("gc",), ("gc", "--staged")])
        if len(words) > 1:
            made.git("add", "--all")
        return self._command(*words)

    def bring(self, *words: str) -> Callable[[], int]:
        """Bring in files that another recorder has written."""
        shutil.rmtree(self.project / SOURCE, ignore_errors=True)
        (self.project / SOURCE).mkdir()
        for _, name, document in list(generated(self.chance.randrange(20)))[:4]:
            (self.project / SOURCE / Path(name).name).write_bytes(as_recorded(document))
        return self._command(*words, SOURCE)

    def restore(self) -> Callable[[], int]:
        """Restore where something is missing that tests name; and the trash may have something."""
        store = Store.open(self.project)
        blobs = sorted(store.blobs())
        committed = GitRepository(self.project).git("ls-tree", "-r", "--name-only", "HEAD")
        for blob in self.chance.sample(blobs, min(2, len(blobs))):
            if blob.path in committed:
                store.directory.remove(blob.path)
        self._finish(self._command("restore"))  # so that what is sound before is sound after
        return self._command("restore", "--all")

    def _command(self, *words: str) -> Callable[[], int]:
        def call() -> int:
            done = called(*words)(self.project)
            print(done.said)  # noqa: T201 - what a driver is for
            return done.code

        return call


OPERATIONS: Final[dict[str, Callable[[_Rounds], Callable[[], int]]]] = {
    "record": _Rounds.record,
    "gc": _Rounds.collect,
    "import": lambda rounds: rounds.bring("import"),
    "import, replacing": lambda rounds: rounds.bring("import", "--replace"),
    "watch, consuming": lambda rounds: rounds.bring("watch", "--once", "--consume"),
    "restore": _Rounds.restore,
}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
