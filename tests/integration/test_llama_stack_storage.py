"""llama-stack's own storage, replaced: what its suite has recorded is found, and what it records is kept as it keeps it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from recstore.errors import Damage, NotInStore, UsageError
from recstore.importers.formats import ExportOptions, export_recordings
from recstore.importers.llama_stack import ResponseStorage
from recstore.importers.run import ImportOptions, import_paths
from recstore.store import Store
from recstore.store.verify import verify_store
from tests.generator import SHAPES, write_recordings

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
TEST = "tests/integration/inference/test_chat.py::test_answer[openai/gpt-4o]"
HASH = "0123456789ab" + "c" * 52
REQUEST = {
    "method": "POST",
    "url": "https://api.openai.com/v1/v1/chat/completions",
    "headers": {},
    "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where do people live? 地球"}]},
    "endpoint": "/v1/chat/completions",
    "model": "gpt-4o",
    "provider_metadata": {"openai_sdk_version": "3.54.0"},
}
MODELS = {**REQUEST, "url": "https://api.openai.com/v1/v1/models", "endpoint": "/v1/models", "body": {}, "model": ""}


class Answer(BaseModel):
    """Stands for an object that a client returns."""

    id: str = "chatcmpl-8xT3kqPz"
    object: str = "chat.completion"
    created: int = 1760000000
    text: str = "On Earth."


class Running:
    """Says which test runs, as the suite's own context does."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.test_id: str | None = None
        module = ModuleType("llama_stack.core.testing_context")
        module.get_test_context = lambda: self.test_id  # type: ignore[attr-defined]
        patch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    """Return what decides which test runs."""
    return Running(monkeypatch)


@pytest.fixture
def storage(tmp_path: Path) -> ResponseStorage:
    """Return a storage on an empty store, of a project with the folders of llama-stack's."""
    Store.create(tmp_path)
    return ResponseStorage(tmp_path / "tests/integration/common")


def store_of(storage: ResponseStorage) -> Store:
    """Return the store below a storage."""
    return Store.open(storage.base_dir.parents[2])


def exported(storage: ResponseStorage) -> dict[str, bytes]:
    """Return the files that the recorder would have written, by their paths."""
    folder = storage.base_dir.parents[2] / "exported"
    report = export_recordings(store_of(storage), folder, ExportOptions(force=True))
    assert () == report.problems
    return {path: (folder / path).read_bytes() for path in (*report.written, *report.unchanged)}


def loaded(file: Path) -> Any:
    """Return what the recorder makes of its file: the document, with objects in the place of their data."""
    text = file.read_text()
    for given, original in (json.loads(text).get("id_normalization_mapping") or {}).items():
        text = text.replace(json.dumps(original)[1:-1], given)
    document = json.loads(text)
    if document.get("id_normalization_mapping"):
        document["id_normalization_mapping"] = {}
    body = document["response"]["body"]
    document["response"]["body"] = [built(item) for item in body] if isinstance(body, list) else built(body)
    return document


def built(value: Any) -> Any:
    """Return the object, as far as its package is here and its model still takes the data."""
    if not isinstance(value, dict) or not {"__type__", "__data__"} <= value.keys():
        return value
    module, _, name = value["__type__"].rpartition(".")
    try:
        model = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return value["__data__"]
    try:
        return model.model_validate(value["__data__"])
    except ValueError:
        return model.model_construct(**value["__data__"])


def asked_by_hash(storage: ResponseStorage, running: Running, source: Path) -> Iterator[tuple[Path, Any]]:
    """Yield each file of `source`, and what is found under its hash when its test asks, or one beside it."""
    for file in sorted(file for file in source.rglob("*.json") if "recordings" in file.parts):
        folder, name = file.parent.relative_to(source).as_posix(), file.stem
        beside, _, is_early = folder.partition("/recordings")
        test_id = json.loads(file.read_bytes()).get("test_id")
        is_its_own = str(test_id).partition("::")[0].rpartition("/")[0] == beside
        running.test_id = None if is_early else test_id if is_its_own else f"{beside}/test_any.py::test_any"
        if not name.startswith("models-"):
            yield file, storage.find_recording(name)
            continue
        expected = loaded(file)
        lists = storage._model_list_responses(name.split("-")[1])
        yield file, expected if expected in lists else lists


