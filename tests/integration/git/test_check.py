"""What `recstore check` finds, and that what it says mends it does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from recstore.check.check import Check, _changed_files
from recstore.git.trees import IndexTree
from recstore.importers.run import ImportOptions, import_paths
from recstore.model import BlobName
from recstore.store import Store
from recstore.store.manifest import manifest_path
from recstore.store.rename import execute_moves, plan_moves
from tests import commands
from tests.git_repository import GitRepository
from tests.hooked import recstore

A, B, C = (f"tests/test_a.py::test_{name}" for name in "abc")
NOTHING = "0" * 40


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with two tests and their recordings, committed; they share one blob."""
    made = GitRepository.create(tmp_path / "a projéct")
    made.test_file("tests/test_a.py", "test_a", "test_b")
    made.record(A, "shared", "of a")
    made.record(B, "shared", "of b")
    made.commit()
    return made


def check(project: GitRepository, *arguments: str, data: str = "", **variables: str) -> tuple[int, list[str], str]:
    """Run `recstore check` in the project's folder; return its exit code, lines of output, and talk."""
    environment = {**project.environment(), **variables}
    done = commands.recstore(project.home, "check", *arguments, environment=environment, data=data)
    assert "defect of recstore" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr


def lose(project: GitRepository, blob: BlobName) -> None:
    """Remove a blob from the work tree."""
    (project.home / ".recstore" / blob.path).unlink()


def kinds(lines: list[str]) -> list[str]:
    """Return the kinds of the findings that were printed."""
    return sorted(line.partition(")")[0].lstrip("(") for line in lines if line.startswith("("))


def test_a_sound_project_says_what_was_looked_at(project: GitRepository) -> None:
    """Where nothing is missing, one line counts what was read."""
    code, lines, _ = check(project)

    assert (0, ["Nothing is missing: 2 tests, 3 blobs looked at in the work tree."]) == (code, lines)


@pytest.mark.parametrize("place", [(), ("--staged",), ("--commit", "HEAD"), ("--range", "HEAD~1..HEAD")])
def test_a_missing_blob_is_found_at_every_place(project: GitRepository, place: tuple[str, ...]) -> None:
    """A manifest that names what is not there is found in the work tree, the index, a commit and a range."""
    blob = project.record(C, "of c")
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    lose(project, blob)
    project.commit()

    code, lines, talk = check(project, *place)

    assert 10 == code
    assert f"(missing) {C} {blob}" == lines[0].partition("  in ")[0]
    assert "record again tests/test_a.py::test_c" in talk


def test_what_git_has_is_put_back(project: GitRepository) -> None:
    """`--fix` brings back a blob from history, and then nothing is missing."""
    blob = project.record(A, "shared", "of a")
    lose(project, blob)

    code, _, talk = check(project)
    assert (10, True) == (code, "recstore check --fix" in talk)
    code, lines, _ = check(project, "--fix")

    assert 0 == code
    assert lines[0].startswith(f"(healed) .recstore/{blob.path} from ")
    assert "" == project.git("status", "--porcelain")


@pytest.mark.parametrize("how", ["merge", "rebase", "cherry-pick", "stash pop"])
def test_the_silent_merge_is_found_and_healed(project: GitRepository, how: str) -> None:
    """One side drops a test and its blob, the other adds a test that shares it: Git sees no conflict, and one file is gone."""
    project.git("checkout", "-qb", "side")
    project.test_file("tests/test_b.py", "test_c")
    shared = project.record("tests/test_b.py::test_c", "of a")
    if how == "stash pop":
        project.git("stash", "push", "--include-untracked")
    else:
        project.commit("A test that shares a recording")
    project.git("checkout", "-q", "main")
    project.test_file("tests/test_a.py", "test_b")
    project.forget(A)
    lose(project, shared)
    project.commit("A test less")

    if how == "rebase":
        project.git("checkout", "-q", "side")
        project.git("rebase", "main")
    else:
        project.git(*{"merge": ["merge", "side"], "cherry-pick": ["cherry-pick", "side"]}.get(how, ["stash", "pop"]))
    before, _, _ = check(project)
    after, lines, _ = check(project, "--fix")

    assert (10, 0) == (before, after)
    assert ["healed"] == kinds(lines)
    assert project.has(shared)


