"""The warnings page's callbacks: it follows the stream in the browser; its acts are the operations page's."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "warnings", "draw", Input("beat", "data"), Input("chosen", "data"), Input("answer", "data"))
