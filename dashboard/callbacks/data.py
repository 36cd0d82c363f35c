"""The data page's callbacks: its cards are drawn in the browser; what people do there goes to the acts."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, no_update

from dashboard.api import acts as acts_api
from dashboard.callbacks import answering, in_browser
from dashboard.deployment import Deployment
from domain.rights import Action


def register(app: Dash, house: Deployment) -> None:
    in_browser(app, "data", "draw", Input("beat", "data"), Input("chosen", "data"), Input("verdict", "data"))

    @answering(app, None, Output("verdict", "data"), Input("deed", "data"), prevent_initial_call=True)
    async def perform(deed: dict[str, Any] | None) -> Any:
        if not isinstance(deed, dict):
            return no_update
        action = Action.known(str(deed.get("action")))
        said = await acts_api.perform(house, action, deed.get("request"), is_trial=bool(deed.get("trial")))
        return {**said.as_json(), "deed": deed}
