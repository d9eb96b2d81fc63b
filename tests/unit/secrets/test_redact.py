"""Secrets: found by name and by shape, in every kind of text, and nothing else with them."""

from __future__ import annotations

import json
import time

import pytest

from recstore.secrets.redact import REDACTED, Redaction

KEY = "sk-proj-" + "a1B2c3D4" * 4


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "API-Key", "openai_api_key", "x-api-key", "access_token", "refreshToken", "password",
     "db_passwd", "client_secret", "secret", "aws_secret_access_key", "private_key", "Authorization"],
)  # fmt: skip
def test_what_stands_under_a_secrets_name_is_gone(name: str) -> None:
    """In JSON of any layout; the rest of the text stays as it was."""
    for text in ('{"a": 1, "%s": "hunter2 \\" x", "b": [2]}', '{"a":1,"%s":"hunter2"}', '{\n  "%s" :\n "hunter2"\n}'):
        found = Redaction().text((text % name).encode())

        assert b"hunter2" not in found
        assert REDACTED == json.loads(found)[name]
        assert text.count("\n") == found.count(b"\n")


@pytest.mark.parametrize(
    "text",
    [
        '{"max_tokens": 5, "token": "Hello", "logprob": -0.1}',
        '{"usage": {"total_tokens": 7, "prompt_tokens": 3}}',
        '{"type": "eq", "key": "category", "value": "sk"}',
        '{"type": "thinking", "signature": "EqQBCkYIBRgCKkA="}',
        '{"properties": {"password": {"type": "string"}, "api_key": {"type": "string"}}, "required": ["password"]}',
        '{"api_key": "", "password": null, "secret": true}',
        '{"content": "a task-oriented, risk-free sk-learn-tutorial-for-all-beginners"}',
        "the password is: swordfish",
    ],
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    """Tokens that are counted, keys of filters, schemas that describe a password, ordinary words."""
    assert text.encode() == Redaction().text(text.encode())


@pytest.mark.parametrize(("value", "expected"), [("12345", "REDACTED"), ('["a b", "c"]', ["REDACTED"])])
def test_numbers_and_lists_of_texts_are_secrets_too(value: str, expected: object) -> None:
    """A password may be a number, and keys come in lists."""
    assert {"password": expected, "x": 1} == json.loads(Redaction().text(b'{"password":%b,"x":1}' % value.encode()))


def test_json_inside_of_a_json_string_is_searched() -> None:
    """The arguments of a tool's call are such a string, at whatever depth."""
    inner = json.dumps({"api_key": "hunter2", "city": "Rome"})
    for text in (json.dumps({"arguments": inner}), json.dumps({"data": json.dumps({"arguments": inner})})):
        found = Redaction().text(text.encode())

        assert b"hunter2" not in found
        assert b"Rome" in found
        json.loads(found)


@pytest.mark.parametrize(
    "secret",
    [KEY, "sk-ant-api03-" + "x9-_" * 10, "AIza" + "B3" * 17 + "c", "ghp_" + "a1" * 18, "github_pat_" + "a1" * 20,
     "AKIA" + "A1" * 8, "xoxb-123456789012-abcdef", "hf_" + "aB" * 17, "gsk_" + "a1" * 20, "glpat-" + "a1" * 10,
     "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3.SflKxwRJSMeKKF2QT4"],
)  # fmt: skip
def test_what_has_the_shape_of_a_key_is_gone_wherever_it_stands(secret: str) -> None:
    """In a message, a path, a query, a header, an event stream."""
    redaction = Redaction()

    assert b'{"content":"my key is REDACTED."}' == redaction.text(b'{"content":"my key is %b."}' % secret.encode())
    assert b"data: REDACTED\n\n" == redaction.text(b"data: %b\n\n" % secret.encode())
    assert "/hooks/REDACTED/x" == redaction.path_text(f"/hooks/{secret}/x")
    assert "q=REDACTED" == redaction.query_text(f"q={secret}")
    assert (("location", "/a?b=REDACTED"),) == redaction.header_pairs((("location", f"/a?b={secret}"),))


def test_a_private_key_is_gone_as_a_whole() -> None:
    """As a file, and as a JSON string with its line feeds escaped."""
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc/+=\nxyz\n-----END RSA PRIVATE KEY-----"

    assert b"a REDACTED b" == Redaction().text(f"a {pem} b".encode())
    assert '{"k": "REDACTED"}' == Redaction().text(json.dumps({"k": pem}).encode()).decode()


def test_bearer_tokens_and_passwords_of_urls_are_gone() -> None:
    """Words after the word stay; so do hosts and ports."""
    redaction = Redaction()

    assert b"Bearer REDACTED and so on" == redaction.text(b"Bearer abcdef0123456789xyz and so on")
    assert b"bearer of good news, everyone" == redaction.text(b"bearer of good news, everyone")
    assert b"postgres://REDACTED@db:5432/x" == redaction.text(b"postgres://me:pa55@db:5432/x")
    assert b"http://db:5432/x a@b" == redaction.text(b"http://db:5432/x a@b")


@pytest.mark.parametrize("name", ["key", "api_key", "api%5Fkey", "token", "sig", "X-Amz-Signature", "access_token"])
def test_secret_parameters_of_a_query_are_gone(name: str) -> None:
    """Their names stay, and so does the order of all."""
    assert f"a=1&{name}=REDACTED&b=" == Redaction().query_text(f"a=1&{name}=hunter2&b=")


def test_other_parameters_of_a_query_stay() -> None:
    """Down to how they are spelled."""
    query = "page_token=abc&keyword=x&flag&empty=&key=&a=%20+"

    assert query == Redaction().query_text(query)
    assert "" == Redaction().query_text("")


def test_credentials_of_headers_are_gone() -> None:
    """Cookies are dropped; a header that is named after a key keeps its name alone."""
    headers = (("Set-Cookie", "a=b"), ("X-Api-Key", "hunter2"), ("Content-Type", "text/plain"), ("x-amz-bucket", "b"))

    expected = (("X-Api-Key", "REDACTED"), ("Content-Type", "text/plain"), ("x-amz-bucket", "b"))
    assert expected == Redaction().header_pairs(headers)


def test_secret_parts_of_a_form_are_gone() -> None:
    """The value goes, the part stays; a file that is called like a secret is none."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\nline\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="password"\r\nContent-Type: a/b\r\n\r\nX\r\n--b--\r\n'
    )

    assert body.replace(b"hunter2\r\nline", b"REDACTED") == Redaction().parts(body)


def test_a_project_adds_names_and_patterns() -> None:
    """To what always counts, never in its place."""
    redaction = Redaction(("x-who",), ("who",), ("customer_code",), ("cust-[0-9]+",))

    assert b'{"Customer_Code":"REDACTED","a":"REDACTED","password":"REDACTED"}' == redaction.text(
        b'{"Customer_Code":"me","a":"cust-17","password":"p"}'
    )
    assert "who=REDACTED&key=REDACTED" == redaction.query_text("who=me&key=k")
    assert () == redaction.header_pairs((("X-Who", "me"),))
    assert b'{"customer_code":"me","a":"cust-17"}' == Redaction().text(b'{"customer_code":"me","a":"cust-17"}')


def test_redacting_twice_is_redacting_once() -> None:
    """What stands for a secret is none."""
    text = ('{"api_key":"hunter2","a":"%s","password":["x"]}' % KEY).encode()  # noqa: UP031 - braces all over
    once = Redaction().text(text)

    assert once == Redaction().text(once)


@pytest.mark.parametrize(
    "piece",
    [b"\\", b'"', b"a", b"sk-", b"-xai-", b"-eyJ", b"-eyJ0123456789.", b"://", b"://a", b"SG.", b"Bearer ", b'\\"',
     b"-----BEGIN PRIVATE KEY-----", b'"password" ', b'["a",', b"content-disposition: name=", b'"a.',
     b"content-disposition: name=password\r\n"],
)  # fmt: skip
def test_no_text_takes_long(piece: bytes) -> None:
    """Time grows with the length of a body, whatever is in it: no expression searches again what it has searched."""
    text = b'"' + piece * (200_000 // len(piece)) + b'password"'
    start_s = time.perf_counter()

    Redaction().parts(text)

    assert time.perf_counter() - start_s < 2
