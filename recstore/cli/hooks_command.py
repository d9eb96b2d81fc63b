"""`recstore hooks`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from recstore.cli.output import echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository
from recstore.git.hooks import HookState, hook_states, install_hooks, uninstall_hooks
from recstore.text import escape_control


@click.group("hooks")
def command() -> None:
    """Have Git call recstore: gc before a commit, a look for missing recordings before a push, healing after merges."""


@command.command("install")
@click.option("--force", is_flag=True, help="Also into a hooks folder that other repositories use.")
@json_option
def install_command(*, force: bool, as_json: bool) -> None:
    """Install the hooks, the merge driver for manifests, and readable diffs of blobs. Harmless to repeat.

    A hook that is there already is kept and run first.
    """
    store = open_project().store
    with open_repository(store) as repository:
        found = install_hooks(repository, sys.executable, is_forced=force)
    _show(found, as_json=as_json)
    if not as_json:
        echo_err("`git config recstore.preCommit check` makes the commit hook only look; `off` turns it off.")


@command.command("uninstall")
@json_option
def uninstall_command(*, as_json: bool) -> None:
    """Take the hooks away, and put back what was there before."""
    store = open_project().store
    with open_repository(store) as repository:
        _show(uninstall_hooks(repository), as_json=as_json)


@command.command("status")
@json_option
def status_command(*, as_json: bool) -> None:
    """Say which hooks are in place, and where."""
    store = open_project().store
    with open_repository(store) as repository:
        _show(hook_states(repository), as_json=as_json)


def _show(found: tuple[HookState, ...], *, as_json: bool) -> None:
    if as_json:
        show_json([asdict(hook) for hook in found])
        return
    for hook in found:
        more = ", with the one that was there first" if hook.is_chained else ""
        click.echo(escape_control(f"{hook.name:<14}{hook.state}{more}  {hook.path}"))
        if hook.note:
            click.echo(escape_control(f"{'':<14}{hook.note}"))
