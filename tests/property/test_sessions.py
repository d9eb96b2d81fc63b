"""Whatever was recorded is replayed, in order, and recording it again changes nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recstore.content.canonical import request_key
from recstore.model import Mode
from recstore.record.exchange import WireRequest
from recstore.record.normalise import normalise_request
from recstore.record.server_ids import IdMap
from recstore.secrets.redact import Redaction
from recstore.store import Store
from recstore.upstreams import UpstreamMap
from tests.exchanges import TEST, answer, asked, files_of, replayed, session
from tests.values import texts, values, wire_bytes

bodies = st.sampled_from([b"", b"{}", b'{"a":1}']) | wire_bytes
answers = wire_bytes.filter(lambda data: Redaction().text(data) == data)  # a secret in one is not replayed
exchanges = st.lists(st.tuples(bodies, answers), max_size=6)


def _recorded(project: Path, made: list[tuple[bytes, bytes]], order: list[int]) -> None:
    """Record the exchanges, begun in their order and ended in another."""
    recording = session(project, Mode.RECORD)
    calls = [recording.begin(asked(request)) for request, _ in made]
    for place in order:
        answer(recording, calls[place], made[place][1], headers=())
    recording.finish(passed=True)


@given(st.data())
def test_what_was_recorded_is_replayed_byte_for_byte(data: st.DataObject) -> None:
    """Equal requests in the order in which they were begun; and a second recording is the same files."""
    made = data.draw(exchanges)
    orders = [data.draw(st.permutations(range(len(made)))) for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        Store.create(project)
        _recorded(project, made, orders[0])
        before = files_of(project)
        replay = session(project, Mode.REPLAY)

        found = [b"".join(replayed(replay.begin(asked(request))).chunks) for request, _ in made]

        assert [data for _, data in made] == found
        assert () == replay.finish(passed=True).unused
        _recorded(project, made, orders[1])
        assert before == files_of(project)


@given(bodies | values.map(lambda value: json.dumps(value).encode("utf-8", "replace")), texts)
def test_the_key_that_is_looked_for_is_that_of_what_is_stored(body: bytes, text: str) -> None:
    """For any body, and whatever stands in the path and the query."""
    wire = WireRequest("POST", f"https://x.org/{text}?{text}={text}", (("content-type", "text/x"),), body)

    sent = normalise_request(wire, UpstreamMap(), Redaction(), IdMap(TEST))

    assert sent.key == request_key(sent.storable())


@given(values, st.sampled_from(["password", "apiKey", "client_secret"]), texts.filter(lambda text: len(text) > 3))
def test_a_secret_under_its_name_never_gets_into_the_key(value: Any, name: str, secret: str) -> None:
    """Whatever stands around it, and whatever it is."""

    def sent(text: str) -> bytes:
        body = json.dumps({"around": value, name: text}).encode("utf-8", "replace")
        return normalise_request(asked(body), UpstreamMap(), Redaction(), IdMap(TEST)).text()

    assert sent("another secret") == sent(secret)
