"""A manifest: where its file is, its text, and the three-way merge of two of them.

    recstore 1
    test "tests/test_chat.py::test_answer[gpt-4o]"
    1 <request key> <content digest> {"format":"llama-stack","path":"tests/recordings/3f....json"} 5ab0c2e4

docs/format.md describes the text. Every file name is safe, and short enough, for every file system.

A merge goes request key by request key: each key's entries come from the side that changed them. Where both sides changed
those of one request differently, the whole manifest is in conflict: later requests often hold earlier answers, so that two
runs must not be mixed. The entries of a union, and the origins of a recording made outside any test, are sets, and merge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

import orjson

from recstore.content.json_text import compact_text
from recstore.errors import Damage, DamagedManifest, ManifestConflict, NewerVersion, UsageError
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

_FIRST_MARKER: Final = re.compile(rb"^(<{7,})(?= |$)", re.MULTILINE)
_MARKERS: Final = {b"<": (True, False), b"|": (False, False), b"=": (False, True), b">": (True, True)}
"""Which sides (ours, theirs) have the lines behind a marker line."""

_Group: TypeAlias = tuple[Entry, ...]
"""The entries of one request key."""


def manifest_path(test_id: str) -> str:
    """Return the path of the test's manifest below the store's folder: it follows from the id alone.

    Shape: `tests/`, the test's folders and file, then a readable form of the rest and 8 digits of the id's hash.
    """
    file, _, rest = test_id.partition("::")
    folders = [_safe(part, _FOLDER_LENGTH) for part in file.split("/") if part not in ("", ".")]
    while sum(map(len, folders)) + len(folders) > _FOLDERS_LENGTH:
        del folders[0]
    readable = _safe(rest or "session", _READABLE_LENGTH)
    return "/".join(["tests", *folders, f"{readable}-{Digest.of(test_id.encode('utf-8', 'surrogatepass'))[:8]}"])


def _safe(text: str, length: int) -> str:
    name = _UNSAFE.sub("_", text)[:length].rstrip(".")
    name = f"_{name[1:]}" if name.startswith(".") else name
    return f"_{name}" if not name or _RESERVED.match(name) else name


def shared_path(name: BlobName) -> str:
    """Return the path of the manifest of a blob recorded outside any test."""
    return f"shared/{name}"


# -- its text


def format_manifest(manifest: Manifest) -> bytes:
    """Return the text of `manifest`.

    Raises: UsageError: the test's id holds lone surrogates.
    """
    try:
        owner = b"shared" if manifest.test_id is None else b"test " + orjson.dumps(manifest.test_id)
    except TypeError as error:
        raise UsageError(ascii(manifest.test_id), "a test id must be text that UTF-8 can hold") from error
    lines = [b"recstore %d" % MANIFEST_VERSION, owner]
    for entry in sort_entries(manifest.entries):
        line = f"{entry.n}{'+' * entry.is_union} {entry.blob.key} {entry.blob.digest}".encode()
        if entry.origin:
            line += b" " + compact_text(entry.origin)
        lines.append(line + b" " + Digest.of(line)[:_CHECKSUM_LENGTH].encode())
    return b"\n".join(lines) + b"\n"


def sort_entries(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries in the order in which a manifest lists them."""
    return tuple(sorted(entries, key=lambda entry: (*entry.call, entry.blob.digest, compact_text(entry.origin))))


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
    try:
        test_id = orjson.loads(owner.removeprefix("test ")) if owner != "shared" else None
    except orjson.JSONDecodeError:
        test_id = None
    if owner != "shared" and not (owner.startswith("test ") and isinstance(test_id, str)):
        raise DamagedManifest(subject, "line 2 names neither a test nor `shared`")
    entries = tuple(_parse_entries(text, subject))
    _check_occurrences(entries, subject)
    return Manifest(test_id, entries, Digest.of(data))


def _parse_entries(text: str, subject: str) -> Iterator[Entry]:
    position, number = 0, 3
    while position < len(text):
        match = _ENTRY.match(text, position)
        if match is None:
            line = text[position:].partition("\n")[0]
            raise DamagedManifest(subject, f"line {number} is not an entry: {line[:60]!r}")
        line, n, union, key, digest, origin, checksum = match.groups()
        if checksum is not None and checksum != Digest.of(line.encode())[:_CHECKSUM_LENGTH]:
            remedy = (
                "`git checkout` brings the file back; a line that you changed by hand may do without its last word."
            )
            raise DamagedManifest(subject, f"line {number} does not fit the checksum at its end", remedy)
        try:
            members = orjson.loads(origin or "{}")
        except orjson.JSONDecodeError as error:
            raise DamagedManifest(subject, f"the origin in line {number} is not JSON: {error}") from error
        yield Entry(BlobName(RequestKey(key), Digest(digest)), int(n), union == "+", members)
        position, number = match.end(), number + 1


def _check_occurrences(entries: Iterable[Entry], subject: str) -> None:
    """Raise DamagedManifest unless the calls of each request are numbered from 1, and only unions share a number."""
    last: dict[RequestKey, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.call):
        before = last.get(entry.blob.key)
        last_n = before.n if before else 0
        request = f"request {entry.blob.key[:12]}"
        if before and entry.n == last_n and not (entry.is_union and before.is_union):
            remedy = "Keep one of the two lines, or number the second one as a later call."
            raise DamagedManifest(subject, f"names two answers for call {entry.n} of {request}", remedy)
        if entry.n > last_n + 1:
            reason = f"names call {entry.n} of {request}, but not call {entry.n - 1}"
            raise DamagedManifest(subject, reason, "Number the calls from 1.")
        last[entry.blob.key] = entry


# -- in conflict


