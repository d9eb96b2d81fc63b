"""The store follows while a recorder writes: after the burst it is what an import of the final state would give."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from recstore.store import Store
from recstore.store.verify import verify_store
from tests.generator import write_recordings
from tests.git_repository import GitRepository
from tests.integration.watch.watching import environment, recstore, stored, until, watching
from tests.loopback import serving


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with an empty store."""
    Store.create(tmp_path / "project")
    return tmp_path / "project"


def imported(project: Path) -> dict[str, bytes]:
    """Return what a fresh import of the project's loose recordings stores."""
    fresh = project.parent / f"fresh-{len(list(project.parent.iterdir()))}"
    fresh.mkdir()
    shutil.copytree(project / "tests", fresh / "tests", symlinks=True)
    Store.create(fresh)
    recstore(fresh, "import", "tests")
    return stored(fresh)


def recording(project: Path, *ways: str, count: int = 120, seconds: float = 2.0) -> None:
    """Have a recorder write beside the watcher, and wait for it."""
    command = [sys.executable, "-m", "tests.integration.watch.recorder", str(project), str(count), str(seconds), *ways]
    subprocess.run(command, env=environment(), check=True)


def equal(project: Path) -> bool:
    """Return whether the store is what an import would make of the files."""
    return stored(project) == imported(project)


@pytest.mark.parametrize(
    "ways",
    [
        *(pytest.param(ways, marks=pytest.mark.slow) for ways in ((), ("halves",), ("twice",), ("renamed",))),
        ("halves", "twice", "renamed", "vanished"),
    ],
)
def test_after_a_burst_the_store_is_what_an_import_gives(project: Path, ways: tuple[str, ...]) -> None:
    """Half-written, rewritten, renamed and removed files: bit for bit the same; nothing is called bad on the way."""
    with watching(project, "tests", "--mirror") as watcher:
        recording(project, *ways)
        expected = imported(project)
        until(lambda: stored(project) == expected)
        code = watcher.end()

    assert 0 == code
    assert [] == watcher.of("bad")
    assert expected == stored(project)
    assert () == verify_store(Store.open(project)).problems
    assert watcher.of("summary")


@pytest.mark.slow
def test_two_thousand_files_at_once(project: Path) -> None:
    """A storm: everything arrives, each file is told of once, and the index knows it all."""
    with watching(project, "tests") as watcher:
        recording(project, count=2000, seconds=0)
        files = sum(path.is_file() for path in (project / "tests").rglob("*.json"))
        until(lambda: files <= len(watcher.of("new")))
        expected = imported(project)
        until(lambda: stored(project) == expected)
        watcher.end()

    names = [event["file"] for event in watcher.of("new")]
    assert len(set(names)) == len(names) == files


def test_a_bad_file_is_said_once_and_again_when_it_changes(project: Path) -> None:
    """A file that stays cut short is named; mended, it is stored."""
    write_recordings(project, 4)
    file = min((project / "tests").rglob("*.json"))
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    with watching(project, "tests") as watcher:
        until(lambda: watcher.of("bad"))
        (project / "tests/other.json").write_text("{}")
        until(lambda: watcher.of("none"))
        first = len(watcher.of("bad"))
        file.write_bytes(whole[:120])
        until(lambda: len(watcher.of("bad")) > first)
        file.write_bytes(whole)
        until(lambda: file.name in str(watcher.of("new")))
        watcher.end()

    assert 1 == first
    assert equal(project)


def test_folders_may_come_later_and_be_made_anew(project: Path) -> None:
    """A source that is not there yet is watched as soon as it is; so is one that was removed and made again."""
    with watching(project, "tests/*/recordings", "--mirror") as watcher:
        for word in ("first", "second"):
            write_recordings(project / "made", 3)
            (project / "tests/unit").mkdir(parents=True, exist_ok=True)
            source = next((project / "made").rglob("recordings"))
            shutil.copytree(source, project / "tests/unit/recordings")
            until(lambda: stored(project) == imported(project) != {})
            shutil.rmtree(project / "tests/unit/recordings")
            shutil.rmtree(project / "made")
            until(lambda: {} == stored(project))
            assert watcher.process.poll() is None, word
        code = watcher.end()

    assert 0 == code


def test_without_mirror_recordings_stay(project: Path) -> None:
    """A file that is removed takes nothing with it unless that was asked for."""
    write_recordings(project, 6)
    with watching(project, "tests") as watcher:
        until(lambda: stored(project))
        expected = imported(project)
        shutil.rmtree(project / "tests")
        write_recordings(project / "other", 2)
        watcher.end()

    assert expected == stored(project)


def test_consumed_files_go_when_they_are_safe(project: Path) -> None:
    """Every file goes, every recording stays; a bad file stays as well."""
    write_recordings(project, 20)
    expected = imported(project)
    (project / "tests/bad.json").write_text('{"test_id": "a", "request"')
    with watching(project, "tests", "--consume") as watcher:
        until(lambda: ["bad.json"] == [path.name for path in (project / "tests").rglob("*.json")])
        until(lambda: watcher.of("bad"))
        watcher.end()

    assert expected == stored(project)
    assert () == verify_store(Store.open(project)).problems


def test_once_looks_once(project: Path) -> None:
    """For scripts: everything that is there, then an end; a second time there is nothing to do."""
    write_recordings(project, 10)
    first = recstore(project, "watch", "--once", "tests")
    second = recstore(project, "watch", "--once", "--json", "tests")

    assert (0, 0) == (first.returncode, second.returncode)
    assert equal(project)
    summary = json.loads(second.stdout.splitlines()[-1])
    assert (0, 0, 0) == (summary["new"], summary["changed"], summary["bad"])


