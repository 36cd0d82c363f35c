"""Warnings: the list by level with its figures and filters, and the chosen warning with all that speaks for it.

Everything inside is drawn by the browser from the frames it follows, and from what it asks for about the chosen one.
"""

from __future__ import annotations

from dash import html

from layouts.command import map_card
from layouts.page import Component, PageFacts, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    return framed(words, facts, html.Main([_list(words), _chosen(words, facts), _keys(words)], className="board", id="board"))


def _keys(words: Words) -> Component:
    """The help of the keyboard, closed until it is asked for."""
    return html.Aside(id="keys", className="keys-help", hidden=True, **labelled(words("keys.title")))


def _list(words: Words) -> Component:
    return html.Div(
        [
            html.Div(id="board-figures", className="board-figures", role="group", **labelled(words("board.levels"))),
            html.Section(
                [
                    html.H2([words("board.title"), html.Small(id="board-sub")]),
                    html.Div(id="board-filters", className="board-filters", role="group", **labelled(words("board.filters"))),
                    html.Div(id="board-bulk", className="board-bulk", role="group", **labelled(words("desk.bulk"))),
                    html.Div(loading(words), id="board-table", className="rows board-table"),
                ],
                className="card board-card",
            ),
        ],
        className="column",
    )


def _chosen(words: Words, facts: PageFacts) -> Component:
    return html.Div(
        [
            html.Section(
                [
                    html.Div(loading(words), id="evidence", className="object evidence"),
                    html.Div(id="evidence-acts", className="dossier-acts"),
                    html.Div(id="toast", className="toast", hidden=True, role="alert"),
                ],
                className="card evidence-card",
                **labelled(words("board.evidence")),
            ),
            map_card(words, facts, "emergency", is_small=True, className="card map-card board-map"),
        ],
        className="column",
    )
