"""`recstore hooks`, and `recstore hook EVENT`: what the installed hooks call once Git has said that recordings differ."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from recstore.cli.output import echo, echo_err, echo_error, json_option, show_json
from recstore.cli.project import open_project
from recstore.errors import RecstoreError, UsageError
from recstore.files import FOLDER
from recstore.git.hooks import HOOKS, hook_states, install_hooks, uninstall_hooks
from recstore.git.program import Git
from recstore.git.repository import Repository, operation_in_progress

_REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


@click.command("hooks")
@click.argument("action", type=click.Choice(["install", "uninstall", "status"]))
@click.option("--force", is_flag=True, help="Install also into a hooks folder that other repositories use.")
@json_option
def hooks_command(action: str, *, force: bool, as_json: bool) -> None:
    """Have Git call recstore: gc before a commit, a look for missing recordings before a push, healing after merges.

    `install` puts in place the hooks, the merge driver for manifests, and readable diffs of blobs; it is harmless to repeat. A
    hook that is there already is kept and run first. `uninstall` takes the hooks away, and puts back what was there
    before. `status` says which hooks are in place, and where.
    """
    if force and action != "install":
        raise UsageError("--force", f"does not go with `{action}`", "Leave it out.")
    with Repository(open_project().store.directory.root, os.environ) as repository:
        if action == "install":
            hooks = install_hooks(repository, sys.executable, is_forced=force)
        else:
            hooks = uninstall_hooks(repository) if action == "uninstall" else hook_states(repository)
    if as_json:
        show_json(hooks)
        return
    for hook in hooks:
        echo(f"{hook.name:<14}{hook.state}{', with the one that was there first' * hook.is_chained}  {hook.path}")
        if hook.note:
            echo(f"{'':<14}{hook.note}")
    if action == "install":
        echo_err("`git config recstore.preCommit check` makes the commit hook only look; `off` turns it off.")


@click.command("hook", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("event", type=click.Choice(HOOKS))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def hook_command(event: str, arguments: tuple[str, ...]) -> int:
    """Do what a commit, a push, a merge, a checkout or a rebase asks of recstore, in every project of the repository.

    Runs in the top folder of the work tree, with the variables, arguments and input of Git's hook EVENT.
    """
    try:
        code = _run_hook(event, arguments)
    except RecstoreError as error:
        echo_error(error)
        code = error.exit_code
    return code if event.startswith("pre-") else 0  # nothing that has happened already can be stopped


def _run_hook(event: str, arguments: tuple[str, ...]) -> int:
    stated = {name: os.environ[name] for name in _REPOSITORY_VARIABLES if name in os.environ}
    git = Git(Path.cwd(), os.environ, stated)
    # This repository, wherever a project lies in it: a folder that looks like another one may have been committed.
    repository = {"GIT_DIR": git.text("rev-parse", "--absolute-git-dir"), "GIT_WORK_TREE": str(Path.cwd())}
    os.environ.update(repository)
    git = git.with_variables(**repository, GIT_LITERAL_PATHSPECS="0")
    marks = git.fields("ls-files", "-z", "--deduplicate", "--", f":(glob)**/{FOLDER}/.gitattributes")
    stores = [Path(mark).parent.absolute() for mark in marks]
    projects = [store.parent for store in stores if store.is_dir()]  # not all need be checked out
    if event == "pre-push":
        lines = sys.stdin.read()  # what the push would send: every project reads it
        return _in_each(projects, "check", "--pre-push", "--quiet", "--", *arguments, data=lines)
    if not projects:
        return 0
    with Repository(projects[0] / FOLDER, os.environ) as opened:  # one repository holds all projects
        is_under_way = operation_in_progress(opened) is not None
    if event == "pre-commit":
        return _before_commit(git, projects, is_under_way=is_under_way)
    is_finished = event == "post-merge" or (event, arguments[:1]) == ("post-rewrite", ("rebase",))
    if is_under_way and not is_finished:  # a rebase calls at its end, with its files still there
        return 0
    # What Git dropped and a manifest still names is put back and staged: a file that Git does not know would be in the
    # way of the next checkout. What is not found is for `check` to report.
    printed = io.StringIO()
    with redirect_stdout(printed):
        _in_each(projects, "check", "--staged", "--fix", "--json")
    for line in printed.getvalue().splitlines():
        for path in json.loads(line)["healed"]:
            echo_err(f"recstore put back, and staged: {path}")
    return 0


def _before_commit(git: Git, projects: list[Path], *, is_under_way: bool) -> int:
    """Collect, or only look, as `recstore.preCommit` says; what a merge dropped is put back. Return the exit code."""
    mode = "".join(git.configured("recstore.preCommit")[-1:]) or "gc"
    if mode == "off":
        return 0
    if mode not in ("gc", "check"):
        echo_err(f"warning: recstore.preCommit is {mode!r}, not gc, check or off: nothing is removed, only checked.")
    changed = ("diff", "--cached", "--name-only", "--", ":(glob)**/*.py", f":(glob){FOLDER}/**")
    concerned = [project for project in projects if git.in_folder(project).run(*changed)]
    if not is_under_way:
        return _in_each(concerned, "gc" if mode == "gc" else "check", "--staged", "--quiet")
    if _in_each(concerned, "check", "--staged", "--fix", "--quiet"):
        echo_err("warning: the commit goes on all the same; `recstore check` says more.")
    return 0


def _in_each(projects: list[Path], name: str, *arguments: str, data: str = "") -> int:
    """Run a command in each project's folder, `data` its input; return the last exit code that is not 0."""
    from recstore.cli.check_command import check_command
    from recstore.cli.gc_command import gc_command

    program = check_command if name == "check" else gc_command
    code = 0
    for project in projects:
        os.chdir(project)
        sys.stdin = io.StringIO(data)
        try:
            done = program.main(list(arguments), prog_name=f"recstore {name}", standalone_mode=False)
        except RecstoreError as error:
            echo_error(error)
            done = error.exit_code
        code = done or code
    return code
