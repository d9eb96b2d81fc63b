"""What the words behind `recstore diff` mean: revisions, as `git diff` takes them, tests, or recordings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recstore.cli.selector import Selected, select
from recstore.errors import GitError, NotInStore, UsageError
from recstore.git.repository import Repository
from recstore.git.trees import CommitTree
from recstore.store import Store
from recstore.store.paths import manifest_path


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be compared: `old` with `new`, or with the work tree where that is None; only `tests` if there are any.

    `old` is None where the words name no revision; then two of `tests` are to be compared with each other if
    `is_pair`.
    """

    old: CommitTree
    new: CommitTree | None
    tests: tuple[str, ...] = ()
    is_pair: bool = False


def read_words(store: Store, repository: Repository, words: Sequence[str], tests: Sequence[str] | None) -> Question:
    """Return what is asked for by `words`, and by the tests behind `--` (None: there is no `--`).

    Before a `--` there are revisions alone: none (HEAD), one, two, or a range. Without one, the first words that are
    revisions are; what follows are tests. Two tests and no revision are compared with each other.

    Raises: UsageError: a word is both, or there are too many. NotInStore: it is neither.
    """
    sides: list[CommitTree] = []
    left = list(words)
    while left and len(sides) < 2 and (found := _sides(repository, left[0])):  # noqa: PLR2004 - old and new
        if tests is None:
            _refuse_ambiguous(store, left[0])
        sides += found
        left.pop(0)
    if len(sides) > 2:  # noqa: PLR2004 - a revision, then a range
        raise UsageError(words[1], "is a range behind a revision", "Give two revisions or one range.")
    if tests is not None and left:
        raise _not_a_revision(left[0], len(sides))
    if not sides and tests is None and len(left) > 2:  # noqa: PLR2004 - two tests are compared
        raise UsageError(left[2], "is a third test, where two can be compared", f"recstore diff -- {' '.join(left)}")
    old, *new = sides or [CommitTree(repository, repository.head, "HEAD")]
    is_pair = not sides and tests is None and len(left) == 2  # noqa: PLR2004 - as above
    return Question(old, new[0] if new else None, tuple(left if tests is None else tests), is_pair)


def selected_pair(store: Store, words: Sequence[str]) -> tuple[tuple[Selected, ...], tuple[Selected, ...]]:
    """Return the recordings that two words mean.

    Raises: UsageError: a word may mean several tests. NotInStore: it means nothing here.
    """
    first, second = (_selected(store, word) for word in words)
    return first, second


def chosen_tests(store: Store, limits: Sequence[str], changed: Collection[str]) -> set[str]:
    """Return those of the `changed` tests that any of `limits` means: an id, function, class, file or folder.

    Where no test here or there is called so, a part of an id will do.

    Raises: NotInStore: a word means no test that differs and none that is here. UsageError: it means a recording.
    """
    found: set[str] = set()
    for limit in limits:
        called = {test_id for test_id in changed if _is_called(test_id, limit)}
        if not called and not _is_here(store, limit):
            called = {test_id for test_id in changed if limit in test_id}
        if not called:
            _refuse_unknown(store, limit)
        found |= called
    return found


def _is_called(test_id: str, limit: str) -> bool:
    start = limit.removeprefix("./").rstrip("/")
    if test_id == start or (start and test_id.startswith(start) and test_id[len(start)] in "/:["):
        return True
    names = test_id.partition("::")[2].partition("[")[0]
    return f"::{names}::".find(f"::{limit}::") >= 0


def _is_here(store: Store, limit: str) -> bool:
    return any(row.test_id is not None and _is_called(row.test_id, limit) for row in store.index.listing())


def _refuse_unknown(store: Store, limit: str) -> None:
    try:
        selected = _selected(store, limit)
    except UsageError:
        return  # it means several tests: they are here, and none of them differs
    if not any(limit in test_id or _is_called(test_id, limit) for one in selected for test_id in one.tests if test_id):
        raise UsageError(limit, "is a recording, and no test", "`recstore diff KEY KEY` compares two recordings.")


# -- revisions


def _sides(repository: Repository, word: str) -> list[CommitTree]:
    """Return the side or the two sides that a revision or a range means; none if the word is neither."""
    known = repository.resolve([word]).get(word)
    if known is not None:
        return [CommitTree(repository, known, word)]
    for dots in ("...", ".."):
        before, found, after = word.partition(dots)
        if found:
            return _range(repository, before or "HEAD", after or "HEAD", is_merge_base=dots == "...")
    return []


def _range(repository: Repository, before: str, after: str, *, is_merge_base: bool) -> list[CommitTree]:
    known = repository.resolve([before, after])
    if before not in known or after not in known:
        return []
    old = CommitTree(repository, known[before], before)
    if is_merge_base:
        bases = repository.merge_bases(known[before], known[after])
        if not bases:
            raise GitError(f"{before}...{after}", "have no common ancestor here", f"recstore diff {before} {after}")
        old = CommitTree(repository, bases[0], f"where {after} left {before}")
    return [old, CommitTree(repository, known[after], after)]


# -- tests


def _selected(store: Store, word: str) -> tuple[Selected, ...]:
    try:
        return select(store, word)
    except NotInStore as error:
        raise NotInStore(word, f"is no revision, and {error.reason}", error.remedy) from error


def _refuse_ambiguous(store: Store, word: str) -> None:
    """Refuse a revision that is also what a person may call a test or a recording: Git does so with files."""
    is_test = store.directory.path(manifest_path(word)).exists()
    recordings = [] if is_test else store.index.resolve(word)
    if is_test or recordings:
        other = "a test" if is_test else f"the recording {recordings[0].key[:12]}-{recordings[0].digest[:12]}"
        remedy = f"`recstore diff {word} --` takes it for the revision, `recstore diff -- TEST` for a test; or give more digits."
        raise UsageError(word, f"is a revision and {other}", remedy)


def _not_a_revision(word: str, sides: int) -> UsageError:
    if sides == 2:  # noqa: PLR2004 - old and new
        return UsageError(word, "is a third revision, where two can be compared")
    return UsageError(
        word,
        "is no revision that is here, which is what stands before `--`",
        "`git log --all --oneline` lists commits.",
    )
