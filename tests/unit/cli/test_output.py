"""What commands print: any report as JSON, counts and sizes as people write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

import pytest

from recstore.cli.output import show_json, to_json
from recstore.errors import NotInStore
from recstore.model import BlobName, Digest, RequestKey
from recstore.text import human_size, plural, short_blob

BLOB = BlobName(RequestKey("a" * 64), Digest("b" * 64))


class Kind(Enum):
    """A kind."""

    ODD = "odd"


@dataclass(frozen=True)
class Part:
    """A part of a report."""

    path: PurePosixPath
    data: bytes
    from_: str


@dataclass(frozen=True)
class Report:
    """A report with a member of every sort."""

    blob: BlobName
    parts: tuple[Part, ...]
    problems: tuple[NotInStore, ...]
    kinds: frozenset[str]
    kind: Kind
    _private: int = 1

    def __str__(self) -> str:
        """Return what a person reads."""
        return "a report"


def test_a_report_is_an_object_of_its_fields() -> None:
    """Names of blobs and files are text, bytes their number, errors objects; private fields stay out."""
    problem = NotInStore("a", "is not there", "Record it.")
    report = Report(BLOB, (Part(PurePosixPath("x/y"), b"abc", "HEAD"),), (problem,), frozenset("ba"), Kind.ODD)

    assert {
        "dry_run": True,
        "blob": f"{'a' * 64}-{'b' * 64}",
        "parts": [{"path": "x/y", "size_bytes": 3, "from": "HEAD"}],
        "problems": [{"file": "a", "reason": "is not there", "remedy": "Record it.", "exit_code": 10}],
        "kinds": ["a", "b"],
        "kind": "odd",
    } == to_json(report, dry_run=True)


@pytest.mark.parametrize(
    "value", [{"a": "\x1b[2J\u202e"}, {"a": "\ud800\x9b"}, {"a": 2**70}, {BLOB: []}, [1.5, None, True]]
)
def test_json_is_printed_on_one_harmless_line(capsys: pytest.CaptureFixture[str], value: object) -> None:
    """What a terminal might obey, what UTF-8 cannot hold and what 64 bits cannot hold come out as they are meant."""
    show_json(value)
    line = capsys.readouterr().out

    assert line.removesuffix("\n").isprintable()
    assert to_json(value) == json.loads(line)


def test_figures_are_written_as_people_write_them() -> None:
    """Counts have separators and a noun in the right number; sizes a unit; blobs the digits that are typed."""
    assert ["1 entry", "0 entries", "1,649 files"] == [
        plural(1, "entry", "entries"),
        plural(0, "entry", "entries"),
        plural(1649, "file"),
    ]
    assert ["812 B", "1.6 kB", "9.1 MB", "2000.0 GB"] == [human_size(size) for size in (812, 1_600, 9_100_000, 2e12)]
    assert f".recstore/blobs/{'a' * 12}-{'b' * 12}" == short_blob(f".recstore/blobs/{BLOB}.json")
