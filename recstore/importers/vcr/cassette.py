"""vcrpy's cassettes, YAML or JSON, as recordings, and back.

A cassette becomes one recording for each interaction. What the recording does not say and the file did goes
into its origin: the headers of the request, unusual members, and with the first interaction how the file was
laid out. `write_cassette` gives a cassette that vcrpy loads equal, and the very bytes of nearly every one.

Source: vcrpy 4.0 to 9.4, `serialize.py`, `serializers/`, `stubs/`; pytest-recording 0.14, `plugin.py`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from recstore.errors import DamagedSource
from recstore.importers.source import SourceRecording
from recstore.importers.vcr.interactions import has_status, read_interaction, write_interaction
from recstore.importers.vcr.text import Cassette, read_text, style_of, write_text
from recstore.importers.vcr.values import Part, decode, encode, is_same
from recstore.model import Json, Recording
from recstore.store.origins import VCR
from recstore.upstreams import UpstreamMap

_EVIDENT: Final = re.compile(
    rb"""(?m)(?:^|[{,\s])["']?interactions["']?[ \t]*:[\s\[{-]*(?:<{7}[^\n]*\s+(?:-\s+)?)?["']?request["']?\s*:"""
)
_CONFLICT: Final = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
_BEFORE_VERSION_1: Final = b"!!python/object:vcr.request.Request"
_MIGRATION: Final = "Migrate it with `python -m vcr.migration FILE`, or record it again; then import it."
_TEST_CASSETTE: Final = re.compile(
    r"(?P<folder>(?:.*/)?)cassettes/(?P<module>[^/]+)/(?:(?P<class>[A-Za-z_]\w*)\.(?=test))?(?P<test>test[^/]*)"
)
_TEST_MODULE: Final = re.compile(r"test_.*|.*_test")
_SUFFIX: Final = re.compile(r"\.(?:ya?ml|json)$")


def parse_cassette(data: bytes, path: str) -> Cassette:
    """Return what the file `path` with the bytes `data` holds; `is_cassette` tells whether that is a cassette.

    Raises: DamagedSource: it begins as a cassette, and cannot be read as one.
    """
    if b"interactions" not in data and _BEFORE_VERSION_1 not in data:
        return Cassette(data)
    is_evident = _EVIDENT.search(data) is not None
    if is_evident and _CONFLICT.search(data):
        raise DamagedSource(path, "holds the conflict markers of an unfinished merge")
    try:
        cassette = read_text(data)
    except ValueError as error:
        if not is_evident:
            return Cassette(data)
        raise DamagedSource(path, f"is a cassette that cannot be read: {error}") from error
    if _is_before_version_1(cassette.document):
        raise DamagedSource(path, "is a cassette of a vcrpy before 1.0, which later ones do not load", _MIGRATION)
    return cassette


def is_cassette(cassette: Cassette) -> bool:
    """Return whether the file is a cassette of vcrpy's: `interactions` that state a request's `uri`."""
    document = cassette.document
    interactions = document.get("interactions") if type(document) is dict else None
    return type(interactions) is list and any(_has_uri(interaction) for interaction in interactions)


def read_cassette(cassette: Cassette, path: str, upstreams: UpstreamMap) -> list[SourceRecording]:
    """Return the recordings of the cassette at `path`, in its order.

    Raises: DamagedSource: an interaction is none that vcrpy would load, or cannot be kept without loss.
    """
    test_id = id_of_test(path)
    interactions = cassette.document["interactions"]
    recordings = []
    for index, interaction in enumerate(interactions):
        try:
            recording, members = read_interaction(interaction, upstreams)
        except ValueError as error:
            raise DamagedSource(path, f"interaction {index + 1} {error}") from error
        origin: dict[str, Json] = {"format": VCR, "path": path, "index": index, **members}
        recordings.append((recording, origin))
    if "version" not in cassette.document and not has_status(interactions[-1]):
        raise DamagedSource(path, "is cut short: its last response has no status, and no `version` ends the file")
    try:
        _complete(cassette, recordings)
    except (ValueError, TypeError) as error:
        raise DamagedSource(path, str(error)) from error
    return [SourceRecording(test_id, recording, origin) for recording, origin in recordings]


def write_cassette(recordings: list[tuple[Recording, dict[str, Any]]]) -> bytes:
    """Return the cassette that the recordings, each with its origin, were imported from.

    Where some of its recordings are gone, the others are written, in their order.

    Raises: ValueError, KeyError, TypeError, AttributeError: an origin does not fit.
    """
    ordered = sorted(recordings, key=lambda pair: int(pair[1]["index"]))
    head = ordered[0][1]
    try:
        frame = decode(head["frame"]) if "frame" in head else _usual_frame(head)
        return write_text(_document(ordered, frame), head)
    except (RecursionError, IndexError) as error:
        raise ValueError("an origin nests too deep, or names a place that is not there") from error


def id_of_test(path: str) -> str:
    """Return the id of the test that a cassette at `path` belongs to: by its path, for no cassette names it.

    pytest-recording keeps `FOLDER/cassettes/MODULE/NAME.yaml` for the test `FOLDER/MODULE.py::NAME`, or
    `CLASS.NAME.yaml` for `FOLDER/MODULE.py::CLASS::NAME`. Any other path, its suffix taken off, is an id of its
    own, so that a cassette is one manifest.
    """
    stem = _SUFFIX.sub("", path)
    match = _TEST_CASSETTE.fullmatch(stem)
    if match is None or not _TEST_MODULE.fullmatch(match["module"]):
        return stem
    class_name = f"{match['class']}::" if match["class"] else ""
    return f"{match['folder']}{match['module']}.py::{class_name}{match['test']}"


def _has_uri(interaction: Any) -> bool:
    return type(interaction) is dict and type(interaction.get("request")) is dict and "uri" in interaction["request"]


def _is_before_version_1(document: Any) -> bool:
    first = document[0] if type(document) is list and document else None
    return type(first) is dict and {"request", "response"} <= first.keys()


_FRAME: Final[dict[str, Any]] = {"interactions": Part("interactions"), "version": 1}
_JSON_FRAME: Final[dict[str, Any]] = {"version": 1, "interactions": Part("interactions")}


def _complete(cassette: Cassette, recordings: list[tuple[Recording, dict[str, Json]]]) -> None:
    """Add to the origins what they need so that the whole file comes out again."""
    head = recordings[0][1]
    frame = {name: Part(name) if name == "interactions" else value for name, value in cassette.document.items()}
    document = _document(recordings, frame)
    if not is_same(document, cassette.document):
        raise ValueError("cannot be kept without loss; please report this file")
    layout = style_of(cassette, document)
    if "style" in layout:
        for _, origin in recordings:
            origin["style"] = layout["style"]
    if not is_same(frame, _usual_frame(head)):
        head["frame"] = encode(frame)
    if cassette.shared:
        head["shared"] = [list(pair) for pair in cassette.shared]
    if "edits" in layout:
        head["edits"] = layout["edits"]


def _usual_frame(head: dict[str, Any]) -> dict[str, Any]:
    return _FRAME if str(head.get("style", "yaml")).startswith("yaml") else _JSON_FRAME


def _document(recordings: list[tuple[Recording, dict[str, Any]]], frame: dict[str, Any]) -> dict[str, Any]:
    interactions = [write_interaction(recording, origin) for recording, origin in recordings]
    return {name: interactions if type(value) is Part else value for name, value in frame.items()}
