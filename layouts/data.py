"""Data: whether what came in adds up, what was owed and lost and where, and the letters that were refused, to be mended.

Everything inside is drawn by the browser from the frames it follows and from what it asks for.
"""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def place(name: str, title: str, *, class_name: str = "") -> Component:
        id_ = f"data-{name}"
        shown = html.Div(loading(words), id=id_, className="body scroll")
        return card(html.Span(words(title), id=f"{id_}-title"), shown, id_=id_, class_name=class_name)

    accounts = [
        place("account", "data.account", class_name="data-account"),
        place("scores", "data.scores", class_name="data-grows"),
        place("fresh", "data.freshness", class_name="data-fresh"),
    ]
    losses = [
        place("losses", "data.losses", class_name="data-losses"),
        place("drill", "data.worst", class_name="data-grows data-drill"),
    ]
    letters = [
        place("reasons", "letters.reasons", class_name="data-reasons"),
        place("letters", "letters.list", class_name="data-grows data-letters"),
        place("letter", "letters.one_title", class_name="data-letter"),
    ]
    columns = [html.Div(cards, className=f"column data-column data-{name}-column") for name, cards in (
        ("accounts", accounts), ("losses", losses), ("letters", letters),
    )]  # fmt: skip
    kpis = html.Div(id="data-kpis", className="kpis", role="group", **labelled(words("kpi.label")))
    body = html.Main([kpis, *columns], className="data", id="data", **labelled(words("data.label")))
    return framed(words, facts, body)
