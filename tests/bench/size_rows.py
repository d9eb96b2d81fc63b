"""What the same recordings take: in the checkout, on the disk, and in Git as they are recorded again."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recstore.store import Store
from tests.bench.processes import commit_all, git, recstore
from tests.bench.rivals import WRITERS, Exchange, exchanges, named
from tests.bench.rows import Bench, Row, Unit
from tests.generator import as_recorded, write_recordings

__all__ = ["size_rows"]

GENERATED: Final = 1_500
SHARE: Final = 0.05
"""So many of all tests are recorded again each time."""

_ANSWERS: Final = frozenset(("content", "text", "response", "arguments", "delta", "thinking"))
_WORD: Final = re.compile(r"[a-z]{3,}")
_OURS: Final = "recstore"
_LOOSE: Final = "llama-stack's files"

_WHY_GROWTH: Final = (
    "Git packs a file as a change of another whose path ends alike. A blob's name ends in the digest of its content, so that the answer of "
    "yesterday and that of today lie far apart in the pack's order, and each is packed whole; a file that is overwritten lies beside "
    "itself. Tried with the two halves of the name the other way round (the digest first, the request key last), the same histories pack to 3.2 MB at "
    "first instead of 5.1, 4.1 instead of 5.6 after six weeks, and grow by 30 kB instead of 118 at each recording: less than the loose files."
)
_WHYS: Final = {
    "checkout": "A third of these 34 MB is embeddings, most of them shared and so kept once; 1.1 MB is two recordings with pictures, which no "
    "text form makes smaller. What is left is words. The share falls as tests share more: 87.4 MB of the same suite's newer recordings "
    "take 15.6 MB, 0.18.",
    "on disk": "A file takes whole blocks of 4 KiB, and a manifest is 0.3 KiB. That is the price of files that "
    "merge by themselves: fewer and larger ones conflict (see the merges).",
    "growth of the pack, six weeks of a team's work": _WHY_GROWTH,
    f"growth of the pack when {SHARE:.0%} of all tests are recorded anew": _WHY_GROWTH,
}


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What a repository takes."""

    checkout: int
    files: int
    on_disk: int
    pack: int


