"""A class to use in place of llama-stack's own storage of recordings: with that one line a whole suite moves.

>>> api_recorder.ResponseStorage = recstore.importers.llama_stack.ResponseStorage  # doctest: +SKIP

A recording is known by the path that its file would have beside its test: recordings made here, imported ones and
exported files are the same. No name in a file makes Python import what its writer likes: see `PACKAGES`.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, October 2025 to May 2026.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Collection
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Final

from recstore.check.heal import heal_missing
from recstore.content.volatile import OLLAMA_DURATIONS
from recstore.errors import Damage, UsageError
from recstore.importers import TestEntry
from recstore.importers.formats import entries_by_file, parse_source, render_source_file
from recstore.importers.manifest_tracker import ManifestTracker
from recstore.importers.run import publish_file
from recstore.project import find_project
from recstore.record.session import current

PACKAGES: Final = frozenset(
    ("llama_stack", "llama_stack_api", "llama_stack_client", "ogx", "ogx_api", "ogx_client", "ollama", "openai")
)
"""Whose pydantic models are built, and no other class: the clients that are recorded, and the recorder's own packages."""

_TYPE: Final = re.compile(r"[A-Za-z_]\w*(\.(?!__)[A-Za-z_]\w*)+", re.ASCII)
_EPOCH: Final = "1970-01-01T00:00:00.000000Z"
_GENERATED_ID_LENGTH: Final = 12
# Endpoints whose answers, of several servers, count together.
_MODEL_LISTS: Final = frozenset(("/api/tags", "/v1/models", "/v1/openai/v1/models"))
_TIMEOUT_S: Final = 300.0  # others store a recording in milliseconds; one that imports or collects may take its time
_PACKAGES: Final = ("ogx", "llama_stack")  # the names that the project has had, the latest first

_Document = dict[str, Any]


def current_test() -> str | None:
    """Return the id of the test that runs now, None between tests.

    What the recorder says counts: its suite sets it for each test, or a server has it from its client. Where neither
    module is loaded it is pytest's.

    Source: the recorder, October 2025 to May 2026; pytest, `PYTEST_CURRENT_TEST`.
    """
    contexts = [sys.modules.get(f"{package}.core.testing_context") for package in _PACKAGES]
    if not any(contexts):
        return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0] or None
    for context in filter(None, contexts):
        test_id: str | None = context.get_test_context()
        if test_id:
            return test_id
    for package in _PACKAGES:
        variable: Any = getattr(sys.modules.get(f"{package}.core.request_headers"), "PROVIDER_DATA_VAR", None)
        data = variable.get(None) if variable is not None else None
        if isinstance(data, dict) and isinstance(data.get("__test_id"), str):
            return str(data["__test_id"]) or None
    return None


class ResponseStorage:
    """Stores and finds recordings as llama-stack's class of that name does; one may serve a whole process.

    `base_dir` is what the recorder hands out: recordings of a test are those of the folder `recordings` beside its
    file, those of no test and those not found there are in `base_dir/recordings`. The store is the nearest one, from
    `base_dir` upwards. A subclass may name more `packages` whose models it trusts.

    Raises: NotInStore: there is no store. UsageError: the project's configuration cannot be used.
    """

    packages: ClassVar[Collection[str]] = PACKAGES

    def __init__(self, base_dir: Path | str) -> None:
        self.base_dir = Path(base_dir)
        project = find_project(self.base_dir, os.environ)
        self._project, self._store, self._settings = project.folder, project.store, project.settings
        self._tracker = ManifestTracker(self._store)
        self._lock = RLock()

    def store_recording(self, request_hash: str, request: _Document, response: _Document) -> None:
        """Store a request and its response as those of the test that runs, in place of those of the same hash.

        After: durable, and named by the test's manifest; a crash leaves what was there.

        Raises: Locked: others have held the store for long. Damage, ManifestConflict, NewerVersion: a manifest cannot
        be used. RecstoreError: disk trouble.
        """
        file_name, endpoint = f"{request_hash}.json", request.get("endpoint")
        if endpoint in _MODEL_LISTS:
            file_name = f"models-{request_hash}-{model_set_digest(endpoint, response.get('body'))}.json"
        if "body" in response:
            response = {**response, "body": recorded_body(response["body"], request_hash)}
        document = {
            "test_id": current_test(),
            "request": request,
            "response": response,
            "id_normalization_mapping": {},
        }
        name = f"{self._folders()[0]}/{file_name}"
        data = self._settings.redact.text(f"{json.dumps(document, indent=2, default=str)}\n".encode())
        recordings = parse_source(data, name, self._settings.upstreams)
        if not recordings:
            raise UsageError(name, "is not a recording: its response has no `body`")
        incoming = [TestEntry(test_id, entry) for test_id, entry, _ in recordings]
        with self._lock, self._store.locked(_TIMEOUT_S):
            self._tracker.refresh()
            publish_file(self._store, recordings, self._tracker.affected((name,), incoming), name)

    def find_recording(self, request_hash: str) -> _Document | None:
        """Return what was recorded under the hash, its body made of the client's objects; None if nothing was.

        Raises: Damage, NotInStore, ManifestConflict, NewerVersion: it is there, or was, and cannot be used; or it
        names a type that no recorder records.
        """
        test_id = current_test()
        for folder in self._folders():
            name = f"{folder}/{request_hash}.json"
            with self._lock:
                manifest = None if test_id is None else self._store.manifest(test_id)
                entries = entries_by_file([manifest] if manifest else []).get(name, [])
                if not entries:  # of another test, or of none: all manifests have to be known
                    self._tracker.refresh()
                    entries = self._tracker.entries_of([name])[name]
            if entries:
                return self._read(name, entries)
        return None

    def model_list_responses(self, request_hash: str) -> list[_Document]:
        """Return every list of models that was recorded under the hash, by whichever server: those of the test first.

        Raises: as `find_recording`.
        """
        with self._lock:
            self._tracker.refresh()
            names = [
                name
                for folder in self._folders()
                for name in sorted(self._tracker.names())
                if name.startswith(f"{folder}/models-{request_hash}-") and "/" not in name[len(folder) + 1 :]
            ]
            lists = self._tracker.entries_of(names)
        return [self._read(name, lists[name]) for name in names]

    _model_list_responses = model_list_responses
    """The name that the recorder calls it by."""

    def _read(self, name: str, entries: list[TestEntry]) -> _Document:
        heal_missing(self._store, [entry.blob for _, entry in entries], os.environ)
        document: _Document = json.loads(render_source_file(self._store, name, entries))
        if (session := current()) is not None:
            for test_id, entry in entries:
                session.mark_used(test_id, [entry])
        mapping = document.get("id_normalization_mapping")
        if mapping:  # the ids that the recorder gave, in place of those that the server gave
            text = json.dumps(document)
            for given, original in mapping.items():
                text = text.replace(original, given)
            document = {**json.loads(text), "id_normalization_mapping": {}}
        response = document["response"]
        if "body" in response:
            response["body"] = objects_of(response["body"], name, self.packages)
        return document

    def _folders(self) -> tuple[str, ...]:
        """Return the folders to look into, by their paths from the project's: the test's own first."""
        # Before a test had a folder of its own, the recorder kept everything in `responses`.
        folders = [self.base_dir / "recordings", self.base_dir / "responses"]
        if (test_id := current_test()) is not None:
            beside = Path(test_id.partition("::")[0]).parent / "recordings"
            folders.insert(0, self.base_dir.parents[2] / beside if self.base_dir.is_absolute() else beside)
        names = [os.path.relpath(folder.resolve(), self._project).replace(os.sep, "/") for folder in folders]
        for folder, name in zip(folders, names, strict=True):
            if name.startswith("../"):
                raise UsageError(str(folder.parent), f"is outside of {self._project}, where the store is")
        return tuple(dict.fromkeys(names))


