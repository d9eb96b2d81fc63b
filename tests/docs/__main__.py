"""`python -m tests.docs`: bring the generated part of the README up to date."""

from __future__ import annotations

from tests.docs.tables import README, with_generated

if __name__ == "__main__":
    README.write_text(with_generated(README.read_text()))
