"""System: what comes in, who works, what was refused, what is kept."""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def place(id_: str, class_name: str = "body") -> Component:
        return html.Div(id=id_, className=class_name)

    processes = card(
        words("system.processes"),
        place("processes", "body scroll"),
        sub=words("system.processes_sub"),
        class_name="area-processes",
    )
    letters = card(
        words("system.dead_letters"),
        place("dead-letters", "body scroll"),
        sub=words("system.dead_letters_sub"),
        class_name="area-letters",
    )
    right = html.Div(
        [
            card(words("system.ledger"), place("ledger"), sub=words("system.ledger_sub")),
            card(words("system.broker"), place("broker")),
            card(words("system.database"), place("database"), class_name="grow"),
        ],
        className="column",
    )
    kpis = html.Div(id="system-kpis", className="kpis", role="group", **labelled(words("kpi.label")))
    body = html.Main([kpis, processes, letters, right], className="system", **labelled(words("system.label")))
    return framed(words, facts, body)
