"""The parts page's callback: its examples are drawn in the browser, again whenever a second passes."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "examples", "draw", Input("beat", "data"))
