"""Real recordings of a real team on the wire: the clients that they were made with get the same objects again.

What was recorded are calls of client libraries: arguments in, objects out. Here the same libraries are called with
the same arguments, and everything in between (the request that they send, the bytes that they read) is recstore's.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import recstore
from recstore.importers.llama_stack import objects_of
from recstore.importers.run import ImportOptions, import_paths
from recstore.model import Entry, Mode
from recstore.record.session import Session, activate
from recstore.settings import load_settings
from recstore.store import Store
from tests.clients import ollama, openai
from tests.generator import SHAPES, write_recordings

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
WORKSPACE = "https://adb-1.databricks.invalid"
CONFIGURATION = f'[upstreams]\n__databricks__ = ["{WORKSPACE}"]\n'
"""The recorder hides which host a Databricks workspace has; whoever replays says which one he means by it."""

METHODS = {
    "/chat/completions": "chat.completions.create",
    "/completions": "completions.create",
    "/embeddings": "embeddings.create",
    "/models": "models.list",
    "/api/chat": "chat",
    "/api/generate": "generate",
    "/api/embeddings": "embed",
    "/api/ps": "ps",
    "/api/tags": "list",
}
"""End of an endpoint -> which of the client's methods was recorded."""


@dataclass(frozen=True)
class Recorded:
    """One call as it was recorded: where to, what, and what came of it; several answers where a list is a union."""

    endpoint: str
    base: str
    arguments: dict[str, Any]
    answers: list[Any]

    @property
    def method(self) -> str:
        """The method of the client that was called: early recordings of chats bear the endpoint of plain completions."""
        if "messages" in self.arguments and self.endpoint.startswith("/v1/"):
            return "chat.completions.create"
        ending = max((ending for ending in METHODS if self.endpoint.endswith(ending)), key=len)
        return METHODS[ending]

    @property
    def expected(self) -> Any:
        """What the client is to return, as plain data."""
        if len(self.answers) > 1:
            models = {model["__data__"]["id"]: model["__data__"] for answer in self.answers for model in answer}
            return [models[name] for name in sorted(models)]
        [answer] = self.answers
        return [as_data(event) for event in answer] if isinstance(answer, list) else as_data(answer)


def as_data(value: dict[str, Any]) -> Any:
    """Return what was recorded of an object; times of ollama's as its models spell them."""
    is_ollama = value["__type__"].startswith("ollama.")
    return plain(objects_of(value, "a recording")) if is_ollama else value["__data__"]


@dataclass(frozen=True)
class Project:
    """A store with imported recordings, and the calls in it by the test that made them, in the store's order."""

    folder: Path
    calls: dict[str | None, list[Recorded]] = field(default_factory=lambda: defaultdict(list))

    def count(self) -> int:
        """Return how many files were called upon."""
        return sum(len(call.answers) for calls in self.calls.values() for call in calls)

    @contextmanager
    def replaying(self, test_id: str | None) -> Iterator[None]:
        """Answer from the recordings of a test, or from those that were made outside any."""
        if test_id is not None:
            with recstore.use(test_id, mode="replay", project=self.folder):
                yield
            return
        settings = load_settings(self.folder, {})
        with activate(Session(Store.open(self.folder), settings, None, Mode.REPLAY)):
            yield


def imported(folder: Path, source: Path, take: Callable[[dict[str, Any]], bool]) -> Project:
    """Return a project with the recordings of `source`, and the calls of those files that `take` takes."""
    store = Store.create(folder)
    (folder / "recstore.toml").write_text(CONFIGURATION)
    report = import_paths(store, [source], ImportOptions(load_settings(folder, {}).upstreams, workers=2))
    assert not report.problems
    project = Project(folder)
    for test_id, entries_of_test in scopes(store).items():
        for entries in times(entries_of_test):
            documents = [json.loads((source / str(entry.origin["path"])).read_bytes()) for entry in entries]
            if take(documents[0]):
                project.calls[test_id].append(recorded(documents))
    return project


def scopes(store: Store) -> dict[str | None, list[Entry]]:
    """Return what each test has recorded; what was recorded outside any counts as if one test had made it."""
    entries: dict[str | None, list[Entry]] = defaultdict(list)
    for manifest in store.manifests():
        entries[manifest.test_id] += manifest.entries
    return entries


