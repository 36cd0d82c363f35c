"""Rules: the list of them, the chosen one as a form, and what a change would have done: its back-test, its versions, its scores.

Everything inside is drawn by the browser from what it asks for.
"""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    return framed(words, facts, html.Main([_list(words), _form(words), _proof(words)], className="rules", id="rules"))


def _list(words: Words) -> Component:
    return html.Section(
        [
            html.H2([words("rules.title"), html.Small(id="rules-sub")]),
            html.Div(id="rules-acts", className="queue-filter"),
            html.Div(loading(words), id="rules-list", className="rows", role="group", **labelled(words("rules.title"))),
        ],
        className="card",
    )


def _form(words: Words) -> Component:
    return html.Section(
        [
            html.Div(loading(words), id="rule-form", className="object rule-form"),
            html.Div(id="rule-acts", className="dossier-acts"),
            html.Div(id="toast", className="toast", hidden=True, role="alert"),
        ],
        className="card",
        **labelled(words("rules.edit")),
    )


def _proof(words: Words) -> Component:
    return html.Section(
        [html.Div(loading(words), id="rule-proof", className="object")], className="card", **labelled(words("rules.backtest"))
    )
