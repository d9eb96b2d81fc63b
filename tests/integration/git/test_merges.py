"""Two branches come together: how many conflicts, with the driver and without; and that nothing is lost in any."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from recstore.git.history import find_blobs, heal
from recstore.model import BlobName, Json, JsonBody, Recording, Request, Response, StreamBody
from recstore.store.manifest import parse_manifest
from recstore.store.rename import execute_moves, plan_moves
from recstore.store.verify import verify_store
from tests import commands
from tests.git_repository import GitRepository, recording

ROOT = Path(__file__).resolve().parents[3]
A, B, C, D = (f"tests/test_a.py::test_{name}" for name in "abcd")


def recstore(project: GitRepository, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of recstore in the project's folder."""
    environment = {**project.environment(), "PYTHONPATH": str(ROOT)}
    return commands.recstore(project.home, *arguments, environment=environment)


def stream(text: str) -> Recording:
    """Return a recording of a streamed answer, long enough for Git to find two of them similar."""
    events: list[Json] = [
        {"data": {"id": "x", "choices": [{"index": 0, "delta": {"content": word}}]}} for word in text.split()
    ]
    question = "A question that is the same on both branches, and not a short one at that. " * 8
    request = Request("POST", "openai", "/v1/chat/completions", body=JsonBody({"q": question, "stream": True}))
    return Recording(request, Response(status=200, body=StreamBody("sse", [*events], "compact")))


def story(ending: str) -> Recording:
    """Return such a recording; only its end differs from another."""
    return stream("once upon a time there was a river that ran to the sea and " * 4 + ending)


def record_c(project: GitRepository) -> None:
    """Record a third test."""
    project.record(C, "of c")


def record_d(project: GitRepository) -> None:
    """Record a fourth test."""
    project.record(D, "of d")


def again_one(project: GitRepository) -> None:
    """Record the first test again, with another end."""
    project.store.put(A, [story("it was good"), recording("2", "two")])


def again_two(project: GitRepository) -> None:
    """Record the first test again, with yet another end."""
    project.store.put(A, [story("it was bad"), recording("2", "two")])


def again_more(project: GitRepository) -> None:
    """Record the first test again, with the same answers and one request more."""
    project.store.put(A, [story("the end"), recording("2", "two"), recording("3", "three")])


def rename(project: GitRepository) -> None:
    """Rename the first test, recordings and all."""
    execute_moves(project.store, plan_moves(project.store, A, D))
    project.test_file("tests/test_a.py", "test_b", "test_d")


def more(project: GitRepository) -> None:
    """Record the first test again, with one request more."""
    project.store.put(A, [story("the end"), recording("2", "two"), recording("9", "nine")])


def less(project: GitRepository) -> None:
    """Record the first test again, its second request left out."""
    project.store.put(A, [story("the end")])


def delete(project: GitRepository) -> None:
    """Remove the first test, and collect."""
    project.test_file("tests/test_a.py", "test_b")
    project.gc()


Step = Callable[[GitRepository], None]


@dataclass(frozen=True)
class Pair:
    """What either side does, and whether Git then sees a manifest in conflict, without the driver and with it."""

    name: str
    ours: Step
    theirs: Step
    is_plain_conflict: bool = False
    is_driven_conflict: bool = False


