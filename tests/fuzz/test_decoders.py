"""Each decoder gives a value or raises an error of recstore's that names the file: nothing else, whatever the bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recstore.cli.textconv_command import converted
from recstore.content.bodies import body_bytes, parse_body
from recstore.content.canonical import request_key
from recstore.content.encodings import UndecodableError, decoded
from recstore.errors import RecstoreError
from recstore.importers.formats import entries_by_file, parse_source, render_source_file
from recstore.importers.run import ImportOptions
from recstore.importers.scan import SourceFile, Sources
from recstore.model import Manifest
from recstore.secrets.redact import SecretScan
from recstore.secrets.scan import secrets_in_blob
from recstore.settings import Settings, load_settings
from recstore.store import FOLDER, Store
from recstore.store.blob import decode_recording, decode_request
from recstore.store.directory import Directory
from recstore.store.fingerprints import load_note, save_note
from recstore.store.index import Index
from recstore.store.manifest import format_manifest, parse_manifest
from recstore.store.usage import read_usage, usage_path
from recstore.store.verify import last_verified
from recstore.transcript import page_lines, transcript_of
from recstore.upstreams import UpstreamMap
from recstore.watch.import_changes import ChangeImporter
from recstore.watch.watcher import Status, Watcher
from tests.clock import FastClock
from tests.formats.sample import FORMATS
from tests.fuzz.mutations import hostile_bytes
from tests.fuzz.packed import PACKED

EXECUTIONS: Final = int(os.environ.get("FUZZ_EXECUTIONS", "0")) or settings().max_examples
SAMPLE: Final = FORMATS / "1"
UPSTREAMS: Final = UpstreamMap((("openai", "https://api.openai.com/v1"),))

CONFIGURATION: Final = (
    (
        b'sources = ["tests/recordings"]\ntests = ["tests/a", "*::test_b"]\nmode = "replay"\nshare = false\n'
        b'passthrough = ["http://127.0.0.1:*"]\n[upstreams]\nollama = ["http://localhost:11434", "http://o"]\n'
        b'[redact]\nheaders = ["x-a"]\npatterns = ["sk-[0-9a-z]+"]\n'
        b'[[allowed_secrets]]\ndigest = "0123456789abcdef"\nreason = "an example"\n'
    ),
    (
        b'[[rules]]\npreset = "llama-stack"\n[[rules]]\nignore = "body:/model"\nupstream = "openai"\n'
        b'[[rules]]\nreplace = "[0-9]+"\nwith = "0"\nin = ["body", "path"]\n[[rules]]\nround = 3\n'
    ),
)

fuzzed = settings(
    max_examples=EXECUTIONS,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


def files_of(pattern: str) -> tuple[bytes, ...]:
    """Return the bytes of the sample's files of that name."""
    found = tuple(path.read_bytes() for path in sorted(SAMPLE.glob(pattern)) if path.is_file())
    assert found, pattern
    return found


BLOBS: Final = files_of("store/blobs/*/*.json")
MANIFESTS: Final = (*files_of("store/tests/**/*"), *files_of("store/shared/*"))


def outcome(decode: Callable[[], object], name: str) -> object:
    """Return what is decoded, None where it is refused; by an error of recstore's that names the file `name`."""
    try:
        return decode()
    except RecstoreError as error:
        refused = error
    assert name in refused.subject, refused
    assert refused.reason
    return None


@fuzzed
@given(hostile_bytes(*BLOBS))
def test_blobs(data: bytes) -> None:
    """What a blob gives can be asked for, read, shown, and searched for secrets."""
    recording = outcome(lambda: decode_recording(data, "the blob", "rec-0123456789ab"), "the blob")
    request = outcome(lambda: decode_request(data, "the blob"), "the blob")
    text = converted(data)
    if recording is not None:
        found = decode_recording(data, "the blob")
        list(secrets_in_blob(data, "the blob", SecretScan()))
        request_key(found.request)
        body_bytes(found.response.body)
        list(page_lines(transcript_of(found)))

    assert recording is None or request is not None
    assert all(letter.isprintable() or letter in "\n\t" for letter in text)


