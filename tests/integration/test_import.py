"""Importing what is not as it should be: a clear word about it, and everything else is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recstore.errors import DamagedSource
from recstore.store import Store
from tests.commands import recstore

ENVIRONMENT_ROOT = Path(__file__).resolve().parents[2]


def document(text: str = "Hello!", test_id: str | None = "tests/test_a.py::test_a") -> dict[str, Any]:
    """Return a recording as llama-stack's recorder would write it."""
    return {
        "test_id": test_id,
        "request": {
            "method": "POST",
            "url": "https://api.openai.com/v1/v1/chat/completions",
            "headers": {},
            "body": {"model": "demo", "messages": [{"role": "user", "content": "Hello?"}]},
            "endpoint": "/v1/chat/completions",
            "model": "demo",
        },
        "response": {"body": {"choices": [{"message": {"content": text}}]}, "is_streaming": False},
        "id_normalization_mapping": {},
    }


def as_recorded(value: dict[str, Any]) -> bytes:
    """Return the bytes that the recorder writes for `value`."""
    return (json.dumps(value, indent=2) + "\n").encode()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a store, and a folder `recordings` with one good recording."""
    Store.create(tmp_path)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / f"{'0' * 64}.json").write_bytes(as_recorded(document()))
    return tmp_path


BROKEN = {
    "cut short": as_recorded(document())[:300],
    "empty": b"",
    "in conflict": b"<<<<<<< ours\n"
    + as_recorded(document())
    + b"=======\n"
    + as_recorded(document("Hi!"))
    + b">>>>>>> theirs\n",
    "not UTF-8": as_recorded(document()).replace(b"Hello!", b"Hell\xff!"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_named_and_stops_nothing(project: Path, what: str) -> None:
    """The good file is stored, the broken one is named with the remedy, and the exit code says damage."""
    (project / "recordings" / "broken.json").write_bytes(BROKEN[what])

    done = recstore(project, "import", "recordings")

    assert DamagedSource.exit_code == done.returncode
    assert "recordings/broken.json" in done.stderr
    assert DamagedSource.default_remedy in done.stderr
    assert "Imported 1 recording of 1 test from 2 files" in done.stdout


def test_a_broken_file_keeps_what_was_imported_of_it(project: Path) -> None:
    """A recorder in the middle of writing a file does not make the store forget the recording it held."""
    file = project / "recordings" / f"{'0' * 64}.json"
    recstore(project, "import", "recordings")
    file.write_bytes(file.read_bytes()[:200])

    done = recstore(project, "import", "--replace", "recordings")

    assert DamagedSource.exit_code == done.returncode
    assert ["tests/test_a.py::test_a"] == list(Store.open(project).tests())


INEXACT = {
    "NaN": as_recorded(document()).replace(b'"Hello!"', b"NaN"),
    "an integer beyond 64 bits": as_recorded(document()).replace(b'"Hello!"', b"123456789012345678901234567890"),
    "a key twice": as_recorded(document()).replace(b'"content": "Hello!"', b'"content": "A", "content": "B"'),
    "a real with more digits than a double": as_recorded(document()).replace(b'"Hello!"', b"0.10000000000000000001"),
    "a lone surrogate": as_recorded(document()).replace(b"Hello!", rb"\ud800"),
    "one line": json.dumps(document()).encode(),
    "four spaces": json.dumps(document(), indent=4).encode(),
    "no newline at the end": as_recorded(document())[:-1],
    "Windows line ends": as_recorded(document()).replace(b"\n", b"\r\n"),
    "NaN in the request": as_recorded(document()).replace(b'"Hello?"', b"NaN"),
    "deep nesting": as_recorded(document()).replace(b'"Hello!"', b"[" * 400 + b"]" * 400),
}


@pytest.mark.parametrize("what", INEXACT)
def test_what_json_values_cannot_carry_comes_out_byte_for_byte(project: Path, what: str) -> None:
    """A recording that no JSON value stands for is stored and exported all the same."""
    file = project / "recordings" / f"{'1' * 64}.json"
    file.write_bytes(INEXACT[what])

    imported = recstore(project, "import", "recordings")
    exported = recstore(project, "export", "out")

    assert (0, 0) == (imported.returncode, exported.returncode), imported.stderr + exported.stderr
    assert INEXACT[what] == (project / "out" / file.relative_to(project)).read_bytes()
    assert 0 == recstore(project, "verify").returncode


def test_other_files_stay_out(project: Path) -> None:
    """JSON that is no recording is counted and named, and is no error."""
    (project / "recordings" / "package.json").write_text('{"name": "something else"}')
    (project / "recordings" / "broken-but-no-recording.json").write_text("{ // a comment\n}")

    done = recstore(project, "import", "recordings")

    assert 0 == done.returncode
    assert "not a recording: recordings/package.json" in done.stderr
    assert "2 files held no recording" in done.stdout


def test_a_dry_run_changes_nothing(project: Path) -> None:
    """`--dry-run` says what an import would do, and does none of it."""
    done = recstore(project, "import", "--dry-run", "recordings")

    assert "Would import 1 recording of 1 test from 1 file" in done.stdout
    assert ([], []) == (list(Store.open(project).blobs()), list(Store.open(project).tests()))


def test_a_moved_test_leaves_its_old_manifest(project: Path) -> None:
    """A file whose recording belongs to another test now is that test's alone."""
    recstore(project, "import", "recordings")
    (project / "recordings" / f"{'0' * 64}.json").write_bytes(as_recorded(document(test_id="tests/test_a.py::test_b")))

    recstore(project, "import", "recordings")

    assert ["tests/test_a.py::test_b"] == list(Store.open(project).tests())