def imported(folder: Path, source: Path) -> ResponseStorage:
    """Return a storage on a store with the recordings of `source`."""
    report = import_paths(Store.create(folder), [source], ImportOptions(workers=2))
    assert not report.problems
    return ResponseStorage(folder / "tests/integration/recordings")


@pytest.mark.parametrize(
    ("state", "count"),
    [pytest.param("llama-stack-2025-10-22", 1649, marks=pytest.mark.slow), ("llama-stack-2025-12-01", 1480)],
)
def test_every_real_recording_is_found_by_its_hash(tmp_path: Path, running: Running, state: str, count: int) -> None:
    """Equal to what the recorder's own reading of the file gives, the objects in it included."""
    if not (CORPUS / state).is_dir():
        pytest.skip(f"the real recordings are not at {CORPUS / state}")
    storage = imported(tmp_path, CORPUS / state)

    found = list(asked_by_hash(storage, running, CORPUS / state))

    assert (count, []) == (len(found), [file.name for file, value in found if value != loaded(file)])


def test_every_made_up_recording_is_found_by_its_hash(tmp_path: Path, running: Running) -> None:
    """Those of shapes that the real ones do not have, too."""
    source = tmp_path / "source"
    write_recordings(source, 2 * len(SHAPES))
    with_known_types(source)
    storage = imported(tmp_path / "project", source)

    found = list(asked_by_hash(storage, running, source))

    assert (2 * len(SHAPES), []) == (len(found), [file.name for file, value in found if value != loaded(file)])


def with_known_types(source: Path) -> None:
    """Have every object in the files be of a type that a recorder records."""
    for file in source.rglob("*.json"):
        text = file.read_text()
        for invented in ("a.A", "b.B", "some.unknown.Type"):
            text = text.replace(f'"{invented}"', '"ollama._types.Options"')
        file.write_text(text)


def test_what_nobody_recorded_is_not_found(storage: ResponseStorage, running: Running) -> None:
    """Neither beside the test nor in the folder for all."""
    running.test_id = TEST

    assert (None, []) == (storage.find_recording(HASH), storage._model_list_responses(HASH))


def recorded_by(test_id: str | None, request: dict[str, Any], response: dict[str, Any]) -> bytes:
    """Return the bytes of the file that the recorder makes of a recording."""
    document = {"test_id": test_id, "request": request, "response": response, "id_normalization_mapping": {}}
    return (json.dumps(document, indent=2) + "\n").encode()


def answer_as_recorded(**data: Any) -> dict[str, Any]:
    """Return what the recorder makes of an `Answer`."""
    fields = {"id": f"rec-{HASH[:12]}", "object": "chat.completion", "created": 0, "text": "On Earth.", **data}
    return {"__type__": f"{__name__}.Answer", "__data__": fields}


@pytest.mark.parametrize(
    ("response", "as_recorded"),
    [
        ({"body": Answer(), "is_streaming": False}, {"body": answer_as_recorded(), "is_streaming": False}),
        (
            {"body": [Answer(text="On"), Answer(text=" Earth.")], "is_streaming": True},
            {"body": [answer_as_recorded(text="On"), answer_as_recorded(text=" Earth.")], "is_streaming": True},
        ),
        (
            {
                "body": None,
                "is_streaming": False,
                "is_exception": True,
                "exception_data": None,
                "exception_message": "no",
            },
            {
                "body": None,
                "is_streaming": False,
                "is_exception": True,
                "exception_data": None,
                "exception_message": "no",
            },
        ),
        ({"status": 200, "body": {"ranking": [1, 0.5]}}, {"status": 200, "body": {"ranking": [1, 0.5]}}),
        ({"body": ["event: a", "data: {}", ""], "is_streaming": True},) * 2,
    ],
)
def test_what_is_stored_is_exported_as_the_recorder_writes_it(
    storage: ResponseStorage, running: Running, response: dict[str, Any], as_recorded: dict[str, Any]
) -> None:
    """Byte for byte, at the place that its file would have: objects, streams, errors, plain answers, lines."""
    running.test_id = TEST

    storage.store_recording(HASH, REQUEST, response)

    path = f"tests/integration/inference/recordings/{HASH}.json"
    assert {path: recorded_by(TEST, REQUEST, as_recorded)} == exported(storage)
    assert [TEST] == list(store_of(storage).tests())
    assert () == verify_store(store_of(storage)).problems