def test_what_git_takes_away_comes_back(tmp_path: Path) -> None:
    """A branch without the recordings is checked out: the files that still lie there are stored again."""
    project = GitRepository.create(tmp_path / "project")
    base = project.commit()
    write_recordings(project.folder, 12)
    project.write(".gitignore", "tests/**/recordings\n")
    assert 0 == recstore(project.folder, "import", "tests").returncode
    project.commit()
    expected = stored(project.folder)
    with watching(project.folder, "tests") as watcher:
        project.git("checkout", "-q", base)
        until(lambda: stored(project.folder) != expected)
        (project.folder / "tests/wake.json").write_text("{}")
        until(lambda: stored(project.folder) == expected)
        watcher.end()

    assert expected == stored(project.folder)


def test_links_out_of_a_source_are_refused(project: Path) -> None:
    """A link to a file elsewhere is named once and not followed."""
    outside = project.parent / "outside"
    write_recordings(outside, 2)
    (project / "tests").mkdir()
    (project / "tests/link.json").symlink_to(next(outside.rglob("*.json")))
    (project / "tests/folder").symlink_to(outside)
    with watching(project, "tests") as watcher:
        until(lambda: 2 == len(watcher.of("bad")))
        write_recordings(project, 3)
        until(lambda: watcher.of("new"))
        watcher.end()

    assert {"is a link that leads out of its source; it is not followed"} == {
        event["reason"] for event in watcher.of("bad")
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_well(project: Path, number: int) -> None:
    """What has come is stored, a summary is printed, and the exit code is 0."""
    write_recordings(project, 30)
    with watching(project, "tests") as watcher:
        code = watcher.end(number)

    assert 0 == code
    assert 1 == len(watcher.of("summary"))
    assert equal(project)


def test_a_command_is_run_inside(project: Path) -> None:
    """Watch ends with it, returns its exit code, and has stored what it recorded."""
    command = [sys.executable, "-m", "tests.integration.watch.recorder", str(project), "20", "0"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "recstore", "watch", "tests", "--", "sh", "-c", '"$@"; exit 7', "sh", *command],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert 7 == done.returncode, done.stderr
    assert equal(project)
    assert "new file" in done.stderr


def test_a_recording_run_of_pytest_is_run_inside(project: Path) -> None:
    """What the plugin records by itself is told as well: without any source, with its tests, and at the end."""
    suite = """
        import httpx, os, pytest

        @pytest.mark.recstore
        @pytest.mark.parametrize("number", range(4))
        def test_chat(number):
            assert 200 == httpx.get(f"{os.environ['BASE']}/{number}").status_code
    """
    (project / "test_chat.py").write_text(textwrap.dedent(suite))
    with serving() as upstream:
        inside = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--recstore=record"]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "recstore", "watch", "--json", "--", *inside],
            cwd=project,
            env={**environment(), "BASE": upstream.base},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    assert 0 == done.returncode, done.stdout
    assert {f"test_chat.py::test_chat[{number}]" for number in range(4)} == {
        event["file"] for event in events if event["event"] == "recorded"
    }
    assert 4 == events[-1]["recorded"]


def test_a_command_follows_each_settled_change(project: Path) -> None:
    """`--exec` runs once there is something new, not while it comes."""
    log = project / "log"
    with watching(project, "tests", "--exec", f"sh -c 'echo ran >> {log}'") as watcher:
        write_recordings(project, 10)
        until(log.exists)
        watcher.end()

    assert 1 <= log.read_text().count("ran") <= 3
    assert equal(project)


def test_several_at_once_lose_nothing(project: Path) -> None:
    """Two watchers, imports and collections beside a recorder: the store is sound, and what an import gives."""
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / "tests").mkdir()
    with watching(project, "tests") as one, watching(project, "tests") as other:
        writing = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.watch.recorder", str(project), "100", "3", "halves"],
            env=environment(),
        )
        while writing.poll() is None:
            for arguments in (("import", "tests"), ("gc",), ("verify",)):
                done = recstore(project, *arguments)
                assert done.returncode in (0, 20, 30) or arguments == ("gc",), done.stderr
        expected = imported(project)
        until(lambda: stored(project) == expected)
        codes = [one.end(), other.end()]

    assert [0, 0] == codes
    assert () == verify_store(Store.open(project)).problems


def test_there_has_to_be_something_to_watch(project: Path) -> None:
    """Without sources it says how to name some; two options that contradict each other are refused."""
    none = recstore(project, "watch", "--once")
    both = recstore(project, "watch", "--once", "--mirror", "--consume", "tests")

    assert (2, 2) == (none.returncode, both.returncode)
    assert "sources" in none.stderr
    assert "contradict" in both.stderr


def test_the_configuration_names_sources(project: Path) -> None:
    """`sources` are watched where the command names none, and it says so."""
    (project / "recstore.toml").write_text('sources = ["tests/**/recordings"]\n')
    write_recordings(project, 5)
    done = recstore(project, "watch", "--once")

    assert 0 == done.returncode, done.stderr
    assert "`sources` of the configuration" in done.stderr
    assert equal(project)


def test_file_names_never_reach_the_terminal_raw(project: Path) -> None:
    """A name with an escape code is shown, not obeyed."""
    (project / "tests").mkdir()
    (project / "tests/\x1b[31mred.json").write_text('{"test_id": "a", "request"')
    done = recstore(project, "watch", "--once", "tests")

    assert "\x1b" not in done.stdout + done.stderr
    assert "red.json" in done.stderr
    assert os.path.exists(project / "tests/\x1b[31mred.json")
