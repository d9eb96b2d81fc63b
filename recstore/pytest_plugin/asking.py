"""Which tests ask for recordings, and with which options: by marker, by fixture, or because the configuration says so.

    @pytest.mark.recstore                               this test, class or module (`pytestmark`)
    @pytest.mark.recstore(mode="live", share=True)      with options; of several markers the nearest counts
    [tool.recstore] tests = ["tests/integration"]       everything that these words stand for

Doctests and whatever else is no Python function are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from recstore.errors import UsageError
from recstore.pytest_plugin.mode_choice import RECORDING, Wishes
from recstore.pytest_plugin.project import Project
from recstore.record.session import Session
from recstore.settings import Settings, parse_settings
from recstore.store.rename import is_selected

MARKER: Final = "recstore"
"""The name of the marker, and of the fixture."""

_OPTIONS: Final = ("passthrough", "repeat_last", "share", "timing")
"""Settings that a marker may replace."""


def asks(item: pytest.Item, test_id: str, words: tuple[str, ...]) -> bool:
    """Return whether a test asks for recordings; `words` are those of the configuration. Only Python functions do."""
    if not isinstance(item, pytest.Function):
        return False
    if item.get_closest_marker(MARKER) is not None or MARKER in item.fixturenames:
        return True
    return any(is_selected(test_id, word) for word in words)


def session_for(
    node: pytest.Item | pytest.Collector | None, scope_id: str | None, project: Project, wishes: Wishes
) -> Session:
    """Return a new session for the test or scope `scope_id`, as the markers of its node ask for it.

    Raises: UsageError: a marker has an option that there is not; the mode is none, or records where no store is.
    """
    options = {} if node is None else _options(node)
    mode = wishes.mode(str(options.pop("mode", "")))
    if not project.has_store and mode in RECORDING:
        raise UsageError(scope_id or "--recstore", f"{mode} needs a store. {project.lack}")
    subject = f"the marker `{MARKER}` of {scope_id}"
    return Session(project.store, _with_options(project.settings, options, subject), scope_id, mode)


def _options(node: pytest.Item | pytest.Collector) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for mark in node.iter_markers(MARKER):  # the nearest comes first
        if mark.args:
            raise UsageError(node.nodeid, f"the marker `{MARKER}` takes options by name alone, not {mark.args[0]!r}")
        found = {**mark.kwargs, **found}
    return found


def _with_options(settings: Settings, options: Mapping[str, Any], subject: str) -> Settings:
    if not options:
        return settings
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(subject, f"there is no option `{name}`", f"Options: {', '.join(('mode', *_OPTIONS))}.")
    given = parse_settings(options, subject)
    return replace(settings, **{name: getattr(given, name) for name in options})
