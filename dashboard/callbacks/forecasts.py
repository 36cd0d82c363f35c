"""The forecasts page's callbacks: all of it is drawn in the browser."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "forecasts", "draw", Input("beat", "data"), Input("chosen", "data"))
