"""Images, sounds and documents inside a message: named by kind and size."""

from __future__ import annotations

from typing import Any, Final

from recstore.transcript.shapes import table, table_in, text_in
from recstore.transcript.turns import Part

_HOLDERS: Final = {
    "image_url": "image",
    "input_audio": "audio",
    "audio": "audio",
    "image": "image",
    "video": "video",
    "video_url": "video",
    "document": "document",
    "inline_data": "file",
    "inlineData": "file",
    "file_data": "file",
    "fileData": "file",
    "file": "file",
    "resource": "file",
    "source": "file",
}
"""Members that hold what an attachment is, in the words of several APIs, and the kind they tell of."""

_PLACE: Final = ("url", "uri", "file_uri", "fileUri", "image_url", "file_url", "file_id", "fileId", "id")
_DATA: Final = ("data", "bytes", "blob", "file_data", "b64_json", *_PLACE)  # a place can be a `data:` URL
_TYPE: Final = ("media_type", "mime_type", "mimeType", "format")
_NAME: Final = ("filename", "name", "title", "display_name", "displayName")
_KINDS: Final = ("image", "audio", "video", "document", "file")
_SHOWN_PLACE: Final = 200
_SIGNATURES: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)


def read_attachment(part: dict[str, Any]) -> Part | None:
    """Return what the object attaches, None if it attaches nothing."""
    holder = next((name for name in _HOLDERS if table(part.get(name)) or (name in _PLACE and text_in(part, name))), "")
    words = text_in(part, "type").split("_")
    kind = next((kind for kind in _KINDS if kind in words), _HOLDERS.get(holder, ""))
    if not kind:
        return None
    inner = table(part.get(holder))
    facts = {**part, **inner, **table_in(inner, "source")}
    data, place = text_in(facts, *_DATA), text_in(facts, *_PLACE)
    if not (data or place):
        return None
    return Part("file", _described(kind, facts, data, place), name=text_in(facts, *_NAME))


def read_image(data: Any) -> Part | None:
    """Return the image that is the base64 text `data`, None if it is no text."""
    return Part("file", f"image, {_decoded_bytes(data):,} bytes") if type(data) is str else None


def binary_part(data: bytes, media_type: str) -> Part:
    """Return bytes that are no text; where `media_type` is "", their first ones tell the type."""
    known = (name for signature, name in _SIGNATURES if data.startswith(signature))
    return Part("file", f"{len(data):,} bytes of {media_type or next(known, 'application/octet-stream')}")


def _described(kind: str, facts: dict[str, Any], data: str, place: str) -> str:
    media_type = text_in(facts, *_TYPE)
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        media_type, place = head.removeprefix("data:").partition(";")[0] or media_type, ""
    what = media_type if "/" in media_type else f"{kind} {media_type}".rstrip()
    if data and data != place:
        return f"{what}, {_decoded_bytes(data):,} bytes"
    return f"{what} at {place[:_SHOWN_PLACE]}{'...' if len(place) > _SHOWN_PLACE else ''}"


def _decoded_bytes(data: str) -> int:
    return len(data.rstrip("=")) * 3 // 4
