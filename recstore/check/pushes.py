"""What a push would send: the lines that Git gives its pre-push hook, each as commits to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recstore.errors import UsageError
from recstore.git.repository import Repository

_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Span:
    """What lies between commits that the other side has and `tip`: with no `bases`, all that `tip` has."""

    tip: str
    bases: tuple[str, ...] = ()
    name: str = ""


def pushed_spans(repository: Repository, lines: str, remote: str = "") -> Iterator[Span]:
    """Yield a span for every line of a pre-push hook's input, those that delete a ref left out.

    Where the other side's commit is not here (a new branch, or one that somebody has moved), the span begins at what
    the remote-tracking branches have; one without any new commit is left out.

    Raises: UsageError: a line is not of the hook's shape. GitError: Git cannot answer.
    Source: githooks(5), pre-push.
    """
    for line in filter(str.strip, lines.splitlines()):
        fields = line.rsplit(" ", _FIELDS - 1)  # the first, what was asked to be pushed, may hold spaces
        if len(fields) != _FIELDS:
            raise UsageError("standard input", f"{line[:80]!r} is no line of a pre-push hook", _HOW)
        name, local, _, known = fields
        commit = repository.resolve([local]).get(local)  # a tag leads to its commit; zeros lead nowhere
        if commit is None:
            continue
        base = repository.resolve([known]).get(known)
        if base is not None:
            yield Span(commit, (base,), name)
        else:
            yield from _new_span(repository, commit, name, remote)


_HOW = "`recstore hooks install` sets the hook up; by hand it is `recstore check --range A..B`."


def _new_span(repository: Repository, commit: str, name: str, remote: str) -> Iterator[Span]:
    known = f"--remotes={remote}" if remote and repository.refs(f"refs/remotes/{remote}") else "--remotes"
    listed = repository.git.lines("rev-list", "--boundary", commit, "--not", known)
    if listed:
        yield Span(commit, tuple(line[1:] for line in listed if line.startswith("-")), name)


def range_span(repository: Repository, stated: str) -> Span:
    """Return the span that `A..B`, `A...B` (from their merge base) or `A..` states.

    Raises: UsageError: it is no range, or names what is no commit here.
    """
    first, dots, last = stated.partition("...") if "..." in stated else stated.partition("..")
    if not dots:
        raise UsageError(stated, "is no range", "Write it as A..B, or use --commit for one commit.")
    names = (first or "HEAD", last or "HEAD")
    commits = repository.resolve(names)
    for name in names:
        if name not in commits:
            raise UsageError(name, "is no commit that is here", "`git log --all --oneline` lists those that are.")
    before, tip = commits[names[0]], commits[names[1]]
    return Span(tip, repository.merge_bases(before, tip) if dots == "..." else (before,), stated)
