"""The system page's callbacks: its cards follow the stream, nothing is asked of the server."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output

from dashboard.deployment import Deployment

PLACES = ("system-kpis", "processes", "ledger", "broker", "database", "dead-letters")


def register(app: Dash, house: Deployment) -> None:
    app.clientside_callback(
        ClientsideFunction("system", "draw"),
        *[Output(place, "children") for place in PLACES],
        Input("beat", "data"),
        prevent_initial_call=True,
    )
