"""What `recstore watch` shows: a live table on a terminal, a line for each change elsewhere, or events as JSON."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import click

from recstore.cli.output import echo_err, echo_error, show_json
from recstore.content.bodies import json_value
from recstore.content.tokens import tokens_paid
from recstore.errors import RecstoreError, SecretFound
from recstore.store import Store
from recstore.store.blob import decode_recording
from recstore.text import escape_control, human_size, plural
from recstore.watch.import_changes import Followed

_SHOWN: Final = 12
_COUNTED: Final = ("new", "changed", "unchanged", "removed", "bad", "recorded", "consumed")


@dataclass(slots=True)
class View:
    """Counts what happens and shows it."""

    store: Store
    as_json: bool
    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    tokens: int = 0
    _test: str = ""
    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=_SHOWN))
    _live: Any = None
    _started_s: float = field(default_factory=time.monotonic)

    def shown(self) -> AbstractContextManager[object]:
        """Return the context in which a terminal shows the table; elsewhere it does nothing."""
        if self.as_json or not sys.stderr.isatty():
            return nullcontext()
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True), refresh_per_second=8, transient=True, get_renderable=self._table
        )
        return self._live  # type: ignore[no-any-return]

    def tell(self, followed: Followed) -> None:
        """Show what became of a file."""
        self.counts[followed.outcome] += 1
        self._test = next((test for test in followed.tests if test), self._test)
        facts = self._facts(followed)
        if self.as_json:
            show_json({"event": followed.outcome, "file": followed.name, "tests": followed.tests, **facts})
            return
        for line in self._lines_of(followed, facts):
            if self._live is not None:
                self._lines.append(escape_control(line))
            else:
                click.echo(escape_control(line), err=followed.outcome == "bad")

    def event(self, name: str, **more: Any) -> None:
        """Show something that is about no file."""
        if self.as_json:
            show_json({"event": name, **more})

    def wait(self, problem: RecstoreError | None) -> None:
        """Show what keeps the store from being written, or that it can be again."""
        if self.as_json:
            told = (
                {}
                if problem is None
                else {"subject": problem.subject, "reason": problem.reason, "remedy": problem.remedy}
            )
            show_json({"event": "waiting" if told else "going on", **told})
        elif self._live is not None:
            self._lines.append(
                escape_control(f"waiting    {problem.subject}: {problem.reason}" if problem else "going on")
            )
        elif problem is not None:
            echo_error(problem)
            echo_err("watching goes on; what comes waits until this is over")
        else:
            echo_err("it is over: all that waited is stored")

    def summary(self) -> None:
        """Say what was done in all."""
        seconds = time.monotonic() - self._started_s
        if self.as_json:
            counts = {name: self.counts[name] for name in _COUNTED}
            show_json({"event": "summary", **counts, "bytes": self.bytes, "tokens": self.tokens, "seconds": seconds})
            return
        consumed = f"{plural(self.counts['consumed'], 'file')} consumed; " if self.counts["consumed"] else ""
        echo_err(
            f"{plural(self.counts['new'], 'new file')}, {self.counts['changed']:,} changed, "
            f"{self.counts['unchanged']:,} unchanged, {self.counts['removed']:,} removed, {self.counts['bad']:,} bad; "
            f"{plural(self.counts['recorded'], 'test')} recorded by others; {consumed}"
            f"{human_size(self.bytes)}, {plural(self.tokens, 'token')}, in {seconds:.0f} s."
        )

    def _facts(self, followed: Followed) -> dict[str, Any]:
        """Return what is worth knowing of the recordings; nothing of those that are as they were."""
        facts: dict[str, Any] = {"blobs": [str(blob) for blob in followed.blobs]}
        if followed.problem is not None:
            facts |= {"reason": followed.problem.reason, "remedy": followed.problem.remedy}
        if followed.secrets:
            facts["secrets"] = [
                {"kind": one.kind, "place": one.place, "excerpt": one.excerpt} for one in followed.secrets
            ]
        if followed.outcome not in ("new", "changed", "recorded"):
            return facts
        facts |= {"bytes": 0, "tokens": 0, "has_new_answer": followed.has_new_answer}
        for blob in followed.blobs:
            try:
                data = self.store.read_blob(blob)
                recording = decode_recording(data, str(blob))
            except RecstoreError:  # gone again
                continue
            asked = json_value(recording.request.body)
            facts["upstream"], facts["path"] = recording.request.upstream, recording.request.path
            facts["model"] = asked.get("model", "") if isinstance(asked, dict) else ""
            facts["bytes"] += len(data)
            facts["tokens"] += tokens_paid(recording.response)
        self.bytes += facts["bytes"]
        self.tokens += facts["tokens"]
        return facts

    def _lines_of(self, followed: Followed, facts: dict[str, Any]) -> list[str]:
        if followed.problem is not None:
            if self._live is None:
                echo_error(followed.problem)
                return []
            return [f"bad        {followed.name}: {followed.problem.reason}"]
        lines = []
        if followed.outcome in ("new", "changed", "removed", "recorded"):
            what = [f"{facts['upstream']}{facts['path']}", str(facts["model"])] if "upstream" in facts else []
            much = [human_size(facts["bytes"])] if "bytes" in facts else []
            name = next((test for test in followed.tests if test), followed.name)
            lines.append(f"{followed.outcome:<10} " + "  ".join(filter(None, (*what, *much, name))))
        if followed.has_new_answer:
            lines.append(f"warning: {followed.name}: the same request, another answer")
        for secret in followed.secrets:
            lines.append(f"warning: {followed.name}: {secret.kind}, {secret.excerpt}, in {secret.place}")
            lines.append(f"  {SecretFound.default_remedy}")
        return lines

    def _table(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        head = f"watching   {self._test or 'nothing has come yet'}"
        sums = f"{self.counts['new']:,} new, {self.counts['changed']:,} changed, {self.counts['unchanged']:,} unchanged"
        much = f"{human_size(self.bytes)}, {plural(self.tokens, 'token')}, {time.monotonic() - self._started_s:.0f} s"
        lines = (Text(line, no_wrap=True, overflow="ellipsis") for line in (f"{sums}   {much}", *self._lines))
        return Group(Text(escape_control(head), "bold"), *lines)
