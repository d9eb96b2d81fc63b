"""What Git's own idea of a rename does to a store, and how `resolve` settles it; every pair of changes, counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from recstore.check.resolve import Choice, Resolution, apply, find_conflicts, side_names
from recstore.check.resolve import resolve as resolve_conflict
from recstore.content.canonical import request_key
from recstore.errors import ManifestConflict
from recstore.git.history import find_blobs, heal
from recstore.model import BlobName, JsonBody, Manifest, Recording, Request, Response, StreamBody
from recstore.store.manifest import format_manifest, manifest_path, parse_manifest
from recstore.store.rename import execute_moves, plan_moves
from recstore.store.verify import verify_store
from tests.git_repository import GitRepository, recording
from tests.hooked import recstore

ROOT = Path(__file__).resolve().parents[3]
A, B, C, NEW, OTHER = (f"tests/test_{name}" for name in ("a.py::a", "a.py::b", "c.py::c", "a.py::new", "a.py::other"))
Step = Callable[[GitRepository], None]


def streamed(question: str, answer: str, ending: str = "") -> Recording:
    """Return a recording of a streamed answer; two of one question are more than half the same, whatever their ends."""
    body = JsonBody({"model": "m", "messages": [{"role": "user", "content": question * 30}], "stream": True})
    words = [f"{answer} {number} {ending if number % 5 == 0 else ''}" for number in range(60)]
    events = StreamBody("objects", [{"id": "x", "choices": [{"delta": {"content": word}}]} for word in words])
    return Recording(Request("POST", "openai", "/v1/chat/completions", body=body), Response(status=200, body=events))


FIRST, SECOND, THIRD = streamed("one", "1"), streamed("two after 1", "2"), streamed("three", "3")


def put(project: GitRepository, test_id: str, *recordings: Recording) -> None:
    """Record, and remove every blob that nothing names any more, as gc in another clone would."""
    project.store.put(test_id, recordings)
    sweep(project)


def sweep(project: GitRepository) -> None:
    """Remove every blob that no manifest here names."""
    named = {entry.blob for manifest in project.store.manifests() for entry in manifest.entries}
    for blob in set(project.store.blobs()) - named:
        project.store.directory.remove(blob.path)


def rename(project: GitRepository, old: str, new: str) -> None:
    """Rename tests."""
    execute_moves(project.store, plan_moves(project.store, old, new))


def replace(project: GitRepository, *recordings: Recording) -> None:
    """Remove the first test, and record a new one."""
    project.forget(A)
    put(project, OTHER, *recordings)


def delete(project: GitRepository) -> None:
    """Remove the first test and what it alone needs."""
    project.forget(A)
    sweep(project)


STEPS: dict[str, Step] = {
    "another test": lambda project: put(project, NEW, streamed("new", "n")),
    "that test, other answer": lambda project: put(project, NEW, streamed("new", "n", "else")),
    "another file": lambda project: put(project, "tests/test_d.py::d", streamed("d", "d")),
    "again": lambda project: put(project, A, streamed("one", "1", "x"), streamed("two after 1x", "2"), THIRD),
    "again, other answer": lambda project: put(
        project, A, streamed("one", "1", "y"), streamed("two after 1y", "2"), THIRD
    ),
    "one request more": lambda project: put(project, A, FIRST, SECOND, THIRD, streamed("four", "4")),
    "renamed": lambda project: rename(project, A, "tests/test_a.py::renamed"),
    "renamed file": lambda project: rename(project, "tests/test_a.py", "tests/test_z.py"),
    "removed": delete,
    "removed, one like it new": lambda project: replace(
        project, streamed("one and", "1"), streamed("two, 1", "2"), streamed("three!", "3")
    ),
    "removed, most of it new": lambda project: replace(project, FIRST, THIRD, streamed("other", "o")),
}

PLAIN = """
. M . . . . . M . . .
  . . . . . . M . . .
    . . . . . . . . .
      . M M M M M M M
        . M M M M M M
          . . . M M .
            . M M M M
              . M M M
                . b M
                  . M
                    .
