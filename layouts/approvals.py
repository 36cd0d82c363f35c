"""Approvals: the one place where requests wait for a second person, and broken glasses for their review."""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def place(name: str, title: str) -> Component:
        shown = html.Div(loading(words), id=f"approvals-{name}", className="body scroll")
        return html.Div(card(words(title), shown, id_=f"approvals-{name}"), className="column")

    answer = html.Div(id="approvals-said", className="access-answer")
    columns = [place("waiting", "approvals.waiting"), place("past", "approvals.past")]
    body = html.Main([answer, *columns], className="access", id="approvals", **labelled(words("approvals.label")))
    return framed(words, facts, body)
