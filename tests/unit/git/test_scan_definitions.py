"""What a test file defines, and where nothing can be concluded from it."""

from __future__ import annotations

import pytest

from recstore.gc.test_presence import Presence, fingerprint, parse_definitions

PRESENT, ABSENT, UNKNOWN = Presence.PRESENT, Presence.ABSENT, Presence.UNKNOWN

CASES = {
    "a function": ("def test_x(): pass", "test_x", PRESENT),
    "an async function": ("async def test_x(): pass", "test_x", PRESENT),
    "another function": ("def test_y(): pass", "test_x", ABSENT),
    "a longer name": ("def test_x_more(): pass", "test_x", ABSENT),
    "a comment": ("# def test_x(): pass", "test_x", ABSENT),
    "a string": ("'''\ndef test_x(): pass\n'''", "test_x", ABSENT),
    "a local function": ("def f():\n  def test_x(): pass", "test_x", ABSENT),
    "an empty file": ("", "test_x", ABSENT),
    "in an if": ("if a:\n  pass\nelse:\n  def test_x(): pass", "test_x", PRESENT),
    "in a try": ("try:\n  pass\nexcept E:\n  def test_x(): pass", "test_x", PRESENT),
    "in a finally": ("try:\n  pass\nfinally:\n  def test_x(): pass", "test_x", PRESENT),
    "in a with": ("with a:\n  def test_x(): pass", "test_x", PRESENT),
    "in a loop": ("for a in b:\n  def test_x(): pass", "test_x", PRESENT),
    "in a match": ("match a:\n  case 1:\n    def test_x(): pass", "test_x", PRESENT),
    "imported": ("from x import test_x", "test_x", PRESENT),
    "imported under that name": ("from x import y as test_x", "test_x", PRESENT),
    "imported under another name": ("from x import test_x as y", "test_x", ABSENT),
    "perhaps imported": ("from x import *", "test_x", UNKNOWN),
    "assigned": ("test_x = make()", "test_x", PRESENT),
    "assigned with others": ("(a, test_x), b = make()", "test_x", PRESENT),
    "assigned with a type": ("test_x: T = make()", "test_x", PRESENT),
    "assigned on the way": ("print(test_x := make())", "test_x", PRESENT),
    "read, not assigned": ("print(test_x)", "test_x", ABSENT),
    "made at run time": ("def f():\n  globals()['a'] = 1", "test_x", UNKNOWN),
    "set on the module": ("setattr(module, name, f)", "test_x", UNKNOWN),
    "set on something else": ("def f(monkeypatch):\n  monkeypatch.setattr(a, 'b', 1)", "test_x", ABSENT),
    "made global": ("def f():\n  global test_x\n  test_x = 1", "test_x", UNKNOWN),
    "put into the module": ("sys.modules[__name__].test_x = f", "test_x", UNKNOWN),
    "put into the class": ("class A: pass\nA.test_x = f", "A::test_x", UNKNOWN),
    "read from another": ("print(other.test_x)", "test_x", ABSENT),
    "put into a dictionary": ("sys.modules[__name__].__dict__['test_x'] = f", "test_x", UNKNOWN),
    "made by a module's function": ("builtins.globals()['a'] = 1", "test_x", UNKNOWN),
    "named by a function": ("@expand([1], name_func=f)\ndef test(): pass", "any_x", UNKNOWN),
    "a scenario of a module": ("pytest_bdd.scenarios('a.feature')", "test_x", UNKNOWN),
    "a scenario": ("scenarios('a.feature')", "test_x", UNKNOWN),
    "multiplied by a decorator": ("@expand([1])\ndef test(): pass", "test_x", UNKNOWN),
    "under a decorator of pytest's": ("@pytest.mark.parametrize('a', [1])\ndef test(): pass", "test_x", ABSENT),
    "a method": ("class TestA:\n  def test_x(self): pass", "TestA::test_x", PRESENT),
    "a method of a nested class": ("class A:\n  class B:\n    def test_x(self): pass", "A::B::test_x", PRESENT),
    "a method that is gone": ("class TestA:\n  pass", "TestA::test_x", ABSENT),
    "a method of another class": ("class TestA:\n  pass\nclass B:\n  def test_x(self): pass", "TestA::test_x", ABSENT),
    "a function that was a method": ("def test_x(): pass", "TestA::test_x", ABSENT),
    "a method that was a function": ("class TestA:\n  def test_x(self): pass", "test_x", ABSENT),
    "perhaps inherited": ("class TestA(Base):\n  pass", "TestA::test_x", UNKNOWN),
    "inherited from object": ("class TestA(object):\n  pass", "TestA::test_x", ABSENT),
    "of a metaclass": ("class TestA(metaclass=M):\n  pass", "TestA::test_x", UNKNOWN),
    "of a decorated class": ("@more\nclass TestA:\n  pass", "TestA::test_x", UNKNOWN),
    "of an inherited class that is gone": ("class TestB(Base):\n  pass", "TestA::test_x", ABSENT),
    "of an assigned class": ("TestA = Machine.TestCase", "TestA::runTest", PRESENT),
    "defined twice": ("class TestA(B): pass\nclass TestA:\n  pass", "TestA::test_x", UNKNOWN),
    "defined otherwise": (
        "if a:\n  class A:\n    def test_x(self): pass\nelse:\n  class A: pass",
        "A::test_x",
        PRESENT,
    ),
    "perhaps inherited otherwise": ("if a:\n  class A(B): pass\nelse:\n  class A: pass", "A::test_x", UNKNOWN),
    "gone from both": ("if a:\n  class A: pass\nelse:\n  class A: pass", "A::test_x", ABSENT),
    "the file alone": ("", "", PRESENT),
}


