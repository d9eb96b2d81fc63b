"""`recstore hooks install`, `status` and `uninstall`: beside whatever is there, and out again without a trace."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from recstore.git.hooks import CHAINED_SUFFIX, HOOKS, OWN_FOLDER, hook_text, install_hooks
from tests.git_repository import GitRepository
from tests.hooked import IS_CONFIGURABLE, ROOT, B, committed_tests, drop_b, git, older_git, recstore, two_tests


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with a store and no hooks."""
    return GitRepository.create(tmp_path / 'the "projéct"')


def states(project: GitRepository) -> dict[str, str]:
    """Return hook -> state, as `status` says."""
    done = recstore(project, "hooks", "status", "--json")
    assert 0 == done.returncode, done.stderr
    return {hook["name"]: hook["state"] for hook in json.loads(done.stdout)}


def installed(project: GitRepository, *options: str) -> subprocess.CompletedProcess[str]:
    """Install the hooks, and return what was said."""
    done = recstore(project, "hooks", "install", *options)
    assert 0 == done.returncode, done.stderr
    return done


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return path -> (mode, bytes) of the configuration and of all hooks below a Git folder."""
    files = [folder / "config", *folder.glob("*hooks*/*")]
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes()) for path in files if path.is_file()
    }


def test_the_hooks_come_and_go_without_a_trace(project: GitRepository) -> None:
    """After `uninstall` every hook and the configuration are what they were, byte for byte and mode for mode."""
    folder = project.folder / ".git"
    foreign = folder / "hooks/pre-push"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_bytes(b"#!/bin/sh\r\n# \xff no UTF-8\n")
    foreign.chmod(0o750)
    project.git("config", "merge.recstore.recursive", "binary")
    before = everything(folder)
    assert {"not installed", "foreign"} >= set(states(project).values())
    done = installed(project, "--json")
    during = {hook["state"] for hook in json.loads(done.stdout)}
    again = everything(folder)
    installed(project)
    settled = everything(folder)
    gone = recstore(project, "hooks", "uninstall")

    assert {"installed"} == during
    assert again == settled
    assert before != settled
    assert 0 == gone.returncode, gone.stderr
    assert before == everything(folder)
    assert not (folder / OWN_FOLDER).exists()


def test_a_link_to_another_hook_comes_back_as_a_link(project: GitRepository) -> None:
    """A hook that is a symbolic link is neither followed nor replaced by what it leads to."""
    script = project.folder / "my hook"
    script.write_text("#!/bin/sh\nexit 0\n")
    link = project.folder / ".git/hooks/pre-commit"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(script)
    installed(project)
    recstore(project, "hooks", "uninstall")

    assert script == link.readlink()
    assert "#!/bin/sh\nexit 0\n" == script.read_text()


def test_the_drivers_are_set_up_and_run(project: GitRepository, tmp_path: Path) -> None:
    """Git is told how to merge manifests and show blobs, by the Python that was found, however its path is spelled."""
    odd = tmp_path / 'it\'s a "python"'
    odd.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    odd.chmod(0o755)
    with project.opened() as repository:
        install_hooks(repository, str(odd))
    blob = project.record("tests/test_a.py::test_a", "the answer")
    project.write("click.py", "raise SystemExit('what lies in the folder is not to be imported')")
    project.commit()
    shown = git(project, "show", "--textconv", f"HEAD:.recstore/{blob.path}")

    assert str(odd) == project.git("config", "recstore.python")
    assert str(odd) == shlex.split(project.git("config", "merge.recstore.driver"))[0]
    assert shlex.split(project.git("config", "merge.recstore.driver"))[1:5] == ["-P", "-m", "recstore", "merge-driver"]
    assert "true" == project.git("config", "diff.recstore.cachetextconv")
    assert 0 == shown.returncode, shown.stderr
    assert "the answer" in shown.stdout
    assert not shown.stdout.startswith("{")
    assert "refs/notes/textconv/recstore" in project.git("for-each-ref")

    installed(project)
    assert "refs/notes/textconv" not in project.git("for-each-ref")


KINDS = {
    "pre-commit": ["commit", "--allow-empty", "-m", "x"],
    "pre-push": ["push", "../remote.git", "HEAD:refs/heads/new"],
    "post-merge": ["merge", "-q", "side"],
    "post-checkout": ["checkout", "-q", "side"],
    "post-rewrite": ["commit", "--amend", "--allow-empty", "-m", "y"],
}


@pytest.mark.parametrize("name", KINDS)
def test_a_hook_that_was_there_is_run_as_before(project: GitRepository, name: str) -> None:
    """A foreign hook of every kind gets the arguments and the input, to the byte, that it gets without recstore."""
    project.git("init", "--quiet", "--bare", "../remote.git")
    project.git("branch", "-q", "start")
    project.git("checkout", "-qb", "side")
    project.commit()
    project.git("checkout", "-q", "main")
    foreign = project.folder / ".git/hooks" / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text('#!/bin/sh\nprintf "<%s>" "$@" >> ../seen\ncat >> ../seen\necho " in $PWD" >> ../seen\n')
    foreign.chmod(0o755)

    seen = []
    for prepare in (lambda: None, lambda: installed(project)):
        prepare()
        project.git("checkout", "-q", "-B", "main", "start")
        project.git("push", "-q", "../remote.git", ":refs/heads/new", "--no-verify", ok=False)
        (project.folder / "../seen").write_text("")
        done = git(project, *KINDS[name], GIT_COMMITTER_DATE="1700000000 +0000", GIT_AUTHOR_DATE="1700000000 +0000")
        assert 0 == done.returncode, done.stderr
        seen.append((project.folder / "../seen").read_text())

    assert seen[0] == seen[1] != ""
    chained = json.loads(recstore(project, "hooks", "status", "--json").stdout)
    assert ([] if IS_CONFIGURABLE else [name]) == [hook["name"] for hook in chained if hook["is_chained"]]


def test_a_push_of_nothing_gives_a_foreign_hook_no_line(project: GitRepository) -> None:
    """Where Git gives its hook no input there is none, rather than an empty line."""
    project.git("init", "--quiet", "--bare", "../remote.git")
    project.git("push", "-q", "../remote.git", "main")
    foreign = project.folder / ".git/hooks/pre-push"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("#!/bin/sh\nwc -c > ../seen\n")
    foreign.chmod(0o755)
    installed(project)
    git(project, "push", "../remote.git", "main")

    assert "0" == (project.folder / "../seen").read_text().strip()


@pytest.mark.parametrize("name", ["pre-commit", "pre-push"])
def test_a_hook_that_was_there_is_heeded(project: GitRepository, name: str) -> None:
    """What a foreign hook refuses is refused, whatever recstore would say."""
    project.git("init", "--quiet", "--bare", "../remote.git")
    foreign = project.folder / ".git/hooks" / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("#!/bin/sh\necho 'not today' >&2\nexit 3\n")
    foreign.chmod(0o755)
    installed(project)
    done = git(project, *KINDS[name])

    assert 0 != done.returncode
    assert "not today" in done.stderr


@older_git
def test_a_hook_that_git_ignores_stays_ignored(project: GitRepository) -> None:
    """A foreign file that may not be executed is kept and not run, as before."""
    foreign = project.folder / ".git/hooks/pre-commit"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("#!/bin/sh\nexit 3\n")
    foreign.chmod(0o644)
    installed(project)

    assert 0 == git(project, "commit", "--allow-empty", "-m", "x").returncode
    recstore(project, "hooks", "uninstall")
    assert 0o644 == foreign.stat().st_mode & 0o777


@older_git
def test_an_older_hook_is_replaced_and_a_newer_one_kept(project: GitRepository) -> None:
    """What an older recstore wrote is brought up to date; what a newer one wrote is left."""
    installed(project)
    older, newer = (project.folder / ".git/hooks" / name for name in ("pre-push", "pre-commit"))
    older.write_text(hook_text("pre-push").replace("# recstore hook 1:", "# recstore hook 0:"))
    newer.write_text(hook_text("pre-commit").replace("# recstore hook 1:", "# recstore hook 99:"))
    (project.folder / ".git/hooks/post-merge").chmod(0o644)
    before = states(project)
    installed(project)

    assert ("outdated", "installed", "not executable") == tuple(
        before[name] for name in ("pre-push", "pre-commit", "post-merge")
    )
    assert {"installed"} == set(states(project).values())
    assert hook_text("pre-push") == older.read_text()
    assert "# recstore hook 99:" in newer.read_text()
    assert not older.with_name(f"pre-push{CHAINED_SUFFIX}").exists()


@older_git
def test_a_third_hook_is_refused_and_nothing_changed(project: GitRepository) -> None:
    """Where another tool has written over recstore's hook, the one kept before it is not thrown away for it."""
    hooks = project.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / f"pre-push{CHAINED_SUFFIX}").write_text("#!/bin/sh\n# first\n")
    (hooks / "pre-push").write_text("#!/bin/sh\n# second\n")
    before = everything(project.folder / ".git")
    done = recstore(project, "hooks", "install")

    assert 2 == done.returncode
    assert "Make one hook of the two" in done.stderr
    assert before == everything(project.folder / ".git")


