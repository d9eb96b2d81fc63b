"""Secrets as commands show them: never the secret itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from recstore.secrets.redact import SecretScan
from recstore.secrets.scan import StoredSecret
from recstore.settings import Settings
from recstore.text import escape_control


def scan_of(settings: Settings) -> SecretScan:
    """Return what the project takes for a secret, and what it allows."""
    return SecretScan(frozenset(settings.allowed_secrets), settings.redact.patterns)


def show_secrets(found: Iterable[StoredSecret]) -> None:
    """Print a line for each: `(secret) tests/a.py::test_x  a token of GitHub's, ghp_...3f  in response /choices/...`."""
    for one in found:
        tests = ", ".join(one.tests) or "(outside any test)"
        secret = one.secret
        click.echo(escape_control(f"(secret) {tests}  {secret.kind}, {secret.excerpt}  in {secret.place}  {one.file}"))
        click.echo(f"         digest {secret.digest}")


def as_json(found: Iterable[StoredSecret]) -> list[dict[str, Any]]:
    """Return them as JSON values."""
    return [
        {
            "tests": one.tests,
            "file": one.file,
            "kind": one.secret.kind,
            "place": one.secret.place,
            "excerpt": one.secret.excerpt,
            "digest": one.secret.digest,
        }
        for one in found
    ]
