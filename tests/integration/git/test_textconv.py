"""What `git diff`, `git log -p` and `git show` print of blobs, through `recstore textconv`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recstore.model import BlobName, JsonBody, Recording, Request, Response, StreamBody
from tests import commands
from tests.git_repository import GitRepository

TEST = "tests/test_chat.py::test_answer"
HOME = str(Path(__file__).parents[3])
QUESTION = "You are a careful assistant that answers in short words. Which planet do humans live on, and since when?"


def streamed(answer: str, question: str = QUESTION, number: int = 1) -> Recording:
    """Return a recorded stream, a word a chunk."""
    words = [f"{word} " for word in answer.split(" ")]
    events: list[Any] = [
        {"id": f"chatcmpl-{number}", "created": number, "choices": [{"index": 0, "delta": {"content": word}}]}
        for word in words
    ]
    messages: Any = [{"role": "user", "content": question}]
    return Recording(
        Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"model": "gpt-4o", "messages": messages})),
        Response(status=200, body=StreamBody("objects", events)),
    )


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository in which Git knows the textconv, as `recstore hooks install` would set it up."""
    made = GitRepository.create(tmp_path / "my projéct")
    made.git("config", "diff.recstore.textconv", f"{shlex.quote(sys.executable)} -m recstore textconv")
    return made


def record(project: GitRepository, *recordings: Recording) -> BlobName:
    """Record the test again, as gc would leave it: what it does not name any more is gone."""
    old = project.store.manifest(TEST)
    new = project.store.put(TEST, recordings)
    named = {entry.blob for entry in new.entries}
    for entry in old.entries if old is not None else ():
        if entry.blob not in named:
            (project.home / ".recstore" / entry.blob.path).unlink()
    return new.entries[0].blob


def git(project: GitRepository, *arguments: str) -> str:
    """Run Git with this recstore, and return what it prints about blobs."""
    return project.git("--no-pager", *arguments, "--", ".recstore/blobs", PYTHONPATH=HOME)


