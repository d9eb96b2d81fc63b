"""Sizes, names, docstrings and the error tree are what the house style says."""

from __future__ import annotations

import ast
import http.client  # noqa: F401 - or a module that imports it first would be imported by what the plugin does then
import importlib
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import recstore
from recstore import errors

ROOT = Path(recstore.__file__).parent
REPOSITORY = ROOT.parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "project" not in path.parts)
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "misc"}
LONGEST_MODULE = 600


def named(path: Path) -> str:
    """Return a path as the test's id shows it."""
    return path.relative_to(REPOSITORY).as_posix()


def test_no_module_is_too_long_or_named_after_nothing() -> None:
    """A module is one idea that fits 600 lines, named after a thing."""
    assert [] == [
        named(path)
        for path in MODULES
        if path.stem in FORBIDDEN_NAMES or len(path.read_text().splitlines()) > LONGEST_MODULE
    ]


def unexplained(path: Path) -> Iterator[str]:
    """Yield the module and the public top-level names of it that have no docstring."""
    tree = ast.parse(path.read_text())
    if not ast.get_docstring(tree):
        yield named(path)
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{named(path)}: {node.name}"


def test_modules_and_public_names_are_explained() -> None:
    """Every module, and every public class and function of one, has a docstring."""
    assert [] == [name for path in MODULES for name in unexplained(path)]


def every_error(of: type[errors.RecstoreError] = errors.RecstoreError) -> list[type[errors.RecstoreError]]:
    """Return the class and all that derive from it."""
    return [of, *(found for child in of.__subclasses__() for found in every_error(child))]


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """The drawing at the top of errors.py names every error, in its place, with its exit code."""
    drawn = re.findall(r"^ {4}([| +-]*)([A-Z]\w+)(?: +(\d+))?$", errors.__doc__ or "", re.MULTILINE)
    inherited: dict[int, int] = {}
    stated: list[tuple[str, int, int]] = []
    for marks, name, code in drawn:
        depth = len(marks) // 4
        inherited[depth] = int(code) if code else inherited[depth - 1]
        stated.append((name, depth, inherited[depth]))

    assert sorted((cls.__name__, len(cls.__mro__) - 4, cls.exit_code) for cls in every_error()) == sorted(stated)


@pytest.mark.parametrize("error", every_error())
def test_every_error_pickles_and_says_what_to_do(error: type[errors.RecstoreError]) -> None:
    """An error crosses a process border whole: workers raise them."""
    raised = error("a/file.json", "is not there", "Look again.")

    copy = pickle.loads(pickle.dumps(raised))  # noqa: S301 - our own bytes

    assert (type(raised), str(raised)) == (type(copy), str(copy))
    assert "a/file.json: is not there\n  Look again." == str(copy)


def test_public_names_are_the_promised_ones() -> None:
    """`recstore.__all__` is what users may rely on: every name is there, and none is added by chance."""
    expected = {
        "Entry", "JsonBody", "Manifest", "RawBody", "Recording", "RecstoreError", "Request", "Response", "Store",
        "StreamBody", "UpstreamMap", "__version__", "request_key", "use",
    }  # fmt: skip

    assert expected == set(recstore.__all__)
    for name in expected:
        assert getattr(recstore, name)


def committed_texts() -> list[Path]:
    """Return the files that are committed and hold text."""
    suffixes = {".py", ".md", ".toml", ".yaml", ".yml", ""}
    skipped = {".git", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache", "blobs", "local"}
    return [
        path
        for path in REPOSITORY.rglob("*")
        if path.is_file() and path.suffix in suffixes and not skipped.intersection(path.parts)
    ]


def test_the_repository_speaks_of_the_project_alone() -> None:
    """No absolute path of the machine it was written on is in it."""
    places = re.compile(r"(?<![\w.])/(?:work|home|root|tmp)/\w")

    assert [] == [named(path) for path in committed_texts() if places.search(path.read_text(errors="replace"))]


def test_the_repository_names_no_package_registry() -> None:
    """Where a package comes from is its user's choice: an index of their own, a mirror, a folder."""
    hosts = re.compile("|".join(("pypi" + r"\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:com|org)")))

    assert [] == [named(path) for path in committed_texts() if hosts.search(path.read_text(errors="replace"))]


def test_only_packages_promise_names() -> None:
    """`__all__` stands in the `__init__` of packages alone, names what is there, once each, and nothing private."""
    stray = [named(path) for path in MODULES if path.name != "__init__.py" and "\n__all__" in path.read_text()]
    packages = [path.parent for path in MODULES if path.name == "__init__.py"]
    wrong = []
    for package in packages:
        module = importlib.import_module(".".join(package.relative_to(REPOSITORY).parts))
        promised: list[str] = getattr(module, "__all__", [])
        wrong += [name for name in promised if not hasattr(module, name) or name.startswith("_") != name.endswith("__")]
        wrong += [name for name in promised if promised.count(name) > 1]

    assert [] == stray + wrong


def test_the_signature_of_a_call_stays_small() -> None:
    """No public function takes more than five positional parameters."""
    for name in recstore.__all__:
        member = getattr(recstore, name)
        if inspect.isfunction(member):
            assert len(inspect.signature(member).parameters) <= 5
