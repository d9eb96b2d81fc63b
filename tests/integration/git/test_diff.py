"""`recstore diff`: between commits, with the work tree, between tests and between recordings."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from recstore.importers.run import ImportOptions, import_paths
from recstore.model import BlobName, JsonBody, Recording, Request, Response, StreamBody
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.store.rename import execute_moves, plan_moves
from tests import commands
from tests.git_repository import GitRepository

HOME = Path(__file__).resolve().parents[3]
CORPUS = HOME.parent / "shared" / "corpus"
A, B, C = (f"tests/test_chat.py::test_{name}" for name in ("a[x]", "b", "c"))


def asked(question: str) -> Request:
    """Return a request of a chat."""
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    return Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"model": "gpt-4o", "messages": messages}))


def chat(question: str, answer: str, number: int = 1, **message: Any) -> Recording:
    """Return a recorded chat; `number` makes its id and its time."""
    choice = {"index": 0, "message": {"role": "assistant", "content": answer, **message}, "finish_reason": "stop"}
    body: Any = {"id": f"chatcmpl-{number}", "created": number, "choices": [choice]}
    return Recording(asked(question), Response(status=200, body=JsonBody(body)))


def stream(question: str, *chunks: str) -> Recording:
    """Return a recorded chat that came in chunks."""
    events: list[Any] = [{"choices": [{"index": 0, "delta": {"content": chunk}}]} for chunk in chunks]
    return Recording(asked(question), Response(status=200, body=StreamBody("objects", events)))


def forecast(city: str) -> dict[str, Any]:
    """Return the members of a message that calls a tool."""
    function = {"name": "weather", "arguments": json.dumps({"city": city, "unit": "C"})}
    return {"tool_calls": [{"id": f"call_{city}", "type": "function", "function": function}]}


def record(project: GitRepository, test_id: str | None, *recordings: Recording) -> tuple[BlobName, ...]:
    """Record a test, and return its blobs."""
    return tuple(entry.blob for entry in project.store.put(test_id, recordings).entries)


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with two tests and their recordings, committed."""
    made = GitRepository.create(tmp_path / "a projéct")
    record(made, A, chat("Who lives here?", "Humans live here."), chat("Since when?", "For long."))
    record(made, B, chat("How is the weather?", "", **forecast("Rome")))
    made.commit()
    return made


def run(project: GitRepository, *arguments: str, ok: int = 0, **variables: str) -> tuple[str, str]:
    """Run `recstore diff` in the project's folder; return its output and its talk."""
    done = commands.recstore(project.home, "diff", *arguments, environment={**project.environment(), **variables})
    assert ok == done.returncode, done.stdout + done.stderr
    assert "defect of recstore" not in done.stderr
    return done.stdout, done.stderr


def diff(project: GitRepository, *arguments: str) -> list[str]:
    """Return the lines of a diff that has nothing to complain of, without those of which nothing is said."""
    printed, talk = run(project, *arguments)
    assert "" == talk
    return [line for line in printed.splitlines() if line]


def stat(project: GitRepository, *arguments: str) -> list[str]:
    """Return what became of each test, in short."""
    found = json.loads(run(project, "--json", *arguments)[0])
    return [f"{test['kind']} {test['old'] or '-'} {test['new'] or '-'}" for test in found["tests"]]


def name(old: BlobName, new: BlobName) -> str:
    """Return how a recording that was made again is called."""
    return " -> ".join(f"{blob.key[:8]}-{blob.digest[:8]}" for blob in (old, new))


# -- what is said


def test_nothing_has_changed(project: GitRepository) -> None:
    """One line says so, with any exit code asked for."""
    commit = project.git("rev-parse", "--short=12", "HEAD")

    assert [f"No difference between HEAD ({commit}) and the work tree."] == diff(project)
    assert "" != run(project, "--exit-code", ok=0)[0]


def test_tests_that_came_and_went_are_named(project: GitRepository) -> None:
    """And one whose recordings are the very same under another name is renamed."""
    execute_moves(project.store, plan_moves(project.store, A, "tests/test_talk.py::test_a[y]"))
    project.forget(B)
    record(project, C, chat("Why?", "Because."))

    assert [
        f"removed {B} -",
        f"added - {C}",
        f"renamed {A} tests/test_talk.py::test_a[y]",
    ] == stat(project)
    shown = diff(project)
    assert f"renamed     {A} -> tests/test_talk.py::test_a[y]  2 recordings" in shown
    assert shown[-1].endswith("-> the work tree: 1 added, 1 removed, 1 renamed")


