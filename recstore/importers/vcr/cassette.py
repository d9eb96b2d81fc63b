"""vcrpy's cassettes, YAML or JSON, as recordings, and back, byte for byte.

A cassette becomes one recording for each interaction. What the recording does not say and the file did goes into its
origin: the headers of the request, and how the interaction differs from what vcrpy usually writes. A cassette that does
not come out of these as it was is kept whole, as text, with its first interaction.

Source: vcrpy 4.0 to 9.4, `serialize.py`, `serializers/`, `stubs/`, `Request._to_dict`; pytest-recording 0.14, `plugin.py`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import orjson

from recstore.content.bodies import body_bytes, json_value, parse_body
from recstore.content.canonical import identity_headers
from recstore.content.deltas import delta_between, expand
from recstore.content.json_text import LAYOUTS
from recstore.errors import DamagedSource
from recstore.importers import SourceRecording
from recstore.importers.vcr import Tagged, refuse_deep, untagged
from recstore.model import Body, Headers, Json, JsonBody, Recording, Request, Response
from recstore.store.blob import VCR
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
_STATUS_LIMIT: Final = 1 << 63
_PAIR: Final = 2
_BYTES: Final = "!bytes"
_ABSENT: Final = object()

_USUAL_STYLE: Final = "yaml"
# vcrpy 9 ends a JSON cassette with a line feed, earlier versions do not; then any other layout.
_JSON_STYLES: Final = tuple(dict.fromkeys(("indent-4-ascii-lf", "indent-4-ascii", *LAYOUTS)))
_CRLF: Final = "-crlf"
_Keys = tuple[str, ...]  # that lead to a value inside of an interaction
_SENT_BODIES: Final[tuple[_Keys, ...]] = (("request", "body"), ("request", "parsed_body"))
_RECEIVED_BODIES: Final[tuple[_Keys, ...]] = (
    ("response", "body", "string"),
    ("response", "body", "base64_string"),
    ("response", "content"),
    ("response", "parsed_body"),
)
_CODES: Final[tuple[_Keys, ...]] = (("response", "status", "code"), ("response", "status_code"))
_REASON: Final[_Keys] = ("response", "status", "message")
# The usual skeletons, in the order in which vcrpy makes them; most YAML styles sort the members.
_FRAME: Final = b'{"version": 1, "interactions": null}'
_INTERACTION: Final = (
    b'{"request": {"method": null, "uri": null, "body": null, "headers": null},'
    b' "response": {"status": {"code": null, "message": null}, "headers": null, "body": {"string": null}}}'
)


def read_cassette(data: bytes, path: str, upstreams: UpstreamMap) -> list[SourceRecording]:
    """Return the recordings in the cassette `path`, in its order; none where it is not a cassette of vcrpy's.

    `write_cassette` gives back its every byte.
    Raises: DamagedSource: it begins as a cassette and cannot be read, or an interaction is not one that vcrpy would load.
    """
    if b"interactions" not in data and _BEFORE_VERSION_1 not in data:
        return []
    is_evident = _EVIDENT.search(data) is not None
    if is_evident and _CONFLICT.search(data):
        raise DamagedSource(path, "holds the conflict markers of an unfinished merge")
    try:
        document, is_json = _load(data)
    except ValueError as error:
        if not is_evident:
            return []
        raise DamagedSource(path, f"is a cassette that cannot be read: {error}") from error
    first = document[0] if type(document) is list and document else None
    if type(first) is dict and {"request", "response"} <= first.keys():
        raise DamagedSource(path, "is a cassette of a vcrpy before 1.0, which later ones do not load", _MIGRATION)
    interactions = document.get("interactions") if type(document) is dict else None
    if type(interactions) is not list or all(
        _value_at(interaction, ("request", "uri")) is _ABSENT for interaction in interactions
    ):
        return []
    recordings: list[Recording] = []
    origins: list[dict[str, Json]] = []
    for index, interaction in enumerate(interactions):
        try:
            recording, members = _read_interaction(interaction, upstreams)
        except ValueError as error:
            raise DamagedSource(path, f"interaction {index + 1} {error}") from error
        recordings.append(recording)
        origins.append({"format": VCR, "path": path, "index": index, **members})
    if "version" not in document and _first(interactions[-1], (_REASON, _CODES[-1])) is _ABSENT:
        raise DamagedSource(path, "is cut short: its last response has no status, and no `version` ends the file")
    styles: tuple[str, ...] = _JSON_STYLES
    if not is_json:
        from recstore.importers.vcr.yaml import YAML_STYLES

        # PyYAML's own emitter is slow, and the only one that breaks text so.
        styles = tuple(name for name in YAML_STYLES if name != "yaml-python" or b"\\\n" in data)
    if b"\r\n" in data:
        styles = tuple(name + _CRLF for name in styles)
    for style in styles:
        completed = _completed(document, recordings, origins, style)
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            if write_cassette(list(zip(recordings, completed, strict=True))) == data:
                break
    else:
        completed = _completed(document, recordings, origins, styles[0])
        completed[0] |= {"text": data.decode(), "count": len(interactions)}
    test_id = id_of_test(path)
    return [
        SourceRecording(test_id, recording, origin) for recording, origin in zip(recordings, completed, strict=True)
    ]


def write_cassette(recordings: list[tuple[Recording, dict[str, Any]]]) -> bytes:
    """Return the cassette that the recordings, each with its origin, were imported from.

    Where some of its recordings are gone, the others are written, in their order.

    Raises: ValueError, KeyError, TypeError, AttributeError: an origin does not fit.
    """
    ordered = sorted(recordings, key=lambda pair: int(pair[1]["index"]))
    head = ordered[0][1]
    if "text" in head and [origin["index"] for _, origin in ordered] == list(range(int(head["count"]))):
        return bytes(head["text"].encode())
    style = str(head.get("style", _USUAL_STYLE))
    try:
        frame = _applied(_FRAME, style, head.get("frame"))
        interactions = []
        for recording, origin in ordered:
            interaction = _applied(_INTERACTION, style, origin.get("shape"))
            for keys, stated in _known_values(interaction, recording, origin):
                if stated and _value_at(interaction, keys) is None:
                    interaction = _with_value(interaction, keys, stated)
            interactions.append(interaction)
        document = {**frame, "interactions": interactions}
        name = style.removesuffix(_CRLF)
        if name in LAYOUTS:
            text = LAYOUTS[name](document)
        else:
            from recstore.importers.vcr.yaml import dump

            text = dump(document, name)
    except (RecursionError, IndexError) as error:
        raise ValueError("an origin nests too deep") from error
    return text if name == style else text.replace(b"\n", b"\r\n")


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


def _load(data: bytes) -> tuple[Any, bool]:
    """Return what `data` says, as JSON if it is JSON, else as YAML, and whether it is JSON.

    Raises: ValueError: it is neither, or not UTF-8, or nests too deep.
    """
    data.decode()
    failure = None
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            document = json.loads(data)
            refuse_deep(document)
        except ValueError as error:
            failure = error
        except RecursionError as error:
            raise ValueError("it nests too deep") from error
        else:
            return document, True
    from recstore.importers.vcr.yaml import load

    try:
        return load(data), False
    except ValueError as error:
        raise failure or error from error


# -- what the origin says besides the recording


def _completed(
    document: dict[str, Any], recordings: list[Recording], origins: list[dict[str, Json]], style: str
) -> list[dict[str, Json]]:
    """Return the origins with what the cassette says in that style and the recordings do not, as far as JSON holds it."""
    completed = []
    for interaction, recording, origin in zip(document["interactions"], recordings, origins, strict=True):
        said: dict[str, Json] = {} if style == _USUAL_STYLE else {"style": style}
        skeleton = interaction  # with null wherever the recording, or else its origin, says the same
        for keys, stated in _known_values(interaction, recording, origin):
            if stated and _is_same(_value_at(skeleton, keys), stated):
                skeleton = _with_value(skeleton, keys, None)
        shape = _storable_delta(_usual(_INTERACTION, style), skeleton)
        completed.append(origin | said | ({"shape": shape} if shape else {}))
    frame = _storable_delta(_usual(_FRAME, style), {**document, "interactions": None})
    if frame:
        completed[0]["frame"] = frame
    return completed


def _usual(skeleton: bytes, style: str) -> Any:
    """Return the usual skeleton of an interaction or of what stands around them, in the order of members of the style."""
    is_sorted = style.startswith("yaml") and not style.startswith("yaml-unsorted")
    usual = orjson.loads(skeleton)
    return orjson.loads(orjson.dumps(usual, option=orjson.OPT_SORT_KEYS)) if is_sorted else usual


def _known_values(interaction: Any, recording: Recording, origin: dict[str, Any]) -> Iterator[tuple[_Keys, Any]]:
    """Yield where `interaction` may say what the recording or the origin states, and what they state."""
    request, response = recording.request, recording.response
    uri = origin["base"] + request.path + (f"?{request.query}" if request.query else "")
    yield ("request", "method"), request.method
    yield ("request", "uri"), uri
    yield ("request", "headers"), _stated_headers(origin.get("headers"))
    yield from ((keys, response.status) for keys in _CODES)
    yield _REASON, response.reason
    yield ("response", "headers"), _listed(response.headers)
    yield ("response", "url"), uri
    for body, places in ((request.body, _SENT_BODIES), (response.body, _RECEIVED_BODIES)):
        for keys in places:
            if _value_at(interaction, keys) is _ABSENT:
                continue
            data: Any = json_value(body) if keys[-1] == "parsed_body" else body_bytes(body)
            if keys[-1] == "base64_string":
                data = base64.b64encode(data)
            with suppress(UnicodeDecodeError):  # text where it is UTF-8
                data = data.decode() if type(data) is bytes else data
            yield keys, data


def _stored_headers(headers: Any) -> Json:
    """Return the request's headers as JSON, bytes as `{"!bytes": TEXT}` (boto3 sends some), odd ones as lists of text."""
    with suppress(TypeError, ValueError):
        stored: Json = orjson.loads(orjson.dumps(headers, default=lambda value: {_BYTES: value.decode("latin-1")}))
        if _is_same(_stated_headers(stored), headers):
            return stored
    return orjson.loads(orjson.dumps(_listed(_pairs(headers))))  # type: ignore[no-any-return]


