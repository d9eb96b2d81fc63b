"""A diff as one line of JSON, with everything in it."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from recstore.check.diff import Diff, TestChange
from recstore.check.entry_pairs import RecordingChange
from recstore.content.deltas import Difference
from recstore.model import Entry
from recstore.transcript import CallChange, Comparison


def diff_as_json(diff: Diff) -> str:
    """Return the diff in ASCII, so that no terminal acts on it and every encoding has it."""
    document = {"old": diff.old, "new": diff.new, "tests": [_test(test) for test in diff.tests]}
    return json.dumps(_sayable(document), allow_nan=False).replace("\x7f", "\\u007f")


def _test(test: TestChange) -> dict[str, Any]:
    return {
        "kind": test.kind,
        "old": test.old_id,
        "new": test.new_id,
        "entries": test.entries,
        "recordings": [_recording(change) for change in test.recordings],
        "problem": str(test.problem) if test.problem is not None else None,
    }


def _recording(change: RecordingChange) -> dict[str, Any]:
    request = change.recording.request if change.recording is not None else None
    return {
        "kind": change.kind,
        "old": _entry(change.old),
        "new": _entry(change.new),
        "request": {"method": request.method, "upstream": request.upstream, "path": request.path} if request else None,
        "differences": _comparison(change.comparison) if change.comparison is not None else None,
        "problems": [str(problem) for problem in change.problems],
    }


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    return {"key": entry.blob.key, "digest": entry.blob.digest, "n": entry.n} if entry is not None else None


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "says_the_same": found.is_same_answer,
        "request": [_change(change) for change in found.request],
        "facts": [_change(change) for change in found.facts],
        "texts": [dataclasses.asdict(text) for text in found.texts],
        "calls": [_call(call) for call in found.calls],
        "noise": [{"name": name, **_change(change)} for name, change in found.noise],
        "cut": dataclasses.asdict(found.cut) if found.cut is not None else None,
    }


def _call(call: CallChange) -> dict[str, Any]:
    changes = [_change(change) for change in call.changes]
    return {"name": call.name, "kind": call.kind, "old": call.old, "new": call.new, "changes": changes}


def _change(change: Difference) -> dict[str, Any]:
    told: dict[str, Any] = {"path": change.place, "kind": change.kind}
    if change.kind != "added":
        told["old"] = change.old
    if change.kind != "removed":
        told["new"] = change.new
    return told


def _sayable(value: Any) -> Any:
    """Return the value with NaN and infinities, which JSON cannot say, as text."""
    if type(value) is dict:
        return {name: _sayable(member) for name, member in value.items()}
    if type(value) in (list, tuple):
        return [_sayable(element) for element in value]
    return str(value) if type(value) is float and not math.isfinite(value) else value
