"""README and the guides: their blocks run, their tables are current, their links lead somewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from recstore.cli.guide_command import TOPICS
from recstore.errors import RecstoreError
from tests import commands
from tests.docs.pages import GUIDES, PAGES, README, Story, blocks, fits
from tests.docs.tables import GENERATED, exit_codes, with_generated
from tests.git_repository import GitRepository

RUN = [
    page for page in PAGES if any(block.kind not in ("", "text") for block in blocks(page.read_text(encoding="utf-8")))
]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Return a scratch project in which a page is run."""
    project = GitRepository.empty(tmp_path / "project")
    with ExitStack() as stack:
        yield Story(project.folder, {**project.environment(), "PYTHONPATH": os.fspath(README.parent)}, stack)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_a_page_is_true(page: Path, story: Story) -> None:
    """Each command of a page prints what the page shows, each piece of code runs, each configuration is valid."""
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.kind in ("", "text") or block.reason:
            continue
        for command, code, output in story.run(block):
            where = f"{page.name}:{block.line}: {command.words}\n{output}"
            assert command.exit_code == code, where
            assert fits(command.expected, output), where


def test_what_is_not_run_says_why() -> None:
    """A block is run, or a comment before it says why not: there are few of those."""
    reasons = [block.reason for page in PAGES for block in blocks(page.read_text(encoding="utf-8")) if block.reason]

    assert len(reasons) <= 4
    assert all(len(reason) > 20 for reason in reasons)


def test_fences_are_blocks() -> None:
    """No fence goes unseen by the tests above, and none is indented or without a kind."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")

        assert text.count("```") == 2 * len(blocks(text)), page.name
        assert all(block.kind in ("console", "python", "toml", "yaml", "text") for block in blocks(text)), page.name


def test_what_a_page_shows_is_compared() -> None:
    """The comparison bites, and `...` stands for anything."""
    assert fits("a ... c\n...\nend", "a b c\nmore\nend\n")
    assert not fits("a ... c", "a b")
    assert not fits("a", "a\nb")


@pytest.mark.parametrize("page", sorted({page for page, _ in GENERATED.values()}))
def test_the_tables_are_current(page: str) -> None:
    """Every command, option, exit code and setting is listed; `python -m tests.docs` brings the tables up to date."""
    text = (GUIDES / page).read_text(encoding="utf-8")

    assert with_generated(page, text) == text


def every_class(of: type[RecstoreError] = RecstoreError) -> list[type[RecstoreError]]:
    """Return the class and all that derive from it."""
    return [of, *(found for child in of.__subclasses__() for found in every_class(child))]


def test_every_exit_code_is_listed() -> None:
    """`recstore --help` states the exit code of every error."""
    assert {error.exit_code for error in every_class()} <= set(exit_codes())


def test_help_lists_every_guide(tmp_path: Path) -> None:
    """`recstore help` names each page that is shipped, with its title."""
    done = commands.recstore(tmp_path, "help")

    assert sorted(TOPICS) == sorted(page.stem for page in GUIDES.glob("*.md"))
    assert len(TOPICS) == len(done.stdout.splitlines())
    for page in GUIDES.glob("*.md"):
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert re.search(rf"^{page.stem} +{re.escape(title)}$", done.stdout, re.MULTILINE)


def test_help_prints_a_guide(tmp_path: Path) -> None:
    """As it stands in the package, without what only its tests read."""
    done = commands.recstore(tmp_path, "help", "git")

    assert done.stdout.startswith("# Git: hooks, gc, merges")
    assert "<!--" not in done.stdout


def test_help_on_an_unknown_topic_lists_the_guides(tmp_path: Path) -> None:
    """Wrong use: exit code 2."""
    done = commands.recstore(tmp_path, "help", "nonsense")

    assert 2 == done.returncode
    assert "getting-started" in done.stderr


def test_links_lead_somewhere() -> None:
    """Each relative link of a page names a file of the repository."""
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_two_commands_of_newcomers_stay() -> None:
    """One to try recstore, one to work on it."""
    text = README.read_text(encoding="utf-8")

    assert "\n    pip install . && recstore demo\n" in text
    assert "\n    pip install -e '.[test]' && pytest -n auto\n" in text
