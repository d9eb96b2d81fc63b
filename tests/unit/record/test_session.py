"""Sessions: what each mode does with a request, how often an answer serves, what is published."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from recstore.content.bodies import body_bytes
from recstore.errors import Damage, DamagedManifest, NewerVersion, NotInStore, ReplayMiss
from recstore.model import Digest, Manifest, Mode
from recstore.record.exchange import WireError
from recstore.record.session import Session, passthrough_pattern
from recstore.rules import IgnoreJson, RuleSet
from recstore.settings import Settings
from recstore.store import Store
from recstore.store.manifest import manifest_path, parse_manifest
from tests.exchanges import JSON, TEST, answer, asked, body_of, chat, completion, files_of, live, replayed, session

PLAIN = {"answer": 1}
PATH = f".recstore/{manifest_path(TEST)}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with an empty store."""
    Store.create(tmp_path)
    return tmp_path


def _record(project: Path, *answers: object, scope_id: str | None = TEST, mode: Mode = Mode.RECORD) -> None:
    """Record that the same request got these answers, one after another."""
    recording = session(project, mode, scope_id)
    for value in answers:
        answer(recording, recording.begin(chat("hi")), json.dumps(value).encode())
    recording.finish(passed=True)


def _manifest(project: Path, scope_id: str = TEST) -> Manifest:
    manifest = Store.open(project).manifest(scope_id)
    assert manifest is not None
    return manifest


def _blob(project: Path) -> Path:
    return next((project / ".recstore/blobs").rglob("*.json"))


def _hit(project: Path) -> None:
    _record(project, PLAIN)


def _miss(_: Path) -> None:
    """Leave the store empty."""


def _damage(project: Path) -> None:
    _record(project, PLAIN)
    _blob(project).write_bytes(b"{}")


def _outcome(project: Path, mode: Mode) -> str:
    """Return what becomes of a request: it is served, made, let through, or fails."""
    begun = session(project, mode)
    try:
        call = begun.begin(chat("hi"))
    except ReplayMiss:
        return "miss"
    except Damage:
        return "damage"
    return "through" if call is None else "made" if call.replayed is None else "served"


@pytest.mark.parametrize(
    ("mode", "prepare", "expected"),
    [
        (Mode.REPLAY, _hit, "served"),
        (Mode.REPLAY, _miss, "miss"),
        (Mode.REPLAY, _damage, "damage"),
        (Mode.RECORD, _hit, "made"),
        (Mode.RECORD, _miss, "made"),
        (Mode.RECORD, _damage, "made"),
        (Mode.RECORD_IF_MISSING, _hit, "served"),
        (Mode.RECORD_IF_MISSING, _miss, "made"),
        (Mode.RECORD_IF_MISSING, _damage, "damage"),
        (Mode.LIVE, _hit, "through"),
        (Mode.LIVE, _miss, "through"),
        (Mode.LIVE, _damage, "through"),
        (Mode.VERIFY, _hit, "made"),
        (Mode.VERIFY, _miss, "made"),
        (Mode.VERIFY, _damage, "damage"),
    ],
)
def test_every_mode_does_what_the_table_says(
    project: Path, mode: Mode, prepare: Callable[[Path], None], expected: str
) -> None:
    """Cell by cell. Damage is never a miss: nothing that only replays or fills gaps goes on after it."""
    prepare(project)

    assert expected == _outcome(project, mode)


def test_what_was_recorded_is_replayed(project: Path) -> None:
    """Status, headers and every byte, without a server and without credentials."""
    recording = session(project, Mode.RECORD)
    call = recording.begin(chat("hi"))
    answer(
        recording,
        call,
        b'{ "a":1.50,',
        b' "b": [ ] }\n',
        status=418,
        headers=(*JSON, ("x-mood", "good"), ("date", "today")),
    )
    recording.finish(passed=True)

    found = replayed(session(project, Mode.REPLAY).begin(chat("hi")))

    assert (418, "OK", (b'{ "a":1.50, "b": [ ] }\n',)) == (found.status, found.reason, found.chunks)
    assert (*JSON, ("x-mood", "good"), ("content-length", "23")) == found.headers


def test_equal_requests_are_answered_in_the_order_in_which_they_were(project: Path) -> None:
    """Each call its own answer, and none after the last."""
    _record(project, 1, 2)
    replay = session(project, Mode.REPLAY)

    assert [1, 2] == [body_of(replay.begin(chat("hi"))) for _ in range(2)]
    with pytest.raises(ReplayMiss, match="recorded twice, requested 3 times"):
        replay.begin(chat("hi"))


