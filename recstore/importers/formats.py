"""Files of other recorders as encoded recordings, each proved to come out byte for byte, and recordings as those files."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from recstore.content.bodies import body_bytes
from recstore.content.canonical import request_key
from recstore.content.json_text import detect_layout
from recstore.errors import DamagedBlob, DamagedManifest, DamagedSource, RecstoreError
from recstore.importers import EncodedRecording, Progress, SourceRecording, TestEntry
from recstore.importers import llama_stack_files as llama_stack
from recstore.model import BlobName, Digest, Entry, Manifest
from recstore.store import Store
from recstore.store.blob import (
    LLAMA_STACK,
    VCR,
    decode_recording,
    encode_recording,
    is_imported,
    origin_path,
    placeholder_id,
)
from recstore.store.directory import Directory
from recstore.store.rename import is_selected
from recstore.upstreams import UpstreamMap

_HEAD_BYTES: Final = 4096  # a recorder's own members are looked for this far into a file
# Folders whose files change what Git or recstore does: Git's own, however a file system spells it, and a store's.
_PROTECTED_NAMES: Final = re.compile(r"(\.git|git~\d+|\.recstore|recsto~\d+)[. ]*(:.*)?", re.IGNORECASE)
# Characters that HFS+ leaves out of a name. Source: Git, `is_hfs_dotgit` in utf8.c.
_HFS_IGNORED: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Which tests to export, by a selector ("" for everything); `force` overwrites files that differ."""

    test: str = ""
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Names of the files written (or that would be) and left as they were, and why some were not written.

    `native` counts recordings that were made with recstore, and so have no file to go back to.
    """

    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    native: int = 0
    problems: tuple[RecstoreError, ...] = ()


def parse_source(data: bytes, path: str, upstreams: UpstreamMap) -> list[EncodedRecording]:
    """Return the recordings in the file `path` with the bytes `data`; none where no recorder wrote it.

    Raises: DamagedSource: a recorder wrote it, and it cannot be read or names something that is not text.
    """
    document: Any = None if path.endswith((".yaml", ".yml")) else _load_json(data, path)
    if llama_stack.is_recording(document):
        recordings = [_encode_exactly(document, data, path, upstreams)]
    elif path.endswith((".yaml", ".yml")) or b'"interactions"' in data[:_HEAD_BYTES]:
        from recstore.importers.vcr.cassette import read_cassette

        recordings = [_encode(source) for source in read_cassette(data, path, upstreams)]
    else:
        return []
    try:
        orjson.dumps([(recording.test_id, recording.entry.origin) for recording in recordings])
    except TypeError as error:
        raise DamagedSource(ascii(path)[1:-1], f"has a name that no manifest can hold: {error}") from error
    return recordings


def entries_by_file(manifests: Iterable[Manifest]) -> dict[str, list[TestEntry]]:
    """Return the imported entries of `manifests` by the file that they came from."""
    files: dict[str, list[TestEntry]] = defaultdict(list)
    for manifest in manifests:
        for entry in manifest.entries:
            if is_imported(entry.origin):
                files[origin_path(entry.origin)].append(TestEntry(manifest.test_id, entry))
    return files


def index_in_file(entry: Entry) -> int:
    """Return which recording of its file the entry is, from 0."""
    index = entry.origin.get("index", 0)
    return index if isinstance(index, int) else 0


def render_source_file(store: Store, path: str, entries: list[TestEntry]) -> bytes:
    """Return the bytes of the file `path`, from all the entries that were imported from it.

    Raises: NotInStore, Damage, NewerVersion: of a blob, or an origin that cannot be used. RecstoreError: two files had
    the name, one after the other.
    """
    claims: dict[str, TestEntry] = {}
    for test_entry in entries:
        first = claims.setdefault(repr(test_entry.entry.origin.get("index")), test_entry)
        if (first.test_id, first.entry.blob) != (test_entry.test_id, test_entry.entry.blob):  # one was consumed
            tests = " and ".join(sorted({str(first.test_id), str(test_entry.test_id)}))
            remedy = "`recstore export --test TEST` takes those of one test."
            raise RecstoreError(path, f"held other recordings at different times, of {tests}", remedy)
    kind = entries[0].entry.origin.get("format")
    try:
        if kind == LLAMA_STACK:
            test_id, entry = entries[0]
            return llama_stack.write_file(store.get(entry), test_id, entry.origin)
        if kind == VCR:
            from recstore.importers.vcr.cassette import write_cassette

            return write_cassette([(store.get(entry), entry.origin) for _, entry in entries])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DamagedManifest(path, f"its origin in the manifest cannot be used: {error!r}") from error
    raise DamagedManifest(path, f"was imported from a format unknown to this recstore: {kind!r}")


def export_recordings(
    store: Store, folder: Path, options: ExportOptions, progress: Progress | None = None
) -> ExportReport:
    """Write the files that the store's recordings were imported from into `folder`, at their paths.

    A file that cannot be written is a problem of the report, and stops no other.

    Raises: Damage, ManifestConflict, NewerVersion: a manifest cannot be used.
    """
    manifests = [
        manifest
        for manifest in store.manifests()
        if not options.test or (manifest.test_id is not None and is_selected(manifest.test_id, options.test))
    ]
    files = entries_by_file(manifests)
    target = Directory(folder, follows_links=True)
    written: list[str] = []
    unchanged: list[str] = []
    problems: list[RecstoreError] = []
    for number, (path, entries) in enumerate(sorted(files.items()), start=1):
        try:
            _refuse_escape(target, path)
            data = render_source_file(store, path, entries)
            present = target.read(path)
            if present == data:
                unchanged.append(path)
            elif present is None or options.force:
                if not options.dry_run:
                    target.write(path, data)
                written.append(path)
            else:
                remedy = "Export into an empty folder, or add --force."
                problems.append(RecstoreError(path, "is there with other bytes", remedy))
        except RecstoreError as error:
            problems.append(error)
        if progress is not None:
            progress(number, len(files))
    target.flush()
    native = sum(not is_imported(entry.origin) for manifest in manifests for entry in manifest.entries)
    return ExportReport(tuple(written), tuple(unchanged), native, tuple(problems))


def recorded_bytes(store: Store, manifests: list[Manifest], progress: Progress | None = None) -> int:
    """Return the size of all recordings without a store: of the files they came from, or as sent over the wire.

    Damaged and missing ones count nothing: `verify` reports them.

    Units: bytes.
    """
    total = 0
    files = entries_by_file(manifests)
    for done, (path, entries) in enumerate(files.items(), start=1):
        with suppress(RecstoreError):
            total += len(render_source_file(store, path, entries))
        if progress is not None:
            progress(done, len(files))
    for entry in (entry for manifest in manifests for entry in manifest.entries if not is_imported(entry.origin)):
        with suppress(RecstoreError):
            recording = store.get(entry)
            total += len(body_bytes(recording.request.body)) + len(body_bytes(recording.response.body))
    return total


# -- a file's bytes


def _load_json(data: bytes, path: str) -> Any:
    """Return the JSON value in `data`; None where it is neither JSON nor a recorder's.

    Raises: DamagedSource: it looks like a recorder's file and is not JSON.
    """
    with suppress(ValueError):
        return orjson.loads(data)
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

    def encode_and_write(source: SourceRecording) -> tuple[EncodedRecording, bytes]:
        encoded = _encode(source)
        recording = decode_recording(encoded.data, str(encoded.entry.blob), placeholder_id(source.origin))
        return encoded, llama_stack.write_file(recording, source.test_id, source.origin)

    try:
        source = llama_stack.read_document(document, path, upstreams)
        encoded, written = encode_and_write(source)
        if written == data:
            return encoded
        source.origin["layout"] = detect_layout(data, orjson.loads(written))
        return _encode(source)
    except (ValueError, TypeError, RecursionError, DamagedBlob):
        pass  # JSON values cannot carry this file: its bytes are stored
    try:
        encoded, written = encode_and_write(llama_stack.read_verbatim(document, data, path, upstreams))
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedSource(path, f"has a request that no recorder makes: {error!s:.80}") from error
    if written != data:
        raise DamagedSource(path, "cannot be stored without loss; please report this file")
    return encoded


def _encode(source: SourceRecording) -> EncodedRecording:
    data = encode_recording(source.recording, placeholder_id(source.origin))
    blob = BlobName(request_key(source.recording.request), Digest.of(data))
    return EncodedRecording(source.test_id, Entry(blob, 0, source.is_union, source.origin), data)


def _refuse_escape(target: Directory, path: str) -> None:
    """Raise DamagedManifest unless `path` stays inside the folder, and out of Git's and a store's, whatever links are on the way."""
    parts = PurePosixPath(path).parts
    is_plain = bool(parts) and not path.startswith("/") and ".." not in parts and not {"\\", "\0"} & {*path}
    folder = target.root.resolve()
    location = Path(os.path.realpath(target.path(path))) if is_plain and ":" not in parts[0] else folder
    if folder not in location.parents:
        reason = "a manifest names a file outside the folder to export to; nothing was written there"
        raise DamagedManifest(path, reason)
    names = (_HFS_IGNORED.sub("", part) for part in (*parts, *location.relative_to(folder).parts))
    if any(map(_PROTECTED_NAMES.fullmatch, names)):
        raise DamagedManifest(path, "a manifest names a file of Git's own or of a store; nothing was written there")
