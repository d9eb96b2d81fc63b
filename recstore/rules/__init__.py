r"""When two requests are close enough: rules that a look-up applies to both of them before it compares them.

What a request *is* (`canonical`) knows none of them, so changing one changes no file. A rule is a table of
the configuration, of one of these kinds:

    ignore = "/metadata/request_id"      what a JSON Pointer names in the body, wildcards included
    ignore_query = "api-version"         the query parameters of that name, a shell pattern
    ignore_header = "accept-language"    the headers of that name, a shell pattern
    round = 5                            reals, to 5 digits; with `text_from = 4` also decimals in strings
    replace = 'id-\d+'                    a regular expression in strings, by `with = "id-*"`; with
                                         `in = ["body", "path", "query"]` elsewhere than in the body
    preset = "llama-stack"               the rules of that name

It may be limited by shell patterns: `upstream = "azure*"`, `path = "/v1/chat/*"`, `method = "POST"`. A path
is what follows the upstream's base URL.

May know: the model, the canonical form. May not know: files, stores, the environment.
"""

from __future__ import annotations

from recstore.rules.expressions import parse_expression
from recstore.rules.kinds import (
    IgnoreHeader,
    IgnoreJson,
    IgnoreQuery,
    Replace,
    Round,
    Rule,
    RuleSet,
    Scope,
    close_enough,
)
from recstore.rules.presets import PRESETS
from recstore.rules.tables import parse_rules, refuse_unknown

__all__ = [
    "PRESETS",
    "IgnoreHeader",
    "IgnoreJson",
    "IgnoreQuery",
    "Replace",
    "Round",
    "Rule",
    "RuleSet",
    "Scope",
    "close_enough",
    "parse_expression",
    "parse_rules",
    "refuse_unknown",
]
