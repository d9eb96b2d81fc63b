"""`recstore check` and `recstore verify`: what is missing, by names; and what is damaged, by every byte."""

from __future__ import annotations

import os
import shlex
import sys
import time
from contextlib import ExitStack
from itertools import groupby
from typing import Any, Final

import click

from recstore.check.check import (
    Check,
    Finding,
    FindingKind,
    exit_code_of,
    manifest_finding,
    mend,
    parse_range,
    pushed_ranges,
    with_remedies,
)
from recstore.check.restore import Repaired, repair
from recstore.cli.output import echo, echo_err, echo_error, json_option, progress, show_json, show_secrets
from recstore.cli.project import open_project, scan_of
from recstore.errors import Damage, GitError, ManifestConflict, RecstoreError, SecretFound, UsageError
from recstore.git.repository import Repository
from recstore.git.trees import WORK_TREE, CommitTree, IndexTree, WorkTree
from recstore.project import Project
from recstore.secrets.scan import StoredSecret, scan_store
from recstore.store import FOLDER
from recstore.store.verify import VerifyReport, verify_store
from recstore.text import escape_control, human_size, plural

_SKIP_VARIABLE: Final = "RECSTORE_SKIP_PUSH"
_SKIP_SETTING: Final = "recstore.allowIncompletePush"

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
@click.option("--format", "layout", type=click.Choice(["text", "github"]), default="text", help="How findings look.")
@json_option
def check_command(*, as_json: bool, remote: tuple[str, ...], **options: Any) -> int:
    """Find what is missing: recordings that tests name or ask for, in the work tree, a commit or a push.

    Without options it looks at the work tree. It reads test files and commits; it runs no test and checks nothing out.

    Blobs are compared with their names where they are new or changed: since HEAD, or in what a push brings. `recstore
    verify` reads all of them.
    """
    scopes = [name for name in ("staged", "revision", "span", "pre_push") if options[name]]
    if "" in (options["revision"], options["span"]):  # an unset variable in a script
        raise UsageError("--commit or --range", "names nothing", "Leave it out to look at the work tree.")
    if len(scopes) > 1:
        raise UsageError(
            "check", "looks at one place at a time", "Give one of --staged, --commit, --range, --pre-push."
        )
    if remote and not options["pre_push"]:
        raise UsageError(" ".join(remote), "goes with --pre-push only", "`recstore check --help` lists the places.")
    if options["fix"] and not {"staged"}.issuperset(scopes):
        raise UsageError("--fix", "mends the work tree, not a commit", "Run `recstore check --fix`, then commit.")
    project = open_project()
    with Repository(project.store.directory.root, os.environ) as repository:
        result = _check(project, repository, remote, options)
        healed: tuple[str, ...] = ()
        if options["fix"]:
            healed = mend(project.store, repository, result.findings, is_staged=options["staged"])
        if healed:
            result = _check(project, repository, remote, options)
        findings = with_remedies(project.store, repository, result.findings)
        is_let_through = bool(options["pre_push"] and findings) and (
            os.environ.get(_SKIP_VARIABLE, "") not in ("", "0")
            or "".join(repository.git.configured(_SKIP_SETTING)[-1:]).lower() in ("true", "1", "yes", "on")
        )
    if as_json:
        counts = {"places": result.places, "tests": result.tests, "blobs": len(result.blobs)}
        show_json({**counts, "findings": findings, "healed": healed, "let_through": is_let_through})
    else:
        _show_findings(findings, healed, options["layout"])
        if is_let_through:
            echo_err(f"warning: the push goes on, incomplete, because {_SKIP_VARIABLE} or {_SKIP_SETTING} says so.")
        elif not findings and not options["quiet"]:
            places = ", ".join(result.places) or "this push, which brings nothing new"
            tests, blobs = plural(result.tests, "test"), plural(len(result.blobs), "blob")
            echo(f"Nothing is missing: {tests}, {blobs} looked at in {places}.")
    return exit_code_of(findings) if findings and not is_let_through else 0


def _check(project: Project, repository: Repository, remote: tuple[str, ...], options: dict[str, Any]) -> Check:
    store, settings = project.store, project.settings
    check = Check(store, tuple(settings.tests))
    if options["revision"] or options["staged"]:
        commit = repository.commit(options["revision"]) if options["revision"] else ""
        check.check_tree(CommitTree(repository, commit) if commit else IndexTree(repository))
        return check
    if options["span"]:
        ranges = [parse_range(repository, options["span"])]
    elif options["pre_push"]:
        # The pre-commit framework states no commits for a branch that the remote does not have, nothing for a run by hand.
        environ = os.environ
        branch, known = environ.get("PRE_COMMIT_LOCAL_BRANCH", "HEAD"), environ.get("PRE_COMMIT_FROM_REF", "0" * 40)
        local, target = environ.get("PRE_COMMIT_TO_REF", branch), environ.get("PRE_COMMIT_REMOTE_BRANCH", branch)
        line = f"{branch} {local} {target} {known}" if environ.get("PRE_COMMIT") else sys.stdin.read()
        name = remote[0] if remote else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
        ranges = list(pushed_ranges(repository, line, name))
        if not ranges:
            return check
    else:
        ranges = []
        check.check_tree(WorkTree(store, repository))
    for commits in ranges:
        check.check_range(repository, commits, scan_of(project))
    if not settings.sources:
        return check
    from recstore.importers.scan import unimported_files

    # Files in configured sources that are not imported or have changed; or the manifests that hide that.
    manifests, paths = [], list(store.manifest_paths())
    for path in paths:
        try:
            manifests.append(store.read_manifest(path))
        except (Damage, ManifestConflict) as error:
            check.findings.add(manifest_finding(f"{FOLDER}/{path}", error, WORK_TREE))
    for name, is_known in unimported_files(store, settings, manifests) if len(manifests) == len(paths) else ():
        kind: FindingKind = "changed" if is_known else "unimported"
        remedy = f"recstore import {shlex.quote(name)}"
        check.findings.add(Finding(kind=kind, subject=name, remedy=remedy, path=name))
    return check


