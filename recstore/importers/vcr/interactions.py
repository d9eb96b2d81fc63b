"""One interaction of a cassette as a recording and an origin, and back.

Source: vcrpy's `Request._to_dict` and the `stubs` package, versions 4 to 9.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from recstore.content.bodies import parse_body
from recstore.content.canonical import identity_headers
from recstore.importers.vcr.files import content_of, untagged
from recstore.importers.vcr.templates import Place, filled, stored_template, template_of, template_stored_as
from recstore.importers.vcr.values import Tagged, encode, is_plain_json
from recstore.model import Body, Headers, Json, JsonBody, Recording, Request, Response
from recstore.upstreams import UpstreamMap

_STATUS_LIMIT: Final = 1 << 63


def read_interaction(interaction: Any, upstreams: UpstreamMap) -> tuple[Recording, dict[str, Json]]:
    """Return the recording in `interaction`, and what else the origin has to keep of it.

    Raises: ValueError: it is none, says why.
    """
    request, response = _parts_of(interaction)
    address = upstreams.address(_text(request["uri"]))
    origin: dict[str, Json] = {"base": address.base}
    if "headers" in request:
        origin["headers"] = encode(request["headers"])
    sent = Request(
        method=_text(request["method"]),
        upstream=address.upstream,
        path=address.path,
        query=address.query,
        headers=identity_headers(_pairs(request.get("headers"))),
        body=_read_body(_first(request, _SENT_BODIES)),
    )
    recording = Recording(sent, _read_response(response))
    return recording, origin | stored_template(template_of(interaction, recording, origin))


def write_interaction(recording: Recording, origin: dict[str, Any]) -> Any:
    """Return the interaction that `read_interaction` made the recording and the origin of.

    Raises: ValueError, LookupError, TypeError: the origin was not made by it.
    """
    return filled(template_stored_as(origin), recording, origin)


def has_status(interaction: dict[str, Any]) -> bool:
    """Return whether the response states a status to its end, as every recorder writes it."""
    return _first(interaction["response"], (*_REASONS, _CODES[-1])) is not _ABSENT


# -- reading


def _parts_of(interaction: Any) -> tuple[dict[Any, Any], Any]:
    if type(interaction) is not dict or type(interaction.get("request")) is not dict:
        raise ValueError("has no request")
    request = interaction["request"]
    for member in ("method", "uri"):
        if member not in request:
            raise ValueError(f"has a request without `{member}`")
    if "response" not in interaction:
        raise ValueError("has no response")
    return request, interaction["response"]


def _read_response(response: Any) -> Response:
    code = _first(response, _CODES)
    return Response(
        status=code if type(code) is int and -_STATUS_LIMIT <= code < _STATUS_LIMIT else None,
        reason=_text(_first(response, _REASONS)),
        headers=_pairs(_first(response, (("headers",),))),
        body=_read_body(_first(response, _RECEIVED_BODIES)),
    )


_SENT_BODIES: Final[tuple[Place, ...]] = (("body",), ("parsed_body",))
_CODES: Final[tuple[Place, ...]] = (("status", "code"), ("status_code",))
_REASONS: Final[tuple[Place, ...]] = (("status", "message"),)
_RECEIVED_BODIES: Final[tuple[Place, ...]] = (
    ("body", "string"),
    ("body", "base64_string"),
    ("content",),
    ("parsed_body",),
)


def _first(tree: Any, places: tuple[Place, ...]) -> Any:
    """Return what stands at the first of `places` that `tree` has, `_ABSENT` if it has none."""
    for place in places:
        node = tree
        for step in place:
            node = node[step] if type(node) is dict and step in node else _ABSENT
        if node is not _ABSENT:
            return _from_base64(node) if place[-1] == "base64_string" else node
    return _ABSENT


_ABSENT: Final = object()


def _from_base64(value: Any) -> Any:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return value


def _text(value: Any) -> str:
    """Return `value` as text that a blob can hold: the nearest there is, where the file says what is none."""
    if value is None or value is _ABSENT:
        return ""
    if type(value) is bytes:
        return value.decode("latin-1")
    text = value if type(value) is str else str(encode(value))
    return text.encode("utf-8", "replace").decode()


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


_PAIR: Final = 2


def _read_body(value: Any) -> Body | None:
    if type(value) is str:
        return parse_body(value.encode("utf-8", "surrogatepass"))
    if type(value) is bytes:
        return parse_body(value)
    if type(value) is Tagged:
        return _read_body(content_of(value))
    return JsonBody(value) if type(value) in (dict, list) and is_plain_json(value) else None
