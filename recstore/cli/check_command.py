"""`recstore check`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final

import click

from recstore.check.check import Checked, check_span, check_view
from recstore.check.findings import Finding, exit_code_of, unusable_manifest
from recstore.check.mending import mend, with_remedies
from recstore.check.pushes import Span, pushed_spans, range_span
from recstore.cli.github_output import annotation
from recstore.cli.output import echo_err, json_option, show_json
from recstore.cli.repository import open_project, open_repository
from recstore.cli.secrets_output import scan_of
from recstore.errors import Damage, ManifestConflict, UsageError
from recstore.git.repository import Repository
from recstore.git.trees import WORK_TREE, CommitTree, IndexTree, WorkTree
from recstore.settings import Settings
from recstore.store import FOLDER, Store
from recstore.text import escape_control, plural

SKIP_VARIABLE: Final = "RECSTORE_SKIP_PUSH"
SKIP_SETTING: Final = "recstore.allowIncompletePush"
_NO_COMMIT: Final = "0" * 40


@dataclass(frozen=True, slots=True)
class _Job:
    store: Store
    settings: Settings
    repository: Repository


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
    _refuse_contradictions(options)
    project = open_project()
    store, settings = project.store, project.settings
    with open_repository(store) as repository:
        job = _Job(store, settings, repository)
        looked = list(_looked_at(job, options))
        healed = mend(store, repository, looked, is_staged=bool(options["staged"])) if options["fix"] else ()
        if healed:
            looked = list(_looked_at(job, options))
        findings = with_remedies(store, repository, sorted({one for each in looked for one in each.findings}))
        is_let_through = bool(options["pre_push"] and findings) and _is_let_through(repository)
    summary = _Summary(looked, findings, healed, is_let_through)
    if as_json:
        show_json(summary.as_json())
    else:
        summary.show(str(options["layout"]), is_quiet=bool(options["quiet"]))
    if findings and not is_let_through:
        raise click.exceptions.Exit(exit_code_of(findings))


def _refuse_contradictions(options: dict[str, object]) -> None:
    if "" in (options["revision"], options["span"]):  # a variable that is not set, in a script
        raise UsageError("--commit or --range", "names nothing", "Leave it out to look at the work tree.")
    places = [name for name in ("staged", "revision", "span", "pre_push") if options[name]]
    if len(places) > 1:
        raise UsageError(
            "check", "looks at one place at a time", "Give one of --staged, --commit, --range, --pre-push."
        )
    if options["remote"] and not options["pre_push"]:
        raise UsageError(
            str(options["remote"]), "goes with --pre-push only", "`recstore check --help` lists the places."
        )
    if options["fix"] and set(places) - {"staged"}:
        raise UsageError("--fix", "mends the work tree, not a commit", "Run `recstore check --fix`, then commit.")


def _looked_at(job: _Job, options: dict[str, object]) -> Iterator[Checked]:
    store, repository, patterns = job.store, job.repository, job.settings.tests
    spans = list(_spans(repository, options))
    for span in spans:
        yield check_span(store, repository, span, patterns, scan_of(job.settings))
    if options["revision"]:
        yield check_view(CommitTree(repository, repository.commit(str(options["revision"]))), patterns)
    elif options["staged"]:
        yield check_view(IndexTree(repository), patterns)
    elif not (options["span"] or options["pre_push"]):
        yield check_view(WorkTree(store, repository), patterns)
    if spans or not any(options[name] for name in ("span", "pre_push", "revision", "staged")):
        yield Checked(findings=set(_loose(job)))


def _spans(repository: Repository, options: dict[str, object]) -> Iterator[Span]:
    if options["span"]:
        yield range_span(repository, str(options["span"]))
    elif options["pre_push"]:
        remote = options["remote"]
        name = str(remote[0]) if isinstance(remote, tuple) and remote else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
        yield from pushed_spans(repository, _frameworks_line() or sys.stdin.read(), name)


def _frameworks_line() -> str:
    """Return the hook's input as the pre-commit framework, which has read it itself, tells it; "" where that did not call.

    A branch that the other side does not have at all comes without its commits, and a run by hand without anything.
    """
    if not os.environ.get("PRE_COMMIT"):
        return ""
    name = os.environ.get("PRE_COMMIT_LOCAL_BRANCH", "HEAD")
    local, known = os.environ.get("PRE_COMMIT_TO_REF", name), os.environ.get("PRE_COMMIT_FROM_REF", _NO_COMMIT)
    return f"{name} {local} {os.environ.get('PRE_COMMIT_REMOTE_BRANCH', name)} {known}"


def _loose(job: _Job) -> Iterator[Finding]:
    """Yield the files in configured sources that were not imported, or not as they are; or which manifests hide that."""
    if not job.settings.sources:
        return
    from recstore.importers.unimported import loose_files

    manifests, unusable = [], []
    for path in job.store.manifest_paths():
        try:
            manifests.append(job.store.read_manifest(path))
        except (Damage, ManifestConflict) as error:
            unusable.append(unusable_manifest(f"{FOLDER}/{path}", error, WORK_TREE))
    yield from unusable
    for name, is_known in [] if unusable else loose_files(job.store, job.settings, manifests):
        yield Finding("changed" if is_known else "loose", "", name, f"recstore import {shlex.quote(name)}", name)


def _is_let_through(repository: Repository) -> bool:
    if os.environ.get(SKIP_VARIABLE, "") not in ("", "0"):
        return True
    return any(value.lower() in ("true", "1", "yes", "on") for value in repository.git.configured(SKIP_SETTING)[-1:])


@dataclass(frozen=True, slots=True)
class _Summary:
    looked: list[Checked]
    findings: list[Finding]
    healed: tuple[str, ...]
    is_let_through: bool

    def show(self, layout: str, *, is_quiet: bool) -> None:
        """Print the findings, then what mends them."""
        for path in self.healed:
            click.echo(escape_control(f"(healed) {path}"))
        for finding in self.findings:
            click.echo(annotation(finding) if layout == "github" else escape_control(str(finding)))
        for remedy, group in groupby(sorted(self.findings, key=lambda one: (one.remedy, one)), lambda one: one.remedy):
            echo_err(f"  {plural(len(list(group)), 'finding')}: {remedy}")
        if self.is_let_through:
            echo_err(f"warning: the push goes on, incomplete, because {SKIP_VARIABLE} or {SKIP_SETTING} says so.")
        elif not self.findings and not is_quiet:
            click.echo(self._sound())

    def _sound(self) -> str:
        tests, blobs = self._counts()
        places = ", ".join(place for each in self.looked for place in each.places) or "nothing that is new"
        return escape_control(
            f"Nothing is missing: {plural(tests, 'test')}, {plural(blobs, 'blob')} looked at in {places}."
        )

    def _counts(self) -> tuple[int, int]:
        """Return how many tests and how many blobs were looked at."""
        return sum(each.tests for each in self.looked), len({blob for each in self.looked for blob in each.blobs})

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        tests, blobs = self._counts()
        return {
            "places": [place for each in self.looked for place in each.places],
            "tests": tests,
            "blobs": blobs,
            "findings": [asdict(finding) for finding in self.findings],
            "healed": self.healed,
            "let_through": self.is_let_through,
        }
