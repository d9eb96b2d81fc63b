"""`recstore watch`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final, Self

import click

from recstore import __version__
from recstore.cli.output import echo_err, echo_error, json_option
from recstore.cli.repository import open_project, scan_of, without_collector
from recstore.cli.watch_view import WatchView
from recstore.errors import RecstoreError, UsageError
from recstore.importers.run import ImportOptions
from recstore.project import Project
from recstore.store.index import Index
from recstore.watch.import_changes import ChangeImporter
from recstore.watch.loop import watch
from recstore.watch.sources import Sources
from recstore.watch.watcher import Clock, Watcher

_INTERRUPTED: Final = 130
_SIGNALS_FOR_COMMAND: Final = 2
"""The first signals are for the command inside."""


@click.command("watch", context_settings={"ignore_unknown_options": False})
@click.argument("sources", nargs=-1, metavar="[SOURCE]... [-- COMMAND...]", type=click.UNPROCESSED)
@click.option("--mirror", is_flag=True, help="Recordings whose files go, go as well.")
@click.option("--consume", is_flag=True, help="Remove a file once its recordings are stored and were read again.")
@click.option("--once", is_flag=True, help="Look once, then end.")
@click.option("--exec", "after", metavar="CMD", help="Run this after each settled change.")
@json_option
@click.pass_context
def command(context: click.Context, /, sources: tuple[str, ...], **options: Any) -> None:
    """Keep the store in step with the files that another recorder writes, until Ctrl-C.

    SOURCE is a folder, file or glob of unimported recordings, which need not exist yet; without any, `sources` of the
    configuration. What stands behind `--` is run meanwhile: watch ends with it, and with its exit code, and says what came
    into the store, whoever recorded it.
    """
    once, mirror, consume, as_json = (options[name] for name in ("once", "mirror", "consume", "as_json"))
    behind = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []  # click has taken the `--` away
    stated, inside = sources[: len(sources) - len(behind)], tuple(behind)
    if mirror and consume:
        raise UsageError("--mirror and --consume", "contradict each other: a file that is consumed is gone")
    if once and inside:
        raise UsageError("--once", "looks once, and runs no command", "Leave one of the two out.")
    try:
        after = shlex.split(options["after"] or "")
    except ValueError as error:
        raise UsageError("--exec", f"{options['after']} cannot be taken apart: {error}") from error
    clock: Clock = context.obj or time
    project = open_project()
    watched = _sources(project, stated, is_running=bool(inside))
    view = WatchView(project.store, clock, as_json=as_json)
    reading = ImportOptions(project.settings.upstreams, workers=os.cpu_count() or 1, scan=scan_of(project))
    importer = ChangeImporter(project.store, reading, mirror=mirror, consume=consume, version=__version__)
    watcher = Watcher(importer, watched, clock, view.show, view.show_trouble)
    for source in watched.stated:
        echo_err(f"watching {source}: {'named here' if stated else '`sources` of the configuration'}")
    view.show_event("watching", sources=watched.stated)
    code = 0
    try:
        with _Signals() as signals:
            if not once:
                watcher.holds_files = bool(inside)
                with without_collector():
                    watcher.rescan()
                view.show_event("ready")
                with view.live(), _running(inside, signals, stdout=_stdout(view)) if inside else nullcontext():
                    watch(watcher, watched, project.store, signals.stop, lambda: _run_after(after, view, watcher))
                watcher.holds_files = False
                code = int(signals.child.returncode) if signals.child else _INTERRUPTED if inside else 0
            watcher.drain()
            watcher.report_recorded()
        with suppress(RecstoreError):  # the next query brings it up to date, or says why not
            Index(project.store).close()
        _run_after(after, view, watcher)
    except RecstoreError as problem:
        if not code:
            raise
        echo_error(problem)
    finally:
        view.show_summary()
    code = code or (view.exit_code if once else 0)
    if code:
        raise click.exceptions.Exit(code if code > 0 else 128 - code)


def _sources(project: Project, stated: tuple[str, ...], *, is_running: bool) -> Sources:
    folder = project.folder.resolve()
    if stated:
        return Sources(folder, tuple(os.path.abspath(source) for source in stated))
    if not (project.settings.sources or is_running):
        remedy = 'Name a folder, or set `sources = ["tests/recordings"]` in the configuration.'
        raise UsageError("watch", "has nothing to watch", remedy)
    return Sources(folder, project.settings.sources)


def _run_after(words: list[str], view: WatchView, watcher: Watcher) -> None:
    """Run the command that belongs after a change, if there was one and every file is final."""
    if not (view.has_changed and watcher.is_settled):
        return
    view.has_changed = False
    if not words:
        return
    try:
        done = subprocess.run(words, check=False, stdout=_stdout(view))  # noqa: S603 - the user's own words
    except OSError as error:
        echo_err(f"warning: {words[0]} cannot be run: {error.strerror}")
    else:
        if done.returncode:
            echo_err(f"warning: `{shlex.join(words)}` ended with exit code {done.returncode}")


def _stdout(view: WatchView) -> int | None:
    """Return where a command is to write: JSON stands alone on standard output."""
    return 2 if view.as_json else None


class _Signals:
    """Ctrl-C and SIGTERM end the watch, or are for the command that runs inside.

    A terminal sends Ctrl-C to the command as well: the first one only waits for it to end, the second one ends it.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.child: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        self._count += 1
        if self.child is not None and self.child.poll() is None and self._count <= _SIGNALS_FOR_COMMAND:
            if number == signal.SIGTERM or self._count > 1:
                self.child.terminate()
        elif self.stop.is_set():
            raise KeyboardInterrupt
        else:
            self.stop.set()


@contextmanager
def _running(words: tuple[str, ...], signals: _Signals, *, stdout: int | None) -> Iterator[None]:
    """Run the command meanwhile; the watch ends when it has ended, and it does not outlive the watch."""
    if signals.stop.is_set():
        yield
        return
    try:
        child = subprocess.Popen(words, stdout=stdout)  # noqa: S603 - the user's own words
    except OSError as error:
        raise UsageError(words[0], f"cannot be run: {error.strerror}") from error

    def wait() -> None:
        child.wait()
        signals.stop.set()

    signals.child = child
    threading.Thread(target=wait, daemon=True).start()
    try:
        yield
    finally:
        if child.poll() is None:
            child.terminate()
        child.wait()
