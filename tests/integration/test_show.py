"""`recstore show`, as a person calls it: on a store that recordings were imported into, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recstore.importers.run import ImportOptions, import_paths
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.transcript import transcript_of
from recstore.transcript.messages import Message
from recstore.transcript.responses import Answer
from tests import commands
from tests.generator import as_recorded
from tests.unit.transcript.samples import page_text

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
MISSION = "a11357c6162a254fa3f88a2bfbfcdc515e6bc4824064bdf47e2a762d7e4957bd"

CHAT = "tests/test_chat.py::test_answer[gpt-4o]"
OTHER = "tests/test_chat.py::test_answer[llama]"
TOOLS = "tests/test_tools.py::TestTools::test_call"
HOSTILE = "tests/test_chat.py::test_hostile"
FILES = {
    name: digit * 64
    for name, digit in zip(("chat", "other", "tools", "again", "hostile", "loose"), "abcdef", strict=True)
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """Return a chunk of a stream as the recorder writes it."""
    data = {"id": "rec-x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "model": "gpt-4o"}
    return {"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": data}


def document(test_id: str | None, question: str, body: Any) -> dict[str, Any]:
    """Return a recording of a chat request."""
    request = {
        "method": "POST",
        "url": "https://api.openai.com/v1/v1/chat/completions",
        "headers": {},
        "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": question}]},
        "endpoint": "/v1/chat/completions",
        "model": "gpt-4o",
    }
    response = {"body": body, "is_streaming": isinstance(body, list)}
    owner = {"test_id": test_id} if test_id else {}
    return {**owner, "request": request, "response": response, "id_normalization_mapping": {}}


def answer(content: str) -> dict[str, Any]:
    """Return a whole answer as the recorder writes it."""
    data = {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}
    return {"__type__": "openai.types.chat.chat_completion.ChatCompletion", "__data__": data}


def recorded() -> dict[str, dict[str, Any]]:
    """Return the documents of the store, by the name of their files."""
    call = {
        "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a"'}}]
    }
    rest = {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}
    words = [chunk({"content": word}) for word in ("Hum", "ans live", " on Earth.")]
    return {
        "chat": document(CHAT, "Who lives on Earth?", [*words, chunk({}, "stop")]),
        "other": document(OTHER, "Who lives on Mars?", answer("Nobody.")),
        "tools": document(TOOLS, "What is 1 + 1?", [chunk(call), chunk(rest), chunk({}, "tool_calls")]),
        "again": document(TOOLS, "Who lives on Mars?", answer("Nobody.")),
        "hostile": document(HOSTILE, "Clear \x1b[2J \x07 \x9b2J \x7f \u202e it", answer("\x1b]0;title\x07ok \u009d")),
        "loose": document(None, "Who lives on Venus?", answer("Nobody at all.")),
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a store of a few imported recordings."""
    folder = tmp_path_factory.mktemp("project")
    recordings = folder / "tests" / "recordings"
    recordings.mkdir(parents=True)
    for name, content in recorded().items():
        (recordings / f"{FILES[name]}.json").write_bytes(as_recorded(content))
    for command in (["init"], ["import", "tests"]):
        assert 0 == commands.recstore(folder, *command).returncode
    return folder


