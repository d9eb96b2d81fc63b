"""`recstore diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import click

from recstore.check.diff import Diff, diff_entries, diff_sides
from recstore.cli.diff_args import Question, chosen_tests, read_words, selected_pair
from recstore.cli.diff_json import diff_as_json
from recstore.cli.diff_page import diff_page, stat_page, summary
from recstore.cli.diff_rows import PageOptions, Segment
from recstore.cli.output import echo_error, json_option
from recstore.cli.repository import open_project, open_repository
from recstore.errors import UsageError
from recstore.git.repository import Repository
from recstore.git.trees import IndexTree, WorkTree
from recstore.store import Store
from recstore.text import escape_control

_TESTS: Final = "recstore.cli.diff_command.tests"

_STYLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "plain": {},
        "heading": {"bold": True},
        "dim": {"dim": True},
        "removed": {"fg": "red"},
        "added": {"fg": "green"},
        "problem": {"fg": "red", "bold": True},
    }
)


class _WithTests(click.Command):
    """A command that is told where `--` was: what is behind it are tests. Click itself forgets."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            place = args.index("--")
            context.meta[_TESTS] = args[place + 1 :]
            args = args[:place]
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
        question = read_words(store, repository, words, click.get_current_context().meta.get(_TESTS))
        diff = _answer(store, repository, question, is_staged=flags["staged"])
    _show(diff, flags)
    problems = [problem for test in diff.tests for problem in test.problems]
    for problem in problems:
        echo_error(problem)
    if problems:
        raise click.exceptions.Exit(max(problem.exit_code for problem in problems))
    if exit_code and diff.tests:
        raise click.exceptions.Exit(1)


def _answer(store: Store, repository: Repository, question: Question, *, is_staged: bool) -> Diff:
    if is_staged and (question.is_pair or question.new is not None):
        raise UsageError("--staged", "compares one commit with Git's index", "recstore diff --staged [REV] [-- TEST]")
    files = IndexTree(repository) if is_staged else WorkTree(store, repository)
    if question.is_pair:
        old, new = selected_pair(store, question.tests)
        names = zip(question.tests, ([one.entry for one in selected] for selected in (old, new)), strict=True)
        first, second = names
        return diff_entries(files, first, second, in_order=len(old) == len(new) == 1)
    choose = partial(chosen_tests, store, question.tests) if question.tests else None
    return diff_sides(question.old, question.new or files, choose)


def _show(diff: Diff, flags: dict[str, bool]) -> None:
    if flags["as_json"]:
        click.echo(diff_as_json(diff))
        return
    options = PageOptions(flags["shows_all"], flags["full"])
    for row in stat_page(diff) if flags["stat"] else diff_page(diff, options):
        _print(row)
    _print([("plain", summary(diff))])


def _print(row: Iterable[Segment]) -> None:
    """Print a row, which is one line whatever it holds; click takes the colours away where there is no terminal."""
    text = "".join(click.style(escape_control(text).replace("\n", "\\n"), **_STYLES[style]) for style, text in row)
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
