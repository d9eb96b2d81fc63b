"""Templates: an interaction with everything taken out that its recording knows.

An interaction is a tree of which the recording knows some places: method, URI, bodies, headers, status. A
template is that tree with a `Part` at those places; where what the recording knows is not exactly what the file
says, the file's own value stays. Most templates are one of a few `FORMS`; an origin names the nearest one, and
the changes to it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import orjson

from recstore.content.bodies import body_bytes, json_value
from recstore.content.deltas import delta_between, expand
from recstore.importers.vcr.files import content_of, with_content
from recstore.importers.vcr.values import Part, Tagged, decode, encode, is_same
from recstore.model import Body, Headers, Json, Recording

Place = tuple[str, ...]


def template_of(interaction: Any, recording: Recording, origin: dict[str, Any]) -> Any:
    """Return `interaction` with a `Part` wherever the recording or the origin knows exactly what it says."""
    return _template(interaction, (), recording, origin)


def filled(template: Any, recording: Recording, origin: dict[str, Any]) -> Any:
    """Return the interaction that `template_of` made the template of.

    Raises: KeyError: a part of that name is unknown. ValueError: it cannot be made of this recording.
    """
    if type(template) is Part:
        return _part(template.name, recording, origin)
    if type(template) is dict:
        return {key: filled(value, recording, origin) for key, value in template.items()}
    if type(template) is list:
        return [filled(value, recording, origin) for value in template]
    if type(template) is Tagged:
        return Tagged(template.tag, filled(template.value, recording, origin))
    return template


def stored_template(template: Any) -> dict[str, Json]:
    """Return the members of an origin that say which form the template is nearest to, and how it differs."""
    stored = encode(template)
    deltas = {name: delta_between(orjson.loads(form), stored) for name, form in FORMS.items()}
    name = min(deltas, key=lambda name: len(orjson.dumps(deltas[name])))
    members: dict[str, Json] = {} if name == _USUAL_FORM else {"form": name}
    return members | {"shape": deltas[name]} if deltas[name] else members


def template_stored_as(origin: dict[str, Any]) -> Any:
    """Return the template that `stored_template` put into the origin.

    Raises: KeyError, ValueError, TypeError: it did not.
    """
    form = orjson.loads(FORMS[origin.get("form", _USUAL_FORM)])
    return decode(expand([form, origin["shape"]])[1] if "shape" in origin else form)


# -- what a recording knows, by name


def _recorded_uri(recording: Recording, origin: dict[str, Any]) -> str:
    request = recording.request
    return str(origin["base"]) + request.path + (f"?{request.query}" if request.query else "")


def _listed(headers: Headers) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    return lists


_Writer = Callable[[Recording, dict[str, Any]], Any]

_PARTS: Final[dict[str, _Writer]] = {
    "method": lambda recording, _origin: recording.request.method,
    "uri": _recorded_uri,
    "sent headers": lambda _recording, origin: decode(origin["headers"]),
    "code": lambda recording, _origin: recording.response.status,
    "message": lambda recording, _origin: recording.response.reason,
    "headers": lambda recording, _origin: _listed(recording.response.headers),
    "single headers": lambda recording, _origin: dict(recording.response.headers),
}


def _text_or_bytes(body: Body | None) -> str | bytes:
    """Return a body as vcrpy writes it: text where it is UTF-8, bytes where it is not."""
    data = body_bytes(body)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


_BODIES: Final[dict[str, Callable[[Body | None], Any]]] = {
    "body": _text_or_bytes,
    "body or null": lambda body: None if body is None else _text_or_bytes(body),
    "bytes": body_bytes,
    "base64": lambda body: base64.b64encode(body_bytes(body)).decode(),
    "value": json_value,
    "loose text": lambda body: body_bytes(body).decode("utf-8", "surrogatepass"),
}

_ANSWER: Final = ("body", "bytes", "loose text", "body or null", "base64", "value")
_QUESTION: Final = ("sent body or null", "sent body", "sent bytes", "sent loose text", "sent value")

_CANDIDATES: Final[dict[Place, tuple[str, ...]]] = {
    ("request", "method"): ("method",),
    ("request", "uri"): ("uri",),
    ("request", "headers"): ("sent headers",),
    ("request", "body"): _QUESTION,
    ("request", "parsed_body"): _QUESTION,
    ("response", "status", "code"): ("code",),
    ("response", "status", "message"): ("message",),
    ("response", "status_code"): ("code",),
    ("response", "headers"): ("headers", "single headers"),
    ("response", "body", "string"): _ANSWER,
    ("response", "body", "base64_string"): _ANSWER,
    ("response", "content"): _ANSWER,
    ("response", "parsed_body"): _ANSWER,
    ("response", "url"): ("uri",),
}
"""Which parts may stand at a place, the likeliest first."""


def _part(name: str, recording: Recording, origin: dict[str, Any]) -> Any:
    write = _PARTS.get(name)
    if write is not None:
        return write(recording, origin)
    if name.startswith("sent "):
        return _BODIES[name.removeprefix("sent ")](recording.request.body)
    return _BODIES[name](recording.response.body)


# -- templates


def _template(value: Any, place: Place, recording: Recording, origin: dict[str, Any]) -> Any:
    if place in _CANDIDATES:
        return _taken_out(value, _CANDIDATES[place], recording, origin)
    if type(value) is dict and len(place) < _PLACES_DEPTH:
        return {key: _template(item, (*place, key), recording, origin) for key, item in value.items()}
    return value


_PLACES_DEPTH: Final = 3


def _taken_out(value: Any, names: tuple[str, ...], recording: Recording, origin: dict[str, Any]) -> Any:
    if type(value) is Tagged and (content := content_of(value)) is not None:
        return with_content(value, _taken_out(content, names, recording, origin))
    for name in names:
        try:
            if is_same(_part(name, recording, origin), value):
                return Part(name)
        except UnicodeDecodeError:
            continue
    return value


def _form(request: dict[str, str], response: dict[str, Any]) -> bytes:
    return orjson.dumps({"request": _places(request), "response": _places(response)})


def _places(tree: Any) -> Any:
    return {key: _places(value) for key, value in tree.items()} if type(tree) is dict else encode(Part(tree))


_SORTED: Final = {"body": "sent body or null", "headers": "sent headers", "method": "method", "uri": "uri"}
_IN_ORDER: Final = {"method": "method", "uri": "uri", "body": "sent body or null", "headers": "sent headers"}
_STATUS: Final = {"code": "code", "message": "message"}
_STRING: Final = {"string": "body"}

_USUAL_FORM: Final = "sorted"

FORMS: Final[dict[str, bytes]] = {
    _USUAL_FORM: _form(_SORTED, {"body": _STRING, "headers": "headers", "status": _STATUS}),
    "in-order": _form(_IN_ORDER, {"status": _STATUS, "headers": "headers", "body": _STRING}),
    "sorted-url": _form(_SORTED, {"body": _STRING, "headers": "headers", "status": _STATUS, "url": "uri"}),
    "in-order-url": _form(_IN_ORDER, {"status": _STATUS, "headers": "headers", "body": _STRING, "url": "uri"}),
}
"""Templates by name: keys sorted as YAML has them, or in the order of JSON; with `url` as aiohttp's stub wrote it."""