def show(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run `recstore show` in the project's folder."""
    return commands.recstore_bytes(project, "show", *arguments, environment={**os.environ, **environment})


def shown(project: Path, *arguments: str) -> str:
    """Return what `recstore show` prints; it must succeed and have nothing to complain of."""
    done = show(project, *arguments)
    assert (0, b"") == (done.returncode, done.stderr)
    return done.stdout.decode()


def blob_of(project: Path, test_id: str) -> Path:
    """Return the blob file of a test that has one recording."""
    manifest = Store.open(project).manifest(test_id)
    assert manifest is not None
    return project / ".recstore" / manifest.entries[0].blob.path


def test_a_test_is_shown_as_a_conversation(project: Path) -> None:
    """The test's id, the recording's names, the request, and the stream's joined text."""
    heading, title, empty, *page = shown(project, CHAT).splitlines()

    key, digest = blob_of(project, CHAT).stem.split("-")
    assert (CHAT, f"{key[:12]}-{digest[:12]}  tests/recordings/{FILES['chat']}.json", "") == (heading, title, empty)
    assert [
        "POST api.openai.com/v1/chat/completions  gpt-4o",
        "",
        "user",
        "  Who lives on Earth?",
        "",
        "answer  stop, 4 events",
        "  Humans live on Earth.",
    ] == page


def test_a_call_is_shown_as_a_call(project: Path) -> None:
    """The fragments of a call's arguments are joined."""
    assert '  -> add({"a": 1})  #c1\n' in shown(project, TOOLS)


EARTH, MARS, SUM = "Who lives on Earth?", "Who lives on Mars?", "What is 1 + 1?"


@pytest.mark.parametrize(
    ("what", "questions"),
    [
        (CHAT, {EARTH}),
        ("tests/test_chat.py::test_answer", {EARTH, MARS}),
        ("test_answer", {EARTH, MARS}),
        ("TestTools::test_call", {SUM, MARS}),
        ("test_call", {SUM, MARS}),
        ("gpt-4", {EARTH}),
        ("Tools::test", {SUM, MARS}),
        (f"tests/recordings/{FILES['chat']}.json", {EARTH}),
        (f"./tests/recordings/{FILES['chat']}.json", {EARTH}),
        (f"{FILES['chat']}.json", {EARTH}),
        (FILES["chat"], {EARTH}),
        (FILES["chat"][:9], {EARTH}),
        (manifest_path(TOOLS), {SUM, MARS}),
        (f".recstore/{manifest_path(CHAT)}", {EARTH}),
    ],
)
def test_a_word_means_a_test_or_a_file(project: Path, what: str, questions: set[str]) -> None:
    """An id, an id without its parameters, a function, a part of one id, a file it came from, a manifest."""
    asked = [json.loads(line)["request"]["body"]["json"] for line in shown(project, what, "--json").splitlines()]

    assert questions == {body["messages"][0]["content"] for body in asked}


def test_a_word_means_a_request_or_its_answer(project: Path) -> None:
    """The first digits of a key or a digest, in either case, a blob's path, from anywhere below, or its bare name."""
    blob = blob_of(project, CHAT)
    key, digest = blob.stem.split("-")
    words = [
        key,
        key[:10].upper(),
        digest,
        digest[:10],
        blob.stem,
        blob.name,
        str(blob),
        str(blob.relative_to(project)),
    ]
    expected = shown(project, CHAT)

    assert [expected] * len(words) == [shown(project, word) for word in words]
    assert expected == shown(blob.parent, blob.name)


def test_a_shared_blob_is_shown_once_with_all_its_tests(project: Path) -> None:
    """Two tests got the same answer to the same request: one blob, shown below both ids."""
    blob = blob_of(project, OTHER)

    lines = shown(project, str(blob)).splitlines()

    assert [OTHER, TOOLS] == sorted(lines[:2])
    [line] = shown(project, str(blob), "--json").splitlines()
    assert [OTHER, TOOLS] == sorted(json.loads(line)["tests"])


def test_what_no_test_made_says_so(project: Path) -> None:
    """A recording made outside any test is found by its file."""
    assert shown(project, FILES["loose"]).startswith("(outside any test)\n")


def test_a_blob_that_no_manifest_names_is_shown(project: Path) -> None:
    """A manifest that is gone leaves its blob to be looked at."""
    blob, manifest = blob_of(project, CHAT), project / ".recstore" / manifest_path(CHAT)
    text = manifest.read_bytes()
    manifest.unlink()
    try:
        assert shown(project, str(blob)).startswith("(named by no manifest)\n")
    finally:
        manifest.write_bytes(text)


def test_what_may_mean_several_is_refused_with_the_candidates(project: Path) -> None:
    """Nothing is shown, every candidate is named, and the exit code is that of wrong use."""
    done = show(project, "test_")

    assert (2, b"") == (done.returncode, done.stdout)
    assert [CHAT, OTHER, HOSTILE, TOOLS] == [line.strip() for line in done.stderr.decode().splitlines()[2:]]


def test_what_means_nothing_is_missing_and_the_nearest_names_are_told(project: Path) -> None:
    """A slip of the pen is answered with what was probably meant."""
    done = show(project, "test_anwser")

    assert (10, b"") == (done.returncode, done.stdout)
    assert "Nearest: `tests/test_chat.py::test_answer`" in done.stderr.decode()
    assert 10 == show(project, "0123456789").returncode
    assert 2 == show(project, "").returncode


def test_raw_is_the_blob_byte_for_byte(project: Path) -> None:
    """One recording's blob, or each of a test's, in the manifest's order."""
    assert blob_of(project, HOSTILE).read_bytes() == show(project, "--raw", HOSTILE).stdout
    manifest = Store.open(project).manifest(TOOLS)
    assert manifest is not None
    blobs = [(project / ".recstore" / entry.blob.path).read_bytes() for entry in manifest.entries]
    assert 2 == len(blobs)
    assert b"".join(blobs) == show(project, "--raw", TOOLS).stdout
    assert 2 == show(project, "--raw", "--json", TOOLS).returncode


def test_json_has_all_of_a_recording(project: Path) -> None:
    """One object a line: where it belongs, what was sent and got with its events expanded, and the transcript."""
    [line] = shown(project, CHAT, "--json").splitlines()

    shown_json = json.loads(line)
    key, digest = blob_of(project, CHAT).stem.split("-")
    assert (CHAT, [CHAT], 1, key, digest) == tuple(shown_json[name] for name in ("test", "tests", "n", "key", "digest"))
    assert f"tests/recordings/{FILES['chat']}.json" == shown_json["origin"]
    assert ("POST", "api.openai.com") == (shown_json["request"]["method"], shown_json["request"]["upstream"])
    events = shown_json["response"]["body"]["events"]
    assert [chunk["__data__"] for chunk in recorded()["chat"]["response"]["body"]] == events
    [told] = shown_json["transcript"]["answers"]
    assert ("stop", "Humans live on Earth.") == (told["finish"], told["parts"][0]["text"])


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_no_control_character_leaves_the_store(project: Path, option: list[str]) -> None:
    """What a server sent cannot make a terminal act, whatever reads the output later."""
    text = shown(project, HOSTILE, *option)

    assert [] == [character for character in text if not character.isprintable() and character != "\n"]
    assert "title" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_an_output_of_any_encoding_is_written(project: Path, encoding: str) -> None:
    """A character that the output has not is escaped, and stops nothing."""
    done = show(project, HOSTILE, PYTHONIOENCODING=encoding)

    assert (0, b"") == (done.returncode, done.stderr)
    assert "title" in done.stdout.decode(encoding)


def test_a_missing_blob_does_not_hide_the_others(project: Path) -> None:
    """What is there is shown; what is missing or damaged is told, and the exit code with it."""
    missing = blob_of(project, CHAT)
    data = missing.read_bytes()
    missing.unlink()
    try:
        done = show(project, "test_answer")
        assert 10 == done.returncode
        assert "Nobody." in done.stdout.decode()
        assert "the blob is missing" in done.stderr.decode()
        missing.write_bytes(data.replace(b"Earth", b"Pluto"))
        assert [20] * 3 == [show(project, CHAT, *option).returncode for option in ([], ["--raw"], ["--json"])]
    finally:
        missing.write_bytes(data)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize("option", [[], ["--raw"], ["--json"]])
def test_a_terminal_gets_colours_and_no_other_control_sequence(project: Path, option: list[str]) -> None:
    """On a terminal the page is coloured and folded; nothing of a recording reaches it as a command, raw or not."""
    output = _on_a_terminal(project, [HOSTILE, *option])

    bare = re.sub(r"\x1b\[[0-9;]*m", "", output).replace("\r\n", "\n")
    assert [] == [character for character in bare if not character.isprintable() and character != "\n"]
    assert "title" in bare
    assert ("\x1b[1m" in output) == (option == [])


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_what_is_longer_than_the_terminal_goes_through_the_pager(project: Path) -> None:
    """A page that fits is printed; one that does not is given to the pager."""
    assert "PAGED" not in _on_a_terminal(project, [CHAT], PAGER="sed s/^/PAGED/")
    assert "PAGED" in _on_a_terminal(project, [CHAT], PAGER="sed s/^/PAGED/", LINES="5")
    assert "PAGED" not in show(project, CHAT, PAGER="sed s/^/PAGED/", LINES="5").stdout.decode()


def _on_a_terminal(project: Path, arguments: list[str], **environment: str) -> str:
    import pty

    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm-256color", "COLUMNS": "60", "LINES": "60", "PAGER": "cat", **environment}
    command = [sys.executable, "-m", "recstore", "show", *arguments]
    process = subprocess.Popen(
        command, cwd=project, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env={**os.environ, **settings}
    )
    os.close(theirs)
    output = b""
    try:
        while data := os.read(ours, 65536):
            output += data
    except OSError:  # Linux's word for the end of a terminal
        pass
    os.close(ours)
    _, complaints = process.communicate()
    assert (0, b"") == (process.returncode, complaints)
    return output.decode()


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real recordings are not at {CORPUS}")
def test_every_real_recording_is_shown_as_what_it_is(tmp_path: Path) -> None:
    """Of 1,649 recordings only an empty listing is shown as JSON, and every page has an answer or an error."""
    store = Store.create(tmp_path)
    import_paths(store, [CORPUS / "llama-stack-2025-10-22"], ImportOptions(workers=2))

    transcripts = [transcript_of(store.get(entry)) for manifest in store.manifests() for entry in manifest.entries]

    assert 1649 == len(transcripts)
    turns: list[Message | Answer] = []
    for told in transcripts:
        turns += [*told.messages, *told.answers]
    odd = [part.text for turn in turns for part in turn.parts if part.kind == "json"]
    assert ['{\n  "models": []\n}'] == odd
    assert all(told.answers or told.error for told in transcripts)


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real recordings are not at {CORPUS}")
def test_a_real_stream_is_shown_as_its_words(tmp_path: Path) -> None:
    """The stream of nine chunks reads as the sentence it was."""
    store = Store.create(tmp_path)
    [file] = (CORPUS / "llama-stack-2025-10-22").rglob(f"{MISSION}.json")
    import_paths(store, [file], ImportOptions())
    [manifest] = store.manifests()

    page = page_text(transcript_of(store.get(manifest.entries[0])))

    assert "\n  Humans live on Earth.\n" in page
    assert "stop, 9 events" in page
