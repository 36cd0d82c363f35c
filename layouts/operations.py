"""Operations: the map with what is live on it, what is current, warned of and happening, and the chosen object."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from layouts.page import Component, PageFacts, card, chart_card, framed, labelled
from layouts.words import Words

GRAPH_CONFIG: Any = {
    "displayModeBar": False, "displaylogo": False, "responsive": True, "plotlyServerURL": "", "showSendToCloud": False,
    "showEditInChartStudio": False, "scrollZoom": False, "doubleClick": False,
}  # fmt: skip
"""No mode bar, and with it no button that would send a chart to a cloud; the address is blank all the same."""


def layout(words: Words, facts: PageFacts) -> list[Component]:
    return framed(words, facts, html.Main([_left(words), _centre(words, facts), _right(words)], className="operations"))


def graph(figure: dict[str, Any]) -> Component:
    """The chart's component; made when there is something to draw, so that plotly is loaded only then."""
    return dcc.Graph(id="chart", figure=figure, config=GRAPH_CONFIG, className="chart", responsive=True)


def _left(words: Words) -> Component:
    return html.Div(
        [
            card(words("currency.title"), html.Div(id="currency", className="body"), id_="currency"),
            card(words("warnings.title"), html.Div(id="warnings", className="rows"), id_="warnings", class_name="grow"),
            card(words("incidents.title"), html.Div(id="incidents", className="rows"), id_="incidents", class_name="grow"),
        ],
        className="column",
    )


def _centre(words: Words, facts: PageFacts) -> Component:
    note = [] if facts.has_basemap else [html.Div(words("map.no_city"), className="map-note")]
    canvas = html.Div(id="map", role="application", tabIndex=0, **labelled(words("map.label")))
    fault = html.Div(id="map-fault", className="map-note", hidden=True)
    return html.Div(
        [
            html.Div(id="kpis", className="kpis", role="group", **labelled(words("kpi.label"))),
            html.Section([canvas, fault, *note], className="card map-card"),
        ],
        className="column",
    )


def _right(words: Words) -> Component:
    return html.Div(
        [
            html.Section(html.Div(id="object", className="object"), className="card grow", id="object-card"),
            chart_card(words),
            html.Div(id="toast", className="toast", hidden=True, role="alert"),
        ],
        className="column",
    )