def test_what_the_model_now_says_is_shown_word_by_word(project: GitRepository) -> None:
    """Below the test and the recording; the id and the time are not shown."""
    record(project, A, chat("Who lives here?", "Humans lived here.", 2), chat("Since when?", "For long."))

    assert [
        f"re-recorded {A}  1 answer changed, 1 unchanged",
        f"  POST openai/v1/chat/completions  gpt-4o  {name(*changed_blobs(project))}",
        "      answer  200, stop",
        "    ~   Humans [-live-]{+lived+} here.",
    ] == diff(project)[:-1]


def changed_blobs(project: GitRepository) -> tuple[BlobName, BlobName]:
    """Return the one blob that was recorded again, as it was and as it is."""
    found = json.loads(run(project, "--json")[0])
    [recording] = [change for test in found["tests"] for change in test["recordings"]]
    old, new = (BlobName.parse(recording[side]["blob"]) for side in ("old", "new"))
    assert old is not None
    assert new is not None
    return old, new


def test_noise_is_unfolded_when_asked(project: GitRepository) -> None:
    """`--all` shows what the ids were, and what they are."""
    record(project, B, chat("How is the weather?", "", 2, **forecast("Rome")))

    assert "    says the same: only volatile fields differ" in diff(project)
    assert '    also body.id: "chatcmpl-1" -> "chatcmpl-2"' in diff(project, "--all")
    assert "    also body.created: 1 -> 2" in diff(project, "--all")
    assert diff(project)[-1].endswith("1 re-recorded (1 in volatile fields alone)")


def test_a_call_with_other_arguments_is_shown(project: GitRepository) -> None:
    """With the words that differ; its id does not count."""
    record(project, B, chat("How is the weather?", "", **forecast("Paris")))

    shown = diff(project)

    assert [
        "      answer  200, stop",
        '    ~   -> weather({"city": "[-Rome-]{+Paris+}", "unit": "C"})  #1',
    ] == shown[2:-1]


def test_a_changed_prompt_is_a_changed_request(project: GitRepository) -> None:
    """Not a recording gone and another come."""
    record(project, A, chat("Who lives there?", "Martians."), chat("Since when?", "For long."))

    shown = diff(project)

    assert [
        "    ... 4 lines the same",
        "      user",
        "    ~   Who lives [-here-]{+there+}?",
        "      answer  200, stop",
        "    -   Humans live here.",
        "    +   Martians.",
    ] == [line for line in shown[2:-1] if line.strip()]


def test_an_error_in_place_of_an_answer_is_shown(project: GitRepository) -> None:
    """With its status."""
    error: Any = {"error": {"message": "Too many requests", "type": "rate_limit"}}
    failed = Recording(asked("How is the weather?"), Response(429, "Too Many", body=JsonBody(error)))
    record(project, B, failed)

    shown = "\n".join(diff(project))

    assert '    -   -> weather({"city": "Rome", "unit": "C"})' in shown
    assert "    + answer  429" in shown
    assert "Too many requests (rate_limit)" in shown


def test_a_stream_cut_otherwise_says_the_same(project: GitRepository) -> None:
    """Boundaries of chunks are not compared."""
    record(project, C, stream("Who?", "Hum", "ans."))
    project.commit()
    record(project, C, stream("Who?", "Humans", "."))

    assert "    says the same: only volatile fields differ" in diff(project)


def test_long_answers_are_bounded_and_shown_in_full_when_asked(project: GitRepository) -> None:
    """What was left out is counted."""
    record(project, C, chat("Tell me", "\n".join(f"one {number} x" for number in range(500))))
    project.commit()
    record(project, C, chat("Tell me", "\n".join(f"another {number * 7} y z" for number in range(500)) + "x" * 9000))

    shown = diff(project)

    assert [line for line in shown if "more lines (--full)" in line]
    assert 80 > len(shown)
    assert 1000 <= len(diff(project, "--full"))
    assert max(map(len, diff(project, "--full"))) > 9000


def test_recordings_outside_any_test_are_compared_too(project: GitRepository) -> None:
    """Each has a manifest of its own, named by its blob: they are paired by their request."""
    record(project, None, chat("Is there life?", "Yes."))
    project.commit()
    project.git("rm", "-rq", ".recstore/shared")
    record(project, None, chat("Is there life?", "No."))

    shown = diff(project)

    assert "re-recorded (outside any test)  1 answer changed" == shown[0]
    assert ["    -   Yes.", "    +   No."] == shown[3:5]


