"""A manifest: where its file is, and its text.

    recstore 1
    test "tests/test_chat.py::test_answer[gpt-4o]"
    1 <request key> <content digest> {"format":"llama-stack","path":"tests/recordings/3f....json"} 5ab0c2e4

The reader refuses what it does not know, the writer has one way to say a thing. Lines are sorted by request key, then
n, and each ends in a checksum of itself. The format's page describes every field. Every file name is safe on
case-insensitive and Windows file systems, and short enough for them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from recstore.content.json_text import compact_text
from recstore.errors import DamagedManifest, ManifestConflict, NewerVersion, UsageError
from recstore.model import BlobName, Digest, Entry, Manifest, RequestKey

MANIFEST_VERSION: Final = 1

MANIFEST_FOLDERS: Final = ("tests", "shared")
"""The folders of manifests below the store's."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.=,+@-]+")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_READABLE_LENGTH: Final = 80
_FOLDER_LENGTH: Final = 60
_FOLDERS_LENGTH: Final = 128

_HEADER: Final = re.compile(rb"recstore ([1-9][0-9]{0,8})\n")
_CONFLICT: Final = re.compile(rb"^(<{7,}|={7,}|>{7,}|\|{7,})( |$)", re.MULTILINE)
_ENTRY: Final = re.compile(r"(([1-9][0-9]{0,8})(\+?) ([0-9a-f]{64}) ([0-9a-f]{64})(?: (\{.*\}))?)(?: ([0-9a-f]{8}))?\n")
"""A line of an entry: the part that its checksum is of, and in that n, union mark, key, digest and origin."""

_CHECKSUM_LENGTH: Final = 8


def manifest_path(test_id: str) -> str:
    """Return the path of the test's manifest below the store's folder: it follows from the id alone.

    Shape: `tests/`, the folders and the file of the test (characters that some file system refuses
    replaced), then a readable form of the rest and 8 hexadecimal digits of the id's BLAKE3.
    """
    file, _, rest = test_id.partition("::")
    folders = [_safe(part, _FOLDER_LENGTH) for part in file.split("/") if part not in ("", ".")]
    while sum(map(len, folders)) + len(folders) > _FOLDERS_LENGTH:
        del folders[0]
    readable = _safe(rest or "session", _READABLE_LENGTH)
    return "/".join(["tests", *folders, f"{readable}-{Digest.of(test_id.encode('utf-8', 'surrogatepass'))[:8]}"])


def shared_path(name: BlobName) -> str:
    """Return the path of the manifest of a blob recorded outside any test."""
    return f"shared/{name}"


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
    DamagedManifest: it is not a manifest, or says something twice.
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
        owner, _, text = data[header.end() :].decode().partition("\n")
    except UnicodeDecodeError as error:
        raise DamagedManifest(subject, "is not UTF-8") from error
    entries = []
    position, number = 0, 3
    while position < len(text):
        match = _ENTRY.match(text, position)
        if match is None:
            line = text[position:].partition("\n")[0]
            raise DamagedManifest(subject, f"line {number} is not an entry: {line[:60]!r}")
        line, n, union, key, digest, origin, checksum = match.groups()
        if checksum is not None and checksum != _checksum(line.encode()):
            raise DamagedManifest(
                subject,
                f"line {number} does not fit the checksum at its end",
                "`git checkout` brings the file back; a line that you changed by hand may do without its last word.",
            )
        blob = BlobName(RequestKey(key), Digest(digest))
        entries.append(Entry(blob, int(n), union == "+", _parse_origin(origin, subject, number)))
        position, number = match.end(), number + 1
    _check_occurrences(entries, subject)
    return Manifest(_parse_owner(owner, subject), tuple(entries), Digest.of(data))


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
    return line + b" " + _checksum(line).encode()


def _checksum(line: bytes) -> str:
    return Digest.of(line)[:_CHECKSUM_LENGTH]


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


def _parse_origin(text: str | None, subject: str, number: int) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        origin: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DamagedManifest(subject, f"the origin in line {number} is not JSON: {error}") from error
    return origin


def _check_occurrences(entries: list[Entry], subject: str) -> None:
    """Raise DamagedManifest unless the calls of each request are numbered from 1, and only unions share a number."""
    last: Entry | None = None
    for entry in sorted(entries, key=lambda entry: (entry.blob.key, entry.n)):
        key = entry.blob.key[:12]
        is_next = last is not None and last.blob.key == entry.blob.key
        last_n = last.n if last is not None and is_next else 0
        if entry.n == last_n and not (entry.is_union and last is not None and last.is_union):
            raise DamagedManifest(
                subject,
                f"names two answers for call {entry.n} of request {key}",
                "Keep one of the two lines, or number the second one as a later call.",
            )
        if entry.n > last_n + 1:
            raise DamagedManifest(
                subject,
                f"names call {entry.n} of request {key}, but not call {entry.n - 1}",
                "Number the calls from 1.",
            )
        last = entry


def _safe(text: str, length: int) -> str:
    name = _UNSAFE.sub("_", text)[:length].rstrip(".")
    name = f"_{name[1:]}" if name.startswith(".") else name
    return f"_{name}" if not name or _RESERVED.match(name) else name
