"""Cockpit: the leaders' page, one screen that is read from afar, and the wall, the same page for looking only.

Headline figures stand over a map of half the width; cards stand left and right of it in as many columns as the wall has room
for; below runs what is urgent. Everything inside is drawn by the browser from the frames it follows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from dash import html

from layouts.page import Component, PageFacts, chart_card, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    """The leaders' page. Acts belong to the command page: what is chosen here is shown and not acted on."""
    return framed(words, _looking(facts), _body(words, facts, is_wall=False))


def wall(words: Words, facts: PageFacts) -> list[Component]:
    """The page of a wall that nobody operates: no tabs, no acts; scenes follow one another by themselves."""
    return framed(words, replace(_looking(facts), tabs=(), actor=None), _body(words, facts, is_wall=True))


def _looking(facts: PageFacts) -> PageFacts:
    return replace(facts, acts=())


def _body(words: Words, facts: PageFacts, *, is_wall: bool) -> Component:
    kiosk: dict[str, Any] = {"data-kiosk": "wall"} if is_wall else {}
    return html.Main(
        [
            html.Div(loading(words), id="cards-left", className="side side-left"),
            _centre(words, facts, is_wall=is_wall),
            html.Div(
                [html.Div(id="cards-right", className="side side-right"), _chosen(words, is_wall=is_wall)],
                className="side-place",
                id="side-place",
            ),
            html.Div(id="ticker", className="news-place"),
        ],
        className="cockpit",
        id="cockpit",
        **kiosk,
    )


def _centre(words: Words, facts: PageFacts, *, is_wall: bool) -> Component:
    legend = "line" if is_wall else "folded"
    options = {"preset": "overall", "panels": "folded", "legend": legend, "tools": not is_wall, "facts": not is_wall}
    told: dict[str, Any] = {"data-options": orjson.dumps(options).decode()}
    note = [] if facts.has_basemap else [html.Div(words("map.no_city"), className="map-note")]
    canvas = html.Div(id="map", role="application", tabIndex=0, **labelled(words("map.label")), **told)
    fault = html.Div(id="map-fault", className="map-note", hidden=True)
    return html.Div(
        [
            html.Div(id="headline", className="kpis", role="group", **labelled(words("kpi.label"))),
            html.Div(id="scene-bar", className="scene-bar"),
            html.Div(id="war-said", className="unseen", role="status"),
            html.Section([canvas, fault, *note], className="card map-card"),
        ],
        className="centre",
        id="centre",
    )


def _chosen(words: Words, *, is_wall: bool) -> Component:
    """What was pressed on the map or in a list, in the place of the right cards while it is chosen; a wall shows none of it."""
    what = html.Section(html.Div(id="object", className="object"), className="card grow", id="object-card")
    return html.Div(
        [
            *([] if is_wall else [what]),
            chart_card(words),
        ],
        id="chosen-side",
        className="chosen-side",
        hidden=True,
    )