"""
"""What Git sees in conflict without the driver, as on GitHub: rows and columns are steps in order. M: a manifest; b: blobs alone."""

DRIVEN = """
. M . . . . . M . . .
  . . . . . . M . . .
    . . . . . . . . .
      . M . . . M M M
        . . . . M M M
          . . . M M M
            . M M M M
              . M M M
                . b M
                  . M
                    .
"""
"""The same with the driver."""


@pytest.fixture(scope="module")
def branched(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    """Return a repository with a branch for each step, all from one commit."""
    project = GitRepository.create(tmp_path_factory.mktemp("pairs") / "project")
    put(project, A, FIRST, SECOND, THIRD)
    put(project, B, streamed("b", "b"))
    put(project, C, FIRST, streamed("c", "c"))
    project.commit()
    for number, step in enumerate(STEPS.values()):
        project.git("checkout", "-q", "-B", f"step-{number}", "main")
        step(project)
        project.commit(f"step {number}")
    return project


def in_conflict(project: GitRepository) -> list[str]:
    """Return the paths in conflict."""
    return sorted({line.split("\t")[1] for line in project.git("ls-files", "--unmerged").splitlines()})


def kind(project: GitRepository) -> str:
    """Return what is in conflict: a letter of the tables."""
    paths = in_conflict(project)
    if all("/blobs/" in path for path in paths):
        return "b" if paths else "."
    return "M"


def resolve(project: GitRepository, choice: Choice = "") -> list[Resolution]:
    """Settle everything as the command does."""
    with project.opened() as repository:
        settled = [resolve_conflict(conflict, choice) for conflict in find_conflicts(project.store, repository)]
        apply(project.store, repository, settled)
    return settled


def named_by(project: GitRepository) -> set[BlobName]:
    """Return every blob that a manifest here names."""
    return {entry.blob for manifest in project.store.manifests() for entry in manifest.entries}


def lost(project: GitRepository, named: set[BlobName]) -> list[str]:
    """Heal, and return what is wrong then: conflicts that are left, damage, blobs of either side that are nowhere."""
    with project.opened() as repository:
        heal(project.store, repository, named_by(project))
        found = {file.path for file in find_blobs(repository, named)}
    absent = [f"lost: {blob}" for blob in named if blob.path not in found]
    return [*in_conflict(project), *map(str, verify_store(project.store).problems), *absent]


def drive(project: GitRepository) -> None:
    """Set the merge driver up."""
    project.git("config", "merge.recstore.driver", f'"{sys.executable}" -m recstore merge-driver %O %A %B %P')


def table(text: str) -> dict[tuple[str, str], str]:
    """Return pair of steps -> letter."""
    return dict(zip(combinations_with_replacement(STEPS, 2), text.split(), strict=True))


@pytest.mark.parametrize(
    ("how", "choice", "is_driven"),
    [
        pytest.param("merge", "both", False),
        pytest.param("rebase", "ours", False, marks=pytest.mark.slow),
        pytest.param("cherry-pick", "theirs", False, marks=pytest.mark.slow),
        pytest.param("merge", "both", True),
    ],
)
def test_every_pair_of_changes(branched: GitRepository, how: str, choice: Choice, *, is_driven: bool) -> None:
    """Conflicts are those of the table. Whatever is chosen, all is settled, no manifest dangles and no blob is lost."""
    project = branched.at(branched.folder)
    if is_driven:
        drive(project)
    sides_named = {}
    for number, name in enumerate(STEPS):
        project.git("checkout", "-q", "--force", "--detach", f"step-{number}")
        sides_named[name] = named_by(project)
    seen, wrong = {}, {}
    for (ours, mine), (theirs, _) in combinations_with_replacement([(n, i) for i, n in enumerate(STEPS)], 2):
        project.git("checkout", "-q", "--force", "-B", "mine", f"step-{mine}")
        project.git(how, f"step-{list(STEPS).index(theirs)}", ok=False, PYTHONPATH=str(ROOT))
        seen[ours, theirs] = kind(project)
        resolve(project, choice)
        wrong[ours, theirs] = lost(project, sides_named[ours] | sides_named[theirs])
        project.git(how, "--abort", ok=False)
        project.git("reset", "-q", "--hard")
        project.git("clean", "-qfdx")
    project.git("config", "--remove-section", "merge.recstore", ok=False)

    assert {} == {pair: each for pair, each in wrong.items() if each}
    assert table(DRIVEN if is_driven else PLAIN) == seen


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with one recorded test, committed."""
    made = GitRepository.create(tmp_path / "project")
    put(made, A, FIRST, SECOND, THIRD)
    made.commit()
    return made


