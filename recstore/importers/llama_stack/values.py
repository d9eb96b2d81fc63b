"""Values of client libraries: what llama-stack's recorder writes of them, and the objects it makes of that again.

The type that a recording names is data. A class is looked up in the packages that recorders record from and nowhere
else, and what is found there has to be a pydantic model: no name in a file makes Python import what its writer likes.

Source: the recorder, `src/llama_stack/testing/api_recorder.py`, October 2025 to May 2026.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from recstore.content.volatile import OLLAMA_DURATIONS
from recstore.errors import Damage

PACKAGES: Final = frozenset(
    ("llama_stack", "llama_stack_api", "llama_stack_client", "ogx", "ogx_api", "ogx_client", "ollama", "openai")
)
"""Whose pydantic models are built: the clients that the recorder records, and what itself is a part of."""

_TYPE: Final = re.compile(r"[A-Za-z_]\w*(\.(?!__)[A-Za-z_]\w*)+", re.ASCII)
_EPOCH: Final = "1970-01-01T00:00:00.000000Z"
_GENERATED_ID_LENGTH: Final = 12


def recorded_body(body: Any, request_hash: str) -> Any:
    """Return what the recorder writes of a response's body: of each of them, where there are several.

    What changes from call to call is constant; a model's id and age are the answer itself.
    """
    if isinstance(body, list):
        return [recorded_body(item, request_hash) for item in body]
    if not hasattr(body, "model_dump"):
        return dict(vars(body)) if hasattr(body, "__dict__") else body
    data: dict[str, Any] = body.model_dump(mode="json")
    constants: dict[str, Any] = {"created_at": _EPOCH}
    if data.get("object") != "model":
        constants |= {"id": f"rec-{request_hash[:_GENERATED_ID_LENGTH]}", "created": 0}
    constants |= {name: 0 for name in OLLAMA_DURATIONS if data.get(name) is not None}
    kind = type(body)
    return {
        "__type__": f"{kind.__module__}.{kind.__qualname__}",
        "__data__": {name: constants.get(name, value) for name, value in data.items()},
    }


def objects_of(body: Any, subject: str, packages: Collection[str] = PACKAGES) -> Any:
    """Return the objects that were recorded as `body`; `subject` is the file's name, for errors.

    A type of an allowed package that is not installed, or not in it any more, leaves the bare data.

    Raises: Damage: a type is named that no recorder records; nothing was imported for it.
    """
    if isinstance(body, list):
        return [objects_of(item, subject, packages) for item in body]
    if not isinstance(body, dict) or "__type__" not in body or "__data__" not in body:
        return body
    data, model = body["__data__"], _model_named(body["__type__"], subject, packages)
    if model is None:
        return data
    with suppress(AttributeError, TypeError, ValueError):
        return model.model_validate(data)
    with suppress(AttributeError, TypeError, ValueError):  # recorded with another release: as far as it fits
        return model.model_construct(**data)
    return data


def model_set_digest(endpoint: str, body: Any) -> str:
    """Return the digits that tell one server's list of models from another's, in the names of their files."""
    models = body if isinstance(body, list) else (body or {"models": ()})["models"]
    member = "model" if endpoint == "/api/tags" else "id"
    names = sorted({getattr(model, member) for model in models})
    return hashlib.sha256("|".join(names).encode()).hexdigest()[:8]


def _model_named(name: Any, subject: str, packages: Collection[str]) -> Any:
    """Return the model of that name, None where it is not here."""
    if not isinstance(name, str) or not _TYPE.fullmatch(name) or name.partition(".")[0] not in packages:
        raise _refused(name, subject, "no recorder has recorded")
    module_name, _, class_name = name.rpartition(".")
    try:
        model = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError):
        return None
    from pydantic import BaseModel

    if not isinstance(model, type) or not issubclass(model, BaseModel):
        raise _refused(name, subject, "is not a data model")
    return model


def _refused(name: Any, subject: str, why: str) -> Damage:
    return Damage(
        subject,
        f"has a value of the type {ascii(name)[:120]}, which {why}: it was not built",
        "Look at the recording, and at who wrote it: `recstore show` prints it without building anything.",
    )