def pushed(*lines: tuple[str, str]) -> str:
    """Return the standard input of a pre-push hook for these commits: (local, what the other side has)."""
    return "".join(
        f"refs/heads/x{place} {local} refs/heads/x{place} {known}\n" for place, (local, known) in enumerate(lines)
    )


def test_every_line_of_a_push_is_looked_at(project: GitRepository) -> None:
    """A missing recording on the second of two branches is found; a deletion is passed over."""
    old = project.git("rev-parse", "HEAD")
    blob = project.record(C, "of c")
    lose(project, blob)
    new = project.commit()

    code, lines, _ = check(project, "--pre-push", "origin", "url", data=pushed((old, old), (NOTHING, old), (new, old)))

    assert 10 == code
    assert [f"(missing) {C} {blob}"] == [line.partition("  in ")[0] for line in lines]


def test_a_new_branch_and_an_unknown_remote_commit_are_looked_at_from_what_remotes_have(project: GitRepository) -> None:
    """Without a commit to compare with, the whole history that no remote has is looked at."""
    blob = project.record(C, "of c")
    lose(project, blob)
    new = project.commit()

    new_branch, _, _ = check(project, "--pre-push", data=pushed((new, NOTHING)))
    forced, _, _ = check(project, "--pre-push", data=pushed((new, "1" * 40)))
    project.git("update-ref", "refs/remotes/origin/main", new)
    known, _, _ = check(project, "--pre-push", "origin", data=pushed((new, NOTHING)))

    assert (10, 10, 0) == (new_branch, forced, known)


def test_a_blob_that_a_push_takes_away_is_missed_by_whoever_names_it(project: GitRepository) -> None:
    """A commit that removes a blob and no manifest leaves tests behind that the commit did not touch."""
    base = project.git("rev-parse", "HEAD")
    named = [{entry.blob for entry in manifest.entries} for manifest in project.store.manifests()]
    [shared] = set.intersection(*named)
    lose(project, shared)
    new = project.commit()

    code, lines, talk = check(project, "--pre-push", data=pushed((new, base)))

    assert (10, ["missing", "missing"]) == (code, kinds(lines))
    assert "recstore check --fix && git add .recstore && git commit" in talk


def test_recordings_left_in_the_work_tree_are_found(project: GitRepository) -> None:
    """A test is pushed while its new recordings are not committed."""
    base = project.git("rev-parse", "HEAD")
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    new = project.commit()
    project.record(C, "of c")
    project.git("add", f".recstore/{manifest_path(C)}")
    project.record(A, "another answer")

    code, lines, talk = check(project, "--pre-push", data=pushed((new, base)))

    assert (10, ["uncommitted", "uncommitted"]) == (code, kinds(lines))
    assert "git add .recstore && git commit" in talk


MARKED = """\
import pytest

pytestmark = {module}


@pytest.mark.{function}
def test_one():
    pass


class TestMany:
    @pytest.mark.recstore(mode="replay")
    def test_two(self, model):
        pass

    @pytest.mark.skip
    @pytest.mark.vcr
    def test_three(self):
        pass
"""


def test_tests_that_ask_and_have_nothing_are_found(project: GitRepository) -> None:
    """Markers are read from the source; parameters count for their test; skipped tests do not ask."""
    project.write("tests/test_marked.py", MARKED.format(module="[]", function="vcr"))
    project.write("tests/helper.py", "import pytest\n\n\n@pytest.mark.vcr\ndef test_no():\n    pass\n")
    base = project.git("rev-parse", "HEAD")
    project.record("tests/test_marked.py::TestMany::test_two[gpt]", "of two")
    new = project.commit()

    _, lines, _ = check(project)
    code, pushed_lines, _ = check(project, "--pre-push", data=pushed((new, base)))

    assert ["(unrecorded) tests/test_marked.py::test_one"] == [line.partition("  in ")[0] for line in lines]
    assert (10, ["unrecorded"]) == (code, kinds(pushed_lines))