@older_git
@pytest.mark.parametrize(
    ("scope", "stated", "code"),
    [
        ("--global", "{outside}", 2),
        ("--local", "{outside}", 2),
        ("--local", "", 2),
        ("--local", "my hooks", 0),
        ("--global", ".githooks", 0),
        ("--local", "{inside}/hooks of mine", 0),
    ],
)
def test_the_configured_hooks_folder_is_respected(
    project: GitRepository, tmp_path: Path, scope: str, stated: str, code: int
) -> None:
    """Hooks go where Git looks for them; out of the repository only when told."""
    setting = stated.format(outside=tmp_path / "outside", inside=project.folder)
    project.git("config", scope, "core.hooksPath", setting)
    done = recstore(project, "hooks", "install")

    assert code == done.returncode, done.stderr
    assert not (project.folder / ".git/hooks/pre-commit").exists()
    if code:
        assert f"core.hooksPath = {setting}" in done.stderr
        assert "git config core.hooksPath" in done.stderr
        assert not (tmp_path / "outside").exists()
        assert "" == project.git("config", "--local", "--get-regexp", "recstore", ok=False)
    else:
        assert (project.folder / setting / "pre-commit").exists()
        assert {"installed"} == set(states(project).values())


@older_git
def test_a_folder_outside_is_written_to_when_told(project: GitRepository, tmp_path: Path) -> None:
    """`--force` installs into the folder of all repositories; `uninstall` takes the hooks out of it."""
    project.git("config", "--global", "core.hooksPath", str(tmp_path / "for all"))
    installed(project, "--force")
    found = {path.name for path in (tmp_path / "for all").iterdir()}
    recstore(project, "hooks", "uninstall")

    assert set(HOOKS) == found
    assert [] == list((tmp_path / "for all").iterdir())


