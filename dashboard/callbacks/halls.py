"""The halls' callbacks: its cards follow the stream, the chosen hall is asked for by the browser (/api/hall)."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "halls", "draw", Input("beat", "data"))
