"""The system page's callbacks: its cards follow the stream, nothing is asked of the server."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input

from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    app.clientside_callback(ClientsideFunction("system", "draw"), Input("beat", "data"), prevent_initial_call=True)
