"""Audit: what was done and refused by whom, by a filter, and the whole life of one object."""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    chosen = card(words("audit.filter"), html.Div(id="audit-filter", className="body"), class_name="access-rest")
    entries = card(words("audit.entries"), html.Div(loading(words), id="audit-entries", className="body scroll"))
    body = html.Main(
        html.Div([chosen, entries], className="column"), className="access audit", id="audit", **labelled(words("audit.label"))
    )
    return framed(words, facts, body)
