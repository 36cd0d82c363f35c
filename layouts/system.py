"""System: what comes in, who works, what was refused, what is kept."""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled
from layouts.words import Words


def parts_link(words: Words) -> Component:
    """Where the screens' own parts are shown, for those who build or check them."""
    return html.A(words("screen.parts"), href=f"/parts?lang={words.lang}", className="link")


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def place(id_: str, class_name: str = "body") -> Component:
        return html.Div(id=id_, className=class_name)

    scrolled = labelled(words("system.kinds"))  # nothing in it takes the focus, so that it does itself: keys scroll it
    kinds = html.Div(id="kinds", className="body scroll", role="group", tabIndex=0, **scrolled)
    left = html.Div(
        [
            card(words("system.processes"), place("processes"), sub=[words("system.processes_sub"), " · ", parts_link(words)]),
            card(words("system.kinds"), kinds, sub=words("system.kinds_sub"), class_name="grow"),
        ],
        className="column",
    )
    letters = card(
        words("system.dead_letters"),
        place("dead-letters", "body scroll"),
        sub=words("system.dead_letters_sub"),
        class_name="letters",
    )
    right = html.Div(
        [
            card(words("system.ledger"), place("ledger"), sub=words("system.ledger_sub")),
            letters,
            card(words("system.broker"), place("broker")),
            card(words("system.database"), place("database"), class_name="rest"),
        ],
        className="column",
    )
    kpis = html.Div(id="system-kpis", className="kpis", role="group", **labelled(words("kpi.label")))
    body = html.Main([kpis, left, right], className="system", **labelled(words("system.label")))
    return framed(words, facts, body)
