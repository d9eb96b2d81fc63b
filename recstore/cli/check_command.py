"""`recstore check`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import click

from recstore.check.check import (
    Check,
    CommitRange,
    Finding,
    exit_code_of,
    manifest_finding,
    mend,
    parse_range,
    pushed_ranges,
    with_remedies,
)
from recstore.cli.output import echo, echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository, scan_of
from recstore.errors import Damage, ManifestConflict, UsageError
from recstore.git.repository import Repository
from recstore.git.trees import WORK_TREE, CommitTree, IndexTree, WorkTree
from recstore.project import Project
from recstore.store import FOLDER
from recstore.text import escape_control, plural

_SKIP_VARIABLE: Final = "RECSTORE_SKIP_PUSH"
_SKIP_SETTING: Final = "recstore.allowIncompletePush"
_NO_COMMIT: Final = "0" * 40

_IN_TEXT: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_IN_TEXT, **str.maketrans({":": "%3A", ",": "%2C"})}


@click.command("check")
@click.argument("remote", nargs=-1, metavar="[REMOTE] [URL]")
@click.option("--staged", is_flag=True, help="Look at what Git is about to commit.")
@click.option("--commit", "revision", metavar="REV", help="Look at this commit.")
@click.option("--range", "span", metavar="A..B", help="Look at what B has and A has not.")
@click.option("--pre-push", is_flag=True, help="Look at what a push would send: its hook's standard input says what.")
@click.option("--fix", is_flag=True, help="Put back what is missing here and Git has somewhere.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where nothing is wrong.")
@click.option(
    "--format", "layout", type=click.Choice(["text", "github"]), default="text", help="How to print findings."
)
@json_option
def command(*, as_json: bool, **options: object) -> None:
    """Find what is missing: recordings that tests name or ask for, in the work tree, a commit or a push.

    Without options it looks at the work tree. It reads test files and commits; it runs no test and checks nothing out.

    Blobs are compared with their names where they are new or changed: since HEAD, or in what a push brings. `recstore
    verify` reads all of them.
    """
    remote = options["remote"] if isinstance(options["remote"], tuple) else ()
    scopes = [name for name in ("staged", "revision", "span", "pre_push") if options[name]]
    if "" in (options["revision"], options["span"]):  # an unset variable in a script
        raise UsageError("--commit or --range", "names nothing", "Leave it out to look at the work tree.")
    if len(scopes) > 1:
        remedy = "Give one of --staged, --commit, --range, --pre-push."
        raise UsageError("check", "looks at one place at a time", remedy)
    if remote and not options["pre_push"]:
        remedy = "`recstore check --help` lists the places."
        raise UsageError(str(remote), "goes with --pre-push only", remedy)
    if options["fix"] and not {"staged"}.issuperset(scopes):
        raise UsageError("--fix", "mends the work tree, not a commit", "Run `recstore check --fix`, then commit.")
    project = open_project()
    with open_repository(project.store) as repository:
        result = _check(project, repository, options)
        healed: tuple[str, ...] = ()
        if options["fix"]:
            healed = mend(project.store, repository, result.findings, is_staged=bool(options["staged"]))
        if healed:
            result = _check(project, repository, options)
        findings = with_remedies(project.store, repository, result.findings)
        is_let_through = bool(options["pre_push"] and findings) and _may_push_incomplete(repository)
    if as_json:
        counts = {"places": result.places, "tests": result.tests, "blobs": len(result.blobs)}
        show_json({**counts, "findings": findings, "healed": healed, "let_through": is_let_through})
    else:
        _show(findings, healed, str(options["layout"]))
        if is_let_through:
            echo_err(f"warning: the push goes on, incomplete, because {_SKIP_VARIABLE} or {_SKIP_SETTING} says so.")
        elif not findings and not options["quiet"]:
            places = ", ".join(result.places) or "nothing that is new"
            tests, blobs = plural(result.tests, "test"), plural(len(result.blobs), "blob")
            echo(f"Nothing is missing: {tests}, {blobs} looked at in {places}.")
    if findings and not is_let_through:
        raise click.exceptions.Exit(exit_code_of(findings))


def _check(project: Project, repository: Repository, options: dict[str, object]) -> Check:
    check = Check(project.store, tuple(project.settings.tests))
    revision, span = (str(options[name] or "") for name in ("revision", "span"))
    ranges: list[CommitRange] = []
    if revision:
        check.check_tree(CommitTree(repository, repository.commit(revision)))
    elif options["staged"]:
        check.check_tree(IndexTree(repository))
    elif span:
        ranges = [parse_range(repository, span)]
    elif options["pre_push"]:
        remote = options["remote"]
        name = str(remote[0]) if isinstance(remote, tuple) and remote else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
        ranges = list(pushed_ranges(repository, _line_of_pre_commit() or sys.stdin.read(), name))
    else:
        check.check_tree(WorkTree(project.store, repository))
        check.findings.update(_unimported(project))
    for commits in ranges:
        check.check_range(repository, commits, scan_of(project))
    if ranges:
        check.findings.update(_unimported(project))
    return check


def _line_of_pre_commit() -> str:
    """Return the hook's input rebuilt from PRE_COMMIT_* variables; "" when not run by the pre-commit framework.

    The framework passes no commits for a branch that the remote does not have, and nothing for a run by hand.
    """
    if not os.environ.get("PRE_COMMIT"):
        return ""
    name = os.environ.get("PRE_COMMIT_LOCAL_BRANCH", "HEAD")
    local, known = os.environ.get("PRE_COMMIT_TO_REF", name), os.environ.get("PRE_COMMIT_FROM_REF", _NO_COMMIT)
    return f"{name} {local} {os.environ.get('PRE_COMMIT_REMOTE_BRANCH', name)} {known}"


def _unimported(project: Project) -> Iterator[Finding]:
    """Yield the files in configured sources that are not imported or have changed; or the manifests that hide that."""
    if not project.settings.sources:
        return
    from recstore.importers.scan import unimported_files

    manifests, unusable = [], []
    for path in project.store.manifest_paths():
        try:
            manifests.append(project.store.read_manifest(path))
        except (Damage, ManifestConflict) as error:
            unusable.append(manifest_finding(f"{FOLDER}/{path}", error, WORK_TREE))
    yield from unusable
    for name, is_known in [] if unusable else unimported_files(project.store, project.settings, manifests):
        remedy = f"recstore import {shlex.quote(name)}"
        yield Finding(kind="changed" if is_known else "unimported", subject=name, remedy=remedy, path=name)


def _may_push_incomplete(repository: Repository) -> bool:
    if os.environ.get(_SKIP_VARIABLE, "") not in ("", "0"):
        return True
    return any(value.lower() in ("true", "1", "yes", "on") for value in repository.git.configured(_SKIP_SETTING)[-1:])


def _show(findings: list[Finding], healed: tuple[str, ...], layout: str) -> None:
    """Print the findings; for GitHub as commands of its workflows, which it shows beside the line of the test.

    Shape: `::error file=...,line=...,title=...::text`.
    Source: GitHub's documentation, "Workflow commands", and the escapes of its toolkit.
    """
    for path in healed:
        echo(f"(healed) {path}")
    for finding in findings:
        if layout != "github":
            echo(str(finding))
            continue
        properties = {"file": finding.path, "line": str(finding.line or ""), "title": f"recstore: {finding.kind}"}
        stated = ",".join(
            f"{name}={escape_control(text).translate(_IN_PROPERTY)}" for name, text in properties.items() if text
        )
        text = f"{finding}\n{finding.remedy}" if finding.remedy else str(finding)
        echo(f"::error {stated}::{escape_control(text).translate(_IN_TEXT)}")
    by_remedy = sorted(findings, key=lambda finding: (finding.remedy, finding))
    for remedy, group in groupby(by_remedy, lambda finding: finding.remedy):
        echo_err(f"  {plural(len(list(group)), 'finding')}: {remedy}")
