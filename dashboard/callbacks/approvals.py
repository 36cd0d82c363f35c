"""The approvals page's callback: it is drawn in the browser, which asks for what it shows and sends what is pressed."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "approvals", "draw", Input("beat", "data"))
