"""Where settings come from, which one wins, and what a broken one is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recstore.errors import UsageError
from recstore.rules import Round, RuleSet, parse_rules
from recstore.secrets.redact import Redaction
from recstore.settings import Settings, load_settings, parse_settings
from recstore.upstreams import UpstreamMap


def _project_with(folder: Path, **files: str | bytes) -> Path:
    """Return `folder` with the files `own` (recstore.toml) and `shared` (pyproject.toml) in it."""
    names = {"own": "recstore.toml", "shared": "pyproject.toml"}
    for key, content in files.items():
        (folder / names[key]).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def _complaint(project: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(project, environment or {})
    return str(caught.value)


ALL = """
sources = ["tests/recordings", "cassettes"]

[{0}upstreams]
ollama = ["http://localhost:11434", "http://0.0.0.0:11434/"]
azure = "https://x.openai.azure.com/openai"

[[{0}rules]]
round = 5
"""


def _all_settings() -> Settings:
    bases = (
        ("ollama", "http://localhost:11434"),
        ("ollama", "http://0.0.0.0:11434"),
        ("azure", "https://x.openai.azure.com/openai"),
    )
    return Settings(UpstreamMap(bases), RuleSet((Round(5),)), ("tests/recordings", "cassettes"))


def test_without_files_everything_is_as_it_comes(tmp_path: Path) -> None:
    """A project needs no configuration."""
    assert Settings(UpstreamMap(), RuleSet(), ()) == load_settings(tmp_path, {})


def test_settings_may_be_the_whole_of_recstore_toml(tmp_path: Path) -> None:
    """Every setting can be made, a single base URL without brackets too."""
    assert _all_settings() == load_settings(_project_with(tmp_path, own=ALL.format("")), {})


def test_settings_may_be_a_table_of_pyproject(tmp_path: Path) -> None:
    """Other tools' tables are none of recstore's business."""
    text = "[tool.other]\nrules = 1\n[tool.recstore]" + ALL.format("tool.recstore.")

    assert _all_settings() == load_settings(_project_with(tmp_path, shared=text), {})


@pytest.mark.parametrize("shared", ["", "[project]\nname = 'x'", "tool = 3", "[tool.other]\nx = 1", "[tool.recstore]"])
def test_a_pyproject_without_settings_is_as_none(tmp_path: Path, shared: str) -> None:
    """There is nothing to complain about."""
    assert Settings() == load_settings(_project_with(tmp_path, shared=shared), {})


def test_recstore_toml_stands_beside_a_pyproject_of_other_tools(tmp_path: Path) -> None:
    """Only a `[tool.recstore]` would be a second place."""
    project = _project_with(tmp_path, own='sources = "a"', shared="[project]\nname = 'x'")

    assert Settings(sources=("a",)) == load_settings(project, {})


@pytest.mark.parametrize("own", ["", 'sources = "a"'])
def test_settings_in_two_files_are_refused_and_both_are_named(tmp_path: Path, own: str) -> None:
    """Nobody has to guess which of them counts, even where one is empty."""
    text = _complaint(_project_with(tmp_path, own=own, shared="[tool.recstore]"))
    missing = [name for name in ("recstore.toml", "pyproject.toml") if str(tmp_path / name) not in text]

    assert not missing, text


def test_a_variable_takes_the_whole_place_of_the_files_setting(tmp_path: Path) -> None:
    """What it does not name stays as the file has it."""
    environment = {
        "RECSTORE_UPSTREAMS": '{ollama = "http://gpu:11434"}',
        "RECSTORE_SOURCES": "tests/other",
        "PATH": "/bin",
    }
    expected = Settings(UpstreamMap((("ollama", "http://gpu:11434"),)), RuleSet((Round(5),)), ("tests/other",))

    assert expected == load_settings(_project_with(tmp_path, own=ALL.format("")), environment)


def test_a_variable_may_hold_rules(tmp_path: Path) -> None:
    """The value is what would stand behind the `=`, white space around it not counted."""
    environment = {"RECSTORE_RULES": ' [{preset = "llama-stack"}]\n', "RECSTORE_SOURCES": '["a", "b"]'}

    assert Settings(rules=parse_rules([{"preset": "llama-stack"}], "test"), sources=("a", "b")) == load_settings(
        tmp_path, environment
    )


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    """As shells have it, a variable that is set to nothing says nothing."""
    project = _project_with(tmp_path, own='sources = "a"')

    assert Settings(sources=("a",)) == load_settings(project, {"RECSTORE_SOURCES": "", "RECSTORE_NOTHING": ""})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"RECSTORE_SOURCE": "x"}, ("the environment", "`RECSTORE_SOURCE`", "`RECSTORE_SOURCES`")),
        ({"RECSTORE_sources": "x"}, ("`RECSTORE_sources`",)),
        ({"RECSTORE_RULES": "llama-stack"}, ("RECSTORE_RULES", "array of tables")),
        ({"RECSTORE_RULES": "[{round = 1}, {}]"}, ("RECSTORE_RULES: rule 2",)),
        ({"RECSTORE_SOURCES": '["a"'}, ("RECSTORE_SOURCES:1", "is not TOML", "Unclosed array")),
        ({"RECSTORE_SOURCES": '"a"\nrules = []'}, ("RECSTORE_SOURCES", "more than one value")),
        ({"RECSTORE_SHARE": "yes"}, ("RECSTORE_SHARE", "share = 'yes' is neither true nor false")),
        ({"RECSTORE_UPSTREAMS": "ollama"}, ("RECSTORE_UPSTREAMS", "is not a table")),
    ],
)
def test_a_broken_variable_is_named(tmp_path: Path, environment: dict[str, str], words: tuple[str, ...]) -> None:
    """A typing error in the environment is not passed over."""
    text = _complaint(tmp_path, environment)
    missing = [word for word in words if word not in text]

    assert not missing, text


def test_a_broken_file_is_told_although_a_variable_stands_above_it(tmp_path: Path) -> None:
    """A variable hides no error in the file."""
    project = _project_with(tmp_path, own="sources = 1")

    assert "sources = 1" in _complaint(project, {"RECSTORE_SOURCES": "a"})


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"sources = [\n  'a',\n  b\n]", 3, "is not TOML: Invalid value"),
        (b"\n\nsources = [", 3, "is not TOML"),
        (b"a = 1\r\nb = \r\n", 2, "is not TOML: Invalid value"),
        (b"a = 1\na = 2\n", 2, "Cannot overwrite a value"),
        (b"x = " + b"[" * 100_000, 1, "is not TOML"),
        (b"x = " + b"1" * 10_000, 1, "is not TOML"),
        (b"\xef\xbb\xbfsources = 'a'", 1, "byte order mark"),
        (b"a = 1\n# caf\xe9\n", 2, "is not UTF-8: byte 0xe9"),
        ("sources = 'a'".encode("utf-16"), 1, "is not UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["own", "shared"])
def test_a_file_that_is_no_toml_is_named_with_its_line(
    tmp_path: Path, name: str, content: bytes, line: int, words: str
) -> None:
    """Whatever the bytes, the user is told which file, where, and why."""
    text = _complaint(_project_with(tmp_path, **{name: content}))
    file = {"own": "recstore.toml", "shared": "pyproject.toml"}[name]

    assert text.startswith(f"{tmp_path / file}:{line}: ")
    assert words in text


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder of that name, say, is not taken for an absent file."""
    (tmp_path / "recstore.toml").mkdir()

    assert re.match(rf"{re.escape(str(tmp_path))}.recstore\.toml: cannot be read: ", _complaint(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('source = "a"', ("`source`", "Did you mean `sources`?")),
        ("x = 1", ("`x`", "Known are: upstreams, rules, sources, tests, mode, share,")),
        ("sources = 1", ("sources = 1", "must be a non-empty string")),
        ('sources = ["a", 2]', ("sources = ['a', 2]",)),
        ('sources = ["a", ""]', ("sources = ['a', '']",)),
        ('upstreams = "http://x"', ("upstreams = 'http://x' is not a table", "label")),
        ("upstreams.a = 1", ("upstreams.a = 1",)),
        ('upstreams.a = "localhost:11434"', ("upstreams.a", "'localhost:11434' is not a base URL")),
        ('upstreams.a = "http://"', ("is not a base URL",)),
        ('upstreams.a = "http://me:secret@host"', ("is not a base URL", "no user")),
        ('upstreams.a = "http://host/v1?x=1"', ("is not a base URL",)),
        ('upstreams."" = "http://host"', ("a label is empty",)),
        ('upstreams.a = "http://h/"\nupstreams.b = "http://h"', ("upstreams.b", "'http://h'", "of `a` already")),
        ("rules = 1", ("array of tables",)),
        ('mode = "rewrite"', ("mode = 'rewrite' is not a mode", "They are replay, record,")),
        ("mode = []", ("mode = [] is not a mode",)),
        ("timing = 1", ("timing = 1 is neither true nor false",)),
        ("redact = 1", ("redact = 1 is not a table",)),
        ("redact.field = 1", ("redact: `field`", "Did you mean `fields`?")),
        ("redact.fields = 1", ("redact.fields = 1",)),
        ("redact.patterns = '('", ("redact.patterns: '('", "is not a regular expression")),
        ('[[rules]]\nreplace = "("\nwith = ""', ("rule 1", "replace = '('", "is not a regular expression")),
    ],
)
def test_a_broken_setting_is_named_with_its_file(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    """The message has the file, the setting, and what is wrong with it."""
    message = _complaint(_project_with(tmp_path, own=text))
    missing = [word for word in (str(tmp_path / "recstore.toml"), *words) if word not in message]

    assert not missing, message


def test_a_tool_table_that_is_none_is_refused(tmp_path: Path) -> None:
    """`recstore = 1` under `[tool]` is no configuration."""
    assert "tool.recstore = 1 is not a table" in _complaint(_project_with(tmp_path, shared="[tool]\nrecstore = 1"))


def test_what_sessions_do_can_be_set(tmp_path: Path) -> None:
    """Names that are secret in small letters, patterns as they are; a variable's word is a switch, too."""
    text = """mode = "verify"\nshare = true\nrepeat_last = true
[redact]\nheaders = "X-Who"\nquery = ["Who"]\nfields = ["Code"]\npatterns = ["Cust-[0-9]"]"""
    redaction = Redaction(("x-who",), ("who",), ("code",), ("Cust-[0-9]",))
    expected = Settings(mode="verify", repeat_last=True, timing=True, redact=redaction)

    found = load_settings(_project_with(tmp_path, own=text), {"RECSTORE_SHARE": "false", "RECSTORE_TIMING": "true"})

    assert expected == found


def test_the_same_base_twice_under_one_label_is_one() -> None:
    """A base URL with and without its last slash is one base URL."""
    settings = parse_settings({"upstreams": {"a": ["http://h", "http://h/"]}}, "file")

    assert UpstreamMap((("a", "http://h"),)) == settings.upstreams
