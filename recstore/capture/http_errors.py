"""What goes wrong on the way to a server: http.client's and urllib3's exceptions, and recstore's words for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http.client import HTTPException, RemoteDisconnected
from typing import Any, Final

from recstore.session.wire import ErrorKind, WireError

__all__ = ["network_errors", "raised", "wire_error"]

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
    return _ERRORS[told.kind](told.message)


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