def part(project: GitRepository, ours: Step, theirs: Step) -> None:
    """Let the branch `side`, then `mine` do something; `mine` stays checked out."""
    for branch, step in (("side", theirs), ("mine", ours)):
        project.git("checkout", "-q", "-b", branch, "main")
        step(project)
        project.commit(f"work of {branch}")


def entries_of(project: GitRepository, test_id: str) -> set[BlobName]:
    """Return what the test's manifest names."""
    manifest = project.store.manifest(test_id)
    assert manifest is not None
    return {entry.blob for entry in manifest.entries}


@pytest.mark.parametrize("is_driven", [False, True], ids=["plain", "driven"])
def test_a_test_renamed_twice_stays_under_both_names(project: GitRepository, *, is_driven: bool) -> None:
    """Git puts both names' lines into both files, between longer markers; each test gets its own manifest back."""
    if is_driven:
        drive(project)
    recorded = entries_of(project, A)
    part(project, lambda p: rename(p, A, NEW), lambda p: rename(p, A, OTHER))
    project.git("merge", "side", ok=False, PYTHONPATH=str(ROOT))
    with pytest.raises(ManifestConflict):
        project.store.manifest(NEW)

    settled = resolve(project)

    assert [False, False, False] == [one.is_open for one in settled]
    assert (recorded, recorded) == (entries_of(project, NEW), entries_of(project, OTHER))
    assert not project.has_manifest(A)
    assert [] == lost(project, recorded)


def test_a_manifest_goes_where_its_test_is(project: GitRepository) -> None:
    """Where one side has renamed a test file, Git moves a new manifest of the old one along: its name would be damage."""
    part(project, lambda p: rename(p, "tests/test_a.py", "tests/test_z.py"), lambda p: put(p, NEW, recording("n")))
    project.git("merge", "side", ok=False)
    assert ["test_z.py"] == [path.split("/")[3] for path in in_conflict(project)]

    assert ["kept: one side alone has it"] == [one.how for one in resolve(project)]
    assert project.has_manifest(NEW)
    assert [] == lost(project, set())


def test_a_blob_goes_where_its_name_says(project: GitRepository) -> None:
    """Where the only blob of a folder seems to have moved, Git moves a new one of that folder along."""
    folder = request_key(FIRST.request)[:2]
    asked = (streamed(f"question {number}", "n") for number in range(10_000))
    new = next(each for each in asked if request_key(each.request)[:2] == folder)
    part(project, lambda p: put(p, A, streamed("one, but other", "1"), SECOND, THIRD), lambda p: put(p, NEW, new))
    project.git("merge", "side", ok=False)
    [wrong] = in_conflict(project)
    assert f"/{folder}/" not in wrong

    assert [] == resolve(project)
    assert [] == lost(project, set())
    assert not (project.folder / wrong).exists()
    assert all(line.startswith("A ") for line in project.git("status", "--short").splitlines())


