"""Entries of two manifests side by side: what belongs together, and what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from recstore.check.diff import compare_entries, diff_entries
from recstore.content.canonical import request_key
from recstore.errors import DamagedBlob, NotInStore
from recstore.git.trees import IndexTree
from recstore.model import BlobName, Digest, Entry, JsonBody, Recording, Request, Response
from recstore.store.blob import encode_checked


@dataclass
class Files(IndexTree):
    """A side that holds its files in memory."""

    title: str = "here"
    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes."""
        return self.files.get(path)

    def prepare(self, paths: Iterable[str]) -> None:
        """Have everything at hand already."""

    def entry(self, question: str, answer: str, n: int = 1, *, is_union: bool = False) -> Entry:
        """Keep a recording and return its entry."""
        messages: Any = [{"role": "user", "content": question}]
        request = Request("POST", "openai", "/v1/chat", body=JsonBody({"model": "m", "messages": messages}))
        data = encode_checked(Recording(request, Response(200, body=JsonBody({"answer": answer}))))
        blob = BlobName(request_key(request), Digest.of(data))
        self.files[blob.path] = data
        return Entry(blob, n, is_union)


def test_equal_entries_are_no_change() -> None:
    """In whatever order they stand."""
    here = Files()
    one, other = here.entry("Who?", "A"), here.entry("Where?", "B")

    assert () == compare_entries((here, [one, other]), (here, [other, one]))


def test_the_same_request_at_the_same_time_is_one_recording() -> None:
    """The second answer of two was recorded again, the first is as it was."""
    here = Files()
    old = [here.entry("Who?", "A"), here.entry("Who?", "B", 2)]
    new = [old[0], here.entry("Who?", "C", 2)]

    [change] = compare_entries((here, old), (here, new))

    assert ("changed", old[1], new[1]) == (change.kind, change.old, change.new)
    assert change.answer is not None
    assert [("body.answer", "B", "C")] == [(found.place, found.old, found.new) for found in change.answer.members]


def test_a_changed_prompt_is_a_changed_recording() -> None:
    """The keys differ, the requests are alike."""
    here = Files()

    [change] = compare_entries((here, [here.entry("Who?", "A")]), (here, [here.entry("Who is it?", "B")]))

    assert "changed" == change.kind
    assert change.request is not None
    assert ["body.messages[0].content"] == [asked.place for asked in change.request.members]


def test_what_is_left_over_has_come_or_gone() -> None:
    """With the recording to show."""
    here = Files()
    kept = here.entry("Who?", "A")
    gone = Entry(here.entry("x", "B").blob, 2)

    changes = compare_entries((here, [kept, gone]), (here, [kept]))

    assert [("removed", gone, None)] == [(change.kind, change.old, change.new) for change in changes]
    assert "POST openai/v1/chat  m" == changes[0].title
    assert changes[0].answer is not None
    assert {"removed"} == {line.mark for line in changes[0].answer.lines}


def test_entries_that_answer_together_are_paired_too() -> None:
    """Two servers' lists, of which one has changed."""
    here = Files()
    old = [here.entry("list", "A", is_union=True), here.entry("list", "B", is_union=True)]
    new = [old[0], here.entry("list", "C", is_union=True)]

    [change] = compare_entries((here, old), (here, new))

    assert (old[1], new[1]) == (change.old, change.new)


def test_a_missing_blob_is_said_to_be_missing() -> None:
    """With the command that may bring it back; the rest is compared all the same."""
    here, there = Files(), Files("commit 1")
    old = [here.entry("Who?", "A"), here.entry("Where?", "B")]
    new = [there.entry("Who?", "C"), there.entry("Where?", "D")]
    del there.files[new[0].blob.path]

    changes = {change.old: change for change in compare_entries((here, old), (there, new))}

    [problem] = changes[old[0]].problems
    assert isinstance(problem, NotInStore)
    assert "missing in commit 1" in problem.reason
    assert "recstore restore" in problem.remedy
    assert changes[old[0]].answer is None
    assert changes[old[1]].answer is not None


def test_a_damaged_blob_is_said_to_be_damaged() -> None:
    """Its bytes are not shown: they are not what was recorded."""
    here = Files()
    old, new = here.entry("Who?", "A"), here.entry("Who?", "B")
    here.files[new.blob.path] += b" "

    [change] = compare_entries((here, [old]), (here, [new]))

    assert [DamagedBlob] == [type(problem) for problem in change.problems]


def test_a_conversation_is_shown_as_it_grew() -> None:
    """Shorter requests first, whatever their keys are."""
    here = Files()
    questions = ["a" * length for length in (30, 10, 20)]
    old = [here.entry(question, "old") for question in questions]
    new = [here.entry(question, "new") for question in questions]

    changes = compare_entries((here, old), (here, new))

    assert [old[1], old[2], old[0]] == [change.old for change in changes]


def test_two_recordings_that_were_named_are_compared_however_unlike() -> None:
    """Whoever names two wants to see both."""
    here = Files()
    one, other = here.entry("Who?", "A"), replace(here.entry("x" * 500, "B"), n=3)

    diff = diff_entries(here, ("one", [one]), ("other", [other]))

    assert ["changed"] == [change.kind for change in diff.tests[0].recordings]
    assert ("one", "other") == (diff.old, diff.new)
    assert () == diff_entries(here, ("one", [one]), ("one", [one])).tests
