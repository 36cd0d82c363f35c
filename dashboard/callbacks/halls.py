"""The halls' callbacks: the page follows the stream and asks the server itself for the chosen hall; its acts are the operations
page's."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "halls", "draw", Input("beat", "data"), Input("answer", "data"))