# -- values of client libraries: what the recorder writes of them, and the objects it makes of that again


def recorded_body(body: Any, request_hash: str) -> Any:
    """Return what the recorder writes of a response's body: of each of them, where there are several.

    What changes from call to call is constant; a model's id and age are the answer itself.
    """
    if isinstance(body, list):
        return [recorded_body(item, request_hash) for item in body]
    if not hasattr(body, "model_dump"):
        return dict(vars(body)) if hasattr(body, "__dict__") else body
    data: dict[str, Any] = body.model_dump(mode="json")
    constants: dict[str, Any] = {"created_at": _EPOCH}
    if data.get("object") != "model":
        constants |= {"id": f"rec-{request_hash[:_GENERATED_ID_LENGTH]}", "created": 0}
    constants |= {name: 0 for name in OLLAMA_DURATIONS if data.get(name) is not None}
    kind = type(body)
    return {
        "__type__": f"{kind.__module__}.{kind.__qualname__}",
        "__data__": {name: constants.get(name, value) for name, value in data.items()},
    }


def objects_of(body: Any, subject: str, packages: Collection[str] = PACKAGES) -> Any:
    """Return the objects that were recorded as `body`; `subject` is the file's name, for errors.

    A type of an allowed package that is not installed, or not in it any more, leaves the bare data.

    Raises: Damage: a type is named that no recorder records; nothing was imported for it.
    """
    if isinstance(body, list):
        return [objects_of(item, subject, packages) for item in body]
    if not isinstance(body, dict) or "__type__" not in body or "__data__" not in body:
        return body
    name, data, reason = body["__type__"], body["__data__"], "no recorder has recorded"
    model: Any = None
    if isinstance(name, str) and _TYPE.fullmatch(name) and name.partition(".")[0] in packages:
        module_name, _, class_name = name.rpartition(".")
        try:
            model = getattr(import_module(module_name), class_name)
        except (ImportError, AttributeError):
            return data
        from pydantic import BaseModel

        is_model = isinstance(model, type) and issubclass(model, BaseModel)
        reason = "" if is_model else "is not a data model"
    if reason:
        remedy = "Look at the recording, and at who wrote it: `recstore show` prints it without building anything."
        raise Damage(subject, f"has a value of the type {ascii(name)[:120]}, which {reason}: it was not built", remedy)
    with suppress(AttributeError, TypeError, ValueError):
        return model.model_validate(data)
    with suppress(AttributeError, TypeError, ValueError):  # recorded with another release: as far as it fits
        return model.model_construct(**data)
    return data


def model_set_digest(endpoint: str, body: Any) -> str:
    """Return the digits that tell one server's list of models from another's, in the names of their files."""
    models = body if isinstance(body, list) else (body or {"models": ()})["models"]
    member = "model" if endpoint == "/api/tags" else "id"
    names = sorted({getattr(model, member) for model in models})
    return hashlib.sha256("|".join(names).encode()).hexdigest()[:8]
