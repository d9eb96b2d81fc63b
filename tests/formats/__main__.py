"""Write the store of the present format, unless there is one: `python -m tests.formats`."""

from __future__ import annotations

import sys
from pathlib import Path

from recstore.store.manifest import MANIFEST_VERSION
from tests.formats.sample import FORMATS, answers_of, write_sample


def main(target: Path) -> None:
    """Write the sample store into `target`, with what is in it."""
    if target.exists():
        sys.exit(f"{target}: is there. What a released recstore wrote is never written again.")
    store = write_sample(target)
    (target / "answers.json").write_text(answers_of(store), newline="\n")


if __name__ == "__main__":
    main(FORMATS / str(MANIFEST_VERSION))
