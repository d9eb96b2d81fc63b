"""Which test runs, by the recorder's word or by pytest's."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import pytest

from recstore.importers.llama_stack import current_test

TEST = "tests/a/test_a.py::test_a[x (call)]"


def loaded(patch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    """Have a module of llama-stack's be loaded."""
    module = ModuleType(name)
    vars(module).update(members)
    patch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("package", ["ogx", "llama_stack"])
def test_what_the_suite_says_counts(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Whatever the project is called; and it says of no test that there is none, though pytest sets one up."""
    answers = [TEST, None]
    loaded(monkeypatch, f"{package}.core.testing_context", get_test_context=lambda: answers.pop(0))

    assert (TEST, None) == (current_test(), current_test())


def test_a_server_takes_its_clients_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client sends along for which test it asks, where the context has been left behind."""
    told: ContextVar[Any] = ContextVar("told")
    loaded(monkeypatch, "ogx.core.testing_context", get_test_context=lambda: None)
    loaded(monkeypatch, "ogx.core.request_headers", PROVIDER_DATA_VAR=told)
    before = current_test()

    told.set({"__test_id": TEST})

    assert (None, TEST) == (before, current_test())


@pytest.mark.parametrize(("said", "expected"), [(f"{TEST} (setup)", TEST), ("", None)])
def test_without_either_it_is_pytests(monkeypatch: pytest.MonkeyPatch, said: str, expected: str | None) -> None:
    """A suite of another kind may use the storage as well."""
    monkeypatch.setenv("PYTEST_CURRENT_TEST", said)

    assert expected == current_test()