def test_the_last_answer_repeats_if_configured(project: Path) -> None:
    """For tests that poll."""
    _record(project, 1, 2)
    replay = session(project, Mode.REPLAY, settings=Settings(repeat_last=True))

    assert [1, 2, 2, 2] == [body_of(replay.begin(chat("hi"))) for _ in range(4)]


def test_the_order_of_different_requests_does_not_matter(project: Path) -> None:
    """They may be made at once."""
    recording = session(project, Mode.RECORD)
    for text in ("a", "b", "c"):
        answer(recording, recording.begin(chat(text)), {"to": text})
    recording.finish(passed=True)
    replay = session(project, Mode.REPLAY)

    assert [{"to": text} for text in "cab"] == [body_of(replay.begin(chat(text))) for text in "cab"]


def test_the_occurrence_is_set_when_a_request_begins_and_not_when_it_ends(project: Path) -> None:
    """The second one's answer may come first."""
    recording = session(project, Mode.RECORD)
    first, second = recording.begin(chat("hi")), recording.begin(chat("hi"))
    answer(recording, second, {"a": 2})
    answer(recording, first, {"a": 1})
    recording.finish(passed=True)
    replay = session(project, Mode.REPLAY)

    assert [{"a": 1}, {"a": 2}] == [body_of(replay.begin(chat("hi"))) for _ in range(2)]


def test_a_call_that_never_ended_leaves_no_entry_and_no_gap(project: Path) -> None:
    """Nor does what comes in after the end of the test."""
    recording = session(project, Mode.RECORD)
    late, given_up, done = (recording.begin(chat("hi")) for _ in range(3))
    recording.complete(live(given_up))  # no head has come: there is nothing to keep
    answer(recording, done, {"a": 3})
    report = recording.finish(passed=True)
    answer(recording, late, {"a": 1})

    assert 1 == report.recorded
    assert [1] == [entry.n for entry in _manifest(project).entries]
    assert {"a": 3} == body_of(session(project, Mode.REPLAY).begin(chat("hi")))


def test_recording_replaces_what_the_test_had(project: Path) -> None:
    """All of it, the requests that are no longer made included."""
    recording = session(project, Mode.RECORD)
    answer(recording, recording.begin(chat("old")), PLAIN)
    recording.finish(passed=True)
    _record(project, 5)

    report = session(project, Mode.RECORD).finish(passed=True)

    assert 1 == len(_manifest(project).entries)
    assert (0, Digest.of((project / PATH).read_bytes())) == (report.recorded, report.manifest)


def test_recording_an_unchanged_answer_changes_no_byte(project: Path) -> None:
    """Though the server makes up other ids and times."""
    _record(project, completion("Hello", made=1), completion("Bye", made=2))
    before = files_of(project)

    _record(project, completion("Hello", made=3), completion("Bye", made=4))

    assert before == files_of(project)


def test_a_conversation_is_recorded_and_replayed_though_ids_come_back(project: Path) -> None:
    """An id of one answer is part of the next request; and no two tests are told the same."""

    def converse(talk: Session, made: int) -> list[str]:
        seen: list[str] = []
        for turn in range(3):
            call = talk.begin(chat("hi", previous_response_id=seen[-1] if seen else None))
            assert call is not None
            if call.replayed is None:
                value = completion(f"turn {turn}", made=made + turn)
                answer(talk, call, value)
            else:
                value = body_of(call)
            seen.append(value["id"])
        talk.finish(passed=True)
        return seen

    converse(session(project, Mode.RECORD), 10)
    before = files_of(project)
    converse(session(project, Mode.RECORD), 20)
    other = converse(session(project, Mode.RECORD_IF_MISSING, "tests/other.py::test"), 30)
    ids = converse(session(project, Mode.REPLAY), 0)

    assert before.items() <= files_of(project).items()
    assert 6 == len({*ids, *other})
    assert ids == converse(session(project, Mode.REPLAY), 0)


