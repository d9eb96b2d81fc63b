"""`python -m recstore`."""

from __future__ import annotations

from recstore.cli import main

if __name__ == "__main__":
    main()