def test_configured_folders_ask_too(project: GitRepository) -> None:
    """With `tests = [...]` every test below asks for recordings."""
    project.write("recstore.toml", 'tests = ["tests/test_c*.py"]\n')
    project.test_file("tests/test_chat.py", "test_x")

    _, lines, _ = check(project)

    assert ["(unrecorded) tests/test_chat.py::test_x"] == [line.partition("  in ")[0] for line in lines]


def test_damage_and_conflicts_have_their_own_exit_codes(project: GitRepository) -> None:
    """A blob whose bytes do not fit is damage (20); a manifest with conflict markers is a conflict (41)."""
    base = project.git("rev-parse", "HEAD")
    blob = project.record(C, "of c")
    path = project.home / ".recstore" / blob.path
    path.write_bytes(path.read_bytes().replace(b"of c", b"of d"))
    damaged, lines, _ = check(project, "--pre-push", data=pushed((project.commit(), base)))
    manifest = project.home / ".recstore" / manifest_path(A)
    manifest.write_text("<<<<<<< ours\n=======\n>>>>>>> theirs\n" + manifest.read_text())
    conflict, _, talk = check(project)

    assert (20, ["damage"]) == (damaged, kinds(lines))
    assert (41, True) == (conflict, "recstore resolve" in talk)


def test_loose_recordings_of_a_source_are_found(project: GitRepository) -> None:
    """A file that another recorder wrote and that was never imported is found, with the command that imports it."""
    project.write("recstore.toml", 'sources = ["tests/*/recordings"]\n')
    project.write("tests/x/recordings/one.yaml", vcr_cassette("hello"))

    code, lines, talk = check(project)

    assert (10, ["(unimported) tests/x/recordings/one.yaml"]) == (code, lines)
    assert "recstore import tests/x/recordings/one.yaml" in talk


@pytest.mark.parametrize("way", ["variable", "configuration"])
def test_a_push_can_be_let_through(project: GitRepository, way: str) -> None:
    """Told so, the push goes on with a warning and the findings."""
    base = project.git("rev-parse", "HEAD")
    lose(project, project.record(C, "of c"))
    data = pushed((project.commit(), base))
    if way == "configuration":
        project.git("config", "recstore.allowIncompletePush", "true")
        code, lines, talk = check(project, "--pre-push", data=data)
    else:
        code, lines, talk = check(project, "--pre-push", data=data, RECSTORE_SKIP_PUSH="1")

    assert (0, ["missing"]) == (code, kinds(lines))
    assert "the push goes on" in talk


def test_findings_as_json_and_for_github(project: GitRepository) -> None:
    """Findings can be read by programs, and shown beside the test's line."""
    project.write("tests/test_marked.py", MARKED.format(module="pytest.mark.skip", function="vcr"))
    _, sound, _ = check(project, "--json")
    project.write("tests/test_marked.py", MARKED.format(module="None", function="vcr"))
    _, lines, _ = check(project, "--json")
    _, annotations, _ = check(project, "--format", "github")

    assert [] == json.loads(sound[0])["findings"]
    assert {"tests/test_marked.py::test_one", "tests/test_marked.py::TestMany::test_two"} == {
        finding["test"] for finding in json.loads(lines[0])["findings"]
    }
    assert (
        "::error file=tests/test_marked.py,line=7,title=recstore%3A unrecorded::(unrecorded) tests/test_marked.py::test_one"
        in "\n".join(annotations)
    )


