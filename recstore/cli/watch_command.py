"""`recstore watch`, and what it shows: a live table on a terminal, a line for each change elsewhere, or events as JSON."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Final

import click

from recstore import __version__
from recstore.cli.output import echo, echo_err, echo_error, json_option, show_json
from recstore.cli.project import open_project, scan_of, without_collector
from recstore.content.bodies import json_value
from recstore.content.tokens import tokens_paid
from recstore.errors import RecstoreError, SecretFound, UsageError
from recstore.importers.run import ImportOptions
from recstore.importers.scan import Sources
from recstore.store import Store
from recstore.store.blob import decode_recording
from recstore.store.index import Index
from recstore.text import escape_control, human_size, plural
from recstore.watch.import_changes import ChangeImporter, WatchResult
from recstore.watch.watcher import Clock, Watcher

_INTERRUPTED: Final = 130
_SIGNALS_FOR_COMMAND: Final = 2  # the first ones are for the command inside
_SHOWN_LINES: Final = 12
_COUNTED: Final = ("new", "changed", "unchanged", "removed", "bad", "recorded", "consumed", "bytes", "tokens")
_CHANGES: Final = ("new", "changed", "removed", "recorded")


@click.command("watch", context_settings={"ignore_unknown_options": False})
@click.argument("sources", nargs=-1, metavar="[SOURCE]... [-- COMMAND...]", type=click.UNPROCESSED)
@click.option("--mirror", is_flag=True, help="Recordings whose files go, go as well.")
@click.option("--consume", is_flag=True, help="Remove a file once its recordings are stored and were read again.")
@click.option("--once", is_flag=True, help="Look once, then end.")
@click.option("--exec", "after", metavar="CMD", help="Run this after each settled change.")
@json_option
@click.pass_context
def watch_command(context: click.Context, /, sources: tuple[str, ...], **options: Any) -> int:
    """Keep the store in step with the files that another recorder writes, until Ctrl-C.

    SOURCE is a folder, file or glob of unimported recordings, which need not exist yet; without any, `sources` of the
    configuration. What stands behind `--` is run meanwhile: watch ends with it, and with its exit code, and says what came
    into the store, whoever recorded it.
    """
    once, mirror, consume = (options[name] for name in ("once", "mirror", "consume"))
    inside = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []  # click has taken the `--` away
    stated = sources[: len(sources) - len(inside)]
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
    store, settings = project.store, project.settings
    if not (stated or settings.sources or inside):
        remedy = 'Name a folder, or set `sources = ["tests/recordings"]` in the configuration.'
        raise UsageError("watch", "has nothing to watch", remedy)
    paths = tuple(map(os.path.abspath, stated)) or settings.sources
    watched = Sources(project.folder.resolve(), paths)
    view = _WatchView(store, clock, as_json=options["as_json"])
    reading = ImportOptions(settings.upstreams, workers=os.cpu_count() or 1, scan=scan_of(project))
    importer = ChangeImporter(store, reading, mirror=mirror, consume=consume, version=__version__)
    watcher = Watcher(importer, watched, clock, view.show, view.show_trouble)
    for source in paths:
        echo_err(f"watching {source}: {'named here' if stated else '`sources` of the configuration'}")
    view.show_event("watching", sources=paths)
    code, stop, children = 0, threading.Event(), list[subprocess.Popen[bytes]]()

    def on_tick() -> None:
        _run_after(after, view, watcher)
        if any(child.poll() is not None for child in children):  # the watch ends with the command
            stop.set()

    try:
        with _handled_signals(stop, children):
            if not once:
                watcher.holds_files = bool(inside)
                with without_collector():
                    watcher.rescan()
                view.show_event("ready")
                if inside and not stop.is_set():
                    try:
                        child = subprocess.Popen(inside, stdout=view.stdout)  # noqa: S603 - the user's own words
                    except OSError as error:
                        raise UsageError(inside[0], f"cannot be run: {error.strerror}") from error
                    children.append(child)
                try:
                    with view.live():
                        watcher.follow(stop, on_tick)
                finally:  # the command does not outlive the watch
                    for child in children:
                        child.terminate()  # does nothing to one that has ended
                        child.wait()
                watcher.holds_files = False
                code = int(children[0].returncode) if children else _INTERRUPTED if inside else 0
            watcher.drain()
            watcher.report_recorded()
        with suppress(RecstoreError):  # the next query brings it up to date, or says why not
            Index(store).close()
        _run_after(after, view, watcher)
    except RecstoreError as problem:
        if not code:
            raise
        echo_error(problem)
    finally:
        view.show_summary()
    code = code or (view.exit_code if once else 0)
    return code if code >= 0 else 128 - code


@contextmanager
def _handled_signals(stop: threading.Event, children: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM end the watch; while the command inside runs, the first ones are for that.

    A terminal sends Ctrl-C to the command as well: the first one only waits for it to end, the second one ends it.
    """
    heard: list[int] = []

    def handle(number: int, _frame: object) -> None:
        heard.append(number)
        running = [child for child in children if child.poll() is None]
        if running and len(heard) <= _SIGNALS_FOR_COMMAND:
            if number == signal.SIGTERM or len(heard) > 1:
                running[0].terminate()
        elif stop.is_set():
            raise KeyboardInterrupt
        else:
            stop.set()

    handlers = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _run_after(words: list[str], view: _WatchView, watcher: Watcher) -> None:
    """Run the command that belongs after a change, if there was one and every file is final."""
    if not (view.has_changed and watcher.is_settled):
        return
    view.has_changed = False
    try:
        code = subprocess.run(words, check=False, stdout=view.stdout).returncode if words else 0  # noqa: S603 - the user's own
    except OSError as error:
        echo_err(f"warning: {words[0]} cannot be run: {error.strerror}")
    else:
        if code:
            echo_err(f"warning: `{shlex.join(words)}` ended with exit code {code}")