def test_hostile_answers_cannot_act_on_a_terminal(project: GitRepository) -> None:
    """Escapes are spelled out; with colours, too."""
    record(project, A, chat("Who lives here?", "\x1b]0;owned\x07\x9b2J\u202e"), chat("Since when?", "For long."))

    printed, _ = run(project)

    assert "\\x1b]0;owned\\x07\\x9b2J\\u202e" in printed
    assert "\x1b" not in printed


def test_a_hostile_path_forges_no_line(project: GitRepository) -> None:
    """A row is one line, in any encoding."""
    [old] = record(project, C, Recording(Request("GET", "x", "/a\n+ forged ö"), Response(200)))
    project.commit()
    [new] = record(project, C, Recording(Request("GET", "x", "/a\n+ forged ö"), Response(500)))

    printed, _ = run(project, PYTHONIOENCODING="ascii")

    assert f"  GET x/a\\n+ forged \\xf6  {name(old, new)}" in printed.splitlines()


def test_colours_are_for_terminals(project: GitRepository) -> None:
    """What is piped has none."""
    record(project, B, chat("How is the weather?", "Fine.", **forecast("Rome")))
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "recstore", "diff"],
        cwd=project.home,
        env={**project.environment(), "PYTHONPATH": str(HOME), "TERM": "xterm"},
        stdout=theirs,
        check=True,
    )
    os.close(theirs)

    assert b"\x1b[32m+   Fine.\x1b[0m" in os.read(ours, 100_000)
    os.close(ours)
    assert "\x1b" not in run(project)[0]


def test_stat_has_a_line_for_each_test(project: GitRepository) -> None:
    """And the summary."""
    record(project, C, chat("Why?", "Because."))
    record(project, B, chat("How is the weather?", "Fine."))

    shown = diff(project, "--stat")

    assert [f"re-recorded {B}  1 answer changed", f"added       {C}  1 recording"] == shown[:2]
    assert 3 == len(shown)


def test_json_has_everything(project: GitRepository) -> None:
    """The lines that differ, and each member with both values, whole; one document, in one line."""
    record(project, A, chat("Who lives here?", "Nobody.", 2), chat("Since when?", "For long."))

    printed, _ = run(project, "--json")

    found = json.loads(printed)
    [recording] = found["tests"][0]["recordings"]
    answer = recording["answer"]
    said = ["body", "choices", 0, "message", "content"]
    assert 1 == printed.count("\n")
    assert ("changed", "POST openai/v1/chat/completions  gpt-4o") == (recording["kind"], recording["title"])
    assert (True, False) == (recording["request"]["is_same"], answer["is_same"])
    assert [{"path": said, "old": "Humans live here.", "new": "Nobody."}] == answer["members"]
    assert {"path": ["body", "created"], "old": 1, "new": 2} in answer["volatile"]
    assert {"id", "created"} == {change["path"][-1] for change in answer["volatile"]}
    assert {"mark": "added", "pieces": [{"mark": "added", "text": "  Nobody."}]} in answer["lines"]


def test_the_exit_code_tells_of_differences_when_asked(project: GitRepository) -> None:
    """As that of `git diff`."""
    record(project, C, chat("Why?", "Because."))

    run(project, ok=0)
    run(project, "--exit-code", ok=1)


# -- what is compared


