"""The cockpit's callbacks: everything follows the stream in the browser; what is pressed is asked for by the operations page."""

from __future__ import annotations

from dash import Dash, Input

from dashboard.callbacks import in_browser
from dashboard.deployment import Deployment


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "cockpit", "draw", Input("beat", "data"), Input("chosen", "data"))


def register_wall(app: Dash, house: Deployment) -> None:
    """The wall is the cockpit again: what draws the one draws the other."""
