"""Test suites of many small tests, each of which makes one request, run by pytest with one recorder's plugin."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.store import Store
from tests.bench.processes import Cost, git, recstore, spent

__all__ = ["TOOLS", "Suite"]

_PLUGINS: Final = {
    "recstore": "recstore.pytest_plugin",
    "pytest-recording": "pytest_recording.plugin",
    "cassetter": "cassetter.pytest_plugin",
}
_MODES: Final = {"recstore": "--recstore=", "pytest-recording": "--record-mode=", "cassetter": "--record-mode="}
_NAMES: Final = {
    "recstore": ("record", "replay"),
    "pytest-recording": ("new_episodes", "none"),
    "cassetter": ("new_episodes", "none"),
}

TOOLS: Final = tuple(tool for tool, plugin in _PLUGINS.items() if importlib.util.find_spec(plugin.partition(".")[0]))
"""recstore, and the others that are installed. Two of them want the same options: each session loads one plugin by name."""

_CONFTEST: Final = """\
import pytest


@pytest.fixture(scope="module")
def vcr_config():
    return {{"match_on": {match_on!r}}}
"""
_TESTS: Final = """\
import httpx2
import pytest

client = httpx2.Client(base_url={base!r})


{marks}
@pytest.mark.parametrize("number", range({first}, {end}))
def test_many(number):
    question = {{"model": "gpt-4o", "messages": [{{"role": "user", "content": f"Question {{number}}?"}}]}}
    answer = client.post("/v1/chat/completions", json=question).json()
    assert answer["choices"][0]["message"]["content"]
"""
_TESTS_IN_FILE: Final = 50


@dataclass(frozen=True, slots=True)
class Suite:
    """So many tests of one tool; with `is_shared` all have one cassette, of which recstore's store is the like."""

    tool: str
    folder: Path
    tests: int
    is_shared: bool = False

    def write(self, base_url: str) -> None:
        """Write the project."""
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet")
        if self.tool == "recstore":
            recstore(self.folder, "init")
        body = "json_body" if self.tool == "cassetter" else "body"
        (self.folder / "pytest.ini").write_text("[pytest]\n")
        (self.folder / "conftest.py").write_text(_CONFTEST.format(match_on=["method", "uri", body]))
        for first in range(0, self.tests, _TESTS_IN_FILE):
            end = min(first + _TESTS_IN_FILE, self.tests)
            text = _TESTS.format(base=base_url, first=first, end=end, marks=self._marks())
            (self.folder / f"test_{first:05}.py").write_text(text)

    def run(self, *options: str, is_recording: bool = False) -> Cost:
        """Run the session; tests that fail are none of its business while recording, and an error while replaying."""
        mode = _MODES[self.tool] + _NAMES[self.tool][0 if is_recording else 1]
        plugins = ("-p", _PLUGINS[self.tool], *(("-p", "xdist.plugin") if "-n" in options else ()))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, mode, *options]
        codes = (0, 1) if is_recording else (0,)
        return spent(command, self.folder, codes=codes, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    def kept(self) -> int:
        """Return how many recordings are there."""
        if self.tool == "recstore":
            return sum(1 for _ in Store.open(self.folder).blobs())
        return sum(_interactions(file) for file in self.folder.rglob("*.yaml"))

    def _marks(self) -> str:
        if self.tool == "recstore":
            return "@pytest.mark.recstore"
        if not self.is_shared:
            return "@pytest.mark.vcr"
        shared = str(self.folder / "cassettes" / "shared.yaml")
        return f"@pytest.mark.vcr\n@pytest.mark.default_cassette({shared!r})"


def _interactions(file: Path) -> int:
    """Return how many recordings a cassette has; one that was written by two workers at once may be unreadable."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return len(yaml.load(file.read_bytes(), loader)["interactions"])  # noqa: S506 - both loaders are safe
    except yaml.YAMLError:
        return 0