class Trusting(ResponseStorage):
    """A storage of a suite that has models of its own."""

    packages = (__name__.partition(".")[0],)


def test_what_is_stored_is_found_again(storage: ResponseStorage, running: Running) -> None:
    """By this one and by others, whichever test beside it asks; as objects, where the suite trusts them."""
    running.test_id = TEST
    storage.store_recording(HASH, REQUEST, {"body": Answer(), "is_streaming": False})
    others = Trusting(str(storage.base_dir))

    running.test_id = "tests/integration/inference/test_other.py::test_other"
    found = others.find_recording(HASH)

    assert found is not None
    assert Answer(id=f"rec-{HASH[:12]}", created=0) == found["response"]["body"]
    assert (TEST, REQUEST, {}) == (found["test_id"], found["request"], found["id_normalization_mapping"])
    running.test_id = "tests/integration/agents/test_agents.py::test_agent"
    assert others.find_recording(HASH) is None


def test_a_type_that_nobody_trusts_is_an_error(storage: ResponseStorage, running: Running) -> None:
    """It is told with the file's name, and nothing is imported."""
    running.test_id = TEST
    storage.store_recording(HASH, REQUEST, {"body": {"__type__": "antigravity.Model", "__data__": {}}})

    with pytest.raises(Damage, match=rf"{HASH}.json: has a value of the type 'antigravity.Model'"):
        storage.find_recording(HASH)
    assert "antigravity" not in sys.modules


def test_recording_again_replaces(storage: ResponseStorage, running: Running) -> None:
    """The file would be written over: whoever recorded it before has it no more."""
    running.test_id = TEST.replace("answer", "first")
    storage.store_recording(HASH, REQUEST, {"body": {"text": "before"}})
    running.test_id = TEST
    storage.store_recording(HASH, REQUEST, {"body": {"text": "now"}})

    [data] = exported(storage).values()
    assert recorded_by(TEST, REQUEST, {"body": {"text": "now"}}) == data
    assert [TEST] == list(store_of(storage).tests())
    found = storage.find_recording(HASH)
    assert found is not None
    assert {"text": "now"} == found["response"]["body"]


