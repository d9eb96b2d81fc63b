"""What keys and tokens look like: the shapes by which one is known wherever it stands.

Source: the vendors' own documentation of their formats, and GitHub's list of the patterns that it scans for. Of the
scanners that can be installed, detect-secrets 1.5 was measured on 54 MB of real recordings: some 50 times slower than
this table, which takes a second and finds nothing that is none; so it is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret: what has to be there, a look that costs next to nothing, and the shape, asked for only then."""

    kind: str
    sign: bytes
    pattern: re.Pattern[bytes]


_TABLE: Final = (
    (
        "a key of OpenAI, Anthropic or another that writes them so",
        b"sk-",
        rb"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{16,}",
    ),
    (
        "a key of Stripe or Groq",
        b"k_",
        rb"(?<![A-Za-z0-9])(?:[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|gsk_[A-Za-z0-9]{32,})",
    ),
    ("a key of Google's", b"AIza", rb"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"),
    ("a token of GitHub's", b"gh", rb"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,}"),
    ("a token of GitHub's", b"github_pat_", rb"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{22,}"),
    ("a token of GitLab's", b"glpat-", rb"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,}"),
    ("an access key of AWS", b"AKIA", rb"(?<![A-Za-z0-9])AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("an access key of AWS", b"ASIA", rb"(?<![A-Za-z0-9])ASIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("a token of Slack's", b"xox", rb"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}"),
    ("a token of Hugging Face's", b"hf_", rb"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}"),
    ("a token of Replicate's", b"r8_", rb"(?<![A-Za-z0-9])r8_[A-Za-z0-9]{36,}"),
    ("a key of xAI or NVIDIA", b"i-", rb"(?<![A-Za-z0-9])(?:xai|nvapi)-(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{40,}"),
    ("a key of Tavily's", b"ly-", rb"(?<![A-Za-z0-9])tvly-(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{20,}"),
    ("a key of Perplexity's", b"pplx-", rb"(?<![A-Za-z0-9])pplx-[A-Za-z0-9]{40,}"),
    ("a token of npm's", b"npm_", rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}"),
    ("a key of SendGrid's", b"SG.", rb"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("a JSON Web Token", b"eyJ", rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+"),
    ("a bearer token", b"earer ", rb"(?<=[Bb]earer )(?=[A-Za-z._~+/-]*\d)[A-Za-z0-9._~+/-]{16,}=*"),
    ("a password in a URL", b"://", rb"(?<=://)[^\s/:@\"'\\?#]{0,256}:[^\s/@\"'\\?#]{1,256}(?=@)"),
    (
        "a private key",
        b"PRIVATE KEY",
        rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[A-Za-z0-9+/=\\\s:,]|-(?!-))*+-----END [A-Z ]{0,40}PRIVATE KEY-----",
    ),
    ("a token of Google's", b"ya29.", rb"(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{30,}"),
    (
        "a secret key of AWS",
        b"ecret",
        rb"(?i)(?<=secret)(?:_?access)?_?key[\"'\\\s]{0,8}[=:][\"'\\\s]{0,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
    ),
    ("a key of Azure storage", b"AccountKey=", rb"(?<=AccountKey=)[A-Za-z0-9+/]{40,}={0,2}"),
    ("a signature of Azure's", b"sig=", rb"(?<=[?&;]sig=)[A-Za-z0-9%+/]{30,}={0,2}"),
    ("a key of Azure's", b"SharedAccessKey=", rb"(?<=SharedAccessKey=)[A-Za-z0-9+/]{30,}={0,2}"),
    ("a webhook of Slack's", b"hooks.slack.com/", rb"(?<=hooks\.slack\.com/)(?:services|workflows)/[A-Za-z0-9/]{20,}"),
)
"""Kind, sign, shape."""

SHAPES: Final = tuple(Shape(kind, sign, re.compile(pattern)) for kind, sign, pattern in _TABLE)