def test_an_id_may_come_back_before_its_answer_is_over(project: Path) -> None:
    """A client reads a stream to the event it needs, and asks on."""
    recording = session(project, Mode.RECORD)
    under_way = live(recording.begin(chat("hi", stream=True)))
    under_way.on_headers(200, "OK", (("content-type", "text/event-stream"),))
    under_way.on_chunk(b'data: {"object":"chat.completion.chunk","id":"chatcmpl-LiveLive"}\n\ndata: {"obj')
    answer(recording, recording.begin(chat("and", previous="chatcmpl-LiveLive")), PLAIN)
    under_way.on_chunk(b'ect":"chat.completion.chunk","id":"chatcmpl-LiveLive"}\n\n')
    recording.complete(under_way)
    recording.finish(passed=True)
    replay = session(project, Mode.REPLAY)
    [first, second] = replayed(replay.begin(chat("hi", stream=True))).chunks

    name = json.loads(first[6:])["id"]
    assert first == second
    assert name.startswith("chatcmpl-recstore")
    assert PLAIN == body_of(replay.begin(chat("and", previous=name)))


def test_a_test_that_failed_publishes_nothing(project: Path) -> None:
    """What it recorded is put aside for a look, until it passes."""
    recording = session(project, Mode.RECORD)
    answer(recording, recording.begin(chat("hi")), PLAIN)
    before = files_of(project)

    report = recording.finish(passed=False)

    aside = project / ".recstore/local/failed" / manifest_path(TEST)
    assert before == files_of(project)
    assert (0, "", frozenset()) == (report.recorded, report.manifest, report.used)
    [kept] = aside.iterdir()
    assert PLAIN == json.loads(kept.read_bytes())["response"]["json"]
    _record(project, PLAIN)
    assert not aside.exists()


@pytest.mark.parametrize("mode", [Mode.REPLAY, Mode.LIVE, Mode.VERIFY])
def test_modes_that_keep_nothing_leave_the_disk_alone(project: Path, mode: Mode) -> None:
    """Whatever happens in them; also in what is local."""
    _record(project, PLAIN)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    used = session(project, mode)
    for text in ("hi", "something that nobody recorded"):
        try:
            call = used.begin(chat(text))
        except ReplayMiss:
            continue
        if call is not None and call.replayed is None:
            answer(used, call, {"other": 1})
    used.finish(passed=True)

    assert before == {path: path.stat().st_mtime_ns for path in project.rglob("*")}


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be made read-only there")
def test_a_read_only_store_replays(project: Path) -> None:
    """A miss is told there, too."""
    _record(project, PLAIN)
    for path in [*project.rglob("*"), project]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    replay = session(project, Mode.REPLAY)
    try:
        assert PLAIN == body_of(replay.begin(chat("hi")))
        with pytest.raises(ReplayMiss):
            replay.begin(chat("ho"))
        assert 1 == replay.finish(passed=True).requests_saved
    finally:
        for path in [project, *project.rglob("*")]:
            path.chmod(0o755)


def test_without_a_store_everything_misses(tmp_path: Path) -> None:
    """And the way to get one is named."""
    with pytest.raises(ReplayMiss, match=r"There is no store yet .*recstore init"):
        session(tmp_path, Mode.REPLAY).begin(chat("hi"))


def test_a_missing_blob_is_named_and_no_miss(project: Path) -> None:
    """It is in Git, most likely: recording it again is not the first thing to do."""
    _record(project, PLAIN)
    _blob(project).unlink()
    replay = session(project, Mode.REPLAY)

    for _ in range(2):
        with pytest.raises(NotInStore, match="the blob is missing"):
            replay.begin(chat("hi"))
    assert (0, 1) == (len(replay.misses), len(replay.problems))


@pytest.mark.parametrize("mode", [Mode.REPLAY, Mode.RECORD_IF_MISSING, Mode.VERIFY])
@pytest.mark.parametrize("text", [b"", b"recstore 1\ntest", b"recstore 1\n<<<<<<< ours\n"])
def test_a_manifest_that_cannot_be_read_fails_the_test(project: Path, mode: Mode, text: bytes) -> None:
    """Each request, and the report has it; nothing is called."""
    _record(project, PLAIN)
    (project / PATH).write_bytes(text)
    used = session(project, mode)

    for _ in range(2):
        with pytest.raises(Exception, match=r"tests/test_chat\.py"):
            used.begin(chat("hi"))
    report = used.finish(passed=False)
    assert (1, "") == (len(report.problems), report.manifest)


@pytest.mark.parametrize("text", [b"", b"recstore 1\n<<<<<<< ours\n"])
def test_recording_mends_what_is_damaged(project: Path, text: bytes) -> None:
    """The manifest and the blob."""
    _record(project, PLAIN)
    before = files_of(project)
    (project / PATH).write_bytes(text)
    _blob(project).write_bytes(b"{}")

    _record(project, PLAIN)

    assert before == files_of(project)