def _stated_headers(stored: Any) -> Any:
    if type(stored) is list:
        return [_stated_headers(item) for item in stored]
    if type(stored) is not dict:
        return stored
    if stored.keys() == {_BYTES} and type(stored[_BYTES]) is str:
        return stored[_BYTES].encode("latin-1")
    return {name: _stated_headers(value) for name, value in stored.items()}


def _storable_delta(usual: Json, actual: Any) -> dict[str, Json]:
    """Return what makes `usual` the `actual` value, nothing if JSON cannot say it."""
    with suppress(TypeError):  # a key that is not text
        delta = delta_between(usual, actual)
        return delta if _is_plain_json(delta) else {}
    return {}


def _applied(skeleton: bytes, style: str, delta: Any) -> Any:
    usual = _usual(skeleton, style)
    return expand([usual, dict(delta)])[1] if delta else usual


def _is_plain_json(value: Any) -> bool:
    """Return whether JSON holds `value` exactly: no bytes, tags, NaN, keys that are not text, lone surrogates."""
    try:
        return _is_same(orjson.loads(orjson.dumps(value)), value)
    except (TypeError, ValueError):
        return False


def _is_same(one: Any, other: Any) -> bool:
    """Return whether nothing tells the two values apart: type, key order, sign of zero."""
    try:
        return not delta_between(one, other)
    except TypeError:
        return False


