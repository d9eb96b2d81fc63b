"""Secrets that are stored already, as a user meets them: at import, in verify, before a push, and taken out."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

import recstore as package
from recstore.secrets.redact import SecretScan
from recstore.secrets.scan import scan_store
from recstore.store import Store
from tests.commands import recstore
from tests.git_repository import GitRepository
from tests.keys import KEYS
from tests.loopback import serving

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
KEY, TOKEN = KEYS["OpenAI"], KEYS["GitHub"]
TEST = "tests/test_a.py::test_a"


def cassette(project: Path) -> Path:
    """Write a cassette of vcrpy's that holds a key in a request's header, and a token in an answer."""
    path = project / "tests/cassettes/test_a/test_a.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f"""interactions:
- request:
    body: null
    headers:
      authorization:
      - Bearer {KEY}
    method: GET
    uri: https://api.example.com/v1/x
  response:
    body:
      string: '{{"token_of": "{TOKEN}", "text": "fine"}}'
    headers: {{}}
    status:
      code: 200
      message: OK
version: 1
"""
    )
    return path


def test_imported_secrets_are_found_and_taken_out(tmp_path: Path) -> None:
    """Import warns, verify says where and ends with 60, redact takes out; replay and export go on."""
    Store.create(tmp_path)
    cassette(tmp_path)
    imported = recstore(tmp_path, "import", "tests")
    verified = recstore(tmp_path, "verify", "--secrets")
    as_json = json.loads(recstore(tmp_path, "verify", "--secrets", "--json").stdout)
    plan = recstore(tmp_path, "redact", "--dry-run", "--json")
    still = recstore(tmp_path, "verify", "--secrets")
    redacted = recstore(tmp_path, "redact")
    after = recstore(tmp_path, "verify", "--secrets")
    exported = recstore(tmp_path, "export", "exported")

    assert (0, 60, 0, 60, 0, 0, 0) == tuple(
        done.returncode for done in (imported, verified, plan, still, redacted, after, exported)
    ), redacted.stderr
    assert "warning: a secret in tests/cassettes/test_a/test_a.yaml" in imported.stderr
    assert 2 == len(as_json["secrets"]) == len(json.loads(plan.stdout)["found"])
    assert {TEST} == {test for secret in as_json["secrets"] for test in secret["tests"]}
    assert "git filter-repo" in redacted.stderr
    assert "No secret was found." in after.stdout
    text = (tmp_path / "exported/tests/cassettes/test_a/test_a.yaml").read_text()
    assert 2 == text.count("REDACTED")
    assert '"text": "fine"' in text
    printed = "".join(done.stdout + done.stderr for done in (imported, verified, plan, still, redacted, after))
    assert KEY not in printed
    assert TOKEN not in printed


def test_a_recording_that_was_redacted_still_replays(tmp_path: Path) -> None:
    """A request is looked up without its secrets, so that taking them out of the store changes nothing for the test."""
    Store.create(tmp_path)
    (tmp_path / "recstore.toml").write_text("")
    own = "internal-code-4711"
    with serving() as upstream, package.use("a test", mode="record", project=tmp_path):
        live = httpx.post(f"{upstream.base}/x", json={"a": own}).json()
    (tmp_path / "recstore.toml").write_text('[redact]\npatterns = ["internal-code-[0-9]+"]\n')
    found = recstore(tmp_path, "verify", "--secrets")
    redacted = recstore(tmp_path, "redact")
    with package.use("a test", project=tmp_path):
        again = httpx.post(f"{upstream.base}/x", json={"a": own}).json()

    assert (60, 0) == (found.returncode, redacted.returncode), redacted.stderr
    assert again == {**live, "echo": live["echo"].replace(own, "REDACTED")}
    assert 0 == recstore(tmp_path, "verify", "--secrets").returncode


def test_a_push_with_a_secret_is_refused(tmp_path: Path) -> None:
    """What a push brings is looked through, in blobs and in manifests; what is there already is not."""
    project = GitRepository.create(tmp_path / "p")
    project.test_file("tests/test_a.py", "test_a")
    project.record(TEST, f"it is {KEY}")
    old = project.commit()
    clean = recstore(project.folder, "check", "--range", f"{old}..{old}")
    refused = recstore(
        project.folder, "check", "--pre-push", data=f"refs/heads/main {old} refs/heads/main {'0' * 40}\n"
    )
    project.record("tests/test_a.py::test_a[2]", "harmless")
    new = project.commit()
    later = recstore(project.folder, "check", "--range", f"{old}..{new}")
    (project.folder / "recstore.toml").write_text(
        f'[[allowed_secrets]]\ndigest = "{refused.stdout.partition("(digest ")[2][:16]}"\nreason = "invented"\n'
    )
    allowed = recstore(project.folder, "check", "--commit", old)
    allowed_push = recstore(
        project.folder, "check", "--pre-push", data=f"refs/heads/main {old} refs/heads/main {'0' * 40}\n"
    )

    assert (0, 60, 0, 0, 0) == tuple(done.returncode for done in (clean, refused, later, allowed, allowed_push)), (
        refused.stdout
    )
    assert f"(secret) {TEST}" in refused.stdout
    assert KEY not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('digest = "0123456789abcdef"', "without a reason"),
        ('digest = "sk-1"\nreason = "x"', "digest"),
        ('digest = "0123456789abcdef"\nreason = " "', "without a reason"),
    ],
)
def test_nothing_is_allowed_without_a_reason(tmp_path: Path, setting: str, reason: str) -> None:
    """An allow-list says why."""
    Store.create(tmp_path)
    (tmp_path / "recstore.toml").write_text(f"[[allowed_secrets]]\n{setting}\n")
    done = recstore(tmp_path, "verify", "--secrets")

    assert 2 == done.returncode
    assert reason in done.stderr


def test_a_secret_that_cannot_be_taken_out_is_said(tmp_path: Path) -> None:
    """A packed body of an imported file stays as it is, and the command says so."""
    import base64
    import gzip

    Store.create(tmp_path)
    path = cassette(tmp_path)
    packed = base64.b64encode(gzip.compress(KEY.encode(), mtime=0)).decode()
    text = path.read_text().replace("headers: {}", "headers:\n      content-encoding:\n      - gzip")
    start, _, rest = text.partition("      string: ")
    path.write_text(f"{start}      string: !!binary |\n        {packed}\n{rest.partition(chr(10))[2]}")
    assert 0 == recstore(tmp_path, "import", "tests").returncode
    done = recstore(tmp_path, "redact")

    assert 60 == done.returncode, done.stdout + done.stderr
    assert "record those tests again" in done.stdout


def test_no_file_that_cannot_be_read_passes_for_one_without_secrets(tmp_path: Path) -> None:
    """A damaged recording may hold anything: `redact` stops there, and `verify` says that it was not looked through."""
    project = GitRepository.create(tmp_path / "p")
    project.record(TEST, f"it is {KEY}")
    [blob] = (project.folder / ".recstore/blobs").glob("*/*.json")
    blob.write_bytes(blob.read_bytes()[:-9])
    verified = recstore(project.folder, "verify", "--secrets")
    redacted = recstore(project.folder, "redact")

    assert (20, 20) == (verified.returncode, redacted.returncode)
    assert "1 file could not be read for it" in verified.stdout
    assert blob.name in redacted.stderr


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real recordings are not at {CORPUS}")
@pytest.mark.parametrize(
    "state", [pytest.param("llama-stack-2025-10-22", marks=pytest.mark.slow), "llama-stack-2025-12-01"]
)
def test_real_recordings_give_no_false_alarm(tmp_path: Path, state: str) -> None:
    """Not one of them holds a key, though some hold `sk-` inside of a longer token."""
    Store.create(tmp_path)
    done = recstore(tmp_path, "import", str(CORPUS / state))

    assert 0 == done.returncode
    assert "secret" not in done.stderr
    assert ([], []) == scan_store(Store.open(tmp_path), SecretScan(), 2)
