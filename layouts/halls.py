"""Halls: one hall's day for its manager in four views: today (the proposal, windows, waits ahead, the plan, what-if), rosters,
ratings, and the city's halls beside each other.

Everything inside is drawn by the browser from the frame and from what it asks for.
"""

from __future__ import annotations

from typing import Any

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading
from layouts.words import Words

VIEWS: dict[str, dict[str, bool]] = {
    "today": {
        "windows": True, "ahead": False, "arrivals": False, "plan": False, "waits": True, "if": True, "ratings": False,
        "all": True,
    },
    "roster": {"rosters": True, "shifts": True, "cover": False, "unmet": True, "clerks": True},
    "ratings": {"grades": True, "effect": False, "recent": True, "follow": True, "case": True},
    "city": {"compare": True, "map": False, "instead": True, "surges": True, "best": True, "cross": True},
}  # fmt: skip
"""View → its parts by name, and whether what does not fit into them is scrolled to."""


def layout(words: Words, facts: PageFacts) -> list[Component]:
    choice = html.Div([html.Div(id="hall-choice", className="hall-choice"), html.Div(id="hall-tabs", className="hall-tabs")])
    figures = html.Div(id="hall-figures", className="hall-figures", role="group", **labelled(words("kpi.label")))
    toast = html.Div(id="toast", className="toast", hidden=True, role="alert")
    body = [html.Div([choice, figures], className="hall-top"), *[_view(words, name) for name in VIEWS], toast]
    return framed(words, facts, html.Main(body, className="halls", **labelled(words("screen.halls"))))


def _view(words: Words, name: str) -> Component:
    hidden: dict[str, Any] = {} if name == "today" else {"hidden": True}
    banner = html.Div(id="hall-banner", className="hall-banner", role="region", **labelled(words("halls.proposal")))
    parts = [_part(words, part, scrolls) for part, scrolls in VIEWS[name].items()]
    shown = [banner, *parts] if name == "today" else parts
    return html.Div(shown, id=f"hall-view-{name}", className=f"hall-view hall-view-{name}", **hidden)


def _part(words: Words, name: str, scrolls: bool) -> Component:
    title = html.Span(words(f"halls.{name}"), id=f"hall-{name}-title", className="ellipsis")
    body = html.Div(loading(words), id=f"hall-{name}", className="body scroll" if scrolls else "body")
    return card(title, body, id_=f"hall-{name}", class_name=f"hall-part hall-part-{name}")
