"""Each promise that README makes, kept: a test's docstring is the promise, to the letter."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import recstore
from recstore.errors import Damage, NewerVersion, ReplayMiss
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.effort import short_or_whole
from tests.generator import generated, write_recordings
from tests.git_repository import GitRepository
from tests.git_repository import recording as made_recording
from tests.integration.watch.watching import ROOT, environment, stored
from tests.integration.watch.watching import recstore as run
from tests.loopback import serving

IMPORTED = 300
SECRET = "sk-proj-9Qw8Er7Ty6Ui5Op4As3Df2Gh1"  # noqa: S105 - one that nobody has
CASSETTE = """\
interactions:
- request: {body: !!python/object/apply:os.system ["touch stolen"], headers: {}, method: GET, uri: "http://a/"}
  response: {body: {string: ''}, headers: {}, status: {code: 200, message: OK}}
version: 1
"""


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with an empty store."""
    return GitRepository.create(tmp_path / "project")


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def promises() -> list[str]:
    """Return the promises of README, each a sentence or two."""
    text = (ROOT / "README.md").read_text().partition("## Promises\n")[2].partition("\nAnd not:")[0]
    return [" ".join(item.split()) for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:]]


def test_each_promise_has_a_test() -> None:
    """And each test here is of a promise."""
    tests = [value for name, value in globals().items() if name.startswith("test_") and "each_promise" not in name]

    assert promises() == [" ".join(str(test.__doc__).split()).replace("``", "`") for test in tests]


def test_every_byte_comes_back(project: GitRepository) -> None:
    """A recording that went in comes out with every byte, or is not let in."""
    write_recordings(project.folder, 30)
    bad = project.folder / "tests/bad.json"
    bad.write_text('{"request": {"method": "POST", "url": "http://a/"}, "response": {"body": NaN, "is_streaming')
    imported = run(project.folder, "import", "tests")
    bad.unlink()
    out = project.folder.parent / "out"

    assert 20 == imported.returncode
    assert "tests/bad.json" in imported.stderr
    assert 0 == run(project.folder, "export", str(out)).returncode
    assert files_of(project.folder / "tests") == files_of(out / "tests")


def test_damage_is_named(project: GitRepository) -> None:
    """Damage is named and never served, never overwritten, never taken for a miss."""
    store, kept = project.store, made_recording("an answer")
    store.put("tests/a.py::test_a", [kept])
    [blob] = store.blobs()
    path = store.directory.path(blob.path)
    damaged = path.read_bytes().replace(b"an answer", b"a lie....")
    path.write_bytes(damaged)
    [entry] = store.find(kept.request, "tests/a.py::test_a")
    found = run(project.folder, "verify")

    with pytest.raises(Damage, match=path.name):
        store.get(entry)
    with pytest.raises(Damage, match=path.name):
        store.put("tests/a.py::test_b", [kept])
    assert damaged == path.read_bytes()
    assert 20 == found.returncode
    assert path.name in found.stderr


@short_or_whole("kills", 3, 20)
def test_a_crash_leaves_the_last_published_state(tmp_path: Path, kills: int) -> None:
    """A crash leaves the last published state."""
    chance, killed = random.Random(5), 0  # noqa: S311 - not for secrets
    for number in range(kills):
        folder = tmp_path / str(number)
        store = Store.create(folder)
        store.put("tests/a.py::test_a", [made_recording("an answer")])
        before = stored(folder)
        write_recordings(folder, IMPORTED)
        killed += kill_import(store, after_blobs=1 + chance.randrange(IMPORTED))

        assert () == verify_store(store).problems
        assert before.items() <= stored(folder).items()
    assert killed >= kills - 2


def kill_import(store: Store, after_blobs: int) -> bool:
    """Kill an import once it has written so many blobs; return whether it was at work still."""
    command = [sys.executable, "-m", "recstore", "import", "tests"]
    project, here = store.directory.root.parent, len(list(store.blobs()))
    with subprocess.Popen(command, cwd=project, env=environment(), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(store.blobs())) < here + after_blobs:
            pass
        process.kill()
    return process.returncode == (1 if os.name == "nt" else -signal.SIGKILL)


