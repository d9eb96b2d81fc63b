"""llama-stack's storage of recordings, kept in a store instead of loose files.

To the recorder nothing changes: it asks by hash, and for the folder beside the test that runs. A recording is known by
the path that its file would have there, which is also what its manifest's entry states, so that recordings made here,
recordings that were imported, and files that are exported are the same ones.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, October 2025 to May 2026.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Final

from recstore.check.heal import heal_missing
from recstore.errors import UsageError
from recstore.importers import EncodedRecording, TestEntry
from recstore.importers.known_manifests import KnownManifests
from recstore.importers.llama_stack.context import current_test
from recstore.importers.llama_stack.values import PACKAGES, model_set_digest, objects_of, recorded_body
from recstore.importers.parse import parse_source
from recstore.importers.render import render_source_file
from recstore.importers.run import publish_file
from recstore.project import find_project
from recstore.record.active import current

_MODEL_LISTS: Final = frozenset(("/api/tags", "/v1/models", "/v1/openai/v1/models"))
"""Endpoints whose answers, of several servers, count together."""

_EARLY_FOLDER: Final = "responses"
"""Where, below its base, the recorder kept everything before a test had a folder of its own."""

_TIMEOUT_S: Final = 300.0
"""Others store a recording in milliseconds; one that imports or collects may take its time."""

_Recording = dict[str, Any]


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
        self._known = KnownManifests(self._store)
        self._turn = RLock()

    def store_recording(self, request_hash: str, request: _Recording, response: _Recording) -> None:
        """Keep a request and its response as those of the test that runs, in place of those of the same hash.

        After: durable, and named by the test's manifest; a crash leaves what was there.

        Raises: Locked: others have held the store for long. Damage, ManifestConflict, NewerVersion: a manifest cannot
        be used. RecstoreError: disk trouble.
        """
        path = f"{self._test_folder()}/{_file_name(request_hash, request, response)}"
        data = self._settings.redact.text(_file_text(current_test(), request_hash, request, response))
        prepared = parse_source(data, path, self._settings.upstreams)
        if not prepared:
            raise UsageError(path, "is no recording: its response has no `body`")
        with self._turn:
            self._publish(path, prepared)

    def find_recording(self, request_hash: str) -> _Recording | None:
        """Return what was recorded under the hash, its body made of the client's objects; None if nothing was.

        Raises: Damage, NotInStore, ManifestConflict, NewerVersion: it is there, or was, and cannot be used; or it
        names a type that no recorder records.
        """
        for folder in self._folders():
            path = f"{folder}/{request_hash}.json"
            with self._turn:
                places = self._known.of_test(current_test(), path) or self._places(path)
            if places:
                return self._read(path, places)
        return None

    def model_list_responses(self, request_hash: str) -> list[_Recording]:
        """Return every list of models that was recorded under the hash, by whichever server: those of the test first.

        Raises: as `find_recording`.
        """
        with self._turn:
            self._known.look()
            lists = [
                (path, self._known.places(path))
                for folder in self._folders()
                for path in sorted(self._known.paths())
                if path.startswith(f"{folder}/models-{request_hash}-") and "/" not in path[len(folder) + 1 :]
            ]
        return [self._read(path, places) for path, places in lists]

    _model_list_responses = model_list_responses
    """The name that the recorder calls it by."""

    # -- reading

    def _places(self, path: str) -> list[TestEntry]:
        self._known.look()
        return self._known.places(path)

    def _read(self, path: str, places: list[TestEntry]) -> _Recording:
        heal_missing(self._store, [entry.blob for _, entry in places], os.environ)
        document: _Recording = json.loads(render_source_file(self._store, path, places))
        if (session := current()) is not None:
            for test_id, entry in places:
                session.note_served(test_id, [entry])
        mapping = document.get("id_normalization_mapping")
        if mapping:
            document = {**_with_ids(document, mapping), "id_normalization_mapping": {}}
        response = document["response"]
        if "body" in response:
            response["body"] = objects_of(response["body"], path, self.packages)
        return document

    # -- writing

    def _publish(self, path: str, prepared: list[EncodedRecording]) -> None:
        """Have the recordings be those of the file `path`, instead of what any manifest had of it."""
        with self._store.locked(_TIMEOUT_S):
            self._known.look()
            entries = [TestEntry(test_id, entry) for test_id, entry, _ in prepared]
            publish_file(self._store, prepared, self._known.concerned((path,), entries), path)

    # -- where

    def _folders(self) -> tuple[str, ...]:
        """Return the folders to look into, by their paths from the project's: the test's own first."""
        fallbacks = (self._name_of(self.base_dir, folder) for folder in ("recordings", _EARLY_FOLDER))
        return tuple(dict.fromkeys((self._test_folder(), *fallbacks)))

    def _test_folder(self) -> str:
        test_id = current_test()
        if test_id is None:
            return self._name_of(self.base_dir)
        beside = Path(test_id.partition("::")[0]).parent
        return self._name_of(self.base_dir.parents[2] / beside if self.base_dir.is_absolute() else beside)

    def _name_of(self, folder: Path, name: str = "recordings") -> str:
        name = os.path.relpath((folder / name).resolve(), self._project).replace(os.sep, "/")
        if name.startswith("../"):
            raise UsageError(str(folder), f"is outside of {self._project}, where the store is")
        return name


def _file_name(request_hash: str, request: _Recording, response: _Recording) -> str:
    endpoint = request.get("endpoint")
    if endpoint not in _MODEL_LISTS:
        return f"{request_hash}.json"
    return f"models-{request_hash}-{model_set_digest(endpoint, response.get('body'))}.json"


def _file_text(test_id: str | None, request_hash: str, request: _Recording, response: _Recording) -> bytes:
    """Return the bytes of the file that the recorder writes."""
    if "body" in response:
        response = {**response, "body": recorded_body(response["body"], request_hash)}
    document = {"test_id": test_id, "request": request, "response": response, "id_normalization_mapping": {}}
    return f"{json.dumps(document, indent=2, default=str)}\n".encode()


def _with_ids(document: _Recording, mapping: dict[str, str]) -> _Recording:
    """Return the document with the ids that the recorder gave in place of those that the server gave."""
    text = json.dumps(document)
    for given, original in mapping.items():
        text = text.replace(original, given)
    replaced: _Recording = json.loads(text)
    return replaced