@pytest.fixture
def branches(project: GitRepository) -> GitRepository:
    """Return a repository whose branch `work` has changed test A, while `main` has got test C."""
    project.git("checkout", "--quiet", "-b", "work")
    record(project, A, chat("Who lives here?", "Nobody."), chat("Since when?", "For long."))
    project.commit("on the branch")
    project.git("checkout", "--quiet", "main")
    record(project, C, chat("Why?", "Because."))
    project.commit("on main")
    project.git("checkout", "--quiet", "work")
    return project


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["main..."], [f"re-recorded {A} {A}"]),
        (["main...work"], [f"re-recorded {A} {A}"]),
        (["...main"], [f"added - {C}"]),
        (["main"], [f"re-recorded {A} {A}", f"removed {C} -"]),
        (["main", "work"], [f"re-recorded {A} {A}", f"removed {C} -"]),
        (["main..work"], [f"re-recorded {A} {A}", f"removed {C} -"]),
        (["..main"], [f"re-recorded {A} {A}", f"added - {C}"]),
        (["HEAD~1", "HEAD"], [f"re-recorded {A} {A}"]),
        (["HEAD^{/store}", "HEAD~1"], [f"added - {A}", f"added - {B}"]),
        (["main", "work", "--", "test_c"], [f"removed {C} -"]),
        (["main", "--", A], [f"re-recorded {A} {A}"]),
        (["main", A], [f"re-recorded {A} {A}"]),
        (["main", "work", "tests/test_chat.py"], [f"re-recorded {A} {A}", f"removed {C} -"]),
        (["main", "--", "tests/"], [f"re-recorded {A} {A}", f"removed {C} -"]),
        (["main", "--", "test_a"], [f"re-recorded {A} {A}"]),
        (["main", "--", B], []),
        (["--", A], []),
        ([A], []),
        (["main", "work", "--"], [f"re-recorded {A} {A}", f"removed {C} -"]),
    ],
)
def test_revisions_are_what_git_diff_takes_them_for(
    branches: GitRepository, words: list[str], expected: list[str]
) -> None:
    """Ranges, merge bases, the work tree, and tests behind them."""
    assert expected == stat(branches, *words)


def test_a_part_of_a_name_will_do_unless_a_test_is_called_so(project: GitRepository) -> None:
    """The test `test_b` has not changed: another one whose name begins like it is not meant."""
    record(project, f"{B}_too", chat("Why?", "Because."))

    assert [] == stat(project, "--", "test_b")
    assert [f"added - {B}_too"] == stat(project, "--", "b_to")


def test_the_merge_base_is_named(branches: GitRepository) -> None:
    """A reader sees which commit was compared."""
    base = branches.git("rev-parse", "--short=12", "main~1")

    assert diff(branches, "main...")[-1].startswith(f"where HEAD left main ({base}) -> HEAD (")


def test_the_work_tree_counts_as_it_is(project: GitRepository) -> None:
    """Staged or not, committed or not."""
    record(project, C, chat("Why?", "Because."))

    assert [f"added - {C}"] == stat(project)
    project.git("add", "--all")
    assert [f"added - {C}"] == stat(project)
    project.git("rm", "--quiet", "--cached", f".recstore/{manifest_path(B)}")
    assert [f"added - {C}"] == stat(project)


def test_before_the_first_commit_everything_is_new(tmp_path: Path) -> None:
    """There is nothing to compare with."""
    made = GitRepository(tmp_path / "project")
    made.folder.mkdir()
    made.git("init", "--quiet")
    Store.create(made.home)
    record(made, C, chat("Why?", "Because."))

    assert [f"added - {C}"] == stat(made)
    assert diff(made)[-1].startswith("HEAD (no commit yet) -> the work tree: ")


def test_two_tests_are_compared_with_each_other(project: GitRepository) -> None:
    """What both ask and are answered alike is left out."""
    record(project, C, chat("Since when?", "For long."), chat("Who lives here?", "Nobody lives here."))

    shown = diff(project, "test_a", C)

    assert f"re-recorded test_a -> {C}  1 answer changed, 1 unchanged" == shown[0]
    assert ["    -   Humans live here.", "    +   Nobody lives here."] == shown[3:5]
    assert [f"No difference between {C} and {C}."] == diff(project, C, C)


def test_two_recordings_are_compared_however_unlike(project: GitRepository) -> None:
    """By the first digits of a key or a digest, as `recstore show` takes them."""
    [one, *_] = record(project, C, chat("Why?", "Because."))
    [other] = record(project, B, Recording(Request("GET", "example.com", "/weather"), Response(404)))

    shown = diff(project, one.key[:10], other.digest[:10])

    assert f"  GET example.com/weather  {name(one, other)}" == shown[1]
    assert "    + GET example.com/weather" in shown
    assert "    - POST openai/v1/chat/completions  gpt-4o" in shown
    assert "    +   error: HTTP 404" in shown


# -- what cannot be compared


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["no_such_thing"], 10, "is not a revision, and no test"),
        (["no_such_thing", A], 10, "is not a revision, and no test"),
        (["--", "test_no_such_thing"], 10, "is not a revision, and no test"),
        (["no_such_revision", "--"], 2, "is not a revision that is here"),
        (["HEAD", "HEAD", "HEAD", "--"], 2, "is a third revision"),
        (["HEAD", "HEAD..HEAD"], 2, "is a range behind a revision"),
        ([A, B, A], 2, "is a third test"),
        (["test_"], 0, ""),
        (["test_", A], 2, "may mean any of 2"),
    ],
)
def test_a_word_that_means_nothing_is_said_to(project: GitRepository, words: list[str], code: int, said: str) -> None:
    """And what it might have been."""
    assert said in run(project, *words, ok=code)[1]