def test_recordings_of_a_newer_version_are_not_replaced(project: Path) -> None:
    """Nor is a server called for nothing."""
    _record(project, PLAIN)
    (project / PATH).write_bytes(b"recstore 2\n")

    with pytest.raises(NewerVersion):
        session(project, Mode.RECORD).begin(chat("hi"))


def test_another_tests_manifest_is_not_replaced(project: Path) -> None:
    """Two ids of one path: that cannot be, so it is not decided here."""
    _record(project, PLAIN)
    (project / PATH).write_bytes((project / PATH).read_bytes().replace(b"test_answer", b"test_another"))

    with pytest.raises(DamagedManifest):
        _record(project, PLAIN)


def test_what_is_missing_is_recorded_beside_what_is_there(project: Path) -> None:
    """Served from the store as far as it goes; the rest is called for once."""
    _record(project, 1)
    filling = session(project, Mode.RECORD_IF_MISSING)
    assert 1 == body_of(filling.begin(chat("hi")))
    answer(filling, filling.begin(chat("hi")), b"[2]")
    answer(filling, filling.begin(chat("ho")), PLAIN)
    report = filling.finish(passed=True)
    replay = session(project, Mode.REPLAY)

    assert (2, 0, 1, 3) == (report.recorded, report.reused, report.requests_saved, len(report.used))
    assert [1, [2], PLAIN] == [body_of(replay.begin(chat(text))) for text in ("hi", "hi", "ho")]
    assert report.manifest == replay.finish(passed=True).manifest


def test_another_tests_only_answer_is_taken_over_without_a_call(project: Path) -> None:
    """A line is written, and no blob."""
    _record(project, completion("Hello"))
    blobs = [path for path in files_of(project) if "/blobs/" in path]
    filling = session(project, Mode.RECORD_IF_MISSING, "tests/b.py::test")

    assert "Hello" == body_of(filling.begin(chat("hi")))["choices"][0]["message"]["content"]

    report = filling.finish(passed=True)
    assert (0, 1, 1, 7) == (report.recorded, report.reused, report.requests_saved, report.tokens_saved)
    assert blobs == [path for path in files_of(project) if "/blobs/" in path]
    assert _manifest(project).entries == _manifest(project, "tests/b.py::test").entries


def test_an_answer_that_is_one_of_several_is_not_taken_over(project: Path) -> None:
    """The next request may depend on which; unless the project says that any will do."""
    _record(project, 1)
    _record(project, 2, scope_id="tests/b.py::test")
    strict = session(project, Mode.RECORD_IF_MISSING, "tests/c.py::test")
    sharing = session(project, Mode.RECORD_IF_MISSING, "tests/c.py::test", Settings(share=True))

    answer(strict, strict.begin(chat("hi")), b"3")
    assert body_of(sharing.begin(chat("hi"))) in (1, 2)


def test_a_second_answer_is_not_taken_over_where_nobody_asked_twice(project: Path) -> None:
    """What a server says the second time is not known."""
    _record(project, 1)
    filling = session(project, Mode.RECORD_IF_MISSING, "tests/b.py::test")

    assert 1 == body_of(filling.begin(chat("hi")))
    answer(filling, filling.begin(chat("hi")), b"[2]")
    filling.finish(passed=True)
    replay = session(project, Mode.REPLAY, "tests/b.py::test")
    assert [1, [2]] == [body_of(replay.begin(chat("hi"))) for _ in range(2)]


def test_another_tests_damaged_blob_is_called_for(project: Path) -> None:
    """It is no answer; and the call's answer mends it."""
    _damage(project)
    filling = session(project, Mode.RECORD_IF_MISSING, "tests/b.py::test")

    answer(filling, filling.begin(chat("hi")), PLAIN)
    filling.finish(passed=True)

    assert PLAIN == body_of(session(project, Mode.REPLAY).begin(chat("hi")))


def test_verifying_reports_drift_and_changes_nothing(project: Path) -> None:
    """Ids and times are none; nor is what is not recorded let by."""
    _record(project, completion("Hello", made=1), completion("Bye", made=2))
    before = files_of(project)
    verify = session(project, Mode.VERIFY)
    answer(verify, verify.begin(chat("hi")), completion("Hello", made=8))
    answer(verify, verify.begin(chat("hi")), completion("Good bye", made=9))
    answer(verify, verify.begin(chat("ho")), PLAIN)

    report = verify.finish(passed=True)

    assert before == files_of(project)
    assert (
        'POST /v1/chat/completions: body.choices[0].message.content: "Bye" -> "Good bye"',
        "POST /v1/chat/completions: is not recorded",
    ) == report.drift


