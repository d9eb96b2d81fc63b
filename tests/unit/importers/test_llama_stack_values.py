"""What the recorder writes of objects, and which objects are made of what it has written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from recstore.errors import Damage
from recstore.importers.llama_stack import model_set_digest, objects_of, recorded_body

HASH = "0123456789ab" + "c" * 52

LIBRARY = """
from pathlib import Path
from pydantic import BaseModel

Path(__file__).with_suffix(".mark").touch()

class Result(BaseModel):
    content: str
    tags: list[str] = []

class Plain:
    pass

def function(**data):
    raise AssertionError("called")
"""


class Answer(BaseModel):
    """Stands for an object of a client library."""

    id: str = "chatcmpl-1"
    object: str = "chat.completion"
    created: int = 1760000000
    created_at: str = "2025-10-08T11:29:52Z"
    total_duration: int | None = 5
    load_duration: int | None = None
    text: str = "hello"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the mark that a module `ogx_api`, and one called `hostile`, leave when they are imported."""
    for name in ("ogx_api", "hostile"):
        (tmp_path / f"{name}.py").write_text(LIBRARY)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def typed(name: Any, data: Any) -> dict[str, Any]:
    """Return an object as it is recorded."""
    return {"__type__": name, "__data__": data}


def test_an_object_is_written_with_its_type_and_without_what_changes() -> None:
    """Ids, times and durations are the same at each recording; what is not there stays away."""
    written = recorded_body(Answer(), HASH)

    assert (
        typed(
            f"{__name__}.Answer",
            {
                "id": "rec-0123456789ab",
                "object": "chat.completion",
                "created": 0,
                "created_at": "1970-01-01T00:00:00.000000Z",
                "total_duration": 0,
                "load_duration": None,
                "text": "hello",
            },
        )
        == written
    )


def test_a_model_keeps_its_name_and_age() -> None:
    """They are what a list of models is asked for."""
    [written] = recorded_body([Answer(id="gpt-4o", object="model")], HASH)

    assert ("gpt-4o", 1760000000) == (written["__data__"]["id"], written["__data__"]["created"])


@pytest.mark.parametrize("value", [None, "text", {"id": "x"}, ["data: 1", ""], 5])
def test_plain_values_are_written_as_they_are(value: Any) -> None:
    """Lines of a stream, bodies that are JSON already, no body at all."""
    assert value == recorded_body(value, HASH)


@pytest.mark.parametrize("value", [None, "text", {"id": "x"}, ["data: 1", ""], {"__type__": "os.system"}])
def test_plain_values_are_read_as_they_are(value: Any) -> None:
    """Without both members an object is none that was recorded."""
    assert value == objects_of(value, "a.json")


def test_models_of_known_packages_are_built(library: Path) -> None:
    """One by one where there are several."""
    [one, plain] = objects_of([typed("ogx_api.Result", {"content": "found"}), 5], "a.json")

    assert ("Result", "found", 5) == (type(one).__name__, one.content, plain)
    assert (library / "ogx_api.mark").exists()


def test_data_that_fits_no_longer_is_taken_unchecked(library: Path) -> None:
    """It was recorded with another release of the client."""
    assert library.exists()
    value = objects_of(typed("ogx_api.Result", {"content": 5}), "a.json")

    assert ("Result", 5) == (type(value).__name__, value.content)


@pytest.mark.parametrize("name", ["ogx_api.Gone", "ogx_api.gone.Result", "llama_stack_client.types.nothing.Result"])
@pytest.mark.parametrize("data", [{"content": 1}, [1], None])
def test_what_is_not_installed_stays_data(library: Path, name: str, data: Any) -> None:
    """As the recorder does it: a suite may replay with fewer packages than it recorded with."""
    assert library.exists()
    assert data == objects_of(typed(name, data), "a.json")


@pytest.mark.parametrize(
    "name",
    [
        "hostile.Result",
        "os.system",
        "builtins.eval",
        "openai_evil.types.Model",
        "openai",
        "openai.__main__.Model",
        "openai.types..Model",
        ".openai.Model",
        "openai.types.Model\n",
        "",
        5,
        None,
        ["openai", "Model"],
    ],
)
def test_other_names_are_refused_and_nothing_is_imported(library: Path, name: Any) -> None:
    """A name in a file is data; the error names the file and what stands in it."""
    before = set(sys.modules)
    with pytest.raises(Damage, match="was not built") as caught:
        objects_of([typed(name, {})], "tests/a.json")

    assert "tests/a.json" == caught.value.subject
    assert before == set(sys.modules)
    assert not list(library.glob("*.mark"))


@pytest.mark.parametrize("name", ["ogx_api.Plain", "ogx_api.function", "ogx_api.Path"])
def test_what_is_no_model_is_refused(library: Path, name: str) -> None:
    """Even in a package that is known: nothing but models of data is called."""
    assert library.exists()
    with pytest.raises(Damage, match="is not a data model"):
        objects_of(typed(name, {}), "a.json")


def test_a_suite_may_trust_further_packages(library: Path) -> None:
    """Those that it names itself."""
    assert library.exists()
    assert "x" == objects_of(typed("hostile.Result", {"content": "x"}), "a.json", ("hostile",)).content


def test_lists_of_models_are_told_apart_by_what_is_in_them() -> None:
    """Whatever the order, and however often one is named; a list that failed has digits as well."""
    one, other = Answer(id="a"), Answer(id="b")

    assert model_set_digest("/v1/models", [one, other]) == model_set_digest("/v1/models", [other, one, one])
    assert model_set_digest("/v1/models", [one]) != model_set_digest("/v1/models", [other])
    assert 8 == len(model_set_digest("/v1/models", None))
