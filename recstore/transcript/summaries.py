"""Answers that are no conversation: vectors are counted, models named."""

from __future__ import annotations

from typing import Any, Final

from recstore.transcript.shapes import elements, table, tables, text_in
from recstore.transcript.turns import Part

_FEWEST_DIMENSIONS: Final = 16
"""Arrays of fewer numbers may be anything."""


def read_vectors(document: Any) -> Part | None:
    """Return how many vectors of how many dimensions the document holds, None if it holds none.

    Shape: OpenAI `{"data": [{"embedding": ...}]}`; Ollama, Google and Cohere `{"embeddings": ...}` or
    `{"embedding": ...}`; a bare array of long arrays. A vector is an array, base64 of 4-byte reals, or
    `{"values": ...}`.
    """
    sizes = [_dimensions(vector) for vector in _vectors(document)]
    if not sizes or 0 in sizes:
        return None
    several = " or ".join(f"{size:,}" for size in sorted(set(sizes)))
    return Part("text", f"{len(sizes):,} vector{'s' if len(sizes) != 1 else ''} of {several} dimensions")


def model_names(document: Any) -> list[str]:
    """Return the names of the models that the document lists, or is: none if it is something else.

    Shape: OpenAI `{"data": [{"id": ..., "object": "model"}]}`, or one of these alone; Ollama and Google
    `{"models": [{"name": ...}]}`.
    """
    members = table(document)
    listed = tables(members.get("models"))
    if listed and all(text_in(model, "name", "model", "id") for model in listed):
        return [text_in(model, "name", "model", "id") for model in listed]
    listed = tables(members.get("data")) or tables(document) or [members]
    return [model["id"] for model in listed] if all(map(_is_model, listed)) else []


def _vectors(document: Any) -> list[Any]:
    members = table(document)
    rows = tables(members.get("data")) or tables(document)
    if rows and all("embedding" in row for row in rows):
        return [row["embedding"] for row in rows]
    several = members.get("embeddings")
    if type(several) is dict:  # by the type of their numbers
        several = [vector for vectors in several.values() for vector in elements(vectors)]
    if "embedding" in members:
        several = [members["embedding"]]
    bare = elements(document)
    return elements(several) or (bare if all(len(elements(vector)) >= _FEWEST_DIMENSIONS for vector in bare) else [])


def _dimensions(vector: Any) -> int:
    """Return how many numbers a vector has, 0 if it is none."""
    if type(vector) is str:
        return len(vector.rstrip("=")) * 3 // 4 // 4
    numbers = elements(table(vector).get("values", vector))
    return len(numbers) if all(type(number) in (int, float) for number in numbers) else 0


def _is_model(row: dict[str, Any]) -> bool:
    return bool(text_in(row, "id")) and (
        row.get("object") == "model" or row.get("type") == "model" or "owned_by" in row
    )
