"""Callbacks: a question or an act comes in, is handed on, its answer goes out.

All of them are async: one that blocked would stop every viewer. What only follows the stream runs in the browser.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from dash import ClientsideFunction, Output
from dash.exceptions import PreventUpdate

from dashboard import visitor
from domain.rights import Action


def in_browser(app: Any, noun: str, verb: str, *dependencies: Any, at_start: bool = False) -> None:
    """Has the browser call `noun.verb` of dashboard/assets when a dependency changes."""
    app.clientside_callback(ClientsideFunction(noun, verb), *dependencies, prevent_initial_call=not at_start)
    if not any(isinstance(dependency, Output) for dependency in dependencies):
        # Dash names a callback without an output after its inputs, and of two of the same name calls one alone
        app._callback_list[-1]["output"] += f"-{noun}-{verb}"


RIGHTS: dict[str, Action | None] = {}
"""Callback (by its outputs) → the right it asks for; None: it asks by itself, for what it is handed."""


Callback = Callable[..., Awaitable[Any]]


def answering(app: Any, right: Action | None, *dependencies: Any, **options: Any) -> Callable[[Callback], None]:
    """Registers a callback that the server answers, for those who have the right; None: the callback asks for it by itself."""

    def register(callback: Callback) -> None:
        @wraps(callback)
        async def guarded(*said: Any) -> Any:
            if visitor.current().actor is None or (right is not None and not visitor.current().may(right)):
                raise PreventUpdate
            return await callback(*said)

        app.callback(*dependencies, **options)(guarded)
        RIGHTS[app._callback_list[-1]["output"]] = right

    return register
