"""Folders that are listed again only where they have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recstore.errors import RecstoreError
from recstore.store.dir_cache import YOUNG_NS, Listing

LONG_AGO = 1_700_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with files in folders, all of them changed long ago."""
    for name in ("tests/a/one", "tests/a/two", "tests/b/three"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    aged(tmp_path)
    return tmp_path


def aged(root: Path) -> None:
    """Have everything look as if it had been changed long ago."""
    for path in root.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def replaced(file: Path, text: str) -> None:
    """Put a file in place as Git and recstore do it."""
    beside = file.parent / ".tmp-beside"
    beside.write_text(text)
    beside.replace(file)


def names(listing: Listing) -> list[str]:
    """Return the names that are listed."""
    return sorted(name for name, _ in listing.stamps())


def test_it_names_every_file(root: Path) -> None:
    """Files by their names from the store's folder; temporary files and links are left out."""
    (root / "tests/a/.tmp-1").write_text("")
    (root / "tests/a/link").symlink_to(root / "tests/b/three")

    assert ["tests/a/one", "tests/a/two", "tests/b/three"] == names(Listing(root, "tests"))


def test_nothing_below_a_folder_that_is_not_there(root: Path) -> None:
    """No store has to have a folder."""
    assert [] == names(Listing(root, "shared"))
    assert [] == list(Listing(root, "shared").state())


@pytest.mark.parametrize(
    "change",
    [
        lambda root: replaced(root / "tests/a/one", "another"),
        lambda root: (root / "tests/a/one").unlink(),
        lambda root: (root / "tests/a/new").write_text("new"),
        lambda root: (root / "tests/a").rename(root / "tests/c"),
        lambda root: replaced(root / "tests/b/three", "equal length"[:5]),
    ],
)
def test_what_comes_goes_or_is_replaced_is_seen(root: Path, change: Callable[[Path], object]) -> None:
    """Also by the state, which looks at folders alone."""
    listing = Listing(root, "tests")
    before, state = dict(listing.stamps()), list(listing.state())
    change(root)

    assert dict(Listing(root, "tests").stamps()) == dict(listing.stamps()) != before
    assert list(listing.state()) != state


def test_a_folder_that_has_not_changed_is_not_listed_again(root: Path) -> None:
    """A file that is written where it lies is seen by a thorough look."""
    listing = Listing(root, "tests")
    before = dict(listing.stamps())
    (root / "tests/a/one").write_text("something longer")

    assert before == dict(listing.stamps())
    assert before != dict(listing.stamps(thorough=True))


def test_a_folder_that_changed_just_now_is_listed_again(root: Path) -> None:
    """A second change within one tick of the clock leaves the time as it was."""
    listing = Listing(root, "tests")
    now_ns = time.time_ns()
    replaced(root / "tests/a/one", "once")
    os.utime(root / "tests/a", ns=(now_ns, now_ns))
    before = dict(listing.stamps())
    replaced(root / "tests/a/one", "twice, longer")
    os.utime(root / "tests/a", ns=(now_ns, now_ns))

    assert YOUNG_NS > time.time_ns() - now_ns
    assert before != dict(listing.stamps())


@pytest.mark.parametrize("look", [lambda listing: list(listing.stamps()), lambda listing: list(listing.state())])
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_a_link_in_the_place_of_the_folder_is_refused(
    root: Path, tmp_path: Path, look: Callable[[Listing], object], *, is_known: bool
) -> None:
    """Whatever is behind it may be endless, and is somebody else's; also where a checkout has just put it."""
    listing = Listing(root, "tests")
    if is_known:
        look(listing)
    (root / "tests").rename(tmp_path / "theirs")
    (root / "tests").symlink_to(tmp_path / "theirs")

    with pytest.raises(RecstoreError, match="is a link") as raised:
        look(listing)
    assert str(root / "tests") == raised.value.subject
