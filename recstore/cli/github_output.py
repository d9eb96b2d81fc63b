"""A finding as a command that GitHub's workflows understand: it shows beside the line of the test."""

from __future__ import annotations

from typing import Final

from recstore.check.findings import Finding
from recstore.text import escape_control

_IN_TEXT: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = {**_IN_TEXT, **str.maketrans({":": "%3A", ",": "%2C"})}


def annotation(finding: Finding) -> str:
    """Return the finding as `::error file=...,line=...,title=...::text`.

    Source: GitHub's documentation, "Workflow commands", and the escapes of its toolkit.
    """
    properties = {"file": finding.path, "line": str(finding.line or ""), "title": f"recstore: {finding.kind}"}
    stated = ",".join(
        f"{name}={escape_control(text).translate(_IN_PROPERTY)}" for name, text in properties.items() if text
    )
    text = f"{finding}\n{finding.remedy}" if finding.remedy else str(finding)
    return f"::error {stated}::{escape_control(text).translate(_IN_TEXT)}"
