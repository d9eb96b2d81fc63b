"""Another test's answer: taken over only where it can mean but one thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from recstore.model import Entry, Json, JsonBody, Manifest, RawBody, Recording, Request, Response
from recstore.record.exchange import NormalisedRequest
from recstore.record.lookup import Recordings
from recstore.record.normalise import normalise_request
from recstore.record.replay import DELAYS
from recstore.record.server_ids import IdMap
from recstore.rules import RuleSet
from recstore.secrets.redact import Redaction
from recstore.store import Store
from recstore.upstreams import UpstreamMap
from tests.exchanges import TEST, asked

IMPORTED: dict[str, Json] = {"format": "llama-stack", "path": f"recordings/{'0123456789ab' * 5}.json"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store.create(tmp_path)


def _sent() -> NormalisedRequest:
    return normalise_request(asked({"a": 1}), UpstreamMap(), Redaction(), IdMap(TEST))


def _put(store: Store, test_id: str, *said: Json) -> tuple[Entry, ...]:
    request: Request = _sent().storable()
    recordings = [Recording(request, Response(200, body=JsonBody(value, "compact"))) for value in said]
    return store.put(test_id, recordings).entries


def _found(store: Store, n: int = 1, *, share: bool = False) -> tuple[list[Entry], Json] | None:
    match = Recordings(store, RuleSet(), TEST).find_reusable(_sent(), n, share=share)
    if match is None:
        return None
    assert not isinstance(match.response.body, RawBody)
    return list(match.entries), getattr(match.response.body, "value", None)


def test_the_only_answer_there_is_can_be_taken_over(store: Store) -> None:
    """Any number of tests may have it."""
    assert _found(store) is None
    entries = _put(store, "tests/b.py::test", "x")
    _put(store, "tests/c.py::test", "x")

    assert (list(entries), "x") == _found(store)
    assert _found(store, 2) is None


def test_one_of_several_is_taken_over_only_where_any_will_do(store: Store) -> None:
    """Then the first test's, at the same occurrence."""
    _put(store, "tests/b.py::test", "x", "y")
    _put(store, "tests/c.py::test", "z")

    assert (None, None) == (_found(store), _found(store, 2))
    first, second = _found(store, share=True), _found(store, 2, share=True)
    assert first is not None
    assert second is not None
    assert (["y"], True) == ([second[1]], first[1] in ("x", "z"))
    assert _found(store, 3, share=True) is None


def test_what_bears_the_id_of_its_file_is_not_taken_over(store: Store) -> None:
    """Other imported recordings are, without their origin: the file is the other test's."""
    [entry] = _put(store, "tests/b.py::test", "x")
    store.publish([Manifest("tests/b.py::test", (Entry(entry.blob, 1, origin=IMPORTED),))])
    assert _found(store) is None
    store.publish(
        [Manifest("tests/b.py::test", (Entry(entry.blob, 1, origin={"format": "vcr", "path": "a", DELAYS: [1]}),))]
    )

    found = _found(store)

    assert found is not None
    assert [{DELAYS: [1]}] == [taken.origin for taken in found[0]]


def test_a_union_is_taken_over_as_a_whole(store: Store) -> None:
    """Where it is one test's."""
    entries = _put(store, "tests/b.py::test", [{"id": "a"}], [{"id": "b"}])
    union = tuple(Entry(entry.blob, 1, is_union=True) for entry in entries)
    store.publish([Manifest("tests/b.py::test", union)])

    found = _found(store, share=True)

    assert found is not None
    assert (2, [{"id": "a"}, {"id": "b"}]) == (len(found[0]), found[1])


def test_a_damaged_blob_is_no_answer(store: Store) -> None:
    """It is not this test's to complain of."""
    _put(store, "tests/b.py::test", "x")
    for path in store.directory.path("blobs").rglob("*.json"):
        path.write_bytes(b"{}")

    assert _found(store) is None
