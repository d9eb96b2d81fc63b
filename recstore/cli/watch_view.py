"""What `recstore watch` shows: a live table on a terminal, a line for each change elsewhere, or events as JSON."""

from __future__ import annotations

import sys
from collections import Counter, deque
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import click

from recstore.cli.output import echo_err, echo_error, show_json
from recstore.content.bodies import json_value
from recstore.content.tokens import tokens_paid
from recstore.errors import RecstoreError, SecretFound
from recstore.store import Store
from recstore.store.blob import decode_recording
from recstore.text import escape_control, human_size, plural
from recstore.watch.import_changes import WatchResult
from recstore.watch.watcher import Clock

_SHOWN_LINES: Final = 12
_COUNTED: Final = ("new", "changed", "unchanged", "removed", "bad", "recorded", "consumed")
_CHANGES: Final = ("new", "changed", "removed", "recorded")


class WatchView:
    """Counts what happens and shows it. `exit_code` is that of the first bad file; `has_changed`: the store has."""

    def __init__(self, store: Store, clock: Clock, *, as_json: bool) -> None:
        self.as_json = as_json
        self.exit_code = 0
        self.has_changed = False
        self._store = store
        self._clock = clock
        self._started_at_s = clock.monotonic()
        self._counts: Counter[str] = Counter()
        self._bytes = self._tokens = 0
        self._test = ""
        self._lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        self._live: Any = None

    def live(self) -> AbstractContextManager[object]:
        """Return the context in which a terminal shows the table; elsewhere it does nothing."""
        if self.as_json or not sys.stderr.isatty():
            return nullcontext()
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True), refresh_per_second=8, transient=True, get_renderable=self._table
        )
        return self._live  # type: ignore[no-any-return]

    def show(self, result: WatchResult) -> None:
        """Show what became of a file."""
        self._counts[result.outcome] += 1
        self.has_changed |= result.outcome in _CHANGES
        if result.problem is not None:
            self.exit_code = self.exit_code or result.problem.exit_code
        self._test = next((test for test in result.tests if test), self._test)
        facts = self._facts(result)
        if self.as_json:
            show_json({"event": result.outcome, "file": result.name, "tests": result.tests, **facts})
        elif result.problem is not None and self._live is None:
            echo_error(result.problem)
        else:
            for line in _lines_of(result, facts):
                self._show_line(line)

    def show_event(self, name: str, **more: Any) -> None:
        """Show something that is not about a file, in JSON alone."""
        if self.as_json:
            show_json({"event": name, **more})

    def show_trouble(self, problem: RecstoreError | None) -> None:
        """Show what keeps the store from being written, or that it can be again."""
        if self.as_json and problem is not None:
            show_json(
                {"event": "waiting", "subject": problem.subject, "reason": problem.reason, "remedy": problem.remedy}
            )
        elif self.as_json:
            show_json({"event": "going on"})
        elif self._live is not None:
            self._show_line(f"waiting    {problem.subject}: {problem.reason}" if problem else "going on")
        elif problem is not None:
            echo_error(problem)
            echo_err("watching goes on; what comes waits until this is over")
        else:
            echo_err("it is over: all that waited is stored")

    def show_summary(self) -> None:
        """Say what was done in all."""
        seconds, counts = self._clock.monotonic() - self._started_at_s, self._counts
        if self.as_json:
            sums = {"bytes": self._bytes, "tokens": self._tokens, "seconds": seconds}
            show_json({"event": "summary", **{name: counts[name] for name in _COUNTED}, **sums})
            return
        consumed = f"{plural(counts['consumed'], 'file')} consumed; " if counts["consumed"] else ""
        echo_err(
            f"{plural(counts['new'], 'new file')}, {counts['changed']:,} changed, "
            f"{counts['unchanged']:,} unchanged, {counts['removed']:,} removed, {counts['bad']:,} bad; "
            f"{plural(counts['recorded'], 'test')} recorded by others; {consumed}"
            f"{human_size(self._bytes)}, {plural(self._tokens, 'token')}, in {seconds:.0f} s."
        )

    def _show_line(self, line: str) -> None:
        if self._live is not None:
            self._lines.append(escape_control(line))
        else:
            click.echo(escape_control(line))

    def _facts(self, result: WatchResult) -> dict[str, Any]:
        """Return what to say of the recordings; of those that did not change only their names."""
        facts: dict[str, Any] = {"blobs": [str(blob) for blob in result.blobs]}
        if result.problem is not None:
            facts |= {"reason": result.problem.reason, "remedy": result.problem.remedy}
        if result.secrets:
            facts["secrets"] = [
                {"kind": secret.kind, "place": secret.place, "excerpt": secret.excerpt} for secret in result.secrets
            ]
        if result.outcome not in ("new", "changed", "recorded"):
            return facts
        facts |= {"bytes": 0, "tokens": 0, "has_new_answer": result.has_new_answer}
        for blob in result.blobs:
            try:
                data = self._store.read_blob(blob)
                recording = decode_recording(data, str(blob))
            except RecstoreError:  # removed since
                continue
            body = json_value(recording.request.body)
            facts["upstream"], facts["path"] = recording.request.upstream, recording.request.path
            facts["model"] = body.get("model", "") if isinstance(body, dict) else ""
            facts["bytes"] += len(data)
            facts["tokens"] += tokens_paid(recording.response)
        self._bytes += facts["bytes"]
        self._tokens += facts["tokens"]
        return facts

    def _table(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        counts = self._counts
        title = f"watching   {self._test or 'nothing has come yet'}"
        sums = f"{counts['new']:,} new, {counts['changed']:,} changed, {counts['unchanged']:,} unchanged"
        seconds = self._clock.monotonic() - self._started_at_s
        sums += f"   {human_size(self._bytes)}, {plural(self._tokens, 'token')}, {seconds:.0f} s"
        lines = (Text(line, no_wrap=True, overflow="ellipsis") for line in (sums, *self._lines))
        return Group(Text(escape_control(title), "bold"), *lines)


def _lines_of(result: WatchResult, facts: dict[str, Any]) -> list[str]:
    if result.problem is not None:
        return [f"bad        {result.name}: {result.problem.reason}"]
    lines = []
    if result.outcome in _CHANGES:
        request = [f"{facts['upstream']}{facts['path']}", str(facts["model"])] if "upstream" in facts else []
        size = [human_size(facts["bytes"])] if "bytes" in facts else []
        name = next((test for test in result.tests if test), result.name)
        lines.append(f"{result.outcome:<10} " + "  ".join(filter(None, (*request, *size, name))))
    if result.has_new_answer:
        lines.append(f"warning: {result.name}: the same request, another answer")
    for secret in result.secrets:
        lines.append(f"warning: {result.name}: {secret.kind}, {secret.excerpt}, in {secret.place}")
        lines.append(f"  {SecretFound.default_remedy}")
    return lines
