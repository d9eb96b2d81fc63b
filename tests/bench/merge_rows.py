"""Two branches that come together: conflicts, and recordings that are lost without one."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstore.git.hooks import driver_settings
from tests.bench.histories import LAYOUTS, Accepted, History, Layout, State, generated_history, merged_state
from tests.bench.processes import environment, git, spent
from tests.bench.rows import Bench, Row

__all__ = ["merge_rows"]

_PLAIN: Final = "recstore, no driver"
_DRIVEN: Final = "recstore, its driver"

_CLEAN: Final = 0
_CONFLICT: Final = 1
_AUTHOR: Final = "bench <bench@localhost> 1700000000 +0000"

_WHY_CONFLICTS: Final = (
    "In {true} of the {histories} histories both branches take one test to different ends (another answer to one question; removed here and recorded or renamed there; "
    "renamed to two names): there, whatever does not conflict has chosen for the team. The rest are conflicts of the layout alone."
)
_WHY_LOSSES: Final = (
    "A merge that succeeds can leave a test without a recording that one branch removed and the other newly shares. recstore's readers find "
    "it in history and put it back; what is counted is what remains lost. What the checkout lacks until then is in the row before."
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What merging all histories gave, and how many recordings are not as they should be where no conflict was."""

    conflicts: int
    lacking: int
    lost: int


def merge_rows(bench: Bench) -> Iterator[Row]:
    """Merge as many generated histories in each layout, with Git itself."""
    histories = [generated_history(seed) for seed in range(bench.histories)]
    true = sum(merged_state(history)[1] > 0 for history in histories)
    outcomes: dict[str, _Outcome] = {}
    for layout in LAYOUTS:
        for name in (_PLAIN, _DRIVEN) if layout.name == "recstore" else (layout.name,):
            folder = bench.folder / "merges" / str(len(outcomes))
            outcomes[name] = _merged(folder, layout, histories, is_driven=name == _DRIVEN)
    conflicts = _WHY_CONFLICTS.format(histories=bench.histories, true=true)
    for ours in (_PLAIN, _DRIVEN):
        for rival in (layout.name for layout in LAYOUTS[1:]):
            mine, other = outcomes[ours], outcomes[rival]
            yield Row(
                f"merges in conflict: {ours}", (mine.conflicts,), rival, (other.conflicts,), 1.0, "conflicts", conflicts
            )
            yield Row(f"not in the merged checkout: {ours}", (mine.lacking,), rival, (other.lacking,), None, "lost")
            yield Row(f"lost for good: {ours}", (mine.lost,), rival, (other.lost,), 0.0, "lost", _WHY_LOSSES)


def _merged(folder: Path, layout: Layout, histories: list[History], *, is_driven: bool) -> _Outcome:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for setting, value in driver_settings(sys.executable).items() if is_driven else ():
        git(folder, "config", setting, value.replace(" -P ", " "))  # it is this checkout that is to answer
    _import_histories(folder, layout, histories)
    git(folder, "checkout", "--quiet", "base-0")  # the attributes that name the driver
    total: Counter[str] = Counter()
    for number, history in enumerate(histories):
        merge = ["git", "merge-tree", "--write-tree", f"ours-{number}", f"theirs-{number}"]
        tree = spent(merge, folder, codes=(_CLEAN, _CONFLICT)).printed.splitlines()
        expected = merged_state(history)[0]
        if len(tree) > 1:
            total["conflicts"] += 1
            continue
        files = _files_of(folder, tree[0])
        past = layout.write(history.base) | layout.write(history.ours) | layout.write(history.theirs)
        total["lacking"] += _wrong(expected, layout.read(files, {}))
        total["lost"] += _wrong(expected, layout.read(files, past))
    return _Outcome(total["conflicts"], total["lacking"], total["lost"])


def _wrong(expected: Accepted, found: State) -> int:
    """Return how many recordings are not there, or have an answer that neither branch gave."""
    wanted = ((test, question, answers) for test, asked in expected.items() for question, answers in asked.items())
    return sum(found.get(test, {}).get(question) not in answers for test, question, answers in wanted)


def _import_histories(folder: Path, layout: Layout, histories: list[History]) -> None:
    """Commit every history: the branches base-N, ours-N and theirs-N."""
    stream = bytearray()
    for number, history in enumerate(histories):
        stream += _commit(f"base-{number}", "", layout.write(history.base))
        stream += _commit(f"ours-{number}", f"base-{number}", layout.write(history.ours))
        stream += _commit(f"theirs-{number}", f"base-{number}", layout.write(history.theirs))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, env=environment(), input=bytes(stream), check=True)


def _commit(branch: str, parent: str, files: Mapping[str, bytes]) -> bytes:
    start = f"commit refs/heads/{branch}\ncommitter {_AUTHOR}\ndata 1\nx\n"
    lines = [start.encode(), f"from refs/heads/{parent}\n".encode() if parent else b"", b"deleteall\n"]
    for path, data in sorted(files.items()):
        lines.append(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
    return b"".join(lines)


def _files_of(folder: Path, tree: str) -> dict[str, bytes]:
    """Return the files of a tree."""
    listed = [line.split(None, 3) for line in git(folder, "ls-tree", "-r", tree).splitlines()]
    asked = "".join(f"{digest}\n" for _, _, digest, _ in listed).encode()
    done = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=folder, env=environment(), input=asked, stdout=subprocess.PIPE, check=True
    )
    rest, files = done.stdout, {}
    for _, _, _, path in listed:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split()[2])
        files[path], rest = rest[:size], rest[size + 1 :]
    return files