def test_a_reader_sees_whole_tests(project: GitRepository) -> None:
    """A reader never sees a manifest whose blobs are not there."""
    store = project.store
    write_recordings(project.folder, 300)
    command = [sys.executable, "-m", "recstore", "watch", "--once", "tests"]
    looks = 0
    with subprocess.Popen(command, cwd=project.folder, env=environment(), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            manifests = list(store.manifests())
            assert all(store.read_blob(entry.blob) for manifest in manifests for entry in manifest.entries)
            looks += 1

    assert 300 == sum(len(manifest.entries) for manifest in store.manifests())
    assert looks > 1


def test_gc_keeps_the_last_copy(project: GitRepository) -> None:
    """`gc` never removes the last copy: what was committed, stashed or in the work tree when gc ran can be restored."""
    for name in ("committed", "stashed", "worked"):
        (project.folder / f"test_{name}.py").write_text("def test_it(): ...\n")
    project.commit()
    project.store.put("test_committed.py::test_it", [made_recording("committed")])
    project.commit()
    project.store.put("test_stashed.py::test_it", [made_recording("stashed")])
    project.git("add", ".")
    project.git("stash")
    project.git("stash", "apply")
    project.git("stash", "drop")
    project.git("reset", "--quiet")  # what is staged is needed
    project.store.put("test_worked.py::test_it", [made_recording("worked")])
    before = stored(project.folder)
    project.git("rm", "--quiet", "--cached", "test_committed.py", "test_stashed.py", "test_worked.py")
    for file in project.folder.glob("test_*.py"):
        file.unlink()
    collected = run(project.folder, "gc")
    after = stored(project.folder)
    for name in ("committed", "stashed", "worked"):
        run(project.folder, "restore", f"test_{name}.py::test_it")

    assert 0 == collected.returncode, collected.stdout + collected.stderr
    assert {} == after
    assert before == stored(project.folder)


def test_the_same_again_changes_nothing(project: GitRepository) -> None:
    """Importing or recording the same thing again changes nothing."""
    write_recordings(project.folder, 20)
    states = []
    for _ in range(2):
        assert 0 == run(project.folder, "import", "tests").returncode
        with serving(8771) as upstream, recstore.use("a test", mode="record", project=project.folder):
            httpx.post(f"{upstream.base}/v1/chat/completions", json={"model": "m", "messages": []})
        states.append(stored(project.folder))

    assert states[0] == states[1]
    assert 21 <= len(states[0])


def test_order_does_not_count(tmp_path: Path) -> None:
    """What is in the store does not depend on the order in which it came."""
    states = []
    for number in range(3):
        store = Store.create(tmp_path / str(number))
        documents = list(generated(1))
        random.Random(number).shuffle(documents)  # noqa: S311 - not for secrets
        for part in (documents[:9], documents[9:]):
            for _, path, document in part:
                file = tmp_path / str(number) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(document, indent=2) + "\n")
            assert 0 == run(tmp_path / str(number), "import", "tests").returncode
        assert () == verify_store(store).problems
        states.append(stored(tmp_path / str(number)))

    assert states[0] == states[1] == states[2] != {}


def test_a_newer_format_is_refused(project: GitRepository) -> None:
    """A store of a newer format is refused and not misread; one of any released format is read for ever."""
    store, kept = project.store, made_recording("an answer")
    store.put("tests/a.py::test_a", [kept])
    manifest = store.directory.path(next(store.manifest_paths()))
    manifest.write_bytes(manifest.read_bytes().replace(b"recstore 1\n", b"recstore 2\n"))

    with pytest.raises(NewerVersion, match="pip install --upgrade recstore"):
        store.manifest("tests/a.py::test_a")
    assert 21 == run(project.folder, "verify").returncode
    assert (ROOT / "tests/formats/1/store/blobs").exists()


def test_a_replay_calls_nobody(project: GitRepository) -> None:
    """A replay calls nobody: a request without a recording is an error, never a call."""
    with serving() as upstream:
        with pytest.raises(ReplayMiss), recstore.use("a test", project=project.folder):
            httpx.get(f"{upstream.base}/v1/models")

        assert [] == upstream.requests


def test_credentials_stay_out(project: GitRepository) -> None:
    """Keys, tokens and cookies that a client sends never reach the disk, nor do those that a server repeats."""
    headers = {"authorization": f"Bearer {SECRET}", "cookie": f"session={SECRET}", "x-api-key": SECRET}
    with serving() as upstream, recstore.use("a test", mode="record", project=project.folder):
        httpx.post(f"{upstream.base}/echo?api_key={SECRET}", headers=headers, json={"api_key": SECRET, "say": SECRET})

    assert stored(project.folder)
    assert [] == [name for name, data in files_of(project.folder).items() if SECRET.encode() in data]


def test_a_store_that_can_only_be_read_replays(project: GitRepository) -> None:
    """A store that can only be read replays."""
    with serving() as upstream, recstore.use("a test", mode="record", project=project.folder):
        httpx.get(f"{upstream.base}/v1/models")
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a file system read-only")
    script = (
        f"import recstore, httpx\nwith recstore.use('a test', project={str(project.folder)!r}):\n"
        f"    print(httpx.get('{upstream.base}/v1/models').status_code)"
    )
    mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>/dev/null && exec "$2" -c "$3"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", str(project.folder), sys.executable, script],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "200\n" == done.stdout, done.stderr


def test_nothing_runs_code(project: GitRepository) -> None:
    """No file of a store, no recording and no cassette makes recstore run code."""
    (project.folder / "cassette.yaml").write_text(CASSETTE)
    project.store.put("tests/a.py::test_a", [made_recording("an answer")])
    imported = run(project.folder, "import", "cassette.yaml")
    for command in (["verify"], ["ls"], ["show", "test_a"], ["check"], ["gc", "--dry-run"], ["diff"]):
        run(project.folder, *command)

    assert 0 == imported.returncode
    assert 0 == run(project.folder, "export", "out").returncode
    assert CASSETTE == (project.folder / "out/cassette.yaml").read_text()
    assert [] == list(project.folder.rglob("stolen"))
    assert shutil.which("touch")