def _show_findings(findings: list[Finding], healed: tuple[str, ...], layout: str) -> None:
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
        escaped = {name: escape_control(text).translate(_IN_PROPERTY) for name, text in properties.items()}
        stated = ",".join(f"{name}={text}" for name, text in escaped.items() if text)
        text = f"{finding}\n{finding.remedy}".rstrip("\n")
        echo(f"::error {stated}::{escape_control(text).translate(_IN_TEXT)}")
    by_remedy = sorted(findings, key=lambda finding: (finding.remedy, finding))
    for remedy, group in groupby(by_remedy, lambda finding: finding.remedy):
        echo_err(f"  {plural(len(list(group)), 'finding')}: {remedy}")


@click.command("verify")
@click.option("--fast", is_flag=True, help="Trust blobs that were sound before and have not been written since.")
@click.option("--repair", is_flag=True, help="Put back what Git has; other damaged blobs go to a folder of Git's own.")
@click.option("--secrets", is_flag=True, help="Look for keys, tokens and passwords, too.")
@json_option
def verify_command(*, fast: bool, secrets: bool, as_json: bool, **options: bool) -> int:
    """Check every byte: names against contents, requests against keys, manifests against blobs."""
    project = open_project()
    store, workers = project.store, os.cpu_count() or 1
    with progress("Verifying") as step:
        report = verify_store(store, workers, step, is_fast=fast)
    repaired = Repaired((), ())
    if options["repair"] and (report.damaged_files or report.missing_files):
        with ExitStack() as stack:
            try:
                repository = stack.enter_context(Repository(store.directory.root, os.environ))
            except GitError as error:
                echo_err(f"warning: nothing can be put back: {error.subject}: {error.reason}")
                repository = None
            repaired = repair(store, repository, report.damaged_files, report.missing_files)
        with progress("Verifying") as step:  # what was sound a moment ago is not read again
            report = verify_store(store, workers, step, is_fast=True)
    found: list[StoredSecret] = []
    unread: list[RecstoreError] = []
    if secrets:
        with progress("Looking for secrets") as step:
            found, unread = scan_store(store, scan_of(project), workers, step)
    if as_json:
        files = [{"file": f"{FOLDER}/{file.path}", "from": file.location} for file in repaired.files]
        more = {"secrets": found} if secrets else {}
        show_json(report, quarantined=repaired.quarantined, repaired=files, **more)
    else:
        _show_report(report, repaired)
        if secrets:
            show_secrets(found)
            not_read = f" {plural(len(unread), 'file')} could not be read for it." if unread else ""
            echo((f"{plural(len(found), 'secret')} found." if found else "No secret was found.") + not_read)
        if found:
            echo_err(SecretFound.default_remedy)
    problems = sorted(report.problems, key=lambda error: not isinstance(error, Damage))  # damage counts most
    return problems[0].exit_code if problems else SecretFound.exit_code if found else 0


def _show_report(report: VerifyReport, repaired: Repaired) -> None:
    for file in repaired.files:
        lack = "" if file.path.startswith("blobs/") else ", which may lack what was recorded since"
        echo_err(f"put back from {file.location}{lack}: {FOLDER}/{file.path}")
    for path in repaired.quarantined:
        echo_err(f"what was damaged is in {os.path.relpath(path)}")
    for problem in report.problems:
        echo_error(problem)
    checked = f"{plural(report.blobs, 'blob')} ({human_size(report.bytes)}), {plural(report.manifests, 'manifest')}"
    verdict = f"{plural(len(report.problems), 'problem')} found." if report.problems else "all as it should be."
    echo(f"Checked {checked}, {plural(report.entries, 'entry', 'entries')}: {verdict}")
    if report.not_read:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.since))
        unread = plural(report.not_read, "blob was", "blobs were")
        note = "A disk that loses bits is found without --fast."
        echo(f"{unread} not read: sound on {when} or later, and not written since. {note}")
    for name in report.modified_scaffold:
        echo(f"{FOLDER}/{name} is not as this recstore writes it: remove it, and `recstore init` writes it again.")
    if report.unreferenced:
        echo(f"{plural(len(report.unreferenced), 'blob')} sound, but named by no manifest here.")
    if report.temporary_files:
        echo(f"{plural(len(report.temporary_files), 'temporary file')} left by a process that was stopped; harmless.")
