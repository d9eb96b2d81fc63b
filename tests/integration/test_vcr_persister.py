"""Suites of vcrpy and pytest-recording that keep their cassettes in a store, run for real."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import httpx
import pytest

import recstore as package
from recstore.errors import DamagedBlob, NotInStore, UsageError
from recstore.importers.vcr.persister import Persister
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.commands import recstore
from tests.loopback import serving

vcr = pytest.importorskip("vcr")
pytest.importorskip("pytest_recording")

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
import os, httpx, pytest

BASE = os.environ["BASE"]

def ask(path):
    return httpx.get(f"{BASE}/{path}").json()["number"]

@pytest.mark.vcr
def test_one():
    assert ask("a") == ask("a") - int(os.environ.get("STEP", "1"))

class TestClass:
    @pytest.mark.vcr
    def test_method(self):
        assert ask("b")

@pytest.mark.vcr("shared.yaml")
@pytest.mark.default_cassette("own.yaml")
def test_extra():
    assert ask("c")

@pytest.mark.vcr(allow_playback_repeats=True)
def test_repeats():
    assert ask("d")

@pytest.mark.vcr
@pytest.mark.parametrize("case", ["x/y", "z"])
def test_cases(case):
    assert ask(f"case/{case}")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a store and a suite of pytest-recording."""
    Store.create(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["recstore.importers.vcr.pytest_recording"]\n')
    (tmp_path / "tests/test_suite.py").write_text(SUITE)
    return tmp_path


def run(project: Path, base: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the suite."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BASE": base, **variables}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def passed(project: Path, base: str, *options: str, **variables: str) -> None:
    """Run the suite, which passes."""
    done = run(project, base, *options, **variables)
    assert 0 == done.returncode, done.stdout + done.stderr


def cassettes(folder: Path) -> list[Path]:
    """Return the cassette files."""
    return sorted(folder.rglob("*.yaml"))


def test_a_suite_records_into_the_store_and_replays_from_it(project: Path) -> None:
    """No cassette file is written, and no request is made again; what is exported is what vcrpy writes."""
    with serving() as upstream:
        passed(project, upstream.base, "--record-mode=once")
        count = len(upstream.requests)
        passed(project, upstream.base, "--record-mode=once")
        assert count == len(upstream.requests)
    passed(project, upstream.base)
    passed(project, upstream.base, "-n", "2")

    assert [] == cassettes(project)
    assert {
        "tests/test_suite.py::test_one",
        "tests/test_suite.py::TestClass::test_method",
        "tests/test_suite.py::test_repeats",
        "tests/test_suite.py::test_cases[x-y]",
        "tests/test_suite.py::test_cases[z]",
        "tests/cassettes/test_suite/own",
    } == set(Store.open(project).tests())
    assert () == verify_store(Store.open(project)).problems
    checked = recstore(project, "check")
    assert 0 == recstore(project, "export", "exported").returncode, checked.stdout
    assert 6 == len(cassettes(project / "exported"))
    for file in cassettes(project / "exported"):  # what is exported is a suite's own cassettes
        data = file.read_bytes()
        loaded = vcr.serialize.deserialize(data.decode(), vcr.serializers.yamlserializer)
        pairs = {"requests": loaded[0], "responses": loaded[1]}
        assert vcr.serialize.serialize(pairs, vcr.serializers.yamlserializer).encode() == data


def test_what_is_exported_is_what_vcrpy_writes(tmp_path: Path) -> None:
    """The same requests with vcrpy's own persister give the same bytes."""
    Store.create(tmp_path)
    plain = tmp_path / "plain" / "chat.yaml"
    with serving() as upstream:
        for place, persister in ((plain, None), (tmp_path / "chat.yaml", Persister())):
            upstream.requests.clear()
            recorder = vcr.VCR(before_record_response=_without_date)
            if persister is not None:
                recorder.register_persister(persister)
            with recorder.use_cassette(str(place)):
                httpx.post(f"{upstream.base}/x", json={"a": "ü\n" * 3})
                httpx.get(f"{upstream.base}/gzip")
                httpx.get(f"{upstream.base}/binary")
    done = recstore(tmp_path, "export", "exported")

    assert 0 == done.returncode, done.stderr
    assert not (tmp_path / "chat.yaml").exists()
    assert plain.read_bytes() == (tmp_path / "exported/chat.yaml").read_bytes()


def _without_date(response: dict[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in response["headers"].items() if name.lower() != "date"}
    return {**response, "headers": headers}


@pytest.mark.parametrize("how", ["option", "marker", "fixture"])
def test_rewriting_replaces_what_was_recorded(project: Path, how: str) -> None:
    """The mode is pytest-recording's own: by option, by marker, or in the fixture `vcr_config`."""
    mark = '@pytest.mark.vcr(record_mode="rewrite")' if how == "marker" else "@pytest.mark.vcr"
    config = {"record_mode": "rewrite"} if how == "fixture" else {}
    suite = f"""
        import os, httpx, pytest

        @pytest.fixture
        def vcr_config():
            return {config}

        {mark}
        def test_one():
            assert 200 == httpx.get(os.environ["BASE"] + "/" + os.environ["WHERE"]).status_code
    """
    (project / "tests/test_suite.py").write_text(textwrap.dedent(suite))
    with serving() as upstream:
        passed(project, upstream.base, "--record-mode=once", WHERE="old")
        passed(project, upstream.base, *(["--record-mode=rewrite"] if how == "option" else []), WHERE="new")

    shown = recstore(project, "show", "test_one").stdout
    assert ("/old" in shown, "/new" in shown) == (False, True)


def test_an_extra_cassette_is_played_from_and_not_written_to(project: Path) -> None:
    """What was recorded under another name serves, and stays as it is."""
    folder = project / "tests/cassettes/test_suite"
    with serving() as upstream:
        with vcr.VCR().use_cassette(str(folder / "shared.yaml"), persister=Persister()):
            httpx.get(f"{upstream.base}/c")
        passed(project, upstream.base, "--record-mode=once", "-k", "test_extra")

    assert 1 == len(upstream.requests)
    assert ["tests/cassettes/test_suite/shared"] == list(Store.open(project).tests())


def test_cassettes_that_are_there_as_files_are_played(project: Path) -> None:
    """A suite moves over with its files, imported or not; nothing is recorded again."""
    with serving() as upstream:
        (project / "conftest.py").write_text("")
        passed(project, upstream.base, "--record-mode=once")
        count = len(upstream.requests)
        (project / "conftest.py").write_text('pytest_plugins = ["recstore.importers.vcr.pytest_recording"]\n')
    passed(project, upstream.base)
    assert 0 == recstore(project, "import", "tests").returncode
    for file in cassettes(project / "tests"):
        file.unlink()
    passed(project, upstream.base)

    assert 7 == count
    assert [] == cassettes(project)


def test_a_cassette_that_several_workers_share_keeps_everything(project: Path) -> None:
    """Four workers add to one cassette at once: none of its 40 recordings is lost."""
    suite = """
        import os, httpx, pytest

        @pytest.mark.vcr
        @pytest.mark.default_cassette("shared.yaml")
        @pytest.mark.parametrize("number", range(40))
        def test_many(number):
            assert 200 == httpx.get(f"{os.environ['BASE']}/{number}").status_code
    """
    (project / "tests/test_suite.py").write_text(textwrap.dedent(suite))
    with serving() as upstream:
        passed(project, upstream.base, "--record-mode=new_episodes", "-n", "4")
    passed(project, upstream.base, "-n", "4")

    manifest = Store.open(project).manifest("tests/cassettes/test_suite/shared")
    assert manifest is not None
    assert 40 == len(manifest.entries)


def test_damage_is_said_and_never_recorded_over(tmp_path: Path) -> None:
    """A cassette whose recording is damaged is no missing one."""
    store = Store.create(tmp_path)
    recorder = vcr.VCR(record_mode="once")
    recorder.register_persister(Persister())
    with serving() as upstream:
        with recorder.use_cassette(str(tmp_path / "chat.yaml")):
            httpx.get(f"{upstream.base}/x")
        path = tmp_path / ".recstore" / next(store.blobs()).path
        path.chmod(0o644)
        damaged = path.read_bytes().replace(b"number", b"numb3r")
        path.write_bytes(damaged)

        with pytest.raises(DamagedBlob, match="blobs/"), recorder.use_cassette(str(tmp_path / "chat.yaml")):
            httpx.get(f"{upstream.base}/x")

    assert 1 == len(upstream.requests)
    assert damaged == path.read_bytes()


def test_without_a_store_it_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is recorded anywhere else."""
    with (
        pytest.raises(NotInStore, match="recstore init"),
        vcr.VCR(record_mode="none").use_cassette(str(tmp_path / "chat.yaml"), persister=Persister()),
    ):
        pass


def test_an_emptied_cassette_is_none(tmp_path: Path) -> None:
    """A cassette whose last request went is not there; one of metadata alone is refused, and what was there stays."""
    store = Store.create(tmp_path)
    place = str(tmp_path / "chat.yaml")
    serializer = vcr.serializers.yamlserializer
    request = vcr.request.Request("GET", "http://localhost/", "", {})
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": b""}}
    Persister().save_cassette(place, {"requests": [request], "responses": [response]}, serializer)
    with pytest.raises(UsageError, match="metadata"):
        Persister().save_cassette(place, {"requests": [], "responses": [], "metadata": {"a": 1}}, serializer)
    kept = list(store.tests())
    Persister().save_cassette(place, {"requests": [], "responses": []}, serializer)

    assert ["chat"] == kept
    assert [] == list(store.tests())
    with pytest.raises(vcr.persisters.filesystem.CassetteNotFoundError):
        Persister().load_cassette(place, serializer)


def test_what_a_cassette_answers_counts_as_served(tmp_path: Path) -> None:
    """A test that recstore runs as well must not lose what vcrpy plays for it to `gc --unused`."""
    store = Store.create(tmp_path)
    place = str(tmp_path / "tests/cassettes/test_suite/test_one.yaml")
    recorder = vcr.VCR(record_mode="once")
    recorder.register_persister(Persister())
    with serving() as upstream, recorder.use_cassette(place):
        httpx.get(f"{upstream.base}/x")
    with package.use("tests/test_suite.py::test_one", project=tmp_path) as used, recorder.use_cassette(place):
        httpx.get(f"{upstream.base}/x")

    assert used.report is not None
    assert () == used.report.unused
    manifest = store.manifest("tests/test_suite.py::test_one")
    assert manifest is not None
    assert {(entry.blob.key, entry.n) for entry in manifest.entries} == used.report.used
