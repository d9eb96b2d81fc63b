"""What a project sets: in `recstore.toml` or `[tool.recstore]` of `pyproject.toml`, and in the environment above it.

A variable `RECSTORE_` and the setting's name in capitals, unless empty, holds what would stand behind the `=` in the file,
and takes the whole place of it; a plain word needs no quotes. Options of a command are above both: whoever parses them
replaces the fields. docs/configuration.md describes every setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from recstore.errors import UsageError
from recstore.files import read_file
from recstore.model import Mode
from recstore.rules import RuleSet, parse_expression, parse_rules, refuse_unknown
from recstore.secrets.redact import Redaction
from recstore.upstreams import UpstreamMap

PREFIX: Final = "RECSTORE_"
"""How the name of every variable of recstore's begins."""

_NO_SETTINGS: Final = frozenset(("RECSTORE_DEBUG", "RECSTORE_MODE", "RECSTORE_SKIP_PUSH"))
"""Variables that speak to one surface alone, which reads them itself."""

_BASE_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s@]+(/[^?#\s]*)?")
_SECRET_DIGEST: Final = re.compile(r"[0-9a-f]{16}")
_ERROR_LINE: Final = re.compile(r" ?\(at line (\d+), column (\d+)\)| ?\(at end of document\)")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project sets; without configuration, what is here."""

    upstreams: UpstreamMap = field(default_factory=UpstreamMap)
    rules: RuleSet = field(default_factory=RuleSet)
    sources: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    mode: str = ""
    share: bool = False
    repeat_last: bool = False
    timing: bool = False
    passthrough: tuple[str, ...] = ()
    redact: Redaction = field(default_factory=Redaction)
    allowed_secrets: tuple[str, ...] = ()


def load_settings(project: Path, environment: Mapping[str, str]) -> Settings:
    """Return the settings of the project in the folder `project`, those of `environment` above them.

    Raises: UsageError: a file or a variable cannot be used; it is named, with the line where there is one.
    """
    subject, table = _configuration(project)
    settings = parse_settings(table, subject)
    variables = {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
    refuse_unknown(variables, [*(f"{PREFIX}{name.upper()}" for name in _PARSERS), *_NO_SETTINGS], "the environment")
    for variable, text in variables.items():
        if variable in _NO_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        value: Any = text
        if text.lstrip().startswith(("[", "{", '"', "'")):
            table = _parse_toml(f"value = {text.strip()}", variable)
            if len(table) != 1:
                raise UsageError(variable, "holds more than one value")
            value = table["value"]
        settings = replace(settings, **{name: _PARSERS[name](value, name, variable)})
    return settings


def parse_settings(table: Mapping[str, Any], subject: str) -> Settings:
    """Return the settings that the table at `subject` states.

    Raises: UsageError: a name is not known, or its value does not fit it.
    """
    refuse_unknown(table, _PARSERS, subject)
    return Settings(**{name: _PARSERS[name](value, name, subject) for name, value in table.items()})


# -- files


def _configuration(project: Path) -> tuple[str, dict[str, Any]]:
    own_file, shared_file = str(project / "recstore.toml"), str(project / "pyproject.toml")
    own, tools = _read_toml(own_file), (_read_toml(shared_file) or {}).get("tool")
    table = tools.get("recstore") if isinstance(tools, dict) else None
    if own is not None and table is not None:
        reason = f"{shared_file} has settings of recstore too, in [tool.recstore]"
        raise UsageError(own_file, reason, "Keep them in one of the two files.")
    if table is not None and not isinstance(table, dict):
        raise UsageError(shared_file, f"tool.recstore = {table!r} is not a table")
    return (shared_file, table or {}) if own is None else (own_file, own)


def _read_toml(path: str) -> dict[str, Any] | None:
    try:
        data = read_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(path, f"cannot be read: {error.strerror}") from error
    if data.startswith(b"\xef\xbb\xbf"):
        raise UsageError(f"{path}:1", "begins with a byte order mark", "Save it as UTF-8 without one.")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}", f"is not UTF-8: byte {data[error.start]:#04x}") from error
    return _parse_toml(text, path)


def _parse_toml(text: str, subject: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        position = _ERROR_LINE.search(str(error))
        line = position[1] if position and position[1] else text.rstrip().count("\n") + 1
        raise UsageError(f"{subject}:{line}", f"is not TOML: {_ERROR_LINE.sub('', str(error))}") from error


# -- values: each parser is given the value, the setting's name, and where it stands


def _texts(value: Any, name: str, subject: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise UsageError(subject, f"{name} = {value!r} must be a non-empty string or a list of non-empty strings")
    return tuple(texts)


def _base_urls(value: Any, name: str, subject: str) -> tuple[str, ...]:
    bases = _texts(value, name, subject)
    for base in bases:
        if _BASE_URL.fullmatch(base) is None:
            hint = "One is a scheme, a host and perhaps a path: `https://host/v1`; no user, query or fragment."
            raise UsageError(subject, f"{name}: {base!r} is not a base URL", hint)
    return bases


def _upstreams(value: Any, name: str, subject: str) -> UpstreamMap:
    if not isinstance(value, dict):
        raise UsageError(subject, f"{name} = {value!r} is not a table", 'One line of it: `label = "https://host"`.')
    labels: dict[str, str] = {}
    for label, bases in value.items():
        if not label:
            raise UsageError(subject, f"{name}: a label is empty")
        for base in _base_urls(bases, f"{name}.{label}", subject):
            other = labels.setdefault(base.rstrip("/"), label)
            if other != label:
                raise UsageError(subject, f"{name}.{label}: {base!r} is a base URL of `{other}` already")
    return UpstreamMap(tuple((label, base) for base, label in labels.items()))


def _mode(value: Any, name: str, subject: str) -> str:
    modes = tuple(Mode)
    if value not in modes:
        raise UsageError(subject, f"{name} = {value!r} is not a mode", f"They are {', '.join(modes)}.")
    return str(value)


def _switch(value: Any, name: str, subject: str) -> bool:
    switch = {"true": True, "false": False}.get(value) if isinstance(value, str) else value  # a variable holds a word
    if not isinstance(switch, bool):
        raise UsageError(subject, f"{name} = {value!r} is neither true nor false")
    return switch


def _redaction(value: Any, name: str, subject: str) -> Redaction:
    if not isinstance(value, dict):
        raise UsageError(subject, f"{name} = {value!r} is not a table", 'One line of it: `fields = ["customer_code"]`.')
    refuse_unknown(value, ("headers", "query", "fields", "patterns"), f"{subject}: {name}")
    texts = {key: _texts(member, f"{name}.{key}", subject) for key, member in value.items()}
    for pattern in texts.get("patterns", ()):
        try:
            parse_expression(pattern.encode())
        except ValueError as error:
            raise UsageError(subject, f"{name}.patterns: {pattern!r} {error}") from error
    lower = {key: tuple(text.lower() for text in texts[key]) for key in texts if key != "patterns"}
    return Redaction(**{**texts, **lower})


def _allowed_secrets(value: Any, name: str, subject: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise UsageError(subject, f"{name} = {value!r} is not an array of tables")
    for table in value:
        refuse_unknown(table, ("digest", "reason"), f"{subject}: {name}")
        digest, reason = table.get("digest"), table.get("reason")
        if not (isinstance(digest, str) and _SECRET_DIGEST.fullmatch(digest)):
            hint = "`recstore verify --secrets` says it of each secret: 16 hexadecimal digits."
            raise UsageError(subject, f"{name}: digest = {digest!r} is not one", hint)
        if not (isinstance(reason, str) and reason.strip()):
            raise UsageError(subject, f"{name}: {digest} is allowed without a reason", "Add `reason`.")
    return tuple(table["digest"] for table in value)


_PARSERS: Final[Mapping[str, Callable[[Any, str, str], Any]]] = {
    "upstreams": _upstreams,
    "rules": lambda value, _, subject: parse_rules(value, subject),
    **dict.fromkeys(("sources", "tests"), _texts),
    "mode": _mode,
    **dict.fromkeys(("share", "repeat_last", "timing"), _switch),
    "passthrough": _base_urls,
    "redact": _redaction,
    "allowed_secrets": _allowed_secrets,
}
"""What makes the value of each field of `Settings`."""