@dataclass(slots=True)
class _Repositories:
    """One Git repository for each way to keep the recordings, all with the same ones."""

    folder: Path
    known: dict[str, list[Exchange]] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The loose files, beside the store and not in its repository."""
        return self.folder / _OURS / "source"

    @property
    def names(self) -> tuple[str, ...]:
        """recstore, and what is beside it."""
        return (_OURS, _LOOSE, *WRITERS)

    def create(self) -> None:
        """Make them, empty."""
        for name in self.names:
            (self.folder / name).mkdir(parents=True)
            git(self.folder / name, "init", "--quiet", "--initial-branch=main")
        recstore(self.folder / _OURS, "init")
        (self.folder / _OURS / ".gitignore").write_text("/source/\n")

    def follow(self) -> None:
        """Bring every repository to what the loose files now are, and commit."""
        recstore(self.folder / _OURS, "import", "--replace", "source")
        loose = self.folder / _LOOSE / "tests"
        shutil.rmtree(loose, ignore_errors=True)
        shutil.copytree(self.source, loose)
        cassettes = dict(exchanges(Store.open(self.folder / _OURS)))
        for tool, write in WRITERS.items():
            for gone in self.known.keys() - cassettes.keys():
                (self.folder / tool / f"{gone}.yaml").unlink()
            for name, kept in cassettes.items():
                if self.known.get(name) != kept:
                    write(self.folder / tool / f"{name}.yaml", kept)
        self.known = cassettes
        for name in self.names:
            commit_all(self.folder / name, "Recorded")

    def sizes(self) -> dict[str, _Sizes]:
        """Return what each takes, everything packed anew."""
        return {name: _sizes(self.folder / name) for name in self.names}


def size_rows(bench: Bench) -> Iterator[Row]:
    """Measure the sizes of two dated states, and of as many rounds of recording again."""
    repositories = _Repositories(bench.folder / "sizes")
    repositories.create()
    _take_state(repositories.source, bench.first_state)
    repositories.follow()
    first = repositories.sizes()
    yield from _rows(first)
    if bench.second_state:
        _take_state(repositories.source, bench.second_state)
        repositories.follow()
        second = repositories.sizes()
        grown = {name: second[name].pack - first[name].pack for name in first}
        yield from _beside("growth of the pack, six weeks of a team's work", grown, 0.9)
        first = second
    for number in range(bench.rerecordings):
        _record_again(repositories.source, number)
        repositories.follow()
    last = repositories.sizes()
    grown = {name: (last[name].pack - first[name].pack) // bench.rerecordings for name in first}
    yield from _beside(f"growth of the pack when {SHARE:.0%} of all tests are recorded anew", grown, 0.5)


def _rows(sizes: dict[str, _Sizes]) -> Iterator[Row]:
    yield from _beside("checkout", {name: size.checkout for name, size in sizes.items()}, 0.2)
    yield from _beside("files", {name: size.files for name, size in sizes.items()}, None, "files")
    yield from _beside("on disk", {name: size.on_disk for name, size in sizes.items()}, None)
    yield from _beside("a fresh pack", {name: size.pack for name, size in sizes.items()}, 0.9)


def _beside(what: str, amounts: dict[str, int], goal: float | None, unit: Unit = "bytes") -> Iterator[Row]:
    """Yield a row for each rival; the goals are set beside llama-stack's files."""
    ours = (amounts[_OURS],)
    for name, theirs in amounts.items():
        if name == _LOOSE:
            yield Row(what, ours, name, (theirs,), goal, unit, _WHYS.get(what, ""))
        elif name != _OURS:
            yield Row(what, ours, named(name), (theirs,), None, unit)


def _take_state(source: Path, state: Path | None) -> None:
    shutil.rmtree(source, ignore_errors=True)
    if state is None:
        write_recordings(source, GENERATED)
    else:
        shutil.copytree(state / "tests", source)
        for file in (source, *source.rglob("*")):
            file.chmod(0o755 if file.is_dir() else 0o644)


def _sizes(repository: Path) -> _Sizes:
    git(
        repository, "-c", "pack.threads=1", "repack", "-adfq"
    )  # nothing of the last pack is taken over: no chance in it
    names = git(repository, "ls-files", "-z").split("\0")[:-1]
    status = [(repository / name).stat() for name in names]
    packs = (repository / ".git" / "objects" / "pack").glob("*.pack")
    return _Sizes(
        sum(one.st_size for one in status),
        len(names),
        sum(one.st_blocks * 512 for one in status),
        sum(pack.stat().st_size for pack in packs),
    )


# -- recording again


def _record_again(source: Path, number: int) -> None:
    """Give some tests other answers to the same requests, as a model does that is asked once more."""
    chance = random.Random(number)  # noqa: S311 - not for secrets
    tests: dict[str, list[Path]] = defaultdict(list)
    words: set[str] = set()
    for file in sorted(source.rglob("*.json")):
        text = file.read_text()
        tests[str(json.loads(text).get("test_id"))].append(file)
        words.update(_WORD.findall(text[-2_000:]))
    pool = sorted(words)
    for test in chance.sample(sorted(tests), max(1, int(len(tests) * SHARE))):
        for file in tests[test]:
            document = json.loads(file.read_text())
            file.write_bytes(as_recorded(document | {"response": _reworded(document["response"], pool, chance)}))


def _reworded(value: Any, pool: list[str], chance: random.Random) -> Any:
    if isinstance(value, list):
        return [_reworded(item, pool, chance) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _WORD.sub(lambda _: chance.choice(pool), member)
        if key in _ANSWERS and isinstance(member, str)
        else _reworded(member, pool, chance)
        for key, member in value.items()
    }
