"""People: accounts with their roles and where they hold, machines' keys, and which acts two persons do."""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, card, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    def place(name: str, title: str, sub: str) -> Component:
        shown = html.Div(loading(words), id=f"people-{name}", className="body scroll")
        return card(words(title), shown, sub=words(sub))

    accounts = [place("accounts", "people.accounts", "people.accounts_sub"), html.Div(id="people-forms", className="access-rest")]
    others = [place("keys", "people.keys", "people.keys_sub"), place("policy", "people.policy", "people.policy_sub")]
    columns = [html.Div(cards, className="column") for cards in (accounts, others)]
    answer = html.Div(id="people-said", className="access-answer")
    body = html.Main([answer, *columns], className="access", id="people", **labelled(words("people.label")))
    return framed(words, facts, body)
