"""Parts: every component of the visual language in every state, on one page that scrolls, for those who design and build screens.

Its values are examples and say so; they live in dashboard/assets/78_parts.js and nowhere else.
"""

from __future__ import annotations

from dash import html

from layouts.page import Component, PageFacts, framed, labelled, loading
from layouts.words import Words


def layout(words: Words, facts: PageFacts) -> list[Component]:
    body = html.Div(loading(words), id="parts")
    return framed(words, facts, html.Main(body, className="parts", **labelled(words("parts.label"))))