def test_a_word_that_means_two_things_is_refused(project: GitRepository) -> None:
    """A branch called like a test, or like the digits of a recording, as Git refuses one called like a file."""
    [blob, *_] = record(project, C, chat("Why?", "Because."))
    project.commit()
    project.git("branch", blob.digest[:8])
    project.git("branch", C.replace("::", "-"))

    talk = run(project, blob.digest[:8], ok=2)[1]
    assert f"is a revision and the recording {blob.key[:12]}-{blob.digest[:12]}" in talk
    assert f"recstore diff {blob.digest[:8]} --" in talk
    assert [] == stat(project, blob.digest[:8], "--")
    record(project, C.replace("::", "-"), chat("Why?", "So."))
    assert "is a revision and a test" in run(project, C.replace("::", "-"), ok=2)[1]
    assert [f"added - {C.replace('::', '-')}"] == stat(project, "--", C.replace("::", "-"))


def test_one_recording_alone_is_no_test(project: GitRepository) -> None:
    """Two are compared."""
    [blob] = record(project, C, chat("Why?", "Because."))
    project.commit()

    assert "`recstore diff KEY KEY`" in run(project, blob.digest[:10], ok=2)[1]


def test_histories_that_do_not_meet_have_no_merge_base(project: GitRepository) -> None:
    """Two commits can be compared all the same."""
    project.git("checkout", "--quiet", "--orphan", "other")
    project.commit()

    assert "no common ancestor" in run(project, "main...", ok=40)[1]
    assert [] == stat(project, "main", "other")


def test_a_missing_blob_is_said_to_be_missing(project: GitRepository) -> None:
    """With the command that brings it back; what is there is compared."""
    one, other = record(project, A, chat("Who lives here?", "Nobody."), chat("Since when?", "For ever."))
    project.commit()
    (project.home / ".recstore" / one.path).unlink()

    printed, talk = run(project, "HEAD~1", ok=10)

    assert "missing in the work tree" in talk
    assert "For [-long-]{+ever+}." in printed
    assert f"-{other.digest[:8]}" in printed
    remedy = next(word for word in talk.split("`") if word.startswith("recstore restore")).split(" ")
    subprocess.run(
        [sys.executable, "-m", *remedy],
        cwd=project.home,
        env={**project.environment(), "PYTHONPATH": str(HOME)},
        check=True,
        capture_output=True,
    )
    assert "Nobody." in run(project, "HEAD~1")[0]


def test_a_blob_that_is_missing_in_a_commit_is_said_to_be(project: GitRepository) -> None:
    """A commit can name what it has not: a merge may have lost it."""
    [blob] = record(project, B, chat("How is the weather?", "Fine."))
    project.git("add", "--all")
    project.git("rm", "--quiet", "--cached", f".recstore/{blob.path}")
    project.git("commit", "--quiet", "-m", "without its blob")

    commit = project.git("rev-parse", "--short=12", "HEAD")
    assert f"missing in HEAD ({commit})" in run(project, "HEAD~1", "HEAD", ok=10)[1]


def test_a_damaged_blob_and_a_conflict_are_named(project: GitRepository) -> None:
    """The severest one gives the exit code; other tests are compared."""
    [blob] = record(project, B, chat("How is the weather?", "Fine."))
    with (project.home / ".recstore" / blob.path).open("ab") as opened:
        opened.write(b" ")
    manifest = project.home / ".recstore" / manifest_path(A)
    record(project, C, chat("Why?", "Because."))

    assert "do not fit its name" in run(project, ok=20)[1]
    manifest.write_bytes(manifest.read_bytes() + b"<<<<<<< ours\n=======\n>>>>>>> theirs\n")
    printed, talk = run(project, ok=41)
    assert f"unreadable  {A}  is in conflict" in printed
    assert f"added       {C}" in printed
    assert "recstore" in talk
    assert [f"added - {C}"] == stat(project, "--", C)


def test_a_manifest_of_a_newer_version_stops(project: GitRepository) -> None:
    """What is not understood is not compared by halves."""
    (project.home / ".recstore" / manifest_path(A)).write_bytes(b'recstore 2\ntest "x"\n')

    assert "format 2" in run(project, ok=21)[1]


# -- where