PAIRS = [
    Pair("different tests", record_c, record_d),
    Pair("the same test, the same answer", again_one, again_one),
    Pair("the same test, another answer", again_one, again_two, is_plain_conflict=True, is_driven_conflict=True),
    Pair("one answer anew, one request more", again_one, again_more, is_plain_conflict=True),
    Pair("renamed, and recorded anew", rename, again_one),
    Pair("removed, and another recorded", delete, record_c),
    Pair("removed, and recorded anew", delete, again_one, is_plain_conflict=True, is_driven_conflict=True),
    Pair("removed on both sides", delete, delete),
    Pair("renamed, and removed", rename, delete, is_plain_conflict=True, is_driven_conflict=True),
]


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with two tests, committed; the first has a streamed answer."""
    made = GitRepository.create(tmp_path / "project")
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.store.put(A, [story("the end"), recording("2", "two")])
    made.record(B, "of b")
    made.commit()
    return made


def part(project: GitRepository, ours: Step, theirs: Step) -> set[BlobName]:
    """Let two branches do their work; return every blob that a manifest of either named."""
    named: set[BlobName] = set()
    for branch, step in (("side", theirs), ("mine", ours)):
        project.git("checkout", "-q", "-b", branch, "main")
        step(project)
        named |= {entry.blob for manifest in project.store.manifests() for entry in manifest.entries}
        project.commit(branch)
    return named


@pytest.mark.parametrize("has_driver", [False, True], ids=["plain", "driven"])
@pytest.mark.parametrize("how", ["merge", "rebase", "cherry-pick"])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_nothing_recorded_is_lost(project: GitRepository, pair: Pair, how: str, *, has_driver: bool) -> None:
    """Conflicts are the ones in the table; once they are settled every manifest is whole, and every blob can be had."""
    if has_driver:
        recstore(project, "hooks", "install")
        for hook in (project.folder / ".git/hooks").glob("p*"):
            hook.unlink()
    named = part(project, pair.ours, pair.theirs)

    project.git(how, "side", ok=False)
    in_conflict = set(filter(None, project.git("diff", "--name-only", "--diff-filter=U").splitlines()))
    manifests = {path for path in in_conflict if not path.startswith(".recstore/blobs/")}
    settled = recstore(project, "resolve", "--both")

    assert (pair.is_driven_conflict if has_driver else pair.is_plain_conflict) == bool(manifests), manifests
    assert 0 == settled.returncode, settled.stderr
    assert "" == project.git("diff", "--name-only", "--diff-filter=U")
    with project.opened() as repository:
        heal(project.store, repository, [entry.blob for one in project.store.manifests() for entry in one.entries])
        found = {file.path for file in find_blobs(repository, named)}
    assert () == verify_store(project.store).problems
    assert len(named) == len(found)


@pytest.mark.parametrize(("choice", "times"), [("--ours", 1), ("--theirs", 1), ("--both", 2)])
def test_a_choice_settles_the_rest(project: GitRepository, choice: str, times: int) -> None:
    """Without a choice a true conflict stays open (41) and is told; with one it is settled, staged, and can be committed."""
    part(project, again_one, again_two)
    project.git("merge", "side", ok=False)
    open_ = recstore(project, "resolve")
    dry = recstore(project, "resolve", choice, "--dry-run")
    settled = recstore(project, "resolve", choice, "tests/test_a.py")

    assert (41, True) == (open_.returncode, "--ours, --theirs or --both" in open_.stderr)
    assert "ours is HEAD (mine); theirs is MERGE_HEAD" in open_.stderr
    assert (0, 0) == (dry.returncode, settled.returncode), settled.stderr
    project.git("commit", "-qm", "merged", "--no-verify")
    assert times == len(project.store.find(story("it was bad").request, A))
    assert () == verify_store(project.store).problems


def test_markers_that_were_staged_are_settled_too(project: GitRepository) -> None:
    """A manifest that was added with its marker lines is read from them."""
    part(project, again_one, again_two)
    recstore(project, "hooks", "install")
    project.git("merge", "side", ok=False)
    project.git("add", "--all")
    done = recstore(project, "resolve", "--theirs")

    assert 0 == done.returncode, done.stderr
    assert () == verify_store(project.store).problems


def test_nothing_in_conflict_says_so(project: GitRepository) -> None:
    """Without a conflict there is nothing to do."""
    done = recstore(project, "resolve")

    assert (0, "Nothing below .recstore is in conflict.\n") == (done.returncode, done.stdout)


def test_what_is_no_manifest_is_merged_by_lines(project: GitRepository, tmp_path: Path) -> None:
    """The driver leaves a file that it cannot read to Git's own way of merging."""
    for name, text in (("base", "1\n2\n3\n"), ("ours", "0\n1\n2\n3\n"), ("theirs", "1\n2\n3\n4\n")):
        (tmp_path / name).write_text(text)
    done = recstore(project, "merge-driver", *(str(tmp_path / name) for name in ("base", "ours", "theirs")), "x")

    assert (0, "0\n1\n2\n3\n4\n") == (done.returncode, (tmp_path / "ours").read_text())
    assert "merged line by line" in done.stderr


def test_a_clean_driven_merge_is_a_manifest(project: GitRepository) -> None:
    """What the driver makes of two changes that do not touch is read again."""
    recstore(project, "hooks", "install")
    part(project, less, more)
    done = project.git("merge", "side")

    data = next((project.home / ".recstore/tests/tests/test_a.py").glob("test_a*")).read_bytes()
    assert "CONFLICT" not in done
    assert 2 == len(parse_manifest(data, "x").entries)
