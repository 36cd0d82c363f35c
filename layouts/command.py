"""Command: the commander's page. What waits on the left, the map in the middle, the chosen incident on the right, below the log
and the last hours. Nothing opens over the map; everything inside is drawn by the browser from the frames it follows.
"""

from __future__ import annotations

from typing import Any

import orjson
from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading, source
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    centre = map_card(words, facts, "emergency", className="card map-card command-map")
    return framed(
        words, facts, html.Main([_queue(words), centre, _dossier(words), _foot(words)], className="command", id="command")
    )


def map_card(words: Words, facts: PageFacts, preset: str, *, is_small: bool = False, **attributes: Any) -> Component:
    """The map with the layers of a scene. Its panels are folded, or left out where it is small, and what is chosen is told beside
    it, never over it."""
    told = {"preset": preset, "panels": "none" if is_small else "folded", "tools": not is_small, "facts": False}
    options: dict[str, Any] = {"data-options": orjson.dumps(told).decode()}
    note = [] if facts.has_basemap else [html.Div(words("map.no_city"), className="map-note")]
    canvas = html.Div(id="map", role="application", tabIndex=0, **labelled(words("map.label")), **options)
    return html.Section([canvas, html.Div(id="map-fault", className="map-note", hidden=True), *note], **attributes)


def _queue(words: Words) -> Component:
    return html.Section(
        [
            html.H2([words("command.queue"), html.Small(id="queue-sub")]),
            html.Div([html.Div(id="queue-filter"), html.Div(id="queue-acts")], className="queue-filter"),
            html.Div(
                loading(words),
                id="queue",
                className="rows",
                role="group",
                **labelled(words("command.queue")),
                **source("incident, warning, dispatch_order", "storage.snapshots.live_frame"),
            ),
            html.Div(id="queue-foot", className="queue-foot"),
        ],
        className="card queue-card",
    )


def _dossier(words: Words) -> Component:
    return html.Section(
        [
            html.Div(loading(words), id="dossier", className="object dossier"),
            html.Div(id="dossier-acts", className="dossier-acts"),
            html.Div(id="toast", className="toast", hidden=True, role="alert"),
        ],
        className="card dossier-card",
        **labelled(words("incidents.title")),
    )


def _foot(words: Words) -> Component:
    strip = html.Div(id="strip", className="strip-place")
    return html.Div(
        [
            html.Section(
                [
                    html.H2([words("command.log"), html.Small(words("command.log_sub")), html.Span(id="log-filter")]),
                    html.Div(
                        loading(words), id="log", className="rows log", role="group", tabIndex=0, **labelled(words("command.log"))
                    ),
                ],
                className="card log-card",
            ),
            card(words("command.strip"), strip, id_="strip-card", class_name="strip-card"),
        ],
        className="command-foot",
    )
