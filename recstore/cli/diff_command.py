"""`recstore diff`: what its words mean (revisions, tests or recordings), and the answer as a page or as JSON."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import click

from recstore.check.check import parse_range
from recstore.check.diff import (
    ChangedManifest,
    Diff,
    RecordingChange,
    TestChange,
    changed_manifests,
    diff_entries,
    diff_manifests,
)
from recstore.cli.output import echo_encodable, echo_error, json_option, show_json
from recstore.cli.project import open_project
from recstore.cli.selector import Selected, select
from recstore.errors import GitError, NotInStore, UsageError
from recstore.git.repository import Repository
from recstore.git.trees import CommitTree, IndexTree, WorkTree
from recstore.store import Store
from recstore.store.index import Index
from recstore.store.manifest import manifest_path
from recstore.store.rename import is_selected
from recstore.text import escape_control, plural
from recstore.transcript import DiffLine

_TESTS: Final = "recstore.cli.diff_command.tests"
_PAIR: Final = 2  # sides, or tests

_STYLES: Final[dict[str, dict[str, Any]]] = {
    "removed": {"fg": "red"},
    "added": {"fg": "green"},
    "unreadable": {"fg": "red", "bold": True},
    "heading": {"bold": True},
    **{style: {"dim": True} for style in ("same", "skipped", "dim")},
}
_SIGNS: Final = {"removed": "- ", "added": "+ ", "same": "  ", "changed": "~ ", "skipped": "... "}
_KINDS: Final = {"origins": "imported from elsewhere"}
_MAX_ROWS: Final = 60
_MAX_LONE_ROWS: Final = 6
_LONGEST_ROW: Final = 400
_NEAR: Final = 40
"""Of a long run of equal words, this many characters are shown on either side of a change."""


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
@click.option("--all", "shows_all", is_flag=True, help="Name every member that differs, ids and times included.")
@click.option("--full", is_flag=True, help="Show long texts to their end.")
@click.option("--stat", is_flag=True, help="One line for each test.")
@click.option("--exit-code", is_flag=True, help="End with exit code 1 if anything differs.")
@json_option
def diff_command(words: tuple[str, ...], *, exit_code: bool, as_json: bool, staged: bool, **shown: bool) -> None:
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
    with Repository(store.directory.root, os.environ) as repository:
        diff = _answer(store, repository, words, click.get_current_context().meta.get(_TESTS), is_staged=staged)
    if as_json:
        show_json(diff)
    else:
        for row in _page(diff, **shown):
            echo_encodable(row)
    problems = [change.problem for change in diff.tests if change.problem is not None]
    problems += [problem for test in diff.tests for change in test.recordings for problem in change.problems]
    for problem in problems:
        echo_error(problem)
    if problems:
        raise click.exceptions.Exit(max(problem.exit_code for problem in problems))
    if exit_code and diff.tests:
        raise click.exceptions.Exit(1)


# -- what the words mean


def _answer(
    store: Store, repository: Repository, words: Sequence[str], tests: Sequence[str] | None, *, is_staged: bool
) -> Diff:
    """Compare what `words` mean; `tests` are the words behind `--` (None: there is no `--`).

    Before a `--` there are only revisions: none (HEAD), one, two, or a range. Without one, leading words that are
    revisions count as such, and what follows are tests. Two tests and no revision are compared with each other.

    Raises: UsageError: a word is both, or there are too many. NotInStore: it is neither.
    """
    sides: list[CommitTree] = []
    left = list(words)
    while left and len(sides) < _PAIR and (revisions := _revisions(repository, left[0])):
        if tests is None:
            is_test = store.directory.path(manifest_path(left[0])).exists()
            with Index(store) as index:
                recordings = () if is_test else index.resolve(left[0])
            if is_test or recordings:  # Git refuses names of files in the same way
                other = "a test" if is_test else f"the recording {recordings[0].key[:12]}-{recordings[0].digest[:12]}"
                remedy = f"`recstore diff {left[0]} --` takes it for the revision, `recstore diff -- TEST` for a test; or give more digits."
                raise UsageError(left[0], f"is a revision and {other}", remedy)
        sides += revisions
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
    is_pair = not sides and tests is None and len(left) == _PAIR
    if is_staged and (is_pair or len(sides) == _PAIR):
        raise UsageError("--staged", "compares one commit with Git's index", "recstore diff --staged [REV] [-- TEST]")
    files = IndexTree(repository) if is_staged else WorkTree(store, repository)
    if is_pair:
        entries = [[selected.entry for selected in _select(store, word)] for word in left]
        return diff_entries(files, (left[0], entries[0]), (left[1], entries[1]))
    old, *new = sides or [CommitTree(repository, repository.head, "HEAD")]
    changed = changed_manifests(old, new[0] if new else files)
    wanted = left if tests is None else tests
    return diff_manifests(old, new[0] if new else files, _limited(store, changed, wanted) if wanted else changed)


def _revisions(repository: Repository, word: str) -> list[CommitTree]:
    """Return the one or two commits that a revision or a range means; none if the word is neither."""
    commit = repository.resolve([word]).get(word)
    if commit is not None:
        return [CommitTree(repository, commit, word)]
    with suppress(UsageError):  # it is not a range
        commits = parse_range(repository, word)
        first, last = (name or "HEAD" for name in re.split(r"\.{2,3}", word, maxsplit=1))
        if not commits.bases:
            raise GitError(word, "have no common ancestor here", f"recstore diff {first} {last}")
        title = f"where {last} left {first}" if "..." in word else first
        return [CommitTree(repository, commits.bases[0], title), CommitTree(repository, commits.tip, last)]
    return []


def _limited(store: Store, changed: Sequence[ChangedManifest], limits: Sequence[str]) -> list[ChangedManifest]:
    """Return the manifests of tests that any of `limits` names: an id, function, class, file or folder.

    If no test that differs or is here has that name, a part of an id will do.

    Raises: NotInStore: a word names nothing. UsageError: it names a recording.
    """
    with Index(store) as index:
        ids = {row.test_id for row in index.listing()} | {manifest.test_id for manifest in changed}
    tests = [test_id for test_id in ids if test_id is not None]
    chosen: set[str] = set()
    for limit in limits:
        named = [test_id for test_id in tests if _is_called(test_id, limit)]
        named = named or [test_id for test_id in tests if limit in test_id]
        if not named and _select(store, limit):
            remedy = "`recstore diff KEY KEY` compares two recordings."
            raise UsageError(limit, "is a recording, and not a test", remedy)
        chosen.update(named)
    return [manifest for manifest in changed if manifest.test_id in chosen]


def _is_called(test_id: str, limit: str) -> bool:
    names = test_id.partition("::")[2].partition("[")[0]
    return is_selected(test_id, limit) or f"::{limit}::" in f"::{names}::"


def _select(store: Store, word: str) -> tuple[Selected, ...]:
    try:
        return select(store, word)
    except NotInStore as error:
        raise NotInStore(word, f"is not a revision, and {error.reason}", error.remedy) from error


# -- the page


def _page(diff: Diff, *, stat: bool, full: bool, shows_all: bool) -> Iterator[str]:
    """Yield a line for each test, below it what differs in its recordings, and a summary."""
    for test in diff.tests:
        name = f"{test.old} -> {test.new}" if test.old and test.new and test.old != test.new else test.new or test.old
        heading = _paint("heading", name or "(outside any test)")
        yield f"{_paint(test.kind, f'{test.kind:<11} ')}{heading}{_paint('dim', f'  {_facts(test)}')}"
        if stat or not test.recordings:
            continue
        for change in test.recordings:
            yield from _recording_rows(change, full=full, shows_all=shows_all)
        yield ""
    if not diff.tests:
        yield _paint("", f"No difference between {diff.old} and {diff.new}.")
        return
    kinds = Counter(_KINDS.get(test.kind, test.kind) for test in diff.tests)
    quiet = sum(test.kind == "re-recorded" and all(map(_is_quiet, test.recordings)) for test in diff.tests)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    yield _paint("", f"{diff.old} -> {diff.new}: {counts}{f' ({quiet:,} in volatile fields alone)' if quiet else ''}")


def _paint(style: str, text: str) -> str:
    """Return text in a style, on one line whatever it holds; click removes colours where there is no terminal."""
    return click.style(escape_control(text).replace("\n", "\\n"), **_STYLES.get(style, {}))


def _is_quiet(change: RecordingChange) -> bool:
    return all(half is not None and half.is_same for half in (change.request, change.answer))


def _facts(test: TestChange) -> str:
    if test.problem is not None:
        return test.problem.reason
    if test.kind == "origins":
        return "the same recordings, imported from other files"
    if test.kind != "re-recorded":
        return plural(test.entries, "recording")
    changes = test.recordings
    both = [change for change in changes if change.kind == "changed"]
    answers = sum(change.answer is not None and not change.answer.is_same for change in both)
    requests = sum(change.request is not None and not change.request.is_same for change in both)
    counts = {
        f"answer{'' if answers == 1 else 's'} changed": answers,
        f"request{'' if requests == 1 else 's'} changed": requests,
        "in volatile fields alone": sum(map(_is_quiet, changes)),
        "added": sum(change.kind == "added" for change in changes),
        "removed": sum(change.kind == "removed" for change in changes),
        "unreadable": sum(bool(change.problems) for change in changes),
        "unchanged": test.entries - sum(change.new is not None for change in changes),
    }
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _recording_rows(change: RecordingChange, *, full: bool, shows_all: bool) -> Iterator[str]:
    entries = [entry for entry in (change.old, change.new) if entry is not None]
    names = " -> ".join(f"{entry.blob.key[:8]}-{entry.blob.digest[:8]}" for entry in entries)
    title = "  ".join(filter(None, (change.title, names, f"call {entries[-1].n}" if entries[-1].n > 1 else "")))
    yield _paint(change.kind, "  " if change.kind == "changed" else _SIGNS[change.kind]) + _paint("heading", title)
    yield from (_paint("unreadable", f"    {problem.subject}: {problem.reason}") for problem in change.problems)
    is_lone = change.kind != "changed"
    rows: list[str] = []
    for half in filter(None, (change.answer,) if is_lone and not full else (change.request, change.answer)):
        rows += (_line_row(line, full=full) for line in half.lines)
        rows += (_paint("", str(member)) for member in half.members if shows_all or not half.lines)
        rows += (_paint("dim", f"also {member}") for member in half.volatile if shows_all)
    if _is_quiet(change) and not shows_all:
        rows.append(_paint("dim", "says the same: only volatile fields differ"))
    limit = _MAX_LONE_ROWS if is_lone else _MAX_ROWS
    shown = rows if full or len(rows) <= limit + 1 else rows[:limit]
    yield from (f"    {row}" for row in shown)
    if len(shown) < len(rows):
        yield _paint("dim", f"    ... {plural(len(rows) - len(shown), 'more line')} (--full)")


def _line_row(line: DiffLine, *, full: bool) -> str:
    row = _paint(line.mark, _SIGNS[line.mark]) if line.mark == "changed" else ""
    for piece in line.pieces:
        text = piece.text
        if not full and len(text) > _LONGEST_ROW:
            text = f"{text[:_LONGEST_ROW]}... ({len(text):,} characters, --full)"
        if line.mark != "changed":
            row = _paint(line.mark, (_SIGNS[line.mark] + text).rstrip(" "))
        elif piece.mark == "same":
            is_long = not full and len(text) > 3 * _NEAR
            row += _paint("", f"{piece.text[:_NEAR]} ... {piece.text[-_NEAR:]}" if is_long else text)
        else:
            row += _paint(piece.mark, f"[-{text}-]" if piece.mark == "removed" else f"{{+{text}+}}")
    return row
