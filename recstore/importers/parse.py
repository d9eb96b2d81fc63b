"""A foreign file as recordings ready to be stored, each proved to come out again as it went in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from recstore.content.canonical import request_key
from recstore.content.json_text import LAYOUTS
from recstore.errors import DamagedBlob, DamagedSource
from recstore.importers.llama_stack import document as llama_stack_file
from recstore.importers.source import SourceRecording
from recstore.model import BlobName, Digest, Json
from recstore.store.codec import decode_recording, encode_recording
from recstore.store.origins import minted_id
from recstore.upstreams import UpstreamMap

_CONFLICT_START: Final = b"<<<<<<< "
_CASSETTE_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class PreparedRecording:
    """A recording of a foreign file as it will be stored: its blob, and what the manifest will say of it."""

    test_id: str | None
    blob: BlobName
    data: bytes
    origin: dict[str, Json]
    is_union: bool


def read_source(data: bytes, path: str, upstreams: UpstreamMap) -> list[PreparedRecording]:
    """Return the recordings in the file `path` with the bytes `data`; none where it is no recorder's file.

    Raises: DamagedSource: it is a recorder's file, and cannot be read as one, or names what is no text.
    """
    prepared = _read_any(data, path, upstreams)
    try:
        for recording in prepared:
            orjson.dumps((recording.test_id, recording.origin))
    except TypeError as error:
        raise DamagedSource(ascii(path)[1:-1], f"names what no manifest can hold: {error}") from error
    return prepared


def _read_any(data: bytes, path: str, upstreams: UpstreamMap) -> list[PreparedRecording]:
    if path.endswith(_CASSETTE_SUFFIXES):
        return _read_cassette(data, path, upstreams)
    document = _load_json(data, path)
    if llama_stack_file.is_recording(document):
        return [_prepare_exactly(document, data, path, upstreams)]
    return _read_cassette(data, path, upstreams) if b'"interactions"' in data[:_HEAD] else []


def _load_json(data: bytes, path: str) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        if _looks_recorded(data):
            raise DamagedSource(path, _complaint(data, error)) from error
        return None


def _looks_recorded(data: bytes) -> bool:
    head = data[:_HEAD]
    return not data.strip(b"\0 \t\r\n") or b'"request"' in head or b'"test_id"' in head or b'"interactions"' in head


_HEAD: Final = 4096


def _complaint(data: bytes, error: Exception) -> str:
    if not data:
        return "is empty: its recorder has not finished writing it, or was stopped"
    if _CONFLICT_START in data:
        return "holds the conflict markers of an unfinished merge"
    return f"is cut short or is not JSON: {error}"


def _prepare_exactly(document: dict[str, Any], data: bytes, path: str, upstreams: UpstreamMap) -> PreparedRecording:
    """Return the file's recording in the most readable form that gives back its every byte."""
    try:
        prepared, written = _prepare_and_write(llama_stack_file.read_document(document, path, upstreams))
        if written == data:
            return prepared
        layout = _layout_of(data, orjson.loads(written))
        if layout:
            return replace(prepared, origin={**prepared.origin, "layout": layout})
    except (ValueError, TypeError, RecursionError, DamagedBlob):
        pass  # what JSON values cannot carry goes by its bytes
    try:
        prepared, written = _prepare_and_write(llama_stack_file.read_verbatim(document, data, path, upstreams))
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedSource(path, f"has a request that no recorder makes: {error!s:.80}") from error
    if written != data:
        raise DamagedSource(path, "cannot be stored without loss; please report this file")
    return prepared


def _prepare_and_write(source: SourceRecording) -> tuple[PreparedRecording, bytes]:
    prepared = _prepare(source)
    recording = decode_recording(prepared.data, str(prepared.blob), minted_id(source.origin))
    return prepared, llama_stack_file.write_file(recording, source.test_id, source.origin)


def _prepare(source: SourceRecording) -> PreparedRecording:
    data = encode_recording(source.recording, minted_id(source.origin))
    blob = BlobName(request_key(source.recording.request), Digest.of(data))
    return PreparedRecording(source.test_id, blob, data, source.origin, source.is_union)


def _layout_of(data: bytes, document: Json) -> str:
    return next((name for name, write in LAYOUTS.items() if write(document) == data), "")


def _read_cassette(data: bytes, path: str, upstreams: UpstreamMap) -> list[PreparedRecording]:
    from recstore.importers.vcr.cassette import is_cassette, parse_cassette, read_cassette

    document = parse_cassette(data, path)
    if not is_cassette(document):
        return []
    sources: Iterable[SourceRecording] = read_cassette(document, path, upstreams)
    return [_prepare(source) for source in sources]
