"""What is wrong with the store, the command inside or the options: said once, waited out, and nothing is lost by it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recstore.store import Store
from tests.generator import write_recordings
from tests.git_repository import GitRepository
from tests.integration.watch.test_consume import cassette, paths_asked
from tests.integration.watch.watching import environment, recstore, stored, until, watching


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with an empty store and a folder of sources."""
    Store.create(tmp_path / "project")
    (tmp_path / "project/tests").mkdir()
    return tmp_path / "project"


def test_a_branch_without_a_store_gets_none(tmp_path: Path) -> None:
    """While the store is gone nothing is written; what came meanwhile is stored once it is back."""
    project = GitRepository.create(tmp_path / "project")
    folder = project.folder
    (folder / "readme").write_text("a file\n")
    project.commit()
    project.git("checkout", "-q", "-b", "bare")
    project.git("rm", "-r", "-q", ".recstore")
    project.git("commit", "-q", "-m", "no store")
    project.git("checkout", "-q", "-")
    (folder / "tests").mkdir()
    with watching(folder, "tests") as watcher:
        project.git("checkout", "-q", "bare")
        (folder / "tests/one.yaml").write_text(cassette(1))
        until(lambda: watcher.of("waiting"))
        time.sleep(1.5)
        left = {path.name for path in (folder / ".recstore").glob("*")}
        project.git("checkout", "-q", "-")
        until(lambda: watcher.of("new"))
        until(lambda: watcher.of("going on"))
        code = watcher.end()

    assert left <= {"local"}
    assert 1 == len(watcher.of("waiting"))
    assert "is gone" in watcher.of("waiting")[0]["reason"]
    assert 0 == code
    assert ["/1"] == paths_asked(folder)


def test_a_conflict_in_a_manifest_is_waited_out(project: Path) -> None:
    """The watch goes on, says so once, and stores what came when the conflict is resolved; the command inside goes on, too."""
    (project / "tests/one.yaml").write_text(cassette(1))
    assert 0 == recstore(project, "watch", "--once", "tests").returncode
    manifest = next(path for path in (project / ".recstore/tests").rglob("*") if path.is_file())
    whole = manifest.read_bytes()
    with watching(project, "tests") as watcher:
        manifest.write_bytes(b"<<<<<<< ours\n" + whole + b"=======\n" + whole + b">>>>>>> theirs\n")
        (project / "tests/two.yaml").write_text(cassette(2))
        until(lambda: watcher.of("waiting"))
        assert watcher.process.poll() is None
        manifest.write_bytes(whole)
        until(lambda: "tests/two.yaml" in str(watcher.of("new")))
        until(lambda: watcher.of("going on"))
        code = watcher.end()

    assert 0 == code
    assert ["/1", "/2"] == paths_asked(project)


def test_a_locked_store_ends_a_single_look(project: Path) -> None:
    """`--once` is for scripts: it says who is in the way, as `import` does, and does not wait for ever."""
    (project / "tests/one.yaml").write_text(cassette(1))
    with Store.open(project).locked():
        done = recstore(project, "watch", "--once", "tests")

    assert 30 == done.returncode, done.stderr
    assert "another process" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a terminal's group of processes is another thing there")
