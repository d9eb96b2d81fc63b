"""vcrpy's cassettes in a store instead of files: `vcr.VCR().register_persister(Persister())`.

A cassette is loaded as the file that its recordings in the store give, and is saved as that file would be imported.

Source: vcrpy 9.4, `cassette.py`, `persisters/filesystem.py`; pytest-recording 0.13, `_vcr.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recstore.check.heal import heal_missing
from recstore.errors import UsageError
from recstore.importers import TestEntry
from recstore.importers.formats import parse_source, render_source_file
from recstore.importers.run import publish_file
from recstore.importers.vcr.cassette import id_of_test
from recstore.project import find_project
from recstore.record.session import current
from recstore.store.blob import VCR, origin_path


class Persister:
    """Loads and saves cassettes in the nearest store, from the cassette's folder upwards.

    `extra_paths` are cassettes that are played from as well, and never written to. `is_rewriting` treats the first
    cassette as absent, and replaces it. Where the store has no such cassette, the file of that path is read.

    Raises, from both methods: NotInStore: there is no store. Damage, ManifestConflict, NewerVersion: the cassette is
    there, and cannot be used: nothing is recorded over it.
    """

    def __init__(self, extra_paths: Iterable[str | os.PathLike[str]] = (), *, is_rewriting: bool = False) -> None:
        self._extra_paths = tuple(extra_paths)
        self._is_rewriting = is_rewriting
        self._loaded: dict[Path, bytes] = {}

    def load_cassette(self, cassette_path: str | os.PathLike[str], serializer: Any) -> tuple[Any, ...]:
        """Return the requests and the responses of the cassette and of the extra ones, and its metadata if it has any.

        Raises: vcr's CassetteNotFoundError: there are none. See the class.
        """
        from vcr.persisters.filesystem import CassetteNotFoundError

        paths = [Path(path).resolve() for path in dict.fromkeys(map(str, (cassette_path, *self._extra_paths)))]
        self._loaded[paths[0]] = own = _StoredCassette(paths[0]).data()
        played = [] if self._is_rewriting else [own]
        played += [_StoredCassette(path).data() for path in paths[1:]]
        cassettes = [_deserialized(data, serializer) for data in played]
        interactions = [interaction for _, pairs in cassettes for interaction in pairs]
        if not interactions:
            raise CassetteNotFoundError
        metadata = cassettes[0][0]
        requests, responses = map(list, zip(*interactions, strict=True))
        return (requests, responses, metadata) if metadata else (requests, responses)

    def save_cassette(
        self, cassette_path: str | os.PathLike[str], cassette_dict: dict[str, Any], serializer: Any
    ) -> None:
        """Store the cassette in place of what it was; what another process has added to it meanwhile stays in it.

        After: durable, and named by its manifest; a crash leaves what was there.
        Raises: Locked: the store is locked. DamagedSource: it cannot be kept without loss. See the class.
        """
        from vcr.serialize import serialize

        path = Path(cassette_path).resolve()
        cassette = _StoredCassette(path)
        with cassette.store.locked():
            present = cassette.data()
            saved = cassette_dict
            if present != (known := self._loaded.get(path, present)):
                own = list(zip(saved["requests"], saved["responses"], strict=True))
                seen = [_comparable(pair) for pair in (*own, *_deserialized(known, serializer)[1])]
                added = [pair for pair in _deserialized(present, serializer)[1] if _comparable(pair) not in seen]
                requests, responses = map(list, zip(*own, *added, strict=True)) if own or added else ([], [])
                saved = {**saved, "requests": requests, "responses": responses}
            if saved.get("metadata") and not saved["requests"]:
                hint = "has metadata and no request: the store keeps metadata with requests alone"
                raise UsageError(cassette.name, hint)
            text = serialize(saved, serializer)
            data = text if isinstance(text, bytes) else text.encode()
            recordings = parse_source(data, cassette.name, cassette.upstreams)
            if saved["requests"] and not recordings:
                hint = "is not a cassette that recstore knows: its serializer writes neither YAML nor JSON"
                raise UsageError(cassette.name, hint)
            manifest = cassette.store.manifest(id_of_test(cassette.name))
            publish_file(cassette.store, recordings, [manifest] if manifest else [], cassette.name)
        self._loaded[path] = data


class _StoredCassette:
    """One cassette: its store, and the path that the store knows it by."""

    def __init__(self, path: Path) -> None:
        project = find_project(path.parent, os.environ)
        self.store = project.store
        self.name = path.relative_to(project.folder).as_posix()
        self._path = path
        self.upstreams = project.settings.upstreams

    def data(self) -> bytes:
        """Return the bytes that the store has for it, or else those of the file, b"" if there is neither."""
        test_id = id_of_test(self.name)
        manifest = self.store.manifest(test_id)
        stored = manifest.entries if manifest else ()
        entries = [e for e in stored if e.origin.get("format") == VCR and origin_path(e.origin) == self.name]
        if entries:
            heal_missing(self.store, [entry.blob for entry in entries], os.environ)
            if (session := current()) is not None:
                session.mark_used(test_id, entries)  # vcrpy does not say which of them it plays
            return render_source_file(self.store, self.name, [TestEntry(test_id, entry) for entry in entries])
        return self._path.read_bytes() if self._path.is_file() else b""


def _deserialized(data: bytes, serializer: Any) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """Return a cassette's metadata, and its interactions."""
    from vcr.persisters.filesystem import CassetteDecodeError
    from vcr.serialize import deserialize

    if not data.strip():
        return {}, []
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise CassetteDecodeError("the cassette is not UTF-8") from error
    requests, responses, *metadata = deserialize(text, serializer)
    return metadata[0] if metadata else {}, list(zip(requests, responses, strict=True))


def _comparable(interaction: tuple[Any, Any]) -> tuple[Any, Any]:
    request, response = interaction
    return request._to_dict(), response  # noqa: SLF001 - vcrpy's requests have no equality of their own
