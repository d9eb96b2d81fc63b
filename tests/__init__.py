"""The suite of recstore. `pytest -n auto` runs it; `pytest -n auto -m "slow or not slow"` runs the long part as well.

Compiled modules are cached whatever the environment says: the suite starts some thousand processes, and each of them
would compile the package again.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
