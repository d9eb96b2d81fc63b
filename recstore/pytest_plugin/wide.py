"""The sessions of fixtures that outlive one test: each answers while its fixture is made, and again while it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from recstore.pytest_plugin.ids import is_setup
from recstore.pytest_plugin.scopes import Scope


def is_wide(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> bool:
    """Return whether a fixture is made for more than one test; those of pytest itself make no requests."""
    if fixturedef.scope == "function" or isinstance(request.node, pytest.Item):  # a class's, outside any class
        return False
    is_pytests = str(getattr(fixturedef.func, "__module__", "")).startswith("_pytest.")
    return not is_pytests or is_setup(fixturedef.argname)


class WideFixtures:
    """The sessions that are open, by their ids, and those that wait for the end of the phase that ended them.

    A fixture that overrides one of its own name and scope, and asks for that one, shares its session.
    """

    def __init__(self) -> None:
        self.open: dict[str, Scope] = {}
        self.ended: list[Scope] = []

    def scope(self, scope_id: str, make: Callable[[], Scope]) -> Scope:
        """Return the scope of that id: the open one, otherwise a new one."""
        scope = self.open.get(scope_id)
        if scope is None:
            scope = self.open[scope_id] = make()
        return scope

    def release(self, scope: Scope) -> None:
        """Step aside: a fixture that used the scope has ended, and so has the scope with the first that does."""
        scope.leave()
        if scope in self.open.values():
            self.open = {name: other for name, other in self.open.items() if other is not scope}
            self.ended.append(scope)

    def end_all(self) -> None:
        """End what is still open: nobody tears it down, because the run was broken off."""
        for scope in self.open.values():
            scope.is_broken = True
            self.ended.append(scope)
        self.open = {}

    def take_ended(self) -> list[Scope]:
        """Return the scopes that have ended since this was last asked."""
        ended, self.ended = self.ended, []
        return ended

    def all(self) -> list[Scope]:
        """Return every scope that is not finished."""
        return [*self.open.values(), *self.ended]
