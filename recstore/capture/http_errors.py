"""What goes wrong on the way to a server: http.client's and urllib3's exceptions, and recstore's words for them."""

from __future__ import annotations

import http.client
import re
import sys
from collections.abc import Callable
from http.client import BadStatusLine, HTTPException, RemoteDisconnected, UnknownProtocol
from typing import Any, Final

from recstore.record.wire import ErrorKind, WireError

_ERRORS: Final[dict[ErrorKind, Callable[[str], Exception]]] = {
    "connect": ConnectionRefusedError,
    "connect-timeout": TimeoutError,
    "read": ConnectionResetError,
    "read-timeout": TimeoutError,
    "write": BrokenPipeError,
    "write-timeout": TimeoutError,
    "pool-timeout": TimeoutError,
    "protocol": RemoteDisconnected,
    "proxy": ConnectionRefusedError,
    "other": OSError,
}

_OF_ONE_TEXT: Final = (BadStatusLine, HTTPException, RemoteDisconnected, UnknownProtocol)
_NUMBERED: Final = re.compile(r"\[Errno (\d+)\] (.*)", re.DOTALL)
"""How an error of the operating system reads."""


def network_errors() -> tuple[type[Exception], ...]:
    """Return the classes of what goes wrong on the way: http.client's, and urllib3's own where it is in use."""
    urllib3 = sys.modules.get("urllib3.exceptions")
    return (OSError, HTTPException, *([urllib3.HTTPError] if urllib3 is not None else []))


def raised(told: WireError, connection: Any) -> Exception:
    """Return what was raised when it was recorded, or the nearest that http.client raises."""
    urllib3 = sys.modules.get("urllib3.exceptions")
    name = told.type_name.rpartition(".")[2]
    if urllib3 is not None and name == "NewConnectionError":
        refused: Exception = urllib3.NewConnectionError(connection, told.message)
        return refused
    if urllib3 is not None and name == "ConnectTimeoutError":
        late: Exception = urllib3.ConnectTimeoutError(connection, told.message)
        return late
    own = getattr(http.client, name, None) if told.type_name.startswith("http.client.") else None
    if own in _OF_ONE_TEXT:
        wrong: Exception = own(told.message)
        return wrong
    numbered = _NUMBERED.fullmatch(told.message)
    return _ERRORS[told.kind](*((int(numbered[1]), numbered[2]) if numbered else (told.message,)))


def wire_error(error: Exception) -> WireError:
    """Return the error in recstore's words."""
    name = f"{type(error).__module__}.{type(error).__name__}"
    kind: ErrorKind = "read"
    if isinstance(error, ConnectionRefusedError) or name.endswith(("NewConnectionError", "gaierror")):
        kind = "connect"
    elif name.endswith("ConnectTimeoutError"):
        kind = "connect-timeout"
    elif isinstance(error, TimeoutError):
        kind = "read-timeout"
    elif isinstance(error, HTTPException):
        kind = "protocol"
    return WireError(kind, name, str(error))
