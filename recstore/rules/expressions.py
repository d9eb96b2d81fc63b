"""Regular expressions of a configuration, which may be a stranger's."""

from __future__ import annotations

import re
import warnings
from typing import AnyStr


def parse_expression(text: AnyStr) -> re.Pattern[AnyStr]:
    """Return the regular expression that `text` is.

    Raises: ValueError: it is none, or one that a later Python will read otherwise.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
