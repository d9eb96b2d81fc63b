"""The pytest plugin: `--recstore=MODE`, the marker and the fixture `recstore`, `--recstore-report`.

Every start of pytest imports this file, also in projects that do not use recstore: it imports nothing of the rest
before a project turns out to have a store or a configuration, or a test to use recordings.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from recstore.files import nearest_store

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from recstore.pytest_plugin.hooks import RecstorePlugin
    from recstore.record.session import Session

MODES: Final = ("replay", "record", "record-if-missing", "live", "verify")

_PLUGIN: Final = pytest.StashKey["RecstorePlugin"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("recstore", "recorded HTTP requests")
    group.addoption(
        "--recstore",
        metavar="MODE",
        choices=MODES,
        help=f"mode of the tests that use recordings: {', '.join(MODES)} (default: RECSTORE_MODE, the configuration, replay)",
    )
    group.addoption(
        "--recstore-report",
        action="store_true",
        help="print a summary: recordings missing, new, unused, requests saved",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker, and start where the project has a store, a configuration or the option."""
    config.addinivalue_line(
        "markers",
        "recstore(mode=..., share=..., repeat_last=...): answer the test's HTTP requests from its recordings, or record them",
    )
    if nearest_store(config.rootpath) or _is_configured(config.rootpath) or config.getoption("--recstore"):
        _start(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start where a test uses recordings though the project has neither a store nor a configuration."""
    if _PLUGIN not in config.stash and any(
        item.get_closest_marker("recstore") is not None or "recstore" in getattr(item, "fixturenames", ())
        for item in items
    ):
        _start(config).pytest_collection_modifyitems(items)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return the mode and the store."""
    return config.stash[_PLUGIN].header if _PLUGIN in config.stash else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the results of a worker of pytest-xdist."""
    if _PLUGIN in node.config.stash:
        node.config.stash[_PLUGIN].take_results(getattr(node, "workeroutput", {}))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Close open scopes after the last fixture has ended, before a worker hands over its results."""
    has_passed = False
    try:
        result = yield
        has_passed = True
    finally:
        if _PLUGIN in session.config.stash:
            session.config.stash[_PLUGIN].end_run(session, has_passed=has_passed)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the summary for `--recstore-report`, and errors that no test's report shows."""
    plugin = config.stash.get(_PLUGIN, None)
    lines = plugin.summary(is_wanted=config.getoption("--recstore-report")) if plugin is not None else []
    if lines:
        from recstore.text import escape_control

        terminalreporter.section("recstore")
        for line in lines:
            terminalreporter.write_line(escape_control(line))


@pytest.fixture
def recstore(request: pytest.FixtureRequest) -> Session:
    """Give the test its session: `test_id`, `mode` and `misses`. A test that requests this uses recordings."""
    plugin = request.config.stash.get(_PLUGIN, None)
    if plugin is None or plugin.scope is None:
        pytest.fail("This test does not ask for recordings: mark it with `@pytest.mark.recstore`.", pytrace=False)
    return plugin.scope.session


def _start(config: pytest.Config) -> RecstorePlugin:
    from recstore.capture import intercept_clients
    from recstore.errors import RecstoreError
    from recstore.pytest_plugin.hooks import RecstorePlugin

    try:
        plugin = RecstorePlugin(
            config.rootpath, nearest_store(config.rootpath), config.getoption("--recstore") or "", os.environ
        )
    except RecstoreError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_PLUGIN] = plugin
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        intercept_clients()
        config.pluginmanager.register(plugin, "recstore-hooks")
    return plugin


def _is_configured(root: Path) -> bool:
    if os.path.isfile(f"{root}/recstore.toml"):
        return True
    try:
        with open(f"{root}/pyproject.toml", "rb") as file:
            return b"tool.recstore" in file.read()
    except OSError:
        return False
