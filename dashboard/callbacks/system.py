"""The system page's callbacks: its cards follow the stream, nothing is asked of the server."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "system", "draw", Input("beat", "data"))
