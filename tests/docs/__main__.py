"""`python -m tests.docs`: bring the generated tables of the guides up to date."""

from __future__ import annotations

from tests.docs.tables import update

if __name__ == "__main__":
    update()
