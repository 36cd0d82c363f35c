"""Operations: the map with what is live on it, what is current, warned of and happening, and the chosen object."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from domain.incidents import Grade
from domain.units import UnitKind
from domain.warnings import WarningLevel
from layouts.page import Component, PageFacts, card, framed, labelled, source
from layouts.words import Words, unit_mark

GRAPH_CONFIG: Any = {
    "displayModeBar": False, "displaylogo": False, "responsive": True, "plotlyServerURL": "", "showSendToCloud": False,
    "showEditInChartStudio": False, "scrollZoom": False, "doubleClick": False,
}  # fmt: skip
"""No mode bar, and with it no button that would send a chart to a cloud; the address is blank all the same."""

GRADE_NUMERAL = {Grade.I: "Ⅰ", Grade.II: "Ⅱ", Grade.III: "Ⅲ", Grade.IV: "Ⅳ"}


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
    zoom = html.Div(
        [
            html.Button(sign, title=words(key), className="map-button", **pressed(what), **labelled(words(key)))
            for sign, key, what in (("+", "map.zoom_in", "in"), ("−", "map.zoom_out", "out"), ("◎", "map.north", "reset"))
        ],
        className="map-buttons",
    )
    canvas = html.Div(id="map", role="application", tabIndex=0, **labelled(words("map.label")))
    fault = html.Div(id="map-fault", className="map-note", hidden=True)
    return html.Div(
        [
            html.Div(id="kpis", className="kpis", role="group", **labelled(words("kpi.label"))),
            html.Section([canvas, fault, *note, _layers(words), zoom, _legend(words)], className="card map-card"),
        ],
        className="column",
    )


def pressed(what: str) -> dict[str, Any]:
    """What a map button does when it is pressed."""
    return {"data-map": what}


def _layers(words: Words) -> Component:
    """The place of the list of kinds; what is in it follows from what is there."""
    return html.Details(
        [html.Summary(words("layers.title")), html.Div(id="layers", role="group", **labelled(words("layers.title")))],
        className="layers", id="layers-panel", open=True,
    )  # fmt: skip


def _legend(words: Words) -> Component:
    """What a mark's look says, whatever its kind: the picture or letter inside says that, and the list of layers names it."""
    hidden: dict[str, Any] = {"aria-hidden": "true"}

    def entry(class_name: str, key: str, letter: str = "") -> Component:
        return html.Span([html.I(letter, className=f"mark {class_name}", **hidden), words(key)], className="legend-entry")

    some_unit = unit_mark(UnitKind.AMBULANCE, words.lang)
    states = [entry(f"unit-{look}", f"legend.{look}", some_unit) for look in ("available", "moving", "working", "out")]
    sensors = [entry(f"sensor-{look}", f"legend.{look}") for look in ("fresh", "late", "stale")]
    grades = [
        html.I(html.B(numeral), className=f"mark diamond grade-{grade.value}", title=words.of(grade))
        for grade, numeral in GRADE_NUMERAL.items()
    ]
    levels = [html.Span([html.I(className=f"shape shape-{level.shape}"), words.of(level)], className=f"level level-{level.value}")
              for level in WarningLevel]  # fmt: skip
    parts = {"legend.units": states, "legend.incidents": grades, "legend.sensors": sensors, "legend.warnings": levels}
    body = [html.Div([html.B(words(key)), *marks], className="legend-part") for key, marks in parts.items()]
    return html.Details([html.Summary(words("legend.title")), html.Div(body, className="legend-parts")],
                        className="legend", id="legend-panel", open=True)  # fmt: skip


def _right(words: Words) -> Component:
    return html.Div(
        [
            html.Section(html.Div(id="object", className="object"), className="card grow", id="object-card"),
            html.Section(
                [
                    html.H2([html.Span(words("chart.title"), id="chart-title"), html.Small(id="chart-as-of")]),
                    html.Div(
                        id="chart-place",
                        className="chart-place",
                        **source("observation, forecast", "storage.snapshots.chart_snapshot"),
                    ),
                    html.Div(id="chart-note", className="chart-note"),
                ],
                className="card chart-card",
                id="chart-card",
                hidden=True,
            ),
            html.Div(id="toast", className="toast", hidden=True, role="alert"),
        ],
        className="column",
    )
