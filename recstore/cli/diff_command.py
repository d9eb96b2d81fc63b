"""`recstore diff`: what its words mean (revisions, tests or recordings), and the answer as a page or as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from recstore.check.diff import Diff, RecordingChange, changed_manifests, diff_entries
from recstore.cli.diff_page import PageOptions, diff_page, stat_page, summary
from recstore.cli.output import echo_ascii_json, echo_encodable, echo_error, json_option
from recstore.cli.repository import open_project, open_repository
from recstore.cli.selector import Selected, select
from recstore.content.deltas import Difference
from recstore.errors import GitError, NotInStore, UsageError
from recstore.git.repository import Repository
from recstore.git.trees import CommitTree, IndexTree, WorkTree
from recstore.store import Store
from recstore.store.index import Index
from recstore.store.manifest import manifest_path
from recstore.store.rename import is_selected
from recstore.text import escape_control

_TESTS: Final = "recstore.cli.diff_command.tests"
_PAIR: Final = 2
"""Two sides, or two tests, are compared."""


class _WithTests(click.Command):
    """A command that knows where `--` was, which click forgets: the words behind it are tests."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            index = args.index("--")
            context.meta[_TESTS] = args[index + 1 :]
            args = args[:index]
        return super().parse_args(context, args)


@click.command("diff", cls=_WithTests)
@click.argument("words", nargs=-1, metavar="[WHAT]...")
@click.option("--staged", is_flag=True, help="Compare with what Git is about to commit, not with the work tree.")
@click.option("--all", "shows_all", is_flag=True, help="Unfold what differs at every call: ids, times, token counts.")
@click.option("--full", is_flag=True, help="Show long texts to their end.")
@click.option("--stat", is_flag=True, help="One line for each test.")
@click.option("--exit-code", is_flag=True, help="End with exit code 1 if anything differs.")
@json_option
def command(words: tuple[str, ...], *, exit_code: bool, **flags: bool) -> None:
    """Show which tests were added, removed, renamed or recorded again, and what the model now says differently.

    \b
    recstore diff                    HEAD with the work tree
    recstore diff REV [REV]          a commit with the work tree, or two commits
    recstore diff --staged [REV]     HEAD, or a commit, with what Git is about to commit
    recstore diff main...            what this branch has changed since it left main
    recstore diff [REV...] -- TEST   the same, of some tests alone
    recstore diff TEST TEST          two tests that are here
    recstore diff KEY KEY            two recordings, by the first digits of their keys or digests

    A word is a revision, if it is one; without `--`, what follows the revisions are tests. Exit code 1 needs
    --exit-code; what is missing or damaged is named, and its own exit code counts.
    """  # noqa: D301 - click's mark for a block that is not to be wrapped
    store = open_project().store
    with open_repository(store) as repository:
        question = _read_words(store, repository, words, click.get_current_context().meta.get(_TESTS))
        diff = _answer(store, repository, question, is_staged=flags["staged"])
    if flags["as_json"]:
        echo_ascii_json(_as_json(diff))
    else:
        options = PageOptions(flags["shows_all"], flags["full"])
        for row in stat_page(diff) if flags["stat"] else diff_page(diff, options):
            echo_encodable(row)
        echo_encodable(escape_control(summary(diff)))
    problems = [problem for test in diff.tests for problem in test.problems]
    for problem in problems:
        echo_error(problem)
    if problems:
        raise click.exceptions.Exit(max(problem.exit_code for problem in problems))
    if exit_code and diff.tests:
        raise click.exceptions.Exit(1)


# -- what the words mean


@dataclass(frozen=True, slots=True)
class DiffQuestion:
    """Compare `old` with `new`, or with the work tree if that is None; only `tests`, if there are any.

    With `is_pair`, two of `tests` are compared with each other instead.
    """

    old: CommitTree
    new: CommitTree | None
    tests: tuple[str, ...] = ()
    is_pair: bool = False


def _read_words(
    store: Store, repository: Repository, words: Sequence[str], tests: Sequence[str] | None
) -> DiffQuestion:
    """Return the question of `words`, and of the tests behind `--` (None: there is no `--`).

    Before a `--` there are only revisions: none (HEAD), one, two, or a range. Without one, leading words that are
    revisions count as such, and what follows are tests. Two tests and no revision are compared with each other.

    Raises: UsageError: a word is both, or there are too many. NotInStore: it is neither.
    """
    sides: list[CommitTree] = []
    left = list(words)
    while left and len(sides) < _PAIR and (found := _revisions(repository, left[0])):
        if tests is None:
            _refuse_ambiguous(store, left[0])
        sides += found
        left.pop(0)
    if len(sides) > _PAIR:
        raise UsageError(words[1], "is a range behind a revision", "Give two revisions or one range.")
    if tests is not None and left:
        if len(sides) == _PAIR:
            raise UsageError(left[0], "is a third revision, where two can be compared")
        reason = "is not a revision that is here, which is what stands before `--`"
        raise UsageError(left[0], reason, "`git log --all --oneline` lists commits.")
    if not sides and tests is None and len(left) > _PAIR:
        raise UsageError(left[2], "is a third test, where two can be compared", f"recstore diff -- {' '.join(left)}")
    old, *new = sides or [CommitTree(repository, repository.head, "HEAD")]
    is_pair = not sides and tests is None and len(left) == _PAIR
    return DiffQuestion(old, new[0] if new else None, tuple(left if tests is None else tests), is_pair)