@pytest.mark.parametrize("case", CASES)
def test_presence_is_what_a_reader_of_the_file_would_say(case: str) -> None:
    """There, gone, or not to be told without running it."""
    source, names, expected = CASES[case]
    definitions = parse_definitions(source.encode())

    assert definitions is not None
    assert expected is definitions.find(tuple(names.split("::")) if names else ())


UNPARSEABLE = {
    "a syntax error": b"def test_x(:",
    "a conflict": b"<<<<<<< ours\ndef test_x(): pass\n=======\n",
    "a null byte": b"def test_x(): pass\0",
    "no UTF-8": b"text = '\xff'\n",
    "nested too deep": b"(" * 100_000,
}


@pytest.mark.parametrize("case", UNPARSEABLE)
def test_what_cannot_be_parsed_defines_nothing_known(case: str) -> None:
    """No conclusion is drawn from such a file."""
    assert parse_definitions(UNPARSEABLE[case]) is None


def test_a_warning_about_the_file_is_not_ours() -> None:
    """An escape that Python warns of is no concern of who only looks for names."""
    assert parse_definitions(b"def test_x(): return '\\d' is 1") is not None


def test_a_coding_line_is_heeded() -> None:
    """A file need not be UTF-8 if it says what it is."""
    assert parse_definitions(b"# coding: latin-1\ntext = '\xff'\n") is not None


ALIKE = [
    ("def a(x): return ask(x)", "def b(x): return ask(x)", True),
    ("def a(x): return ask(x)", "@decorated\ndef b(x): return ask(x)  # why", True),
    ("def a(x): return ask(x)", "def b(y): return ask(y)", False),
    ("def a(x): return ask(x)", "async def b(x): return ask(x)", False),
    ("def a(x): return ask(1)", "def b(x): return ask(1.0)", False),
]


@pytest.mark.parametrize(("one", "other", "expected"), ALIKE)
def test_functions_that_do_the_same_have_one_fingerprint(one: str, other: str, *, expected: bool) -> None:
    """Name, decorators and comments do not count; arguments and body do."""
    marks = []
    for source in (one, other):
        definitions = parse_definitions(source.encode())
        assert definitions is not None
        marks += [fingerprint(function) for _, function in definitions.functions()]

    assert expected is (marks[0] == marks[1])


@pytest.mark.parametrize("body", ["pass", "...", "'''Words.'''", "'''Words.'''\n  pass"])
def test_a_function_that_does_nothing_is_like_no_other(body: str) -> None:
    """Two empty tests are not one test under two names."""
    definitions = parse_definitions(f"def test_x():\n  {body}".encode())

    assert definitions is not None
    assert [None] == [fingerprint(function) for _, function in definitions.functions()]