def test_a_close_enough_request_is_served_under_the_rules(project: Path) -> None:
    """Each recording once, by whichever request takes it."""
    recording = session(project, Mode.RECORD)
    for number in (1, 2):
        answer(recording, recording.begin(chat("hi", trace=number)), {"n": number})
    recording.finish(passed=True)
    settings = Settings(rules=RuleSet((IgnoreJson(("trace",)),)))
    replay = session(project, Mode.REPLAY, settings=settings)

    found = [body_of(replay.begin(chat("hi", trace=number)))["n"] for number in (2, 9)]

    assert [2, 1] == found
    with pytest.raises(ReplayMiss):
        replay.begin(chat("hi", trace=9))


def test_what_is_recorded_outside_any_test_is_shared(project: Path) -> None:
    """A manifest for each; a newer answer takes the place of the older; it serves any number of times."""
    _record(project, 1, scope_id=None)
    _record(project, 2, scope_id=None)
    replay = session(project, Mode.REPLAY, None)

    assert [2, 2] == [body_of(replay.begin(chat("hi"))) for _ in range(2)]
    assert 1 == len([path for path in files_of(project) if "/shared/" in path])
    with pytest.raises(ReplayMiss, match="outside any test"):
        replay.begin(chat("ho"))


def test_errors_are_recorded_and_replayed(project: Path) -> None:
    """One instead of an answer, and one in the middle of a stream."""
    failure, breach = WireError("connect", "httpx.ConnectError", "refused"), WireError("read", "httpx.ReadError", "")
    recording = session(project, Mode.RECORD)
    recording.complete(live(recording.begin(chat("hi"))), failure)
    broken = live(recording.begin(chat("hi")))
    broken.on_headers(200, "OK", (("content-type", "text/event-stream"),))
    broken.on_chunk(b"data: 1\n\ndata: 2\n\nda")
    recording.complete(broken, breach)
    recording.finish(passed=True)
    replay = session(project, Mode.REPLAY)

    first, second = (replayed(replay.begin(chat("hi"))) for _ in range(2))

    assert (None, failure, ()) == (first.status, first.error, first.chunks)
    assert (200, breach, (b"data: 1\n\n", b"data: 2\n\n", b"da")) == (second.status, second.error, second.chunks)


def test_a_miss_is_kept_once_however_often_it_is_tried_again(project: Path) -> None:
    """Clients retry, and swallow what they are told."""
    replay = session(project, Mode.REPLAY)
    for text in ("a", "a", "b"):
        with pytest.raises(ReplayMiss):
            replay.begin(chat(text))

    assert 2 == len(replay.misses) == len(replay.finish(passed=False).misses)


def test_the_report_says_what_was_used(project: Path) -> None:
    """And what was not, what it cost, and with which manifest."""
    _record(project, completion("Hello"), completion("Bye"))
    replay = session(project, Mode.REPLAY)
    replay.begin(chat("hi"))
    report = replay.finish(passed=True)
    key = _manifest(project).entries[0].blob.key

    assert frozenset(((key, 1),)) == report.used
    assert [2] == [entry.n for entry in report.unused]
    assert (1, 7, TEST, Mode.REPLAY) == (report.requests_saved, report.tokens_saved, report.scope_id, report.mode)
    assert Digest.of((project / PATH).read_bytes()) == report.manifest
    assert report is replay.finish(passed=False)


def test_a_session_that_is_over_records_no_more(project: Path) -> None:
    """What a background task asks then goes through; in replay it is answered as before."""
    recording = session(project, Mode.RECORD)
    recording.finish(passed=True)
    _record(project, PLAIN)
    replay = session(project, Mode.REPLAY)
    replay.finish(passed=True)

    assert recording.begin(chat("hi")) is None
    assert PLAIN == body_of(replay.begin(chat("hi")))


def test_threads_share_a_session(project: Path) -> None:
    """Every call of theirs is kept, and each recording serves one."""
    recording = session(project, Mode.RECORD)

    def ask(number: int) -> None:
        for turn in range(5):
            answer(recording, recording.begin(chat("same")), {"from": [number, turn]})

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 40 == recording.finish(passed=True).recorded
    replay = session(project, Mode.REPLAY)
    found = [tuple(body_of(replay.begin(chat("same")))["from"]) for _ in range(40)]
    assert 40 == len(set(found))