@pytest.mark.parametrize("is_driven", [False, True], ids=["plain", "driven"])
def test_a_merge_of_merges_is_settled(project: GitRepository, *, is_driven: bool) -> None:
    """Where two branches have merged each other, Git's common ancestor is a conflict itself."""
    if is_driven:
        drive(project)
    part(
        project,
        lambda p: put(p, A, streamed("one", "1", "ours")),
        lambda p: put(p, A, streamed("one", "1", "theirs")),
    )
    project.git("tag", "before")
    for branch, other in (("mine", "side"), ("side", "before")):
        project.git("checkout", "-q", branch)
        project.git("merge", other, ok=False, PYTHONPATH=str(ROOT))
        resolve(project, "ours")
        project.git("commit", "-qm", "merged")
        put(project, A, streamed("one", "1", f"{branch} again"))
        project.commit()
    project.git("merge", "mine", ok=False, PYTHONPATH=str(ROOT))

    assert [f".recstore/{manifest_path(A)}"] == [path for path in in_conflict(project) if "/blobs/" not in path]
    assert ["took theirs"] == [one.how for one in resolve(project, "theirs")]
    assert request_key(FIRST.request) == next(iter(entries_of(project, A))).key
    assert [] == lost(project, set())


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "theirs"])
def test_two_tests_that_git_takes_for_one_are_not_mixed(project: GitRepository, *, is_ours: bool) -> None:
    """One side removed the test and recorded another like it, the other recorded it anew: the driver keeps them apart."""
    drive(project)
    again: Step = lambda p: put(p, A, streamed("one", "1", "anew"), SECOND, THIRD)  # noqa: E731 - a step like the others
    other: Step = lambda p: replace(p, FIRST, THIRD, streamed("not two", "2"))  # noqa: E731
    expected = {}
    part(project, *((other, again) if is_ours else (again, other)))
    for branch, test_id in (("side", A if is_ours else OTHER), ("mine", OTHER if is_ours else A)):
        project.git("checkout", "-q", branch)
        expected[test_id] = entries_of(project, test_id)
    project.git("merge", "side", ok=False, PYTHONPATH=str(ROOT))

    assert ["kept both: they are of two tests"] == [one.how for one in resolve(project)]
    assert expected == {test_id: entries_of(project, test_id) for test_id in (A, OTHER)}
    assert [] == lost(project, set().union(*expected.values()))


def test_two_manifests_of_one_test_are_not_written_over_each_other(project: GitRepository) -> None:
    """A manifest that would go where another one of its test is: that is said, and nothing is written."""
    present = project.store.manifest(A)
    assert present is not None
    other = Manifest(A, present.entries[:1])
    with project.opened() as repository, pytest.raises(ManifestConflict, match="another manifest of that test"):
        apply(project.store, repository, [Resolution("tests/elsewhere", A, "", (other,))])

    assert present == project.store.manifest(A)


def test_an_id_like_a_marker_is_no_conflict(project: GitRepository) -> None:
    """What a parameter is called says nothing about a merge."""
    project.record("tests/test_a.py::test[<<<<<<< ours]", "x")

    assert [] == resolve(project)


def applied(project: GitRepository, how: str) -> None:
    """Bring in what the branch `side` did."""
    if how == "stash":
        project.git("checkout", "-q", "-B", "before", "main")
        put(project, A, streamed("one", "1", "stashed"))
        project.git("stash", "--include-untracked")
        project.git("checkout", "-q", "mine")
        project.git("stash", "pop", ok=False)
    else:
        project.git(how, "side", ok=False)