@older_git
def test_hooks_that_a_setting_has_turned_off_are_said_to_be(project: GitRepository) -> None:
    """`core.hooksPath` set afterwards disables what is installed: `status` says so, and `install` moves along."""
    installed(project)
    project.git("config", "core.hooksPath", "elsewhere")
    said = recstore(project, "hooks", "status")
    before = states(project)
    installed(project)

    assert {"disabled"} == set(before.values())
    assert "core.hooksPath = elsewhere leads elsewhere" in said.stdout
    assert {"installed"} == set(states(project).values())
    assert not (project.folder / ".git/hooks/pre-commit").exists()


def test_a_linked_work_tree_installs_for_all(project: GitRepository, tmp_path: Path) -> None:
    """Installed from a second work tree, the hooks are in the one place that all work trees share."""
    project.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "linked")
    installed(project.at(tmp_path / "second"))

    assert {"installed"} == set(states(project).values())
    assert not (project.folder / ".git/worktrees/second/hooks").exists()


def test_a_submodule_has_hooks_of_its_own(tmp_path: Path) -> None:
    """Installed in a submodule, the hooks are the submodule's, and work there."""
    inner = two_tests(tmp_path / "inner")
    outer = GitRepository.create(tmp_path / "outer")
    outer.git("submodule", "--quiet", "add", str(inner.folder), "a module")
    module = GitRepository(outer.folder / "a module")
    module.git("config", "user.name", "A Tester")
    module.git("config", "user.email", "tester@localhost")
    done = recstore(module, "hooks", "install")
    assert 0 == done.returncode, done.stderr
    drop_b(module)
    committed = git(module, "commit", "-a", "-m", "x")

    assert 0 == committed.returncode, committed.stderr
    assert {"test_a"} == committed_tests(module)
    assert {"not installed"} == set(states(outer).values())