def times(entries: Iterable[Entry]) -> Iterable[list[Entry]]:
    """Return the entries that answer together: one, or those of a union."""
    groups: dict[object, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[(entry.blob.key, entry.n) if entry.is_union else id(entry)].append(entry)
    return groups.values()


def recorded(documents: list[dict[str, Any]]) -> Recorded:
    """Return the call that the files stand for."""
    request = documents[0]["request"]
    base = request["url"].removesuffix(request["endpoint"]).replace("__databricks__", WORKSPACE)
    return Recorded(
        request["endpoint"], base, request["body"], [document["response"]["body"] for document in documents]
    )


def has_address(document: dict[str, Any]) -> bool:
    """Return whether a recording is of a request, and not of a call of a tool."""
    return "url" in document["request"]


def has_client(document: dict[str, Any]) -> bool:
    """Return whether a recording is of a call that returned objects of one of the clients."""
    body = document["response"]["body"]
    first = body[0] if isinstance(body, list) and body else body
    type_name = first.get("__type__", "") if isinstance(first, dict) else ""
    return type_name.startswith(("openai.", "ollama."))


# -- calling


def called(client: Any, call: Recorded) -> Any:
    """Return what the client's method returns for the recorded arguments: something to await, from some clients."""
    method = client
    for name in call.method.split("."):
        method = getattr(method, name)
    return method(**call.arguments)


def plain(value: Any) -> Any:
    """Return an object of a client as the data that it was sent."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)


def is_list(call: Recorded) -> bool:
    """Return whether the client returns something to iterate over."""
    return bool(call.arguments.get("stream")) or call.method == "models.list"


def answer(client: Any, call: Recorded) -> Any:
    """Call, and return what came back as plain data."""
    value = called(client, call)
    return [plain(item) for item in value] if is_list(call) else plain(value)


async def answer_async(client: Any, call: Recorded) -> Any:
    """Do the same with a client that is asynchronous."""
    value = called(client, call)
    if call.method != "models.list":
        value = await value
    return [plain(item) async for item in value] if is_list(call) else plain(value)


class Clients:
    """The real clients for each address, made when they are first needed."""

    def __init__(self, make_openai: Callable[..., Any], make_ollama: Callable[..., Any]) -> None:
        self._make_openai = make_openai
        self._make_ollama = make_ollama
        self.made: dict[tuple[bool, str], Any] = {}

    def of(self, call: Recorded) -> Any:
        """Return the client that made the call."""
        key = is_ollama, base = call.endpoint.startswith("/api/"), call.base
        if key not in self.made:
            made = self._make_ollama(host=base) if is_ollama else self._make_openai(base_url=base, api_key="no key")
            self.made[key] = made
        return self.made[key]


def different(project: Project) -> list[tuple[str | None, Recorded, Any]]:
    """Return the calls that return anything else than was recorded, and what that was."""
    clients = Clients(openai.OpenAI, ollama.Client)
    found = []
    for test_id, calls in project.calls.items():
        with project.replaying(test_id):
            answers = [(call, answer(clients.of(call), call)) for call in calls]
        found += [(test_id, call, value) for call, value in answers if value != call.expected]
    for client in clients.made.values():
        client.close()
    return found


async def different_async(project: Project) -> list[tuple[str | None, Recorded, Any]]:
    """Do the same with the clients that are asynchronous."""
    clients = Clients(openai.AsyncOpenAI, ollama.AsyncClient)
    found = []
    for test_id, calls in project.calls.items():
        with project.replaying(test_id):
            answers = [(call, await answer_async(clients.of(call), call)) for call in calls]
        found += [(test_id, call, value) for call, value in answers if value != call.expected]
    for client in clients.made.values():
        await client.close()
    return found


# -- the tests


STATES = [
    pytest.param(("llama-stack-2025-10-22", 1647), marks=pytest.mark.slow),
    ("llama-stack-2025-12-01", 1477),
]


@pytest.fixture(scope="module", params=STATES)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Project]:
    """Return how many requests one state of the corpus has, and the project with them: the rest are calls of tools."""
    state, count = request.param
    source = CORPUS / state
    if not source.is_dir():
        pytest.skip(f"the real recordings are not at {source}")
    return count, imported(tmp_path_factory.mktemp(state), source, has_address)


@pytest.fixture
def made_up(tmp_path: Path) -> Project:
    """Return a project with recordings that were made up, of those shapes that these clients have."""
    write_recordings(tmp_path / "source", 3 * len(SHAPES))
    return imported(tmp_path / "project", tmp_path / "source", has_client)


def test_the_clients_get_what_was_recorded(real: tuple[int, Project]) -> None:
    """Every chat, stream, completion, embedding and list of models there is, through the clients as they come."""
    count, project = real

    assert (count, []) == (project.count(), different(project))


def test_the_asynchronous_clients_get_what_was_recorded(real: tuple[int, Project]) -> None:
    """The same, awaited."""
    count, project = real

    assert (count, []) == (project.count(), asyncio.run(different_async(project)))


def test_the_clients_get_what_was_made_up(made_up: Project) -> None:
    """Where there are no real recordings, those of every shape do."""
    methods = {call.method for calls in made_up.calls.values() for call in calls}

    assert {"chat.completions.create", "completions.create", "embeddings.create", "models.list", "ps"} <= methods
    assert [] == different(made_up)


def test_the_asynchronous_clients_get_what_was_made_up(made_up: Project) -> None:
    """The same, awaited."""
    assert [] == asyncio.run(different_async(made_up))