def _revisions(repository: Repository, word: str) -> list[CommitTree]:
    """Return the one or two commits that a revision or a range means; none if the word is neither."""
    commit = repository.resolve([word]).get(word)
    if commit is not None:
        return [CommitTree(repository, commit, word)]
    for dots in ("...", ".."):
        first, found, last = word.partition(dots)
        first, last = first or "HEAD", last or "HEAD"
        commits = repository.resolve([first, last]) if found else {}
        if not {first, last} <= commits.keys():
            continue
        old = CommitTree(repository, commits[first], first)
        if dots == "...":
            bases = repository.merge_bases(commits[first], commits[last])
            if not bases:
                raise GitError(f"{first}...{last}", "have no common ancestor here", f"recstore diff {first} {last}")
            old = CommitTree(repository, bases[0], f"where {last} left {first}")
        return [old, CommitTree(repository, commits[last], last)]
    return []


def _refuse_ambiguous(store: Store, word: str) -> None:
    """Raise UsageError if a revision is also the name of a test or a recording, as Git does for files."""
    is_test = store.directory.path(manifest_path(word)).exists()
    recordings = [] if is_test else Index(store).resolve(word)
    if is_test or recordings:
        other = "a test" if is_test else f"the recording {recordings[0].key[:12]}-{recordings[0].digest[:12]}"
        remedy = f"`recstore diff {word} --` takes it for the revision, `recstore diff -- TEST` for a test; or give more digits."
        raise UsageError(word, f"is a revision and {other}", remedy)


def _answer(store: Store, repository: Repository, question: DiffQuestion, *, is_staged: bool) -> Diff:
    if is_staged and (question.is_pair or question.new is not None):
        raise UsageError("--staged", "compares one commit with Git's index", "recstore diff --staged [REV] [-- TEST]")
    files = IndexTree(repository) if is_staged else WorkTree(store, repository)
    tests = question.tests
    if question.is_pair:
        old, new = ([selected.entry for selected in _select(store, word)] for word in tests)
        return diff_entries(files, (tests[0], old), (tests[1], new), in_order=len(old) == len(new) == 1)
    changed = changed_manifests(question.old, question.new or files)
    return changed.compare(_chosen_tests(store, tests, changed.test_ids) if tests else None)


def _chosen_tests(store: Store, limits: Sequence[str], changed: Collection[str]) -> set[str]:
    """Return those of the `changed` tests that any of `limits` names: an id, function, class, file or folder.

    If no test on either side has that name, a part of an id will do.

    Raises: NotInStore: a word names no test that differs and none that is here. UsageError: it names a recording.
    """
    chosen: set[str] = set()
    for limit in limits:
        named = {test_id for test_id in changed if _is_called(test_id, limit)}
        is_here = any(row.test_id is not None and _is_called(row.test_id, limit) for row in Index(store).listing())
        if not named and not is_here:
            named = {test_id for test_id in changed if limit in test_id}
        if not named:
            try:
                tests = [test_id for selected in _select(store, limit) for test_id in selected.tests if test_id]
            except UsageError:
                continue  # it names several tests: they are here, and none of them differs
            if not any(limit in test_id or _is_called(test_id, limit) for test_id in tests):
                remedy = "`recstore diff KEY KEY` compares two recordings."
                raise UsageError(limit, "is a recording, and not a test", remedy)
        chosen |= named
    return chosen


def _is_called(test_id: str, limit: str) -> bool:
    names = test_id.partition("::")[2].partition("[")[0]
    return is_selected(test_id, limit) or f"::{limit}::" in f"::{names}::"


def _select(store: Store, word: str) -> tuple[Selected, ...]:
    try:
        return select(store, word)
    except NotInStore as error:
        raise NotInStore(word, f"is not a revision, and {error.reason}", error.remedy) from error


# -- JSON


def _as_json(value: Any) -> Any:
    """Return a diff as JSON values. Numbers that JSON cannot spell are texts."""
    if isinstance(value, Difference):
        sides = {"old": value.old} if value.kind == "removed" else {"new": value.new}
        if value.kind == "changed":
            sides = {"old": value.old, "new": value.new}
        return {"path": value.place, "kind": value.kind, **_as_json(sides)}
    if isinstance(value, RecordingChange):
        return _recording_as_json(value)
    if dataclasses.is_dataclass(value):
        members = {field.name.removesuffix("_id"): getattr(value, field.name) for field in dataclasses.fields(value)}
        return {
            name: str(member) if name == "problem" and member else _as_json(member) for name, member in members.items()
        }
    if isinstance(value, dict):
        return {name: _as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(element) for element in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _recording_as_json(change: RecordingChange) -> dict[str, Any]:
    entries = {
        name: {"key": entry.blob.key, "digest": entry.blob.digest, "n": entry.n} if entry is not None else None
        for name, entry in (("old", change.old), ("new", change.new))
    }
    request = change.recording.request if change.recording is not None else None
    names = ("method", "upstream", "path")
    differences = None
    if change.comparison is not None:
        noise = [{"name": name, **_as_json(member)} for name, member in change.comparison.noise]
        is_same = change.comparison.is_same_answer
        differences = {"says_the_same": is_same, **_as_json(change.comparison), "noise": noise}
    return {
        "kind": change.kind,
        **entries,
        "request": {name: getattr(request, name) for name in names} if request is not None else None,
        "differences": differences,
        "problems": [str(problem) for problem in change.problems],
    }
