"""`recstore watch`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from recstore.adapters.importing import ImportOptions
from recstore.cli.project import json_option, open_project
from recstore.cli.repository import without_collector
from recstore.cli.secrets_shown import scan_of
from recstore.cli.terminal import say
from recstore.cli.watch_view import View
from recstore.errors import RecstoreError, UsageError
from recstore.settings import Settings
from recstore.store import Store
from recstore.watch.following import Followed, Follower
from recstore.watch.loop import watch
from recstore.watch.places import Sources
from recstore.watch.watcher import Watcher, WatchOptions

__all__ = ["command"]


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
    store, settings = open_project()
    view = View(store, as_json)
    places = _sources(store, settings, stated, is_running=bool(inside))
    follower = Follower(store, ImportOptions(settings.upstreams, workers=os.cpu_count() or 1, scan=scan_of(settings)))
    changed: set[str] = set()
    problems: list[RecstoreError] = []

    def tell(followed: Followed) -> None:
        view.tell(followed)
        if followed.problem is not None:
            problems.append(followed.problem)
        if followed.outcome in ("new", "changed", "removed", "recorded"):
            changed.add(followed.outcome)

    watcher = Watcher(follower, places, WatchOptions(**options), tell)
    for source in places.stated:
        say(f"watching {source}: {'named here' if stated else '`sources` of the configuration'}")
    view.event("watching", sources=places.stated)
    stop = threading.Event()
    code = 0
    if once:
        watcher.settle_down()
        code = problems[0].exit_code if problems else 0
    else:
        with without_collector():
            watcher.rescan()
        view.event("ready")
        with view.shown(), _ended_by_signals(stop), _running(inside, stop) as running:
            watch(watcher, places, store, stop, lambda: _run(after, changed) if watcher.is_settled else None)
            code = _ended(running) if running is not None else 0
        watcher.settle_down()
        watcher.look_at_store()
    with suppress(RecstoreError):  # who asks next brings it up to date, or hears why not
        store.index.refresh()
    _run(after, changed)
    view.summary()
    if code:
        raise click.exceptions.Exit(code if code > 0 else 128 - code)


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


@contextmanager
def _ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM end the watch, with all that has come."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _running(words: tuple[str, ...], stop: threading.Event) -> Iterator[subprocess.Popen[bytes] | None]:
    """Run the command meanwhile; when it ends, `stop` is set. A signal that ends the watch ends it, too."""
    if not words:
        yield None
        return
    try:
        process = subprocess.Popen(words)  # noqa: S603 - the user's own words
    except OSError as error:
        raise UsageError(words[0], f"cannot be run: {error.strerror}") from error

    def wait() -> None:
        process.wait()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    try:
        yield process
    finally:
        _ended(process)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Return the exit code of the command, which is ended if it has not ended by itself."""
    if process.poll() is None:
        process.terminate()
    return process.wait()


def _run(after: str | None, changed: set[str]) -> None:
    """Run the command that belongs after a change, if there was one."""
    if not changed:
        return
    changed.clear()
    if after:
        words = shlex.split(after)
        done = subprocess.run(words, check=False)  # noqa: S603 - the user's own words
        if done.returncode:
            say(f"warning: `{after}` ended with exit code {done.returncode}")