class _WatchView:
    """Counts what happens and shows it.

    `exit_code` is that of the first bad file; `has_changed`: the store has; `stdout` is where a command is to write: JSON
    stands alone on standard output.
    """

    def __init__(self, store: Store, clock: Clock, *, as_json: bool) -> None:
        self.exit_code = 0
        self.has_changed = False
        self.stdout = 2 if as_json else None
        self._as_json = as_json
        self._store = store
        self._clock = clock
        self._started_at_s = clock.monotonic()
        self._counts: Counter[str] = Counter()  # outcomes, bytes and tokens
        self._test = "nothing has come yet"
        self._lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        self._live: Any = None

    def live(self) -> AbstractContextManager[object]:
        """Return the context in which a terminal shows the table; elsewhere it does nothing."""
        if self._as_json or not sys.stderr.isatty():
            return nullcontext()
        from rich.console import Console, Group
        from rich.live import Live
        from rich.text import Text

        def table() -> Group:
            counts, seconds = self._counts, self._clock.monotonic() - self._started_at_s
            sums = f"{counts['new']:,} new, {counts['changed']:,} changed, {counts['unchanged']:,} unchanged   "
            sums += f"{human_size(counts['bytes'])}, {plural(counts['tokens'], 'token')}, {seconds:.0f} s"
            lines = (Text(line, no_wrap=True, overflow="ellipsis") for line in (sums, *self._lines))
            return Group(Text(escape_control(f"watching   {self._test}"), "bold"), *lines)

        console = Console(stderr=True)
        self._live = Live(console=console, refresh_per_second=8, transient=True, get_renderable=table)
        return self._live  # type: ignore[no-any-return]

    def show(self, result: WatchResult) -> None:
        """Show what became of a file."""
        problem, name, has_changed = result.problem, result.name, result.outcome in _CHANGES
        self._counts[result.outcome] += 1
        self.has_changed |= has_changed
        self._test = next(filter(None, result.tests), self._test)
        facts = self._facts(result)
        if problem is not None:
            self.exit_code = self.exit_code or problem.exit_code
        if self._as_json:
            show_json({"event": result.outcome, "file": name, "tests": result.tests, **facts})
            return
        if problem is not None and self._live is None:
            echo_error(problem)
        elif problem is not None:
            self._show_line(f"bad        {name}: {problem.reason}")
        elif has_changed:
            request = [f"{facts['upstream']}{facts['path']}", facts["model"]] if "upstream" in facts else []
            size = human_size(facts["bytes"]) if result.blobs else ""
            words = filter(None, (*request, size, next(filter(None, result.tests), name)))
            self._show_line(f"{result.outcome:<10} " + "  ".join(words))
        if result.has_new_answer:
            self._show_line(f"warning: {name}: the same request, another answer")
        for secret in result.secrets:
            self._show_line(f"warning: {name}: {secret.kind}, {secret.excerpt}, in {secret.place}")
            self._show_line(f"  {SecretFound.default_remedy}")

    def show_event(self, name: str, **more: Any) -> None:
        """Show something that is not about a file, in JSON alone."""
        if self._as_json:
            show_json({"event": name, **more})

    def show_trouble(self, problem: RecstoreError | None) -> None:
        """Show what keeps the store from being written, or that it can be again."""
        if problem is not None:
            self.show_event("waiting", subject=problem.subject, reason=problem.reason, remedy=problem.remedy)
        else:
            self.show_event("going on")
        if self._live is not None:
            self._show_line(f"waiting    {problem.subject}: {problem.reason}" if problem else "going on")
        elif problem is not None and not self._as_json:
            echo_error(problem)
            echo_err("watching goes on; what comes waits until this is over")
        elif not self._as_json:
            echo_err("it is over: all that waited is stored")

    def show_summary(self) -> None:
        """Say what was done in all."""
        seconds, counts = self._clock.monotonic() - self._started_at_s, self._counts
        self.show_event("summary", **{name: counts[name] for name in _COUNTED}, seconds=seconds)
        if self._as_json:
            return
        files = f"{plural(counts['new'], 'new file')}, {counts['changed']:,} changed, {counts['unchanged']:,} unchanged"
        consumed = f"{plural(counts['consumed'], 'file')} consumed; " if counts["consumed"] else ""
        recorded = f"{plural(counts['recorded'], 'test')} recorded by others; {consumed}{human_size(counts['bytes'])}"
        gone, tokens = f"{counts['removed']:,} removed, {counts['bad']:,} bad", plural(counts["tokens"], "token")
        echo_err(f"{files}, {gone}; {recorded}, {tokens}, in {seconds:.0f} s.")

    def _show_line(self, line: str) -> None:
        if self._live is not None:
            self._lines.append(escape_control(line))
        else:
            echo(line)

    def _facts(self, result: WatchResult) -> dict[str, Any]:
        """Return what to say of the recordings; of those that did not change only their names."""
        facts: dict[str, Any] = {"blobs": result.blobs}
        if result.problem is not None:
            facts |= {"reason": result.problem.reason, "remedy": result.problem.remedy}
        if result.secrets:
            facts["secrets"] = result.secrets
        if result.outcome not in ("new", "changed", "recorded"):
            return facts
        facts |= {"bytes": 0, "tokens": 0, "has_new_answer": result.has_new_answer}
        for blob in result.blobs:
            with suppress(RecstoreError):  # removed since
                data = self._store.read_blob(blob)
                recording = decode_recording(data, str(blob))
                body = json_value(recording.request.body)
                facts["upstream"], facts["path"] = recording.request.upstream, recording.request.path
                facts["model"] = str(body.get("model", "")) if isinstance(body, dict) else ""
                facts["bytes"] += len(data)
                facts["tokens"] += tokens_paid(recording.response)
        self._counts.update(bytes=facts["bytes"], tokens=facts["tokens"])
        return facts
