"""Callbacks: a question or an act comes in, is handed on, its answer goes out.

All of them are async: one that blocked would stop every viewer. What only follows the stream runs in the browser.
"""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Output


def in_browser(app: Any, noun: str, verb: str, *dependencies: Any, at_start: bool = False) -> None:
    """Has the browser call `noun.verb` of dashboard/assets when a dependency changes."""
    app.clientside_callback(ClientsideFunction(noun, verb), *dependencies, prevent_initial_call=not at_start)
    if not any(isinstance(dependency, Output) for dependency in dependencies):
        # Dash names a callback without an output after its inputs, and of two of the same name calls one alone
        app._callback_list[-1]["output"] += f"-{noun}-{verb}"