def test_ctrl_c_lets_the_command_inside_clean_up(project: Path) -> None:
    """A terminal sends it to both: watch waits, stores what the clean-up wrote, and returns the command's exit code."""
    script = """if True:
        import pathlib, sys, time
        try:
            print("started", file=sys.stderr, flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(1)
            pathlib.Path("tests/last.yaml").write_text(sys.argv[1])
            sys.exit(5)
    """
    command = [sys.executable, "-P", "-m", "recstore", "watch", "tests", "--"]
    process = subprocess.Popen(
        [*command, sys.executable, "-c", script, cassette(1)],
        cwd=project,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    until(lambda: "started" in process.stderr.readline())  # type: ignore[union-attr]
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert 5 == process.returncode, said
    assert ["/1"] == paths_asked(project)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--exec", "echo 'open", "tests"), 2, "cannot be taken apart"),
        (("--exec", "no-such-program-here", "tests"), 0, "cannot be run"),
        (("tests", "--", "echo", "hello"), 2, "runs no command"),
    ],
)
def test_what_cannot_be_meant_is_said(project: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Wrong quotes, a program that is not there, a command that would never run."""
    (project / "tests/one.yaml").write_text(cassette(1))
    done = recstore(project, "watch", "--once", *arguments)

    assert code == done.returncode, done.stderr
    assert said in done.stderr
    assert "defect" not in done.stderr


def test_events_stand_alone_on_the_output(project: Path) -> None:
    """With `--json`, what the commands print goes where the talk goes."""
    (project / "tests/one.yaml").write_text(cassette(1))
    done = recstore(project, "watch", "--json", "--exec", "echo after", "tests", "--", "echo", "inside")
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]

    assert 0 == done.returncode, done.stderr
    assert {"watching", "ready", "new", "summary"} <= set(events)
    assert "inside" in done.stderr
    assert "after" in done.stderr


def test_a_source_whose_name_begins_like_the_stores_is_heard(project: Path) -> None:
    """`.recstore-inbox` is none of the store's own files."""
    inbox = project / ".recstore-inbox"
    inbox.mkdir()
    with watching(project, ".recstore-inbox") as watcher:
        time.sleep(1)
        started_s = time.monotonic()
        (inbox / "one.yaml").write_text(cassette(1))
        until(lambda: watcher.of("new"))
        waited_s = time.monotonic() - started_s
        watcher.end()

    assert waited_s < 20


def test_two_folders_elsewhere_with_a_file_of_one_name(project: Path) -> None:
    """Neither takes the other's place: both are named, and nothing is stored of them."""
    for number, name in enumerate(("one", "other")):
        (project.parent / name).mkdir()
        (project.parent / name / "same.yaml").write_text(cassette(number))
    done = recstore(project, "watch", "--once", "../one", "../other")

    assert 2 == done.returncode, done.stderr
    assert "would both be known as same.yaml" in done.stderr
    assert [] == paths_asked(project)


def test_a_file_elsewhere_that_comes_later_takes_no_other_ones_place(project: Path) -> None:
    """Its event alone does not have it followed: that nothing else has its name is seen at the next look."""
    for number, name in enumerate(("one", "other")):
        (project.parent / name).mkdir()
        (project.parent / name / f"{number}.yaml").write_text(cassette(number))
    with watching(project, "../one", "../other") as watcher:
        until(lambda: ["/0", "/1"] == paths_asked(project))
        (project.parent / "other/0.yaml").write_text(cassette(7))
        until(lambda: watcher.of("waiting"))
        (project.parent / "other/0.yaml").unlink()
        until(lambda: watcher.of("going on"))
        code = watcher.end()

    assert 0 == code
    assert "would both be known as 0.yaml" == watcher.of("waiting")[0]["reason"]
    assert 2 == len(watcher.of("new", "changed"))
    assert ["/0", "/1"] == paths_asked(project)


@pytest.mark.parametrize("way", ["folder", "link"])
def test_a_file_that_became_something_else_has_gone(project: Path, way: str) -> None:
    """With `--mirror`, the recordings of a file go also where a folder or a link out took its place."""
    file = project / "tests/one.yaml"
    file.write_text(cassette(1))
    with watching(project, "tests", "--mirror") as watcher:
        until(lambda: watcher.of("new"))
        if way == "link":
            file.rename(project.parent / "elsewhere.yaml")
            file.symlink_to(project.parent / "elsewhere.yaml")
        else:
            file.unlink()
            file.mkdir()
        until(lambda: watcher.of("removed"))
        watcher.end()

    assert [] == paths_asked(project)


def test_a_file_that_was_bad_in_the_end_is_remembered(project: Path) -> None:
    """It went before the next watcher came: its recordings, from when it was good, go as well."""
    file = project / "tests/one.yaml"
    file.write_text(cassette(1))
    for text in (cassette(1), "interactions: [", None):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        recstore(project, "watch", "--once", "--mirror", "tests")

    assert [] == paths_asked(project)


def test_what_is_read_in_another_way_is_read_again(project: Path) -> None:
    """The configuration gives an upstream another name: the store is what an import gives by it."""
    write_recordings(project, 4)
    assert 0 == recstore(project, "watch", "--once", "tests").returncode
    old = time.time() - 1000
    for path in project.rglob("*"):
        os.utime(path, (old, old))
    assert 0 == recstore(project, "watch", "--once", "tests").returncode
    before = stored(project)
    (project / "recstore.toml").write_text(
        '[upstreams]\nelsewhere = ["http://0.0.0.0:11434", "https://api.openai.com"]\n'
    )
    assert 0 == recstore(project, "watch", "--once", "tests").returncode
    after = stored(project)
    assert 0 == recstore(project, "import", "--replace", "tests").returncode

    assert before != after
    assert stored(project) == after