def test_a_sparse_checkout_is_missing_nothing(project: GitRepository) -> None:
    """What a sparse checkout leaves out is absent, not missing."""
    project.git("sparse-checkout", "set", "--no-cone", "/*", "!/.recstore/blobs/")

    assert 0 == check(project)[0]


@pytest.mark.parametrize("options", [["--depth=1"], ["--filter=blob:none"]])
def test_shallow_and_partial_clones_can_be_checked(project: GitRepository, tmp_path: Path, options: list[str]) -> None:
    """A clone that has not everything is checked as far as its tip goes."""
    project.git("config", "uploadpack.allowFilter", "true")
    project.git("clone", "-q", *options, f"file://{project.folder}", str(tmp_path / "clone"))
    clone = project.at(tmp_path / "clone")

    assert [0, 0] == [check(clone)[0], check(clone, "--commit", "HEAD")[0]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--range", "HEAD"),
        ("--range", "HEAD..nothing"),
        ("--staged", "--pre-push"),
        ("origin",),
        ("--fix", "--commit", "HEAD"),
        ("--commit", ""),
        ("--range", ""),
    ],
)
def test_wrong_use_is_told(project: GitRepository, arguments: tuple[str, ...]) -> None:
    """Options that do not go together, and ranges that are none, are wrong use."""
    code, _, talk = check(project, *arguments)

    assert (2, True) == (code, "error: " in talk)


def test_colours_that_are_always_on_hide_nothing(project: GitRepository) -> None:
    """What Git prints is read as it is meant, whatever its user likes to look at."""
    base = project.git("rev-parse", "HEAD")
    project.git("config", "color.grep", "always")
    lose(project, project.store.read_manifest(manifest_path(B)).entries[0].blob)
    project.commit()

    assert "missing" in kinds(check(project, "--range", f"{base}..HEAD")[1])


@pytest.mark.parametrize("pattern", ["*.json", ".recstore/"])
def test_recordings_that_git_ignores_are_said_to_be(project: GitRepository, pattern: str) -> None:
    """Adding them again would not help, nor would recording them again."""
    base = project.git("rev-parse", "HEAD")
    project.write(".gitignore", f"{pattern}\n")
    project.write("tests/test_marked.py", "def test_one(recstore):\n    pass\n")
    project.record("tests/test_marked.py::test_one", "of one")
    new = project.commit()

    code, lines, talk = check(project, "--pre-push", data=pushed((new, base)))

    assert (10, ["missing" if pattern == "*.json" else "uncommitted"]) == (code, kinds(lines))
    assert "a .gitignore leaves it out" in talk


def test_a_project_in_a_subfolder_is_told_what_works_from_anywhere(tmp_path: Path) -> None:
    """A push is made from the top folder as well as from the project's."""
    project = GitRepository.create(tmp_path / "repository", "sub")
    blob = project.record(A, "of a")
    project.commit()
    lose(project, blob)
    project.commit()
    _, _, talk = check(project, "--commit", "HEAD")

    assert "recstore check --fix && git add :/sub/.recstore && git commit" in talk
    project.git("checkout", "HEAD~1", "--", "sub/.recstore/blobs")
    project.git("add", ":/sub/.recstore")
    project.git("commit", "--quiet", "-m", "mended")

    assert 0 == check(project, "--commit", "HEAD")[0]


def test_bytes_that_are_no_utf_8_are_told_as_json(project: GitRepository) -> None:
    """A file's name may hold any."""
    name = os.fsencode(project.home) + b"/tests/test_\xff.py"
    Path(os.fsdecode(name)).write_text("def test_one(recstore):\n    pass\n")

    code, lines, _ = check(project, "--json")

    assert (10, "tests/test_\udcff.py") == (code, json.loads(lines[0])["findings"][0]["path"])


def vcr_cassette(answer: str) -> str:
    """Return a cassette with one recording."""
    request = "- request:\n    body: null\n    headers: {}\n    method: GET\n    uri: http://example.com/\n"
    response = f"  response:\n    body:\n      string: {answer}\n    headers: {{}}\n    status:\n      code: 200\n      message: OK\n"
    return f"interactions:\n{request}{response}version: 1\n"