def test_a_project_in_a_subfolder(tmp_path: Path) -> None:
    """Paths are those of the project, not those of the repository."""
    made = GitRepository.create(tmp_path / "big ö", "packages/one two")
    record(made, A, chat("Who?", "One."))
    made.commit()
    record(made, A, chat("Who?", "Two."))

    assert ["    -   One.", "    +   Two."] == diff(made)[3:5]
    made.commit()
    assert [f"re-recorded {A} {A}"] == stat(made, "HEAD~1", "HEAD")


def test_a_sparse_checkout_has_lost_nothing(project: GitRepository) -> None:
    """What is not checked out is read from the index."""
    record(project, A, chat("Who lives here?", "Nobody."), chat("Since when?", "For long."))
    project.commit()
    project.git("sparse-checkout", "set", "--no-cone", "/*", "!/.recstore/blobs/", "!/.recstore/tests/")
    assert not (project.home / ".recstore" / "tests").exists()

    assert [] == stat(project)
    shown = diff(project, "HEAD~1")
    assert ["    -   Humans live here.", "    +   Nobody."] == shown[3:5]


def test_a_partial_clone_fetches_what_it_needs_at_once(project: GitRepository, tmp_path: Path) -> None:
    """Blobs of old commits are not there before they are asked for; without the remote they are said to be missing."""
    record(project, A, chat("Who lives here?", "Nobody."), chat("Since when?", "For long."))
    project.commit()
    project.git("config", "uploadpack.allowFilter", "true")
    project.git("config", "uploadpack.allowAnySHA1InWant", "true")
    project.git("clone", "--quiet", "--filter=blob:none", f"file://{project.folder}", str(tmp_path / "clone"))
    clone = project.at(tmp_path / "clone")
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    run(clone, "HEAD~1", "HEAD", ok=40)
    clone.git("remote", "set-url", "origin", f"file://{project.folder}")

    shown = diff(clone, "HEAD~1", "HEAD")

    assert ["    -   Humans live here.", "    +   Nobody."] == shown[3:5]


def test_a_folder_without_a_repository_is_said_to_be_none(tmp_path: Path) -> None:
    """Diffs go through Git."""
    made = GitRepository(tmp_path / "project")
    Store.create(made.home)

    assert "not a git repository" in run(made, ok=40, GIT_CEILING_DIRECTORIES=str(tmp_path))[1]


# -- the real thing


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real recordings are not at {CORPUS}")
def test_two_states_of_a_real_suite_are_compared(tmp_path: Path) -> None:
    """Everything that both have is compared without a crash, in seconds, and in words that a person can read."""
    made = GitRepository.create(tmp_path / "project")
    for state in ("llama-stack-2025-10-22", "llama-stack-2025-12-01"):
        import_paths(made.store, [CORPUS / state], ImportOptions(replace=True, workers=2))
        made.commit(state)
    started_s = time.monotonic()

    printed, talk = run(made, "HEAD~1", "HEAD")

    assert 60 > time.monotonic() - started_s
    assert "" == talk
    counts = "77 added, 5 imported from elsewhere, 71 re-recorded, 175 removed"
    assert f": {counts} (12 in volatile fields alone)\n" in printed
    found = json.loads(run(made, "HEAD~1", "HEAD", "--json")[0])
    changes = [change for test in found["tests"] for change in test["recordings"] if change["kind"] == "changed"]
    assert 51 <= len(changes)
    assert all(change["request"] and change["answer"] for change in changes)
    assert "-> book_flight(" in printed


def test_what_is_staged_is_compared(project: GitRepository) -> None:
    """The index stands for what the next commit has: what was not added does not count, what was unstaged is gone."""
    record(project, C, chat("New?", "Yes."))
    project.git("add", ".recstore")
    record(project, "tests/test_chat.py::test_d", chat("Newer?", "Yes."))
    project.git("rm", "--quiet", "--cached", f".recstore/{manifest_path(B)}")

    output, _ = run(project, "--staged", "--stat")
    limited, _ = run(project, "--staged", "--json", "HEAD", "--", B)
    _, talk = run(project, "--staged", "HEAD~1", "HEAD", ok=2)

    assert {f"removed {B}", f"added {C}"} == {" ".join(line.split()[:2]) for line in output.splitlines()[:-1]}
    assert "-> Git's index: 1 added, 1 removed" in output
    assert [B] == [test["old"] for test in json.loads(limited)["tests"]]
    assert "recstore diff --staged [REV]" in talk