def test_a_repository_that_is_moved_keeps_its_hooks(tmp_path: Path) -> None:
    """Nothing that is installed names the repository's own path."""
    project = two_tests(tmp_path / "before")
    drop_b(project)
    moved = GitRepository(project.folder.rename(tmp_path / "after it's moved"))
    done = git(moved, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert not moved.has_manifest(B)


@pytest.mark.skipif(not IS_CONFIGURABLE, reason="this Git takes no hooks from its configuration")
def test_newer_gits_run_the_hooks_beside_all_others(tmp_path: Path) -> None:
    """They are named by the configuration, and whatever is in the hooks folder is left as it is, and run."""
    project = two_tests(tmp_path / "project")
    foreign = project.folder / ".git/hooks/pre-commit"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("#!/bin/sh\necho foreign >&2\n")
    foreign.chmod(0o755)
    drop_b(project)
    done = git(project, "commit", "-a", "-m", "x")

    assert 0 == done.returncode, done.stderr
    assert "foreign" in done.stderr
    assert not project.has_manifest(B)
    assert "#!/bin/sh\necho foreign >&2\n" == foreign.read_text()


@pytest.mark.skipif(not IS_CONFIGURABLE, reason="this Git takes no hooks from its configuration")
def test_newer_gits_take_over_what_older_ones_had(tmp_path: Path) -> None:
    """A hook in the folder, from before Git was upgraded, is moved into the configuration rather than run twice."""
    project = GitRepository.create(tmp_path / "project")
    hooks = project.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        (hooks / name).write_text(hook_text(name))
        (hooks / name).chmod(0o755)
    (hooks / f"pre-push{CHAINED_SUFFIX}").write_text("#!/bin/sh\n# foreign\n")
    before = states(project)
    installed(project)

    assert {"disabled"} == set(before.values())
    assert {"installed"} == set(states(project).values())
    assert "#!/bin/sh\n# foreign\n" == (hooks / "pre-push").read_text()
    assert not (hooks / "pre-commit").exists()


@pytest.mark.skipif(not IS_CONFIGURABLE, reason="this Git takes no hooks from its configuration")
@pytest.mark.parametrize(
    ("name", "value"), [("hook.recstore-pre-push.enabled", "false"), ("hook.recstore-pre-push.command", "true")]
)
def test_newer_gits_say_what_is_turned_off(project: GitRepository, name: str, value: str) -> None:
    """A hook that the configuration disables, or puts another command in place of, is said to be disabled."""
    installed(project)
    project.git("config", name, value)

    assert {"pre-push"} == {hook for hook, state in states(project).items() if state == "disabled"}


def test_the_files_in_hooks_are_the_ones_that_are_installed() -> None:
    """The folder `hooks/` has what `recstore hooks install` writes, to the letter, and no other file; all are short."""
    files = {path.name: path.read_bytes() for path in (ROOT / "hooks").iterdir()}

    assert {name: hook_text(name).encode() for name in HOOKS} == files
    assert max(text.count(b"\n") for text in files.values()) <= 25


@older_git
def test_a_hook_of_the_pre_commit_framework_is_not_run_in_a_circle(project: GitRepository) -> None:
    """Installed once more, the framework's hook runs recstore's, which does not run the copy of it that it has kept."""
    hooks = project.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    framework = hooks / "pre-commit"
    text = "#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\necho ran >> ../ran\n"
    framework.write_text(text)
    framework.chmod(0o755)
    installed(project)
    once = git(project, "commit", "--allow-empty", "-m", "x")
    framework.rename(hooks / "pre-commit.legacy")
    framework.write_text(text + 'exec "$(dirname "$0")/pre-commit.legacy" "$@"\n')
    framework.chmod(0o755)
    chained = [
        hook["name"] for hook in json.loads(recstore(project, "hooks", "status", "--json").stdout) if hook["is_chained"]
    ]
    again = git(project, "commit", "--allow-empty", "-m", "x")

    assert (0, 0) == (once.returncode, again.returncode), again.stderr
    assert ["pre-commit"] == chained
    assert "ran\nran\n" == (project.folder / "../ran").read_text()
    recstore(project, "hooks", "uninstall")
    assert ["pre-commit"] == [path.name for path in hooks.iterdir() if not path.name.endswith(".sample")]
