"""What the index answers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recstore.content.canonical import request_key
from recstore.model import (
    BlobName,
    Digest,
    Entry,
    Json,
    JsonBody,
    Manifest,
    Recording,
    Request,
    RequestKey,
    Response,
)
from recstore.store import Store
from recstore.store.index import BlobRow, EntryFilter, EntryRow, Index

CHAT, IMAGE = "tests/test_chat.py::test_answer[what?]", "tests/test_image.py::test_image"


def _recording(prompt: str = "Hello", answer: str = "Yes", **request: Any) -> Recording:
    body: Json = {"model": request.pop("model", "gpt-4o"), "prompt": prompt}
    sent = Request("POST", request.pop("upstream", "openai"), request.pop("path", "/v1/chat/completions"))
    return Recording(
        Request(sent.method, sent.upstream, sent.path, body=JsonBody(body)),
        Response(status=request.pop("status", 200), body=JsonBody({"answer": answer})),
    )


def _key_of(recording: Recording) -> RequestKey:
    return request_key(recording.request)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store.create(tmp_path)


def test_entries_of_a_request_come_from_all_manifests_first_times_first(store: Store) -> None:
    """What any test recorded for a request is found, in the order of the times."""
    yes, no = _recording(answer="Yes"), _recording(answer="No")
    chat = store.put(CHAT, [yes, no, _recording("Other")])
    image = store.put(IMAGE, [no])
    shared = store.put(None, [yes])
    asked = [entry for entry in chat.entries if entry.blob.key == _key_of(yes)]

    expected = sorted([*asked, *image.entries, *shared.entries], key=lambda entry: (entry.n, entry.blob.digest))

    assert expected == [entry for _, entry in Index(store).uses_of(_key_of(yes))]


def test_uses_of_a_request_name_the_test(store: Store) -> None:
    """Each entry comes with its test; None is the owner of what was recorded outside any."""
    blob = store.put(CHAT, [_recording()]).entries[0].blob
    store.put(None, [_recording()])

    assert ((None, Entry(blob, 1)), (CHAT, Entry(blob, 1))) == Index(store).uses_of(blob.key)


def test_an_entry_keeps_its_origin_and_its_union(store: Store) -> None:
    """What a manifest says of an entry is what the index says of it."""
    blob = store.put_blob(_recording())
    entry = Entry(blob, 1, is_union=True, origin={"format": "vcr", "path": "a.yaml", "rate": 1e-7})
    store.publish([Manifest(CHAT, (entry,))])

    [(_, found)] = Index(store).uses_of(blob.key)

    assert (entry, entry.origin) == (found, found.origin)


def test_an_unknown_request_has_no_entries(store: Store) -> None:
    """A request that nobody recorded is answered with nothing."""
    store.put(CHAT, [_recording()])

    assert () == Index(store).uses_of(_key_of(_recording("Never sent")))


def test_a_listing_tells_each_entry_with_the_facts_of_its_blob(store: Store) -> None:
    """A row has the entry, and what its blob's request and response are."""
    [entry] = store.put(CHAT, [_recording(status=429)]).entries
    expected = EntryRow(
        method="POST",
        upstream="openai",
        path="/v1/chat/completions",
        model="gpt-4o",
        status=429,
        is_stream=False,
        is_error=True,
        test_id=CHAT,
        entry=entry,
        state="present",
        size_bytes=len(store.read_blob(entry.blob)),
    )

    assert [expected] == list(Index(store).listing())


def test_a_listing_has_tests_by_path_and_then_what_belongs_to_none(store: Store) -> None:
    """Rows come in the order of the manifests, entries in the manifest's."""
    a, b, c = (_recording(prompt) for prompt in "abc")
    store.put(None, [c])
    store.put(IMAGE, [a])
    store.put(CHAT, [a, b])
    chat = store.manifest(CHAT)
    assert chat is not None

    expected = [*((CHAT, entry.blob.key) for entry in chat.entries), (IMAGE, _key_of(a)), (None, _key_of(c))]

    assert expected == [(row.test_id, row.entry.blob.key) for row in Index(store).listing()]


FILTERS = [
    (EntryFilter(), "abc"),
    (EntryFilter(test="test_chat"), "ab"),
    (EntryFilter(test="[what?]"), "ab"),
    (EntryFilter(test="[what!]"), ""),
    (EntryFilter(test="test_answe?"), ""),
    (EntryFilter(test="CHAT"), ""),
    (EntryFilter(test="*::test_image"), "c"),
    (EntryFilter(test="*::test_imag"), ""),
    (EntryFilter(test="*[what?]"), "ab"),
    (EntryFilter(upstream="openai"), "ac"),
    (EntryFilter(upstream="open"), ""),
    (EntryFilter(upstream="o*"), "abc"),
    (EntryFilter(endpoint="images"), "c"),
    (EntryFilter(endpoint="/v1/*"), "abc"),
    (EntryFilter(model="gpt-4o"), "a"),
    (EntryFilter(model="gpt"), ""),
    (EntryFilter(model="gpt-*"), "ac"),
    (EntryFilter(status=200), "ab"),
    (EntryFilter(status=500), "c"),
    (EntryFilter(test="test_chat", model="llama", status=200), "b"),
    (EntryFilter(test="test_chat", model="llama", status=500), ""),
]