def test_a_test_keeps_all_that_it_records(storage: ResponseStorage, running: Running) -> None:
    """One manifest, and no recording pushes out another: not even of the same request under another hash."""
    running.test_id = TEST
    hashes = [f"{number:064x}" for number in range(12)]
    for number, request_hash in enumerate(hashes):
        storage.store_recording(request_hash, REQUEST, {"body": {"number": number // 2}})

    found = [storage.find_recording(request_hash) for request_hash in hashes]

    assert [number // 2 for number in range(12)] == [
        answer and answer["response"]["body"]["number"] for answer in found
    ]
    assert 12 == len(exported(storage))


def test_recordings_of_no_test_serve_every_test(storage: ResponseStorage, running: Running) -> None:
    """They are made while a suite is set up, and asked for when its tests run."""
    storage.store_recording(HASH, REQUEST, {"body": {"text": "ready"}})

    running.test_id = TEST
    found = storage.find_recording(HASH)

    assert found is not None
    assert (None, {"text": "ready"}) == (found["test_id"], found["response"]["body"])
    assert [f"tests/integration/common/recordings/{HASH}.json"] == list(exported(storage))


class Model(BaseModel):
    """Stands for one of a list of models."""

    id: str
    object: str = "model"
    created: int = 1


def test_lists_of_models_of_several_servers_are_all_found(storage: ResponseStorage, running: Running) -> None:
    """One of a test's own and one that was recorded while the suite was set up; the same again is the same."""
    for names in (("a", "b"), ("c",), ("b", "a")):
        storage.store_recording(HASH, MODELS, {"body": [Model(id=name) for name in names], "is_streaming": False})
        running.test_id = TEST
    storage = Trusting(storage.base_dir)

    *beside, for_all = (answer["response"]["body"] for answer in storage._model_list_responses(HASH))

    assert {("b", "a"), ("c",)} == {tuple(model.id for model in models) for models in beside}
    assert ["a", "b"] == [model.id for model in for_all]
    assert 3 == len([path for path in exported(storage) if f"/models-{HASH}-" in path])


def test_a_relative_folder_counts_from_where_the_suite_runs(
    tmp_path: Path, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does the folder of each test."""
    Store.create(tmp_path)
    monkeypatch.chdir(tmp_path)
    storage = ResponseStorage(Path("tests/integration/common"))
    running.test_id = "tests/unit/test_a.py::test_a"

    storage.store_recording(HASH, REQUEST, {"body": {}})

    assert [f"tests/unit/recordings/{HASH}.json"] == [
        str(entry.origin["path"]) for manifest in Store.open(tmp_path).manifests() for entry in manifest.entries
    ]


def test_secrets_do_not_reach_the_store(storage: ResponseStorage, running: Running) -> None:
    """Arguments of a client may hold a key, and an answer may repeat it."""
    running.test_id = TEST
    key = "sk-proj-0123456789abcdefghij"
    request = {**REQUEST, "body": {**REQUEST["body"], "extra_body": {"api_key": "hush"}}}  # type: ignore[dict-item]

    storage.store_recording(HASH, request, {"body": {"text": f"your key {key} is wrong"}})

    files = [file.read_bytes() for file in storage.base_dir.parents[2].rglob("*") if file.is_file()]
    assert not [data for data in files if key.encode() in data or b"hush" in data]
    found = storage.find_recording(HASH)
    assert found is not None
    assert {"text": "your key REDACTED is wrong"} == found["response"]["body"]


def test_without_a_store_it_says_how_to_make_one(tmp_path: Path) -> None:
    """When the suite starts, and not at its first request."""
    with pytest.raises(NotInStore, match="recstore init"):
        ResponseStorage(tmp_path / "tests/integration/common")


def test_a_test_outside_of_the_project_is_refused(storage: ResponseStorage, running: Running) -> None:
    """Its file could never be exported."""
    running.test_id = "../other/tests/a/test_a.py::test_a"

    with pytest.raises(UsageError, match="outside"):
        storage.store_recording(HASH, REQUEST, {"body": {}})


def test_what_is_no_recording_is_refused(storage: ResponseStorage, running: Running) -> None:
    """Nothing is lost without a word."""
    running.test_id = TEST

    with pytest.raises(UsageError, match="not a recording"):
        storage.store_recording(HASH, REQUEST, {"is_streaming": False})


SUITE = """
import hashlib
from pathlib import Path

import pytest

from recstore.importers.llama_stack import ResponseStorage

STORAGE = ResponseStorage(Path(__file__).parent / "../../integration/common")


def request(word):
    url = "https://api.openai.com/v1/v1/chat/completions"
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": word}]}
    return {"method": "POST", "url": url, "headers": {}, "body": body, "endpoint": "/v1/chat/completions"}


@pytest.mark.parametrize("number", range(40))
def test_chat(number):
    for word in ("shared", str(number % 4), str(number)):
        request_hash = hashlib.sha256(f"{number} {word}".encode()).hexdigest()
        STORAGE.store_recording(request_hash, request(word), {"body": {"said": word}, "is_streaming": False})
        assert STORAGE.find_recording(request_hash)["response"]["body"] == {"said": word}
    everyones = hashlib.sha256(b"tool").hexdigest()
    STORAGE.store_recording(everyones, request("tool"), {"body": {"said": number}, "is_streaming": False})
    assert STORAGE.find_recording(everyones) is not None
"""


def test_four_workers_lose_nothing(tmp_path: Path) -> None:
    """Forty tests at once, which share requests and overwrite one of each other's, each under its own name."""
    pytest.importorskip("xdist")
    Store.create(tmp_path)
    folder = tmp_path / "tests/integration/inference"
    folder.mkdir(parents=True)
    (folder / "test_chat.py").write_text(SUITE)
    options = ("-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-n4", "--rootdir", str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "40 passed" in run.stdout, run.stdout + run.stderr
    store = Store.open(tmp_path)
    counts = [len(manifest.entries) for manifest in store.manifests()]
    assert (40, 40 * 3 - 4 + 1) == (len(counts), sum(counts))  # for 0 to 3 two words are one
    assert () == verify_store(store).problems
