"""A manifest as text: the reader refuses what it does not know, the writer has one way to say a thing.

    recstore 1
    test "tests/test_chat.py::test_answer[gpt-4o]"
    1 <request key> <content digest> {"format":"llama-stack","path":"tests/recordings/3f....json"} 5ab0c2e4

Lines are sorted by request key, then n, and each ends in a check of itself. `recstore help format` describes every field.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from recstore.content.json_text import compact_text
from recstore.errors import DamagedManifest, ManifestConflict, NewerVersion, UsageError
from recstore.model import BlobName, Digest, Entry, Manifest, RequestKey

MANIFEST_VERSION: Final = 1

_HEADER: Final = re.compile(rb"recstore ([1-9][0-9]{0,8})\n")
_CONFLICT: Final = re.compile(rb"^(<{7,}|={7,}|>{7,}|\|{7,})( |$)", re.MULTILINE)
_ENTRY: Final = re.compile(r"([1-9][0-9]{0,8})(\+?) ([0-9a-f]{64}) ([0-9a-f]{64})(?: (\{.*\}))?(?: ([0-9a-f]{8}))?")
_CHECK_LENGTH: Final = 9


def format_manifest(manifest: Manifest) -> bytes:
    """Return the text of `manifest`.

    Raises: UsageError: the test's id holds lone surrogates.
    """
    owner = b"shared" if manifest.test_id is None else b"test " + _test_id_text(manifest.test_id)
    lines = [b"recstore %d" % MANIFEST_VERSION, owner, *map(_entry_line, sort_entries(manifest.entries))]
    return b"\n".join(lines) + b"\n"


def parse_manifest(data: bytes, subject: str) -> Manifest:
    """Return the manifest that the text `data` of the file `subject` states.

    Raises: ManifestConflict: it holds conflict markers. NewerVersion: of a later format.
    DamagedManifest: it is no manifest, or says something twice.
    """
    if _CONFLICT.search(data):
        raise ManifestConflict(subject, "is in conflict: it holds the marker lines of an unfinished merge")
    header = _HEADER.match(data)
    if header is None:
        raise DamagedManifest(subject, "does not begin with a line `recstore 1`")
    if int(header[1]) > MANIFEST_VERSION:
        raise NewerVersion(subject, f"is a manifest of format {int(header[1])}; this recstore reads {MANIFEST_VERSION}")
    if not data.endswith(b"\n"):
        raise DamagedManifest(subject, "is cut short: its last line has no end")
    try:
        owner, *lines = data[header.end() :].decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DamagedManifest(subject, "is not UTF-8") from error
    entries = tuple(_parse_entry(line, subject, number) for number, line in enumerate(lines, start=3))
    _check_times(entries, subject)
    return Manifest(_parse_owner(owner, subject), entries)


def sort_entries(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the entries in the order in which a manifest lists them."""
    return tuple(sorted(entries, key=lambda entry: (entry.blob.key, entry.n, entry.blob.digest, _origin_text(entry))))


def _test_id_text(test_id: str) -> bytes:
    try:
        return orjson.dumps(test_id)
    except TypeError as error:
        raise UsageError(ascii(test_id), "a test id must be text that UTF-8 can hold") from error


def _entry_line(entry: Entry) -> bytes:
    n = f"{entry.n}+" if entry.is_union else str(entry.n)
    line = f"{n} {entry.blob.key} {entry.blob.digest}".encode()
    if entry.origin:
        line += b" " + _origin_text(entry)
    return line + b" " + _check_of(line)


def _check_of(line: bytes) -> bytes:
    return Digest.of(line)[:8].encode()


def _origin_text(entry: Entry) -> bytes:
    return compact_text(entry.origin)


def _parse_owner(line: str, subject: str) -> str | None:
    if line == "shared":
        return None
    try:
        test_id = orjson.loads(line.removeprefix("test "))
    except orjson.JSONDecodeError:
        test_id = None
    if not line.startswith("test ") or not isinstance(test_id, str):
        raise DamagedManifest(subject, "line 2 names neither a test nor `shared`")
    return test_id


def _parse_entry(line: str, subject: str, number: int) -> Entry:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise DamagedManifest(subject, f"line {number} is no entry: {line[:60]!r}")
    if match[6] and match[6].encode() != _check_of(line[:-_CHECK_LENGTH].encode()):
        raise DamagedManifest(
            subject,
            f"line {number} does not fit the check at its end",
            "`git checkout` brings the file back; a line that you changed by hand may do without its last word.",
        )
    blob = BlobName(RequestKey(match[3]), Digest(match[4]))
    return Entry(blob, int(match[1]), bool(match[2]), _parse_origin(match[5], subject, number))


def _parse_origin(text: str | None, subject: str, number: int) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        origin: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DamagedManifest(subject, f"the origin in line {number} is not JSON: {error}") from error
    return origin


def _check_times(entries: tuple[Entry, ...], subject: str) -> None:
    seen: dict[tuple[str, int], bool] = {}
    for entry in entries:
        place = (entry.blob.key, entry.n)
        if place in seen and not (entry.is_union and seen[place]):
            raise DamagedManifest(
                subject,
                f"names two answers for request {entry.blob.key[:12]}, time {entry.n}",
                "Keep one of the two lines, or number the second one as a later time.",
            )
        seen[place] = entry.is_union
    last: dict[str, int] = {}
    for key, n in sorted(seen):
        if n != last.get(key, 0) + 1:
            raise DamagedManifest(
                subject, f"names time {n} of request {key[:12]}, but not time {n - 1}", "Number the times from 1."
            )
        last[key] = n