def textconv(path: Path | str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run `recstore textconv` on a file."""
    return commands.recstore_bytes(Path(), "textconv", str(path), environment={**os.environ, **environment})


def changed(diff: str) -> list[str]:
    """Return the lines of a diff that were added or removed."""
    return [line for line in diff.splitlines() if line.startswith(("+", "-")) and line[:3] not in ("+++", "---")]


def test_a_recording_made_again_shows_what_the_model_says_now(project: GitRepository) -> None:
    """By default Git takes it for a rename with a change: one line out, one in, whatever the chunks are."""
    record(project, streamed("Humans live on Earth, and have done so for three hundred thousand years.", number=1))
    project.commit()
    record(project, streamed("Humans live on Earth, and have done so for two hundred thousand years.", number=2))
    project.git("add", "--all")

    diff = git(project, "diff", "HEAD")

    assert "rename from" in diff
    assert [
        "-  Humans live on Earth, and have done so for three hundred thousand years.",
        "+  Humans live on Earth, and have done so for two hundred thousand years.",
    ] == [line.rstrip() for line in changed(diff)]


def test_words_can_be_compared(project: GitRepository) -> None:
    """With `--word-diff`, the words alone."""
    record(project, streamed("Humans live on Earth, and have done so for three hundred thousand years."))
    project.commit()
    record(project, streamed("Humans live on Earth, and have done so for two hundred thousand years."))
    project.git("add", "--all")

    assert "for [-three-]{+two+} hundred" in git(project, "diff", "--word-diff", "HEAD")


def test_an_unstaged_recording_made_again_is_a_file_gone(project: GitRepository) -> None:
    """Git's rule: a new file is unknown to `git diff` until it is added, `recstore diff` shows both sides."""
    record(project, streamed("Earth, as far as anybody knows."))
    project.commit()
    record(project, streamed("Earth, so far as anybody knows."))

    diff = git(project, "diff")

    assert "deleted file" in diff
    assert "-answer  200" in changed(diff)


def test_an_answer_that_is_wholly_other_needs_a_lower_threshold(project: GitRepository) -> None:
    """Less than half of the bytes are the same: a file gone and a file added, unless Git is told that less will do."""
    record(project, streamed("one two three four five six seven eight nine ten", number=1))
    project.commit()
    record(project, streamed(" ".join(f"number{number * 7919}" for number in range(14)), number=2))
    project.git("add", "--all")

    assert "new file" in git(project, "diff", "HEAD")
    diff = git(project, "diff", "--find-renames=20%", "HEAD")
    assert "rename from" in diff
    assert ["-  one two three", "+  number0 number7919 number15838"] == [
        " ".join(line.split(" ")[:5]) for line in changed(diff)
    ]


def test_chunks_alone_show_no_line(project: GitRepository) -> None:
    """The same words in other chunks, under another id: a rename and nothing else."""
    record(project, streamed("Humans live on Earth.", number=1))
    project.commit()
    record(project, streamed("Humans live on Earth.", number=2))
    project.git("add", "--all")

    diff = git(project, "diff", "HEAD")

    assert "rename to" in diff
    assert [] == changed(diff)


@pytest.mark.parametrize("command", [["log", "-p", "-1"], ["show", "HEAD"]])
def test_history_is_readable_too(project: GitRepository, command: list[str]) -> None:
    """A new recording in a commit is a page."""
    record(project, streamed("On Earth."))
    project.commit()

    shown = git(project, *command)

    assert ["+POST openai/v1/chat/completions  gpt-4o", "+", "+user", f"+  {QUESTION}", "+", "+answer  200"] == changed(
        shown
    )[:6]


def test_what_git_keeps_of_the_text_is_the_text(project: GitRepository) -> None:
    """With `cachetextconv`, which `recstore hooks install` turns on, the second time costs nothing and says the same."""
    project.git("config", "diff.recstore.cachetextconv", "true")
    record(project, streamed("On Earth."))
    project.commit()

    first = git(project, "show", "HEAD")
    project.git("config", "diff.recstore.textconv", f"{shlex.quote(sys.executable)} -m recstore textconv")

    assert "refs/notes/textconv/recstore" in project.git("for-each-ref")
    assert first == git(project, "show", "HEAD")


def test_the_name_of_the_file_says_nothing(project: GitRepository, tmp_path: Path) -> None:
    """Git hands over temporary files, of any name."""
    blob = project.home / ".recstore" / record(project, streamed("On Earth.")).path
    (tmp_path / "Ünlikely näme").write_bytes(blob.read_bytes())

    assert (0, b"") == (textconv(blob).returncode, textconv(blob).stderr)
    assert textconv(blob).stdout == textconv(tmp_path / "Ünlikely näme").stdout


@pytest.mark.parametrize(
    "environment", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_the_text_is_utf_8_everywhere(project: GitRepository, environment: dict[str, str]) -> None:
    """Whatever the locale, with line feeds, and without anything a terminal would act on."""
    hostile = "\x1b[2J\x07\u202e\u009b ist ein Gruß\r\naus 日本"
    blob = project.home / ".recstore" / record(project, streamed("x", hostile)).path

    done = textconv(blob, **environment)

    assert 0 == done.returncode
    assert "  \\x1b[2J\\x07\\u202e\\x9b ist ein Gruß\\r\n  aus 日本\n" in done.stdout.decode()


@pytest.mark.parametrize(
    ("data", "reason", "shown"),
    [
        (b"", "is not JSON", ""),
        (b'{"recstore":1}\n', "without a request", '{"recstore":1}\n'),
        (b'{"recstore":9,"request":{},"response":{}}', "format 9", '{"recstore":9,'),
        (b'{"some":"json"}', "not a recstore blob", '{"some":"json"}'),
        (b"version https://git-lfs.github.com/spec/v1\r\noid x\r\n", "is not JSON", "version https:"),
        (b"\x00\xff\x1b[2J\r\nx", "is not JSON", "\\x00\\xff\\x1b[2J\nx"),
        (b"[" * 100_000, "is not JSON", "[[["),
    ],
)
def test_any_other_file_is_shown_as_it_is(tmp_path: Path, data: bytes, reason: str, shown: str) -> None:
    """Below one line that says why: a diff must not die of it."""
    (tmp_path / "file").write_bytes(data)

    done = textconv(tmp_path / "file")

    first, _, rest = done.stdout.decode().partition("\n")
    assert (0, b"") == (done.returncode, done.stderr)
    assert first.startswith("recstore textconv shows the file as it is: ")
    assert reason in first
    assert rest.startswith(shown)


def test_a_file_that_cannot_be_read_is_said_to_be(tmp_path: Path) -> None:
    """It is a diff all the same."""
    for path in (tmp_path / "not there", tmp_path):
        done = textconv(path)

        assert (0, b"") == (done.returncode, done.stderr)
        assert b"cannot be read" in done.stdout


def test_the_command_is_not_offered() -> None:
    """It is Git's, not a person's; its help is there for whoever asks."""
    run = [sys.executable, "-m", "recstore"]
    listed = subprocess.run([*run, "--help"], capture_output=True, text=True, check=True)
    helped = subprocess.run([*run, "textconv", "--help"], capture_output=True, text=True, check=True)

    assert "textconv" not in listed.stdout
    assert "FILE" in helped.stdout
