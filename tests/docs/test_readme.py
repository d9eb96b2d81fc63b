"""README.md: its example runs, its tables are current, its settings are settings."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from recstore.errors import RecstoreError
from recstore.settings import parse_settings
from tests.docs.tables import README, commands_table, generated

TEXT = README.read_text()


def block(language: str) -> str:
    """Return the first code block of a language."""
    match = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert match is not None
    return match[1]


def test_the_example_runs(tmp_path: Path) -> None:
    """A newcomer who pastes the example into a file sees the recorded answer."""
    done = subprocess.run(
        [sys.executable, "-c", block("python")], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ("Hello!\n", "") == (done.stdout, done.stderr)


def test_the_table_of_commands_is_current() -> None:
    """Every command and option is listed; `python -m tests.docs` brings the table up to date."""
    assert commands_table() == generated(TEXT)


def test_the_settings_shown_are_settings() -> None:
    """The configuration in the README is accepted as it stands."""
    settings = parse_settings(tomllib.loads(block("toml"))["tool"]["recstore"], "README.md")

    assert "azure" == settings.upstreams.address("https://my-team.openai.azure.com/openai/v1/models").upstream


def every_class(of: type[RecstoreError] = RecstoreError) -> list[type[RecstoreError]]:
    """Return the class and all that derive from it."""
    return [of, *(found for child in of.__subclasses__() for found in every_class(child))]


@pytest.mark.parametrize("error", every_class())
def test_every_exit_code_is_listed(error: type[RecstoreError]) -> None:
    """The README's table and `recstore --help` state the exit code of every error."""
    shown = subprocess.run([sys.executable, "-m", "recstore", "--help"], capture_output=True, text=True, check=True)

    assert re.search(rf"\| {error.exit_code} \|", TEXT)
    assert re.search(rf"\b{error.exit_code} +[a-zA-Z]", shown.stdout)