def test_imported_files_that_have_changed_are_found(project: GitRepository) -> None:
    """What is in them now is in no manifest; a file without recordings, or of a test that was renamed, is all right."""
    project.write("recstore.toml", f'sources = ["my cassettes", "{project.home}/abs*"]\n')
    project.write("my cassettes/one.yaml", vcr_cassette("hello"))
    project.write("my cassettes/settings.json", "{}")
    project.write("absolute/two.yaml", vcr_cassette("two"))
    before = check(project)[1]
    import_paths(project.store, (project.home / "my cassettes", project.home / "absolute"), ImportOptions())
    imported = check(project)[0]
    [old] = [test_id for test_id in project.store.tests() if "one" in test_id]
    execute_moves(project.store, plan_moves(project.store, old, "tests/test_a.py::test_renamed"))
    renamed = check(project)[0]
    project.write("my cassettes/one.yaml", vcr_cassette("goodbye"))
    code, lines, talk = check(project)

    assert ["(unimported) absolute/two.yaml", "(unimported) my cassettes/one.yaml"] == before
    assert (0, 0) == (imported, renamed)
    assert (10, ["(changed) my cassettes/one.yaml"]) == (code, lines)
    assert "recstore import 'my cassettes/one.yaml'" in talk


def test_a_manifest_that_cannot_be_used_hides_no_other_finding(project: GitRepository) -> None:
    """Which loose recordings were imported cannot be told then; all else is."""
    project.write("recstore.toml", 'sources = ["cassettes"]\n')
    project.write("cassettes/one.yaml", vcr_cassette("hello"))
    (project.home / ".recstore" / manifest_path(A)).write_text("nothing\n")
    (project.home / ".recstore" / manifest_path(B)).write_text("<<<<<<< a\n=======\n>>>>>>> b\n")

    code, lines, _ = check(project)

    assert (41, ["conflict", "damage"]) == (code, kinds(lines))


def test_a_project_inside_another_answers_for_itself(project: GitRepository) -> None:
    """Its tests have their recordings in the nearest store."""
    base = project.git("rev-parse", "HEAD")
    Store.create(project.home / "inner")
    inner = GitRepository(project.folder, "inner")
    project.write("inner/tests/test_in.py", "def test_one(recstore):\n    pass\n")
    project.write("inner_tests/test_out.py", "def test_one(recstore):\n    pass\n")
    project.git("add", "--all")
    staged = check(project, "--staged")[1]
    new = project.commit()
    places = [(), ("--commit", "HEAD"), ("--range", f"{base}..{new}")]

    assert ["(unrecorded) inner_tests/test_out.py::test_one  in Git's index"] == staged
    assert [["unrecorded"]] * 3 == [kinds(check(project, *place)[1]) for place in places]
    assert [["unrecorded"]] * 3 == [kinds(check(inner, *place)[1]) for place in places]


def damage(project: GitRepository, blob: BlobName, data: bytes = b"damaged") -> str:
    """Put other bytes into a blob; return its path from the project's folder."""
    (project.home / ".recstore" / blob.path).write_bytes(data)
    return f".recstore/{blob.path}"


BYTES = {"other bytes": b"damaged", "no bytes at all": b""}


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES)
def test_damage_is_found_before_it_is_committed(project: GitRepository, data: bytes) -> None:
    """In the work tree and in the index, in a file that Git knows and in a new one; each with what mends it there."""
    known = next(iter(project.store.blobs()))
    paths = {damage(project, known, data), damage(project, project.record(C, "of c"), data)}
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")

    here, lines, talk = check(project)
    project.git("add", "--all")
    staged, staged_lines, staged_talk = check(project, "--staged")

    assert (20, 20) == (here, staged)
    assert {f"(damage) {path}  in the work tree" for path in paths} == set(lines)
    assert {f"(damage) {path}  in Git's index" for path in paths} <= set(staged_lines)
    assert "2 findings: its bytes do not fit its name: `recstore verify --repair`\n" in talk
    assert "fit its name: `recstore verify --repair`, then `git add .recstore` and commit again\n" in staged_talk


