"""Commands over a whole store: in, out, verified, loaded; beside Git, plain files and other recorders' cassettes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from recstore.store import Store
from tests.bench.processes import Cost, bytes_of, fresh_folder, git, peak_mb, python, recstore, spent
from tests.bench.rivals import WRITERS, exchanges, named
from tests.bench.rows import Bench, Row, in_turn
from tests.generator import write_recordings

__all__ = ["store_rows"]

GENERATED: Final = 1_500

_LOAD: Final = {
    "recstore": """
import sys, time
from pathlib import Path
from recstore.store import Store
started_s = time.perf_counter()
store = Store.open(Path(sys.argv[1]))
for path in store.manifest_paths():
    for entry in store.read_manifest(path).entries:
        store.get(entry)
        if sys.argv[2] == "first":
            break
print(time.perf_counter() - started_s)
""",
    "files": """
import json, os, sys, time
started_s = time.perf_counter()
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        with open(os.path.join(folder, name)) as file:
            json.load(file)
print(time.perf_counter() - started_s)
""",
    "vcrpy": """
import os, sys, time
from vcr.persisters.filesystem import FilesystemPersister
from vcr.serializers import yamlserializer
started_s = time.perf_counter()
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        FilesystemPersister.load_cassette(os.path.join(folder, name), yamlserializer)
print(time.perf_counter() - started_s)
""",
    "cassetter": """
import os, sys, time
from cassetter import Cassette, RecordMode
started_s = time.perf_counter()
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        cassette = Cassette(os.path.join(folder, name), record_mode=RecordMode.NONE)
        cassette.load()
        len(cassette.interactions)
print(time.perf_counter() - started_s)
""",
}
"""What loads everything, test by test, and says how long it took; recstore's also just the first recording of each test."""

_WHY_IMPORT: Final = (
    "A third of an import's processor time proves that each recording comes out byte for byte (the new blob is decoded, the file written "
    "again, and both compared), a fifth starts Python and loads click, and two calls of `sync` make the result durable, which `git "
    "add` does not do. The proof stays: it is what lets a team delete the source files. It uses both cores; where one is busy, the ratio is nearer to 2."
)
_WHY_LOAD: Final = (
    "recstore opens 1.2 files for each one of theirs (manifests), hashes what it reads, and decodes a recording once for each test that uses it; that "
    "it reads a quarter of the bytes pays for it, no more."
)
_WHY_EXPORT: Final = (
    "An export decodes each blob, hashes it, applies the origin's changes and writes JSON with indentation; `cp` moves bytes that the kernel "
    "has in memory. The physical limit is the writing of the files, which is what `cp` takes."
)


def store_rows(bench: Bench) -> Iterator[Row]:
    """Measure the commands, then loading, then memory and starting."""
    source = _source(bench)
    stores, repositories = bench.folder / "stores", bench.folder / "repositories"
    imported, added = in_turn(
        bench.repeats, lambda: _import(stores, source).elapsed_s, lambda: _add(repositories, source).elapsed_s
    )
    store = next(stores.iterdir())
    yield Row("import", imported, "git add -A of the same files", added, 1.0, why=_WHY_IMPORT)
    verified = tuple(recstore(store, "verify").elapsed_s for _ in range(bench.repeats))
    yield Row("verify", verified, "that import", imported, 0.5)
    exported, copied = in_turn(
        bench.repeats,
        lambda: recstore(store, "export", str(fresh_folder(bench.folder / "exports") / "x")).elapsed_s,
        lambda: spent(["cp", "-r", str(source), str(fresh_folder(bench.folder / "copies"))], bench.folder).elapsed_s,
    )
    yield Row("export", exported, "cp -r of the same files", copied, None, why=_WHY_EXPORT)
    yield from _loads(bench, store, source)
    yield from _memory(bench, store, source)
    yield from _starts(bench)


def _loads(bench: Bench, store: Path, source: Path) -> Iterator[Row]:
    folders = {"recstore": store, "files": source}
    cassettes = dict(exchanges(Store.open(store)))
    for tool, write in WRITERS.items():
        folders[tool] = bench.folder / tool
        for name, kept in cassettes.items():
            write(folders[tool] / f"{name}.yaml", kept)
    measures = [partial(_loaded_s, name, folder, "all") for name, folder in folders.items()]
    first = partial(_loaded_s, "recstore", store, "first")
    ours, *theirs, firsts = in_turn(bench.repeats, *measures, first)
    for name, times in zip(list(folders)[1:], theirs, strict=True):
        beside = "open + json.load of the source files" if name == "files" else f"{named(name)}, its cassettes loaded"
        why = _WHY_LOAD if name == "files" else ""
        yield Row("every recording found and decoded, test by test", ours, beside, times, 1.0, why=why)
    for name, times in zip(list(folders)[2:], theirs[1:], strict=True):
        yield Row(
            "one recording of each test found and decoded", firsts, f"{named(name)}, its cassettes loaded", times, 1.0
        )


def _loaded_s(name: str, folder: Path, what: str) -> float:
    return python(folder, "-c", _LOAD[name], str(folder), what).said


def _memory(bench: Bench, store: Path, source: Path) -> Iterator[Row]:
    """Measure the largest process of each command, beside reading the source files one after the other."""
    new = fresh_folder(bench.folder / "stores")
    recstore(new, "init")
    plain = peak_mb(store, sys.executable, "-c", _LOAD["files"], str(source), "all")
    exported = str(fresh_folder(bench.folder / "exports") / "x")
    wanted = {"import": (new, [str(source)]), "verify": (store, []), "export": (store, [exported])}
    for command, (folder, arguments) in wanted.items():
        taken = peak_mb(folder, sys.executable, "-m", "recstore", command, *arguments)
        yield Row(f"memory at most, {command}", (taken,), "json.load of one file after the other", (plain,), None, "MB")


def _starts(bench: Bench) -> Iterator[Row]:
    folder = bench.folder
    version, click = in_turn(
        bench.repeats,
        lambda: recstore(folder, "--version").elapsed_s,
        lambda: python(folder, "-c", "import click").elapsed_s,
    )
    yield Row("recstore --version", version, "python -c 'import click'", click, 1.5)
    code = "import pytest, time; t = time.perf_counter(); import recstore.pytest_plugin; print(time.perf_counter() - t)"
    plain = "import time; t = time.perf_counter(); import pytest; print(time.perf_counter() - t)"
    plugin, pytest = in_turn(
        bench.repeats, lambda: python(folder, "-c", code).said, lambda: python(folder, "-c", plain).said
    )
    yield Row("importing the pytest plugin", plugin, "importing pytest", pytest, 0.05)


def _source(bench: Bench) -> Path:
    """Return a folder of recordings: real ones, or generated ones where there are none."""
    target = bench.folder / "source"
    if bench.first_state is None:
        write_recordings(target, GENERATED)
    else:
        shutil.copytree(bench.first_state / "tests", target / "tests")
    assert bytes_of(target)
    return target


def _import(stores: Path, source: Path) -> Cost:
    """Import into a new store. Every store stays until the end: ext4 looks long for inodes where many were freed a minute ago."""
    store = fresh_folder(stores)
    recstore(store, "init")
    os.sync()
    return recstore(store, "import", str(source))


def _add(repositories: Path, source: Path) -> Cost:
    repository = fresh_folder(repositories)
    shutil.copytree(source, repository, dirs_exist_ok=True)
    git(repository, "init", "--quiet")
    os.sync()
    return spent(["git", "add", "-A"], repository)
