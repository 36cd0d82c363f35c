"""The rules page's callbacks: it asks the server for rules and back-tests itself; its acts are the operations page's."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "rules", "draw", Input("beat", "data"), Input("answer", "data"))
