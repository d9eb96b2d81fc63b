"""The pytest plugin: `--recstore=MODE`, the marker and the fixture `recstore`, `--recstore-report`.

Every start of pytest imports this file, also where nobody has heard of recstore: it imports nothing of the rest
before a project turns out to have a store or a configuration, or a test to ask for recordings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from recstore.files import FOLDER, is_store

if TYPE_CHECKING:
    from collections.abc import Generator

    from recstore.pytest_plugin.run import Run
    from recstore.pytest_plugin.view import SessionView

__all__ = ["MODES"]

MODES: Final = ("replay", "record", "record-if-missing", "live", "verify")

_RUN: Final = pytest.StashKey["Run"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("recstore", "recorded HTTP requests")
    group.addoption(
        "--recstore",
        metavar="MODE",
        choices=MODES,
        help=f"what tests that ask for recordings do: {', '.join(MODES)} (default: RECSTORE_MODE, the configuration, replay)",
    )
    group.addoption(
        "--recstore-report",
        action="store_true",
        help="say at the end what was missing, new, unserved and saved",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker, and get ready where the project has anything to do with recstore."""
    config.addinivalue_line(
        "markers",
        "recstore(mode=..., share=..., repeat_last=...): answer the test's HTTP requests from its recordings, or record them",
    )
    if _folder(config.rootpath) or _is_configured(config.rootpath) or config.getoption("--recstore"):
        _start(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Get ready where a test asks for recordings though the project has neither a store nor a configuration."""
    if _RUN not in config.stash and any(_asks(item) for item in items):
        _start(config).conductor.pytest_collection_modifyitems(items)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Return the mode and the store."""
    return config.stash[_RUN].header if _RUN in config.stash else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist has found."""
    output = getattr(node, "workeroutput", None)
    if output is not None and _RUN in node.config.stash:
        node.config.stash[_RUN].take(output)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Close what is open after the last fixture has ended, before a worker hands over what it has found."""
    run = session.config.stash.get(_RUN, None)
    if run is None:
        return (yield)
    has_passed = False
    try:
        result = yield
        has_passed = True
    finally:
        run.end(session, has_passed=has_passed)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was asked for with `--recstore-report`, and what no test's report holds."""
    run = config.stash.get(_RUN, None)
    lines = run.summary(is_wanted=config.getoption("--recstore-report")) if run is not None else []
    if lines:
        from recstore.text import escape_control

        terminalreporter.section("recstore")
        for line in lines:
            terminalreporter.write_line(escape_control(line))


@pytest.fixture
def recstore(request: pytest.FixtureRequest) -> SessionView:
    """Give the test's recordings to look at: `test_id`, `mode`, `misses`. A test that uses this asks for recordings."""
    from recstore.pytest_plugin.view import SessionView

    run = request.config.stash.get(_RUN, None)
    scope = run.conductor.scope if run is not None else None
    if scope is None:
        pytest.fail("This test does not ask for recordings: mark it with `@pytest.mark.recstore`.", pytrace=False)
    return SessionView(scope.session)


def _start(config: pytest.Config) -> Run:
    from recstore.errors import RecstoreError
    from recstore.pytest_plugin.run import Run

    try:
        run = config.stash[_RUN] = Run.open(config, _folder(config.rootpath), os.environ)
    except RecstoreError as error:
        raise pytest.UsageError(str(error)) from error
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        _intercept()
        config.pluginmanager.register(run.conductor, "recstore-conductor")
    return run


def _intercept() -> None:
    from recstore.capture import install

    install()


def _folder(root: Path) -> Path | None:
    """Return the nearest folder, from pytest's root folder upwards, that holds a store."""
    return next((folder for folder in (root, *root.parents) if is_store(folder / FOLDER)), None)


def _is_configured(root: Path) -> bool:
    if os.path.isfile(f"{root}/recstore.toml"):
        return True
    try:
        with open(f"{root}/pyproject.toml", "rb") as file:
            return b"tool.recstore" in file.read()
    except OSError:
        return False


def _asks(item: pytest.Item) -> bool:
    return item.get_closest_marker("recstore") is not None or "recstore" in getattr(item, "fixturenames", ())