@pytest.mark.parametrize(("wanted", "prompts"), FILTERS)
def test_a_filter_leaves_the_rows_that_fit_all_of_it(store: Store, wanted: EntryFilter, prompts: str) -> None:
    """A `*` stands for anything and nothing else does; test and endpoint are found anywhere, the rest is equal."""
    sent = {
        "a": _recording("a"),
        "b": _recording("b", model="llama", upstream="ollama"),
        "c": _recording("c", model="gpt-image", path="/v1/images", status=500),
    }
    store.put(CHAT, [sent["a"], sent["b"]])
    store.put(IMAGE, [sent["c"]])
    prompt_of = {_key_of(recorded): prompt for prompt, recorded in sent.items()}

    assert set(prompts) == {prompt_of[row.entry.blob.key] for row in Index(store).listing(wanted)}


def test_a_filter_by_test_leaves_out_what_belongs_to_none(store: Store) -> None:
    """A recording made outside any test has no id that could fit."""
    store.put(None, [_recording()])

    assert [] == list(Index(store).listing(EntryFilter(test="*")))


def test_a_missing_blob_is_a_row_without_facts(store: Store) -> None:
    """An entry whose blob is not there is listed as missing, and the others are not."""
    gone, kept = store.put(CHAT, [_recording("gone"), _recording("kept")]).entries
    store.directory.remove(gone.blob.path)
    expected = EntryRow(test_id=CHAT, entry=gone, state="missing", size_bytes=0)

    assert [expected] == [row for row in Index(store).listing() if row.state == "missing"]
    assert {(gone, "missing"), (kept, "present")} == {(row.entry, row.state) for row in Index(store).listing()}


def test_blob_rows_count_the_entries_that_name_them(store: Store) -> None:
    """Each blob file is one row, with the number of entries of all manifests; 0 is a blob that none names."""
    shared, alone = _recording("shared"), _recording("alone", model="", upstream="localhost", status=404)
    store.put(CHAT, [shared, shared])
    store.put(None, [shared])
    alone_name = store.put_blob(alone)
    shared_name = store.put_blob(shared)

    def row(name: BlobName, count: int, **facts: Any) -> BlobRow:
        return BlobRow(
            **facts,
            method="POST",
            path="/v1/chat/completions",
            is_stream=False,
            name=name,
            size_bytes=len(store.read_blob(name)),
            is_damaged=False,
            entry_count=count,
        )

    expected = [
        row(shared_name, 3, upstream="openai", model="gpt-4o", status=200, is_error=False),
        row(alone_name, 0, upstream="localhost", model="", status=404, is_error=True),
    ]

    assert sorted(expected, key=lambda row: row.name) == list(Index(store).blob_rows())


@pytest.mark.parametrize("spell", [str.lower, str.upper])
@pytest.mark.parametrize("length", [4, 9, 64])
def test_a_prefix_of_key_or_digest_finds_the_blob(store: Store, length: int, spell: Callable[[str], str]) -> None:
    """Four digits or more of either half, in either case, find each blob that begins so."""
    names = [entry.blob for entry in store.put(CHAT, [_recording(str(n)) for n in range(20)]).entries]
    found = [Index(store).resolve(spell(half[:length])) for name in names for half in (name.key, name.digest)]
    expected = [
        tuple(sorted(n for n in names if n.key.startswith(half[:length]) or n.digest.startswith(half[:length])))
        for name in names
        for half in (name.key, name.digest)
    ]

    assert expected == found


def test_a_prefix_finds_a_blob_that_is_missing_or_unnamed(store: Store) -> None:
    """Whether a blob is only a file or only named, it is no miss."""
    unnamed = store.put_blob(_recording("unnamed"))
    missing = store.put(CHAT, [_recording("missing")]).entries[0].blob
    store.directory.remove(missing.path)

    expected = [(unnamed,), (unnamed,), (missing,), (missing,)]

    assert expected == [
        Index(store).resolve(half[:12]) for name in (unnamed, missing) for half in (name.key, name.digest)
    ]


@pytest.mark.parametrize("prefix", ["", "000", "xyzw", "tests/test_chat.py", "0" * 65, "%%%%", "000*"])
def test_what_is_no_prefix_of_four_digits_finds_nothing(store: Store, prefix: str) -> None:
    """Anything but four to 64 hexadecimal digits names no blob."""
    store.publish([Manifest(None, (Entry(BlobName(request_key(_recording().request), Digest("0" * 64)), 1),))])

    assert () == Index(store).resolve(prefix)


def test_questions_to_one_index_do_not_look_again(store: Store) -> None:
    """The store is as it was when the index was opened; for the next one, as it is."""
    store.put(CHAT, [_recording()])
    with Index(store) as index:
        store.put(IMAGE, [_recording()])
        inside = [row.test_id for row in index.listing()]

    assert ([CHAT], [CHAT, IMAGE]) == (inside, [row.test_id for row in Index(store).listing()])


def test_no_connection_outlives_the_question(store: Store) -> None:
    """After the block no file is held open, which matters to forks and on Windows."""
    store.put(CHAT, [_recording()])
    with Index(store) as index:
        list(index.listing())

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        index._connection.execute("SELECT 1")


def test_another_thread_may_ask(store: Store) -> None:
    """Several threads may ask at once."""
    store.put(CHAT, [_recording()])
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(len(list(Index(store).listing())))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [1] * 4 == answers
