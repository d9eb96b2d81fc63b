"""Invented keys of every known format; put together here, so that no scanner takes this file for a leak."""

from __future__ import annotations

__all__ = ["KEYS"]

_A = "Ab3dEf6hIj9LmN2pQr5tUv8xYz1"
KEYS = {
    "OpenAI": "sk-" + "proj-" + _A * 2,
    "OpenAI, service": "sk-" + "svcacct-" + _A,
    "Anthropic": "sk-" + "ant-api03-" + _A * 3,
    "AWS": "AKIA" + "Z7XQ2MNB4KLP9RST",
    "AWS, temporary": "ASIA" + "Z7XQ2MNB4KLP9RST",
    "AWS, secret": 'aws_secret_access_key = "' + (_A * 2)[:40] + '"',
    "GitHub": "ghp_" + (_A * 2)[:36],
    "GitHub, app": "ghs_" + (_A * 2)[:36],
    "GitHub, fine-grained": "github_pat_" + _A * 2,
    "Google": "AIza" + (_A * 2)[:35],
    "Google, token": "ya29." + _A * 2,
    "Azure storage": "AccountKey=" + (_A * 4)[:86] + "==",
    "Azure, signature": "https://a.blob.core.windows.net/c?sv=1&sig=" + (_A * 2)[:43] + "=",
    "Azure, service bus": "SharedAccessKey=" + (_A * 2)[:43] + "=",
    "Slack": "xoxb-" + "1234567890-" + _A,
    "Slack, webhook": "https://hooks.slack.com/" + "services/T0000/B0000/" + _A[:24],
    "Stripe": "sk_" + "live_" + _A,
    "Hugging Face": "hf_" + (_A * 2)[:34],
    "JWT": "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0." + _A,
    "PEM": "-----BEGIN " + "PRIVATE KEY-----\n" + _A * 4 + "\n-----END " + "PRIVATE KEY-----",
}
"""Format -> a text that holds one of it."""
