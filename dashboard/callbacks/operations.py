"""The operations page's callbacks: cards follow the stream in the browser; charts, proposals and acts ask the server."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from dash import Dash, Input, Output, State, html, no_update

from dashboard import wire
from dashboard.api import acts as acts_api
from dashboard.api import chart as chart_api
from dashboard.callbacks import answering, in_browser
from dashboard.deployment import Deployment
from dashboard.figures.series import is_empty, series_figure
from dispatch.policies.nearest import rank_units
from domain.rights import Action
from forecasting.models.registry import MODELS
from layouts.operations import graph
from layouts.words import Words, language
from storage.connection import DatabaseUnreachable

N_CANDIDATES = 6


def register(app: Dash, house: Deployment) -> None:
    beat, chosen, answer = Input("beat", "data"), Input("chosen", "data"), Input("answer", "data")
    in_browser(app, "operations", "draw", beat, chosen, Input("candidates", "data"), answer)
    asks = (Output("charted", "data"), Output("asked", "data"))
    in_browser(app, "operations", "follow", *asks, beat, chosen, State("charted", "data"), State("asked", "data"))
    in_browser(app, "operations", "tell", answer, beat)

    @answering(
        app, Action.READ_CITY, Output("chart-place", "children"), Output("chart-title", "children"),
        Output("chart-as-of", "children"), Output("chart-note", "children"), Input("charted", "data"), State("page", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    async def draw_chart(charted: dict[str, Any] | None, page: dict[str, Any]) -> Any:
        if not charted:
            return no_update
        words = Words(language(page["lang"]))
        try:
            chart = await chart_api.read(house, int(charted["datastream"]))
        except DatabaseUnreachable:
            return None, no_update, "", words("chart.database_away")
        if chart is None or is_empty(chart):
            return None, words("chart.title"), "", words("no_data")
        figure = series_figure(chart, words, zone=house.zone, scale=float(charted["scale"]))
        return graph(figure), chart_title(chart, words), as_of(chart, words, house.zone), chart_note(chart, words, house.zone)

    @answering(app, Action.READ_CITY, Output("candidates", "data"), Input("asked", "data"), prevent_initial_call=True)
    async def rank_candidates(asked: dict[str, Any] | None) -> Any:
        return candidates(house, asked["incident"]) if asked else None

    @answering(app, None, Output("answer", "data"), Input("act", "data"), prevent_initial_call=True)
    async def perform(act: dict[str, Any] | None) -> Any:
        if not isinstance(act, dict):
            return no_update
        said = await acts_api.perform(house, Action.known(str(act.get("action"))), act.get("request"))
        return {**said.as_json(), "act": act}


def candidates(house: Deployment, incident_id: str) -> dict[str, Any] | None:
    """The nearest units that may be sent to an open incident, as of the newest frame; None while there is none."""
    frame = house.hub.newest_map_frame
    incident = next((i for i in frame.incidents if i.incident_id == incident_id), None) if frame else None
    if frame is None or incident is None or not house.hub.has_database:
        return None
    ranked = rank_units(
        frame.units, incident.lon, incident.lat, speed_kmh=house.unit_speed_kmh, detour=house.road_detour, limit=N_CANDIDATES
    )
    return {
        "incident": incident_id,
        "t": wire.ms(frame.moment.at),
        "units": [{"unit": c.unit.unit_id, "distance_m": round(c.distance_m), "eta_s": round(c.eta_s)} for c in ranked],
    }


def chart_title(chart: wire.Json, words: Words) -> str:
    name, unit = chart["property"], chart["unit"]
    labels = words.labels()
    shown_unit = labels["property_unit"].get(name, unit or "")
    return " · ".join(part for part in (labels["property"].get(name, name), chart["item"], shown_unit) if part)


def as_of(chart: wire.Json, words: Words, zone: ZoneInfo) -> str:
    newest = chart["series"]["watermark"]
    return words("chart.as_of", time=wire.clock_time(newest, zone)) if newest else words("no_data")


def chart_note(chart: wire.Json, words: Words, zone: ZoneInfo) -> list[Any]:
    """Which model drew the forecast, when, and why a simpler one stepped in where one did; the way to the forecasts page."""
    forecast = chart["forecast"]
    more = html.A(words("outlook.open"), href=f"/forecasts?lang={words.lang}&series={chart['datastream']}", className="link")
    if forecast is None:
        return [words("chart.no_forecast"), more]
    name = MODELS[forecast["model"]].label(words.lang) if forecast["model"] in MODELS else forecast["model"]
    issued = wire.clock_time(forecast["issued"], zone)
    model = words("chart.model", model=name, version=forecast["version"], time=issued)
    reason = forecast["fallback"][words.lang]
    fallen = [html.Span(words("chart.fallback", reason=reason), className="chart-fallback")] if reason else []
    return [model, *fallen, more]