def format_conflict(ours: Manifest, theirs: Manifest) -> bytes:
    """Return a file that holds both manifests between the marker lines that Git uses."""
    return b"<<<<<<< ours\n%b=======\n%b>>>>>>> theirs\n" % (format_manifest(ours), format_manifest(theirs))


def has_markers(data: bytes) -> bool:
    """Return whether a line of the text is a conflict marker. An id may hold such letters, a line may not."""
    return _FIRST_MARKER.search(data) is not None


def parse_conflict(data: bytes, subject: str) -> tuple[Manifest, Manifest]:
    """Return the two manifests in a file with conflict markers: those as long as the first, as Git may make longer ones.

    Raises: ManifestConflict: one of them is not a manifest: the file was edited since.
    """
    first = _FIRST_MARKER.search(data)
    length = len(first[1]) if first is not None else 7
    sides: tuple[list[bytes], list[bytes]] = ([], [])
    is_on = (True, True)
    for line in data.splitlines(keepends=True):
        letter = line[:1]
        if letter in _MARKERS and line[:length] == letter * length and line[length : length + 1] in (b" ", b"\n", b""):
            is_on = _MARKERS[letter]
        else:
            for side, takes_it in zip(sides, is_on, strict=True):
                side.extend([line] * takes_it)
    try:
        ours, theirs = (parse_manifest(b"".join(side), subject) for side in sides)
    except Damage as error:
        reason = f"is in conflict, and one side of it is not a manifest: {error.reason}"
        raise ManifestConflict(subject, reason, f"Take one side whole: git checkout --ours {subject}") from error
    return ours, theirs


# -- merging


def is_same_owner(one: Manifest, other: Manifest) -> bool:
    """Return whether both are of one test, or of one blob that was recorded outside any test."""
    return one.test_id == other.test_id and (one.test_id is not None or one.blobs == other.blobs)


def merge_manifests(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest | None:
    """Return the manifest with the changes of both sides since `base`, None where they contradict each other.

    Git takes a similar manifest of another test for a renamed one: a rename only merges if it changed nothing but the name.
    """
    if ours.test_id is None and is_same_owner(ours, theirs):
        return _merge_origins(base, ours, theirs)
    is_rename = base is not None and any(
        unnamed.test_id == base.test_id
        and _contents(base.entries) in (_contents(named.entries), _contents(unnamed.entries))
        for named, unnamed in ((ours, theirs), (theirs, ours))
    )
    if not (is_rename or is_same_owner(ours, theirs)):
        return None
    entries: list[Entry] = []
    for merged, _, _ in _merge_groups(base, ours, theirs):
        if merged is None:
            return None
        entries += merged
    test_id = theirs.test_id if base is not None and ours.test_id == base.test_id else ours.test_id
    return Manifest(test_id, sort_entries(entries))


def keep_both(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest:
    """Return a manifest that loses no entry of either side.

    Where both sides changed the entries of one request, ours come first, and theirs that ours lacks as later calls.
    """
    entries: list[Entry] = []
    for merged, own, other in _merge_groups(base, ours, theirs):
        entries += own if merged is None else merged
        if merged is None:
            new = [entry for entry in other if entry.blob not in {mine.blob for mine in own}]
            first = max((entry.n for entry in own), default=0) + 1
            entries += (replace(entry, n=n, is_union=False) for n, entry in enumerate(new, start=first))
    return Manifest(ours.test_id, sort_entries(entries))


def _merge_origins(base: Manifest | None, ours: Manifest, theirs: Manifest) -> Manifest:
    """Return the manifest of a recording made outside any test: its entries differ in their origins alone."""
    before, own, other = (
        {compact_text(entry.origin): entry for entry in (side.entries if side and is_same_owner(side, ours) else ())}
        for side in (base, ours, theirs)
    )
    left = (own.keys() & other.keys()) | ((own.keys() ^ other.keys()) - before.keys())
    entries = {**other, **own}
    origins = sorted(left) or sorted(entries)
    return replace(ours, entries=tuple(replace(entries[origin], n=n) for n, origin in enumerate(origins, start=1)))


def _merge_groups(*sides: Manifest | None) -> Iterator[tuple[_Group | None, _Group, _Group]]:
    """Yield for each request key its merged entries, None where the sides contradict each other, and each side's own."""
    groups: dict[RequestKey, tuple[list[Entry], ...]] = {}
    for side, manifest in enumerate(sides):
        for entry in manifest.entries if manifest else ():
            groups.setdefault(entry.blob.key, ([], [], []))[side].append(entry)
    for key in sorted(groups):
        before, own, other = map(tuple, groups[key])
        yield _merge_group(before, own, other), own, other


def _merge_group(before: _Group, own: _Group, other: _Group) -> _Group | None:
    old, ours, theirs = map(_contents, (before, own, other))
    if ours == old:
        return other
    if theirs == old:
        return own
    answers = [{(entry.n, entry.blob.digest, entry.is_union) for entry in group} for group in (own, other)]
    if answers[0] == answers[1]:  # imported from different files: take either, but always the same one
        return min(own, other, key=lambda group: [compact_text(entry.origin) for entry in group])
    if not all(entry.is_union for entry in (*before, *own, *other)):
        return None
    removed = old.keys() - (ours.keys() & theirs.keys())
    merged = [entry for content, entry in {**theirs, **ours}.items() if content not in removed]
    numbers = {n: number for number, n in enumerate(sorted({entry.n for entry in merged}), start=1)}
    return tuple(replace(entry, n=numbers[entry.n]) for entry in merged)


def _contents(entries: Iterable[Entry]) -> dict[tuple[int, BlobName, bool, bytes], Entry]:
    """Return the entries by all that their lines state."""
    return {(entry.n, entry.blob, entry.is_union, compact_text(entry.origin)): entry for entry in entries}
