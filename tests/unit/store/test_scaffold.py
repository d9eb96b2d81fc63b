"""The files that explain a store."""

from __future__ import annotations

import pytest

from recstore.store.store import scaffold_files


def test_a_store_explains_itself_to_people_and_to_git() -> None:
    """Three files, all of them text with line feeds."""
    assert {"README.md", ".gitattributes", ".gitignore"} == set(scaffold_files())
    for data in scaffold_files().values():
        assert data.decode().endswith("\n")
        assert b"\r" not in data


@pytest.mark.parametrize(
    ("pattern", "attributes"),
    [
        ("blobs/**", {"-text", "-ident", "-filter", "-merge", "linguist-generated", "diff=recstore"}),
        ("tests/**", {"-filter", "text", "eol=lf", "merge=recstore"}),
        ("shared/**", {"-filter", "text", "eol=lf", "merge=recstore"}),
    ],
)
def test_git_is_told_to_leave_bytes_alone(pattern: str, attributes: set[str]) -> None:
    """A blob that Git converts would no longer fit its name."""
    lines = [
        line.split() for line in scaffold_files()[".gitattributes"].decode().splitlines() if not line.startswith("#")
    ]

    assert attributes == {word for first, *words in lines if first == pattern for word in words}


def test_what_this_machine_alone_needs_is_not_committed() -> None:
    """The local folder and unfinished writes."""
    assert {"local/", ".tmp-*"} <= set(scaffold_files()[".gitignore"].decode().splitlines())


def test_the_page_names_every_folder() -> None:
    """Whoever finds the folder learns what is in it."""
    assert [] == [
        folder
        for folder in ("blobs/", "tests/", "shared/", "local/")
        if folder not in scaffold_files()["README.md"].decode()
    ]