def test_damage_of_the_index_alone_is_found_there_alone(project: GitRepository) -> None:
    """What is staged is read from Git, whatever the file says by now; and the other way round."""
    blob = next(iter(project.store.blobs()))
    file = project.home / ".recstore" / blob.path
    sound = file.read_bytes()
    damage(project, blob)
    project.git("add", "--all")
    file.write_bytes(sound)
    codes = [check(project)[0], check(project, "--staged")[0]]
    project.git("add", "--all")
    damage(project, blob)
    codes += [check(project)[0], check(project, "--staged")[0]]

    assert [0, 20, 20, 0] == codes


def test_what_mends_damage_mends_it_at_every_place(project: GitRepository) -> None:
    """The words of a push are those for a commit on top: after them the same push is sound."""
    base = project.git("rev-parse", "HEAD")
    blob = next(iter(project.store.blobs()))
    damage(project, blob)
    tip = project.commit()
    refused, _, talk = check(project, "--pre-push", data=pushed((tip, base)))
    repaired = recstore(project, "verify", "--repair")
    project.git("add", ".recstore")
    mended, _, _ = check(project, "--pre-push", data=pushed((project.commit(), base)))

    assert (
        "`recstore verify --repair`, then `git add .recstore && git commit` (or with --amend), and push again" in talk
    )
    assert (20, 0, 0) == (refused, repaired.returncode, mended)


def test_a_store_before_its_first_commit_is_looked_at_whole(tmp_path: Path) -> None:
    """There is no HEAD: everything is new."""
    made = GitRepository.create(tmp_path / "project")
    made.git("update-ref", "-d", "HEAD")
    path = damage(made, made.record(A, "of a"))
    made.test_file("tests/test_a.py", "test_a")

    here, lines, _ = check(made)
    made.git("add", "--all")
    staged, staged_lines, _ = check(made, "--staged")

    assert (20, 20) == (here, staged)
    assert [f"(damage) {path}  in the work tree", f"(damage) {path}  in Git's index"] == [*lines, *staged_lines]


def test_a_sound_store_costs_no_bytes_of_what_head_has(project: GitRepository) -> None:
    """Only what is new is read: bytes that HEAD has as they are here are for `verify`."""
    new = project.record(C, "of c")
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    with project.opened() as repository:
        assert [new.path] == [path for _, path in _changed_files(repository, "blobs")]
        project.git("add", "--all")
        staged = Check(project.store)
        staged.check_staged_blobs(IndexTree(repository))

    assert {new} == staged.blobs


def test_a_file_that_is_no_blob_is_found_among_the_blobs_until_it_is_gone(project: GitRepository) -> None:
    """A push would refuse it: so it is said before; its removal is nobody's trouble, staged or not."""
    project.write(".recstore/blobs/notes.txt", "mine")
    codes = [check(project)[0]]
    project.git("add", "--all")
    codes += [check(project, "--staged")[0]]
    project.commit()
    (project.home / ".recstore/blobs/notes.txt").unlink()
    codes += [check(project)[0]]
    project.git("add", "--all")
    codes += [check(project)[0], check(project, "--staged")[0]]

    assert [20, 20, 0, 0, 0] == codes


def test_a_blob_that_git_ignores_is_looked_at_where_it_is_used(project: GitRepository) -> None:
    """Replay reads it all the same."""
    project.write(".gitignore", "*.json\n")
    project.test_file("tests/test_a.py", "test_a", "test_b", "test_c")
    path = damage(project, project.record(C, "of c"))

    assert (20, [f"(damage) {path}  in the work tree"]) == check(project)[:2]