@fuzzed
@given(hostile_bytes(*MANIFESTS))
def test_manifests(data: bytes) -> None:
    """A manifest that can be read says the same once it is written again."""
    manifest = outcome(lambda: parse_manifest(data, "the manifest"), "the manifest")
    if isinstance(manifest, Manifest):
        text = format_manifest(manifest)

        assert text == format_manifest(parse_manifest(text, "the manifest"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a copy of the sample's store."""
    folder = tmp_path_factory.mktemp("sample") / FOLDER
    shutil.copytree(SAMPLE / "store", folder)
    (folder / ".gitattributes").touch()
    return Store(Directory(folder))


@fuzzed
@given(data=st.data())
def test_origins(sample: Store, data: st.DataObject) -> None:
    """An origin that no import made gives a file, or an error that names the file."""
    imported = [text for text in MANIFESTS if b'"format"' in text]
    text = data.draw(
        hostile_bytes(*(b"\n".join(line.rpartition(b" ")[0] for line in one.split(b"\n")[2:-1]) for one in imported))
    )
    head = b'recstore 1\ntest "tests/test_x.py::test_y"\n'
    manifest = outcome(lambda: parse_manifest(head + text + b"\n", "the manifest"), "the manifest")
    if isinstance(manifest, Manifest):
        for path, places in entries_by_file([manifest]).items():
            try:
                assert isinstance(render_source_file(sample, path, places), bytes)
            except RecstoreError as error:
                assert error.reason  # noqa: PT017 - either is right


@fuzzed
@given(hostile_bytes(*files_of("files/recordings/*.json")))
def test_recordings_of_llama_stack(data: bytes) -> None:
    """A recording of another recorder is stored as it is, or refused."""
    prepared = outcome(lambda: parse_source(data, "a/x.json", UPSTREAMS), "a/x.json")
    for encoded in prepared if isinstance(prepared, list) else []:
        decode_recording(encoded.data, "the blob")
        format_manifest(Manifest(encoded.test_id, (replace(encoded.entry, n=1),)))


@fuzzed
@given(data=hostile_bytes(*files_of("files/*.yaml")), name=st.sampled_from(["a/x.yaml", "a/x.json"]))
def test_cassettes(data: bytes, name: str) -> None:
    """The same of a cassette."""
    prepared = outcome(lambda: parse_source(data, name, UPSTREAMS), name)
    for one in prepared if isinstance(prepared, list) else []:
        decode_recording(one.data, "the blob")


@fuzzed
@given(
    data=st.binary(max_size=300)
    | hostile_bytes(b"data: {}\n\ndata: [DONE]\n\n", b'{"a": 1}\n{"a": 2}\n', b'{"a":[1,2]}')
)
def test_bodies(data: bytes) -> None:
    """A body of any bytes at all is kept, and comes out as it went in."""
    assert data == body_bytes(parse_body(data))


@fuzzed
@given(data=st.data(), encoding=st.sampled_from([*PACKED, "gzip, br", "br,gzip", "x", "identity", " GZIP "]))
def test_packed_bodies(data: st.DataObject, encoding: str) -> None:
    """A body that is not packed as it says is no body that can be unpacked."""
    packed = data.draw(st.binary(max_size=100) | hostile_bytes(*PACKED.values()))
    try:
        assert isinstance(decoded(packed, encoding), bytes)
    except UndecodableError as error:
        assert str(error)  # noqa: PT017 - either is right


@pytest.fixture(scope="module")
def index_bytes(sample: Store) -> bytes:
    """Return a sound index."""
    Index(sample).close()
    return sample.local.path("index.sqlite").read_bytes()


@fuzzed
@given(data=st.data())
def test_indexes(sample: Store, index_bytes: bytes, data: st.DataObject) -> None:
    """An index that is none is made anew; what it gives is of the kinds that it promises."""
    sample.local.path("index.sqlite").write_bytes(data.draw(hostile_bytes(index_bytes)))
    store = Store(sample.directory)

    assert all(isinstance(row.entry.n, int) for row in Index(store).listing())
    assert all(row.entry_count >= 0 for row in Index(store).blob_rows())


def watcher_of(store: Store) -> Watcher:
    """Return a watcher of a source that has no files."""
    sources = Sources(store.directory.root.parent, ("nothing",))
    return Watcher(ChangeImporter(store, ImportOptions()), sources, FastClock(), lambda _result: None)


@pytest.fixture(scope="module")
def notes(sample: Store) -> dict[str, bytes]:
    """Return what sound notes of the local folder hold."""
    watcher = watcher_of(sample)
    watcher._mark_changed(SourceFile("/p/recordings/a.json", 3, 1, 2, 3))
    watcher._save()
    save_note(sample.local, "verified.json", 3, since=4, files={"blobs/ab/x.json": [1, 2, 3]})
    served = (
        b'{"recstore":2,"file":"tests/a.py","tests":{"tests/a.py::b":{"manifest":"","was_collected":true,'
        b'"has_passed":true,"used":[["ab",1]]}}}'
    )
    return {
        "watch.json": sample.local.read("watch.json") or b"",
        "verified.json": sample.local.read("verified.json") or b"",
        usage_path("tests/a.py"): served,
    }


@fuzzed
@given(data=st.data())
def test_notes(sample: Store, notes: dict[str, bytes], data: st.DataObject) -> None:
    """A note in the local folder that cannot be read is none."""
    for name, sound in notes.items():
        path = sample.local.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.draw(hostile_bytes(sound)))
    watcher = watcher_of(sample)
    manifests_digest = watcher._load()
    known, since = last_verified(sample)
    run = read_usage(sample.local, "tests/a.py")

    for location, file in watcher._files.items():
        assert [str, int, int, int, int] == [type(value) for value in file.source]
        assert location == file.source.location
        assert "\0" not in location
        assert Status is type(file.status)
    assert str is type(manifests_digest)
    assert all(len(fingerprint) == 3 for fingerprint in known.values())
    assert int is type(since)
    assert dict is type(load_note(sample.local, "verified.json", 3))
    assert all(type(test.used) is frozenset for test in run.values())


@fuzzed
@given(data=hostile_bytes(*CONFIGURATION))
def test_settings(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """A configuration is understood, or refused."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "recstore.toml").write_bytes(data)
    found = outcome(lambda: load_settings(Path(folder), {}), "recstore.toml")

    assert found is None or isinstance(found, Settings)
