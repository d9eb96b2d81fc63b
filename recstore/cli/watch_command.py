"""`recstore watch`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import click

from recstore import __version__
from recstore.cli.output import echo_err, echo_error, json_option
from recstore.cli.repository import open_project, without_collector
from recstore.cli.secrets_output import scan_of
from recstore.cli.watch_view import View
from recstore.errors import RecstoreError, UsageError
from recstore.importers.run import ImportOptions
from recstore.settings import Settings
from recstore.store import Store
from recstore.store.index import Index
from recstore.watch.import_changes import Followed, Follower
from recstore.watch.loop import watch
from recstore.watch.sources import Sources
from recstore.watch.watcher import Watcher


@click.command("watch", context_settings={"ignore_unknown_options": False})
@click.argument("sources", nargs=-1, metavar="[SOURCE]... [-- COMMAND...]", type=click.UNPROCESSED)
@click.option("--mirror", is_flag=True, help="Recordings whose files go, go as well.")
@click.option("--consume", is_flag=True, help="Remove a file once its recordings are stored and were read again.")
@click.option("--once", is_flag=True, help="Look once, then end.")
@click.option("--exec", "after", metavar="CMD", help="Run this after each settled change.")
@json_option
def command(sources: tuple[str, ...], *, once: bool, after: str | None, as_json: bool, **options: bool) -> None:
    """Keep the store in step with the files that another recorder writes, until Ctrl-C.

    SOURCE is a folder, file or glob of loose recordings, also one that is not there yet; without any, `sources` of the
    configuration. What stands behind `--` is run meanwhile: watch ends with it, and with its exit code, and says what came
    into the store, whoever recorded it.
    """
    stated, inside = _split(sources)
    _refuse_contradictions(once=once, is_running=bool(inside), **options)
    words = _words(after)
    project = open_project()
    store, settings = project.store, project.settings
    view = View(store, as_json)
    places = _sources(store, settings, stated, is_running=bool(inside))
    reading = ImportOptions(settings.upstreams, workers=os.cpu_count() or 1, scan=scan_of(settings))
    heard = _Heard(view, words)
    follower = Follower(store, reading, keeps=options["consume"], version=__version__)
    watcher = Watcher(follower, places, heard.tell, view.wait, is_mirror=options["mirror"])
    for source in places.stated:
        echo_err(f"watching {source}: {'named here' if stated else '`sources` of the configuration'}")
    view.event("watching", sources=places.stated)
    code = 0
    try:
        with _Ending() as ending:
            if not once:
                code = _watched(
                    watcher,
                    lambda: watch(watcher, places, store, ending.stop, lambda: heard.run(watcher)),
                    ending,
                    inside,
                    view,
                )
            watcher.settle_down()
            watcher.look_at_store()
        with suppress(RecstoreError):  # who asks next brings it up to date, or hears why not
            Index(store).refresh()
        heard.run(watcher)
    except RecstoreError as problem:
        if not code:
            raise
        echo_error(problem)
    finally:
        view.summary()
    code = code or (heard.code if once else 0)
    if code:
        raise click.exceptions.Exit(code if code > 0 else 128 - code)


def _watched(
    watcher: Watcher, watching: Callable[[], None], ending: _Ending, inside: tuple[str, ...], view: View
) -> int:
    """Watch until the end, and return the exit code of the command that ran inside, if there was one."""
    watcher.spent.is_held = bool(inside)
    with without_collector():
        watcher.look()
    view.event("ready")
    with view.shown(), _running(inside, ending, is_quiet=view.as_json):
        watching()
    watcher.spent.is_held = False
    if ending.child is not None:
        return int(ending.child.returncode)
    return _INTERRUPTED if inside else 0


def _refuse_contradictions(*, once: bool, is_running: bool, mirror: bool, consume: bool) -> None:
    if mirror and consume:
        raise UsageError("--mirror and --consume", "contradict each other: a file that is consumed is gone")
    if once and is_running:
        raise UsageError("--once", "looks once, and runs no command", "Leave one of the two out.")


def _words(after: str | None) -> list[str]:
    try:
        return shlex.split(after or "")
    except ValueError as error:
        raise UsageError("--exec", f"{after} cannot be taken apart: {error}") from error


def _split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sources, and the command behind `--`, which click has taken away."""
    behind = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return words[: len(words) - len(behind)], tuple(behind)


def _sources(store: Store, settings: Settings, stated: tuple[str, ...], *, is_running: bool) -> Sources:
    project = store.directory.root.resolve().parent
    if stated:
        return Sources(project, tuple(os.path.abspath(source) for source in stated))
    if not (settings.sources or is_running):
        raise UsageError(
            "watch",
            "has nothing to watch",
            'Name a folder, or set `sources = ["tests/recordings"]` in the configuration.',
        )
    return Sources(project, settings.sources)


@dataclass(slots=True)
class _Heard:
    """What became of files: shown, and kept until the command that belongs after a change has been run."""

    view: View
    words: list[str]
    code: int = 0
    _has_changed: bool = False

    def tell(self, followed: Followed) -> None:
        """Show what became of a file; the first one that is bad gives the exit code."""
        self.view.tell(followed)
        if followed.problem is not None:
            self.code = self.code or followed.problem.exit_code
        self._has_changed |= followed.outcome in ("new", "changed", "removed", "recorded")

    def run(self, watcher: Watcher) -> None:
        """Run the command, if there was a change and all is settled."""
        if not (self._has_changed and watcher.is_settled):
            return
        self._has_changed = False
        if not self.words:
            return
        try:
            done = subprocess.run(self.words, check=False, stdout=_output(is_quiet=self.view.as_json))  # noqa: S603 - the user's own words
        except OSError as error:
            echo_err(f"warning: {self.words[0]} cannot be run: {error.strerror}")
        else:
            if done.returncode:
                echo_err(f"warning: `{shlex.join(self.words)}` ended with exit code {done.returncode}")


class _Ending:
    """How a watch ends: with Ctrl-C or SIGTERM, or with the command that runs inside, which hears of them first.

    A terminal sends Ctrl-C to the command as well: the first one only waits for it to end, the second one ends it.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.child: subprocess.Popen[bytes] | None = None
        self._times = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: object) -> None:
        self._times += 1
        if self.child is not None and self.child.poll() is None and self._times <= _PATIENCE:
            if number == signal.SIGTERM or self._times > 1:
                self.child.terminate()
        elif self.stop.is_set():
            raise KeyboardInterrupt
        else:
            self.stop.set()


_INTERRUPTED: Final = 130
_PATIENCE: Final = 2
"""So many signals are for the command inside."""


@contextmanager
def _running(words: tuple[str, ...], ending: _Ending, *, is_quiet: bool) -> Iterator[None]:
    """Run the command meanwhile; the watch ends when it has ended, and it does not outlive the watch."""
    if not words or ending.stop.is_set():
        yield
        return
    try:
        child = subprocess.Popen(words, stdout=_output(is_quiet=is_quiet))  # noqa: S603 - the user's own words
    except OSError as error:
        raise UsageError(words[0], f"cannot be run: {error.strerror}") from error

    def wait() -> None:
        child.wait()
        ending.stop.set()

    ending.child = child
    threading.Thread(target=wait, daemon=True).start()
    try:
        yield
    finally:
        if child.poll() is None:
            child.terminate()
        child.wait()


def _output(*, is_quiet: bool) -> int | None:
    """Return where a command is to write: what stands on stdout as JSON is ours alone."""
    return 2 if is_quiet else None