@pytest.mark.parametrize(
    ("how", "ours", "theirs"),
    [
        ("merge", "HEAD (mine)", 'MERGE_HEAD (side, {side} "work of side")'),
        ("rebase", "HEAD (the new base of the rebase)", 'REBASE_HEAD (mine, {mine} "work of mine")'),
        ("cherry-pick", "HEAD (mine)", 'CHERRY_PICK_HEAD (side, {side} "work of side")'),
        ("stash", "HEAD (mine)", "a stash or a patch that was applied"),
    ],
)
def test_a_person_is_told_which_side_is_whose(project: GitRepository, how: str, ours: str, theirs: str) -> None:
    """In a rebase, theirs is one's own branch; the names say so, and what is chosen is what they say."""
    part(
        project,
        lambda p: put(p, A, streamed("one", "1", "mine")),
        lambda p: put(p, A, streamed("one", "1", "side")),
    )
    commits = {name: project.git("rev-parse", name)[:12] for name in ("mine", "side")}
    applied(project, how)
    ending = {"merge": "side", "cherry-pick": "side", "rebase": "mine", "stash": "stashed"}[how]

    with project.opened() as repository:
        assert (ours, theirs.format(**commits)) == side_names(repository)
    assert ["took theirs"] == [one.how for one in resolve(project, "theirs")]
    manifest = project.store.manifest(A)
    assert manifest is not None
    assert [streamed("one", "1", ending)] == [project.store.get(entry) for entry in manifest.entries]


def test_a_sparse_checkout_is_settled(project: GitRepository) -> None:
    """What is in conflict is staged where the rest of the store is not checked out."""
    part(
        project,
        lambda p: put(p, A, streamed("one", "1", "mine")),
        lambda p: put(p, A, streamed("one", "1", "side")),
    )
    project.git("sparse-checkout", "set", "--no-cone", "/.recstore/.gitattributes", "/.recstore/README.md")
    project.git("merge", "side", ok=False)

    assert ["took ours"] == [one.how for one in resolve(project, "ours")]
    assert [] == in_conflict(project)
    assert format_manifest(parse_manifest(project.git("show", f":.recstore/{manifest_path(A)}").encode() + b"\n", A))


@pytest.fixture
def torn(project: GitRepository) -> GitRepository:
    """Return a project in which one test was recorded anew on both sides of a merge that is under way."""
    part(
        project,
        lambda p: put(p, A, streamed("one", "1", "mine")),
        lambda p: put(p, A, streamed("one", "1", "side")),
    )
    project.git("merge", "side", ok=False)
    return project


def test_what_was_recorded_again_since_is_not_written_over(torn: GitRepository) -> None:
    """Whoever records the test anew in the middle of a merge has settled it, whatever is chosen for the rest."""
    torn.forget(A)
    torn.store.put(A, [streamed("one", "1", "paid for just now")])

    assert ["kept as it is: it was settled in the work tree"] == [one.how for one in resolve(torn, "ours")]
    manifest = torn.store.manifest(A)
    assert manifest is not None
    assert [streamed("one", "1", "paid for just now")] == [torn.store.get(entry) for entry in manifest.entries]
    assert [] == in_conflict(torn)


@pytest.mark.parametrize("text", ["", "recstore 1\n=======\n", 'recstore 1\ntest "another"\n'])
def test_a_half_edited_manifest_settles_nothing(torn: GitRepository, text: str) -> None:
    """The index has both sides whole."""
    (torn.home / ".recstore" / manifest_path(A)).write_text(text)

    assert ["took ours"] == [one.how for one in resolve(torn, "ours")]


def test_a_word_that_means_no_conflict_is_an_error(torn: GitRepository) -> None:
    """A mistyped test does not read as if all were well; the path that Git prints is a word like any other."""
    path = f".recstore/{manifest_path(A)}"
    wrong = recstore(torn, "resolve", "--ours", "tests/test_typo.py")
    dry = recstore(torn, "resolve", "--ours", "--dry-run", path)
    told = recstore(torn, "resolve", "--json", path)
    right = recstore(torn, "resolve", "--ours", path)

    assert (10, True) == (wrong.returncode, "tests/test_typo.py: is not a manifest" in wrong.stderr)
    assert (0, "1 manifest would be settled and staged.\n") == (dry.returncode, dry.stderr)
    assert (41, "HEAD (mine)") == (told.returncode, json.loads(told.stdout)["ours"])
    assert "MERGE_HEAD (side" in json.loads(told.stdout)["theirs"]
    assert (0, []) == (right.returncode, in_conflict(torn))
