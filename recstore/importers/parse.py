"""One foreign file as encoded recordings, each proved to come out byte for byte."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from recstore.content.canonical import request_key
from recstore.content.json_text import detect_layout
from recstore.errors import DamagedBlob, DamagedSource
from recstore.importers import EncodedRecording, SourceRecording
from recstore.importers.llama_stack import document as llama_stack
from recstore.model import BlobName, Digest, Entry
from recstore.store.blob import decode_recording, encode_recording, minted_id
from recstore.upstreams import UpstreamMap

_HEAD_BYTES: Final = 4096
"""A recorder's own members are looked for this far into a file."""


def parse_source(data: bytes, path: str, upstreams: UpstreamMap) -> list[EncodedRecording]:
    """Return the recordings in the file `path` with the bytes `data`; none where no recorder wrote it.

    Raises: DamagedSource: a recorder wrote it, and it cannot be read or names something that is not text.
    """
    recordings = _parse(data, path, upstreams)
    try:
        orjson.dumps([(recording.test_id, recording.entry.origin) for recording in recordings])
    except TypeError as error:
        raise DamagedSource(ascii(path)[1:-1], f"has a name that no manifest can hold: {error}") from error
    return recordings


def _parse(data: bytes, path: str, upstreams: UpstreamMap) -> list[EncodedRecording]:
    if not path.endswith((".yaml", ".yml")):
        document = _load_json(data, path)
        if llama_stack.is_recording(document):
            return [_encode_exactly(document, data, path, upstreams)]
        if b'"interactions"' not in data[:_HEAD_BYTES]:
            return []
    from recstore.importers.vcr.cassette import is_cassette, parse_cassette, read_cassette

    cassette = parse_cassette(data, path)
    return [_encode(source) for source in read_cassette(cassette, path, upstreams)] if is_cassette(cassette) else []


def _load_json(data: bytes, path: str) -> Any:
    """Return the JSON value in `data`; None where it is neither JSON nor a recorder's.

    Raises: DamagedSource: it looks like a recorder's file and is not JSON.
    """
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        return json.loads(data)  # which takes more: NaN, large numbers, lone surrogates
    except (ValueError, RecursionError) as error:
        members = (b'"request"', b'"test_id"', b'"interactions"')
        if not data:
            reason = "is empty: its recorder has not finished writing it, or was stopped"
        elif b"<<<<<<< " in data:
            reason = "holds the conflict markers of an unfinished merge"
        else:
            reason = f"is cut short or is not JSON: {error}"
        if not data.strip(b"\0 \t\r\n") or any(member in data[:_HEAD_BYTES] for member in members):
            raise DamagedSource(path, reason) from error
        return None


def _encode_exactly(document: dict[str, Any], data: bytes, path: str, upstreams: UpstreamMap) -> EncodedRecording:
    """Return the file's recording in the most readable form that gives back its every byte."""
    try:
        source = llama_stack.read_document(document, path, upstreams)
        encoded, written = _encode_and_write(source)
        if written == data:
            return encoded
        source.origin["layout"] = detect_layout(data, orjson.loads(written))
        return _encode(source)
    except (ValueError, TypeError, RecursionError, DamagedBlob):
        pass  # JSON values cannot carry this file: its bytes are stored
    try:
        encoded, written = _encode_and_write(llama_stack.read_verbatim(document, data, path, upstreams))
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedSource(path, f"has a request that no recorder makes: {error!s:.80}") from error
    if written != data:
        raise DamagedSource(path, "cannot be stored without loss; please report this file")
    return encoded


def _encode_and_write(source: SourceRecording) -> tuple[EncodedRecording, bytes]:
    """Return the recording encoded, and the bytes of the file that comes out of the encoded form."""
    encoded = _encode(source)
    recording = decode_recording(encoded.data, str(encoded.entry.blob), minted_id(source.origin))
    return encoded, llama_stack.write_file(recording, source.test_id, source.origin)


def _encode(source: SourceRecording) -> EncodedRecording:
    data = encode_recording(source.recording, minted_id(source.origin))
    blob = BlobName(request_key(source.recording.request), Digest.of(data))
    return EncodedRecording(source.test_id, Entry(blob, 0, source.is_union, source.origin), data)
