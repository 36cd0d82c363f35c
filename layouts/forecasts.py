"""Forecasts: any series with what came, what is expected and what was odd; how good forecasts were; who makes them.

Everything inside is drawn by the browser from what it asks for.
"""

from __future__ import annotations

from typing import Any

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def place(name: str, title: str, *, class_name: str = "") -> Component:
        id_ = f"outlook-{name}"
        shown = html.Div(loading(words), id=id_, className="body scroll")
        return card(html.Span(words(title), id=f"{id_}-title"), shown, id_=id_, class_name=f"outlook-card-{name} {class_name}")

    columns = [
        [place("found", "outlook.found", class_name="outlook-grows")],
        [place("one", "outlook.one", class_name="outlook-grows"), place("odd", "outlook.odd")],
        [place("good", "outlook.good"), place("who", "outlook.who", class_name="outlook-grows")],
    ]
    explorer = [html.Div(cards, className="column") for cards in columns]
    judged = [
        html.Div([place("table", "outlook.table", class_name="outlook-grows")], className="column"),
        html.Div(
            [
                place("contest", "outlook.backtest", class_name="outlook-grows"),
                place("worst", "outlook.worst", class_name="outlook-grows"),
            ],
            className="column",
        ),
    ]
    cards = [html.Div([place("cards", "outlook.cards", class_name="outlook-grows")], className="column")]
    hidden: dict[str, Any] = {"hidden": True}
    parts = [
        html.Div(explorer, id="outlook-explore", className="outlook-part"),
        html.Div(judged, id="outlook-judge", className="outlook-part", **hidden),
        html.Div(cards, id="outlook-models", className="outlook-part", **hidden),
    ]
    kpis = html.Div(id="outlook-kpis", className="kpis", role="group", **labelled(words("kpi.label")))
    tabs = html.Div(id="outlook-tabs", className="outlook-tabs")
    body = html.Main([kpis, tabs, *parts], className="outlook", id="outlook", **labelled(words("outlook.label")))
    return framed(words, facts, body)
