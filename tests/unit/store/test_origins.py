"""Origins: what an entry says of the file it came from."""

from __future__ import annotations

from typing import Any

import pytest

from recstore.store.blob import LLAMA_STACK, VCR, is_imported, origin_path, placeholder_id

HASH = "0123456789ab" + "c" * 52


def test_an_entry_without_a_format_was_recorded_here() -> None:
    """Only imports have one."""
    assert not is_imported({})
    assert not is_imported({"base": "http://localhost:1"})
    assert is_imported({"format": VCR, "path": "x.yaml"})


@pytest.mark.parametrize(
    ("origin", "path"), [({}, ""), ({"path": "a/b.json"}, "a/b.json"), ({"path": 5}, ""), ({"path": None}, "")]
)
def test_the_path_of_an_origin_is_text(origin: dict[str, Any], path: str) -> None:
    """Whatever a hand-made manifest says."""
    assert path == origin_path(origin)


@pytest.mark.parametrize(
    ("path", "generated_id"),
    [
        (f"tests/recordings/{HASH}.json", "rec-0123456789ab"),
        (f"{HASH}.json", "rec-0123456789ab"),
        ("x/0123456789ab.json", "rec-0123456789ab"),
        ("x/0123456789a.json", ""),
        (f"x/models-{HASH}-0123abcd.json", ""),
        (f"x/{HASH.upper()}.json", ""),
        (f"x/{HASH}/notes.json", ""),
        (f"x/{HASH}", "rec-0123456789ab"),
        ("", ""),
    ],
)
def test_a_placeholder_id_follows_from_the_name_of_the_file(path: str, generated_id: str) -> None:
    """The first twelve digits of the hash that names it; other names give none."""
    assert generated_id == placeholder_id({"format": LLAMA_STACK, "path": path})


@pytest.mark.parametrize(
    "origin", [{}, {"format": VCR, "path": f"{HASH}.json"}, {"path": f"{HASH}.json"}, {"format": LLAMA_STACK}]
)
def test_other_recorders_mint_nothing(origin: dict[str, Any]) -> None:
    """Their ids are the servers' own."""
    assert "" == placeholder_id(origin)