def test_a_link_out_of_the_folder_is_not_followed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A link in a source that leads elsewhere brings nothing in."""
    outside = tmp_path_factory.mktemp("outside") / f"{'2' * 64}.json"
    outside.write_bytes(as_recorded(document(test_id="tests/test_a.py::test_elsewhere")))
    (project / "recordings" / outside.name).symlink_to(outside)

    recstore(project, "import", "recordings")

    assert ["tests/test_a.py::test_a"] == list(Store.open(project).tests())


def test_a_model_list_is_a_union_of_its_files(project: Path) -> None:
    """Several model lists of one request answer together: the same n, each with its own file."""
    for number in (1, 2):
        listing = document()
        listing["request"] |= {"url": "https://api.openai.com/v1/v1/models", "body": {}, "endpoint": "/v1/models"}
        listing["request"]["model"] = ""
        listing["response"]["body"] = [{"__type__": "openai.types.model.Model", "__data__": {"id": f"model-{number}"}}]
        (project / "recordings" / f"models-{'3' * 64}-{number:08x}.json").write_bytes(as_recorded(listing))

    recstore(project, "import", "recordings")

    manifest = Store.open(project).manifest("tests/test_a.py::test_a")
    assert manifest is not None
    assert [(1, True), (1, True)] == [(entry.n, entry.is_union) for entry in manifest.entries if entry.is_union]


def test_an_export_stays_in_its_folder(project: Path) -> None:
    """A manifest that names a file elsewhere gets nothing written there."""
    recstore(project, "import", "recordings")
    [manifest] = (project / ".recstore" / "tests").rglob("test_a-*")
    lines = manifest.read_text().replace('"path":"recordings/', '"path":"../outside/').splitlines()
    manifest.write_text("".join(f"{line.rpartition(' ')[0] if '}' in line else line}\n" for line in lines))

    done = recstore(project, "export", "out")

    assert 20 == done.returncode
    assert "outside the folder" in done.stderr
    assert not (project / "outside").exists()


def test_an_export_overwrites_nothing(project: Path) -> None:
    """A file that is there with other bytes stays as it is, unless told."""
    recstore(project, "import", "recordings")
    file = project / "out" / "recordings" / f"{'0' * 64}.json"
    file.parent.mkdir(parents=True)
    file.write_text("mine")

    refused = recstore(project, "export", "out")

    assert (1, "mine") == (refused.returncode, file.read_text())
    assert 0 == recstore(project, "export", "--force", "out").returncode
    assert as_recorded(document()) == file.read_bytes()


def test_two_files_that_would_be_taken_for_one_are_not_imported(project: Path) -> None:
    """Neither is; from the folder that holds both, both are, and both come out again."""
    texts = {"a": "of a", "b": "of b"}
    outside = project.parent / f"{project.name} outside"
    for folder, text in texts.items():
        (outside / folder).mkdir(parents=True)
        (outside / folder / "x.json").write_bytes(as_recorded(document(text, f"tests/test_{folder}.py::test_it")))

    done = recstore(project, "import", str(outside / "a"), str(outside / "b"))

    assert 2 == done.returncode, done.stderr
    assert f"{outside}/a/x.json and {outside}/b/x.json" in done.stderr
    assert [] == list(Store.open(project).manifests())
    assert 0 == recstore(project, "import", str(outside)).returncode
    assert 0 == recstore(project, "export", "out").returncode
    for folder in texts:
        assert (project / "out" / folder / "x.json").read_bytes() == (outside / folder / "x.json").read_bytes()
