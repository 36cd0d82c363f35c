"""The command page's callbacks: it follows the stream in the browser; candidates and acts are the operations page's."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    beat, chosen, answer = Input("beat", "data"), Input("chosen", "data"), Input("answer", "data")
    in_browser(app, "command", "draw", beat, chosen, Input("candidates", "data"), answer)
