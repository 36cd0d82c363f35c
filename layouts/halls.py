"""Halls: one hall's day for its manager (figures, windows, waits, arrivals, ratings), beside all halls of the city."""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def part(name: str, area: str, class_name: str = "body scroll") -> Component:
        return card(
            words(f"halls.{name}"), html.Div(id=f"hall-{name}", className=class_name), id_=f"hall-{name}", class_name=area
        )

    top = html.Div(
        [
            html.Div(id="hall-choice", className="hall-choice"),
            html.Div(id="hall-figures", className="hall-figures", role="group", **labelled(words("kpi.label"))),
        ],
        className="hall-top",
    )
    toast = html.Div(id="toast", className="toast", hidden=True, role="alert")
    parts = [
        part("windows", "hall-part-windows"),
        part("waits", "hall-part-waits"),
        part("arrivals", "hall-part-arrivals", "body"),
        part("ratings", "hall-part-ratings", "body"),
        part("all", "hall-part-all"),
    ]
    return framed(words, facts, html.Main([top, *parts, toast], className="halls", **labelled(words("screen.halls"))))
