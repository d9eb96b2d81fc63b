"""A loose file goes once its recordings are safe, and takes nothing with it: neither an earlier test's, nor what is to come."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recstore.store import Store
from recstore.store.verify import verify_store
from tests.generator import SHAPES, as_recorded, generated
from tests.git_repository import GitRepository
from tests.integration.watch.watching import environment, recstore, until, watching

INTERACTION = """\
- request:
    body: null
    headers: {{}}
    method: GET
    uri: https://example.com/{number}
  response:
    body:
      string: answer {number} {word}
    headers: {{}}
    status:
      code: 200
      message: OK
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with an empty store and a folder of sources."""
    Store.create(tmp_path / "project")
    (tmp_path / "project/tests").mkdir()
    return tmp_path / "project"


def cassette(*numbers: int, word: str = "once") -> str:
    """Return a cassette of vcrpy's."""
    return (
        "interactions:\n" + "".join(INTERACTION.format(number=number, word=word) for number in numbers) + "version: 1\n"
    )


def paths_asked(project: Path) -> list[str]:
    """Return the paths of the requests of all entries, in order."""
    store = Store.open(project)
    return sorted(store.get(entry).request.path for manifest in store.manifests() for entry in manifest.entries)


def consume(project: Path) -> subprocess.CompletedProcess[str]:
    """Look once."""
    return recstore(project, "watch", "--once", "--consume", "tests")


def test_a_name_that_is_used_again_replaces_only_what_is_answered_anew(project: Path) -> None:
    """A consumed cassette that is begun again: what it does not say again stays, what it answers anew is replaced."""
    file = project / "tests/shared.yaml"
    file.write_text(cassette(1, 2))
    first = consume(project)
    file.write_text(cassette(2, 3, word="again"))
    second = consume(project)

    assert (0, 0) == (first.returncode, second.returncode), first.stderr + second.stderr
    assert "1 file consumed" in first.stderr
    assert ["/1", "/2", "/3"] == paths_asked(project)
    assert not file.exists()
    assert () == verify_store(Store.open(project)).problems


def test_a_name_that_another_test_uses_takes_nothing_from_the_first(project: Path) -> None:
    """Two tests write a file of one name, one after the other: both keep their recordings."""
    _, _, document = next(made for made in generated() if made[0] == next(iter(SHAPES)))
    file = project / "tests/recordings/one.json"
    file.parent.mkdir()
    for name in ("tests/test_a.py::test_a", "tests/test_b.py::test_b"):
        file.write_bytes(as_recorded({**document, "test_id": name}))
        assert 0 == consume(project).returncode
    store = Store.open(project)
    both = recstore(project, "export", "../out")
    one = recstore(project, "export", "../out", "--test", "tests/test_a.py::test_a")

    assert (1, 0) == (both.returncode, one.returncode), one.stderr
    assert "tests/test_a.py::test_a and tests/test_b.py::test_b" in both.stderr
    assert [1, 1] == [len(manifest.entries) for manifest in store.manifests()]
    assert () == verify_store(store).problems


def test_what_an_earlier_watcher_has_stored_is_consumed_too(project: Path) -> None:
    """It left a note of what it had seen, of which a watcher that consumes takes nothing for done."""
    (project / "tests/one.yaml").write_text(cassette(1))
    for _ in range(2):
        for path in project.rglob("*"):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        assert 0 == recstore(project, "watch", "--once", "tests").returncode
    done = consume(project)

    assert 0 == done.returncode, done.stderr
    assert [] == list((project / "tests").iterdir())
    assert ["/1"] == paths_asked(project)


def test_a_file_is_not_removed_while_it_is_written(project: Path) -> None:
    """A recorder holds its file open and writes an interaction at a time: each beginning of it is a whole cassette."""
    file = project / "tests/slow.yaml"
    with watching(project, "tests", "--consume") as watcher:
        with file.open("w") as recorder:
            recorder.write("interactions:\n")
            for number in range(4):
                recorder.write(INTERACTION.format(number=number, word="slowly"))
                recorder.flush()
                time.sleep(0.8)
                assert file.exists()
            recorder.write("version: 1\n")
        until(lambda: not file.exists())
        watcher.end()

    assert ["/0", "/1", "/2", "/3"] == paths_asked(project)


def test_nothing_is_removed_before_the_command_inside_has_ended(project: Path) -> None:
    """Its files are its own as long as it runs, however quiet they are."""
    script = """if True:
        import pathlib, sys, time
        file = pathlib.Path("tests/kept.yaml")
        file.write_text(sys.argv[1])
        time.sleep(4)
        sys.exit(0 if file.exists() else 9)
    """
    done = recstore(project, "watch", "--consume", "tests", "--", sys.executable, "-c", script, cassette(1))

    assert 0 == done.returncode, done.stderr
    assert ["/1"] == paths_asked(project)
    assert [] == list((project / "tests").iterdir())


def test_what_a_switch_of_branches_took_is_stored_again_first(tmp_path: Path) -> None:
    """A file whose recordings are on another branch by now is followed again, and then goes."""
    project = GitRepository.create(tmp_path / "project")
    folder = project.folder
    (folder / "tests").mkdir()
    (folder / "readme").write_text("a file\n")
    project.commit()
    file = folder / "tests/one.yaml"
    with watching(folder, "tests", "--consume") as watcher:
        file.write_text(cassette(1))
        until(lambda: watcher.of("new"))
        project.git("stash", "-q", "-u", "--", ".recstore")
        until(lambda: not file.exists())
        watcher.end()

    assert ["/1"] == paths_asked(folder)


def test_a_source_outside_the_project_is_left_alone_by_a_glob(project: Path) -> None:
    """A committed link in a folder that a glob stands for leads to somebody else's files."""
    other = project.parent / "other/recordings"
    other.mkdir(parents=True)
    (other / "theirs.yaml").write_text(cassette(7))
    (project / "tests/suite").symlink_to(other.parent)
    (project / "recstore.toml").write_text('sources = ["tests/*/recordings", "tests/suite/recordings"]\n')
    done = recstore(project, "watch", "--once", "--consume")

    assert (other / "theirs.yaml").exists()
    assert [] == paths_asked(project)
    assert "leads out of the project by a link" in done.stderr
    assert 2 == done.returncode


def test_links_in_a_circle_end(project: Path) -> None:
    """A glob of any depth looks into no link, and into no folder of tools."""
    (project / "tests/deep/recordings").mkdir(parents=True)
    (project / "tests/deep/recordings/one.yaml").write_text(cassette(1))
    for name in "ab":
        (project / f"tests/{name}").symlink_to(project / "tests")
    (project / "node_modules/recordings").mkdir(parents=True)
    (project / "node_modules/recordings/two.yaml").write_text(cassette(2))
    (project / "recstore.toml").write_text('sources = ["**/recordings/"]\n')
    started_s = time.monotonic()
    done = recstore(project, "watch", "--once")

    assert 0 == done.returncode, done.stderr
    assert time.monotonic() - started_s < 20
    assert ["/1"] == paths_asked(project)


@pytest.mark.skipif(os.name == "nt", reason="a terminal's group of processes is another thing there")
def test_a_closed_output_is_no_defect(project: Path) -> None:
    """`recstore watch --once >&-`."""
    (project / "tests/one.yaml").write_text(cassette(1))
    command = '"$0" -P -m recstore watch --once tests >&-'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert ["/1"] == paths_asked(project)