def test_secrets_do_not_reach_the_disk_nor_count(project: Path) -> None:
    """Of headers, the query, the body; and where the server repeats them."""
    secret = "hunter2-hunter2"  # noqa: S105 - of nobody
    recording = session(project, Mode.RECORD)
    headers = (("Authorization", f"Bearer {secret}"), ("Cookie", f"s={secret}"), ("X-Api-Key", secret))
    body = {"q": 1, "password": secret}
    answer(
        recording,
        recording.begin(asked(body, f"https://me:{secret}@x.org/a?key={secret}", headers=headers)),
        {"error": f"bad key {secret}", "access_token": secret},
        headers=(*JSON, ("set-cookie", secret), ("x-echo", f"got {secret}")),
    )
    recording.finish(passed=True)

    everything = b"".join(path.read_bytes() for path in project.rglob("*") if path.is_file())
    assert secret.encode() not in everything
    found = body_of(
        session(project, Mode.REPLAY).begin(asked({"q": 1, "password": "other"}, "https://x.org/a?key=none"))
    )
    assert {"error": "bad key REDACTED", "access_token": "REDACTED"} == found


@pytest.mark.parametrize("is_known_before", [True, False])
def test_fixtures_ids_are_understood_by_their_tests(project: Path, *, is_known_before: bool) -> None:
    """The fixture's session is named as a parent of the test's, when that begins or later."""

    def use(mode: Mode) -> None:
        fixture = session(project, mode, "tests/a.py::talk@module")
        call = fixture.begin(chat("hi"))
        assert call is not None
        if call.replayed is None:
            value = completion("x")
            answer(fixture, call, value)
        else:
            value = body_of(call)
        fixture.finish(passed=True)
        store, settings = fixture.store, fixture.settings
        test = Session(store, settings, TEST, mode, parents=[fixture] if is_known_before else [])
        if not is_known_before:
            test.inherit(fixture)
        call = test.begin(chat("next", previous=value["id"]))
        if mode is Mode.RECORD:
            answer(test, call, PLAIN)
        else:
            assert PLAIN == body_of(call)
        test.finish(passed=True)

    use(Mode.RECORD)
    use(Mode.REPLAY)


def test_pauses_are_recorded_and_replayed_if_configured(project: Path) -> None:
    """Beside the answer, in the manifest: the blob is the same with and without them."""
    timed = Settings(timing=True)
    recording = session(project, Mode.RECORD, settings=timed)
    answer(
        recording,
        recording.begin(chat("hi")),
        b"data: 1\n\n",
        b"data: 2\n\n",
        headers=(("content-type", "text/event-stream"),),
    )
    recording.finish(passed=True)

    with_pauses = replayed(session(project, Mode.REPLAY, settings=timed).begin(chat("hi")))
    without = replayed(session(project, Mode.REPLAY).begin(chat("hi")))

    assert 2 == len(with_pauses.delays_s)
    assert all(delay_s >= 0 for delay_s in with_pauses.delays_s)
    assert without == replace(with_pauses, delays_s=())


def test_a_recording_in_a_manifest_can_be_read_by_everybody(project: Path) -> None:
    """It is an ordinary one: the store verifies, and its key is that of the request inside."""
    _record(project, completion("Hello"))
    store = Store.open(project)
    [entry] = parse_manifest((project / PATH).read_bytes(), PATH).entries

    request = store.get(entry).request

    assert (entry,) == store.find(request, TEST)
    assert ("POST", "api.example.com", "/v1/chat/completions") == (request.method, request.upstream, request.path)
    assert chat("hi").body == body_bytes(request.body)


# -- passthrough


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("http://127.0.0.1:*", "http://127.0.0.1:8080/a/b?c=d", True),
        ("http://127.0.0.1:*", "http://127.0.0.1.evil.example/", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:80801/", False),
        ("https://*.example", "https://a.example", True),
        ("https://*.example", "https://a.example?q", True),
        ("https://*.example", "https://other.test/x.example", False),
        ("https://host/v1/", "https://HOST/v1", True),
        ("https://host/v1", "https://host/v10", False),
    ],
)
def test_a_base_url_lets_through_what_is_below_it(base: str, url: str, *, expected: bool) -> None:
    """A `*` stands for a part of a host or a path, never for more of the URL."""
    assert expected == (passthrough_pattern((base,)).match(url) is not None)