def _value_at(tree: Any, keys: _Keys) -> Any:
    for step in keys:
        if type(tree) is not dict or step not in tree:
            return _ABSENT
        tree = tree[step]
    return tree


def _with_value(tree: dict[str, Any], keys: _Keys, value: Any) -> dict[str, Any]:
    step, *rest = keys
    return {**tree, step: _with_value(tree[step], tuple(rest), value) if rest else value}


# -- an interaction as a recording


def _read_interaction(interaction: Any, upstreams: UpstreamMap) -> tuple[Recording, dict[str, Json]]:
    """Return the recording in `interaction`, and the members of its origin in any style.

    Raises: ValueError: it is not one that vcrpy would load, says why.
    """
    request = interaction.get("request") if type(interaction) is dict else None
    if type(request) is not dict:
        raise ValueError("has no request")
    for member in ("method", "uri"):
        if member not in request:
            raise ValueError(f"has a request without `{member}`")
    if "response" not in interaction:
        raise ValueError("has no response")
    address = upstreams.address(_text(request["uri"]))
    origin: dict[str, Json] = {"base": address.base}
    if "headers" in request:
        origin["headers"] = _stored_headers(request["headers"])
    headers, body = identity_headers(_pairs(request.get("headers"))), _read_body(_first(interaction, _SENT_BODIES))
    sent = Request(_text(request["method"]), address.upstream, address.path, address.query, headers, body)
    code = _first(interaction, _CODES)
    received = Response(
        status=code if type(code) is int and -_STATUS_LIMIT <= code < _STATUS_LIMIT else None,
        reason=_text(_value_at(interaction, _REASON)),
        headers=_pairs(_value_at(interaction, ("response", "headers"))),
        body=_read_body(_first(interaction, _RECEIVED_BODIES)),
    )
    return Recording(sent, received), origin


def _first(interaction: Any, candidates: tuple[_Keys, ...]) -> Any:
    """Return the value at the first of `candidates` that the interaction has, `_ABSENT` if it has none."""
    for keys in candidates:
        value = _value_at(interaction, keys)
        if value is not _ABSENT:
            if keys[-1] == "base64_string":
                with suppress(ValueError, TypeError):
                    return base64.b64decode(value, validate=True)
            return value
    return _ABSENT


def _text(value: Any) -> str:
    """Return `value` as text that a blob can hold, the nearest there is where the file states something else."""
    if value is None or value is _ABSENT:
        return ""
    if type(value) is bytes:
        return value.decode("latin-1")
    return str(untagged(value)).encode("utf-8", "replace").decode()


def _pairs(headers: Any) -> Headers:
    """Return headers as pairs: vcrpy writes lists of values by name, and for tornado a list of such pairs."""
    if type(headers) is list:
        items = [untagged(item) for item in headers]
        named = [(item[0], item[1]) for item in items if type(item) is list and len(item) == _PAIR]
    else:
        named = list(headers.items()) if type(headers) is dict else []
    return tuple(
        (_text(name), _text(value))
        for name, values in named
        for value in (values if type(values) is list else [untagged(values)])
    )


def _listed(headers: Headers) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    return lists


def _read_body(value: Any) -> Body | None:
    if type(value) is str:
        return parse_body(value.encode("utf-8", "surrogatepass"))
    if type(value) is bytes:
        return parse_body(value)
    if type(value) is Tagged:
        return _read_body(value.content)
    return JsonBody(value) if type(value) in (dict, list) and _is_plain_json(value) else None
