"""The shell's callbacks: which screen an address shows, in which language, for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from dash import Dash, Input, Output, ctx

from dashboard import visitor
from dashboard.callbacks import answering, in_browser
from dashboard.deployment import Deployment
from dashboard.screens import SCREENS, Screen, find_screen, tabs
from domain.rights import Action
from layouts.page import PageFacts, loading, turned_away
from layouts.words import Lang, Words, language

LANGUAGE_COOKIE = "cityhelm_lang"
PICTURES = tuple(sorted(path.stem for path in (Path(__file__).parents[1] / "assets" / "marks").glob("[A-Z]*.svg")))
"""Kinds of devices with a picture of their own; the others get that of `Unknown`."""


def asked_language(search: str | None, cookie: str | None) -> Lang:
    """The language in the address, else the one chosen before, else Chinese."""
    in_address = parse_qs((search or "").lstrip("?")).get("lang")
    return language(in_address[0] if in_address else cookie)


def page_facts(house: Deployment, screen: Screen, words: Words) -> PageFacts:
    """What a page of this deployment knows from the start."""
    who, city = visitor.current(), house.city
    actor = who.actor
    other = "en" if words.lang == "zh" else "zh"
    return PageFacts(
        channel=screen.channel,
        channels=(screen.channel, *screen.also),
        lang=words.lang,
        zone=house.zone.key,
        vendor=house.vendor_url,
        has_basemap=house.tiles is not None,
        bounds=city.bounds if city else None,
        districts={d.code: d.name(words.lang) for d in city.districts} if city else {},
        places={d.code: d.centroid for d in city.districts} if city else {},
        pictures=PICTURES,
        acts=[action.value for action in Action if not action.is_reading and who.may(action)],
        reads=[action.value for action in Action if action.is_reading and who.may(action)],
        sees_all_halls=visitor.halls() is None,
        detour=house.road_detour,
        speed_kmh=house.unit_speed_kmh,
        actor=words.of(actor.role) if actor else None,
        account=actor.name if actor else None,
        is_demonstration=bool(house.door.policy.demonstration),
        has_requests=who.may(Action.READ_REQUESTS),
        tabs=tabs(screen, words.lang, who),
        other_language_href=f"{screen.path}?lang={other}",
        words=words.all(),
        labels=words.labels(),
    )


def register(app: Dash, house: Deployment) -> None:
    @answering(app, None, Output("screen", "children"), Input("where", "pathname"), Input("where", "search"))
    async def show_screen(pathname: str | None, search: str | None) -> Any:
        words = Words(asked_language(search, ctx.cookies.get(LANGUAGE_COOKIE)))
        screen = find_screen(pathname)
        if screen is None:
            return loading(words)
        refusal = visitor.refusal(screen.right)
        if refusal is not None:
            return turned_away(words, refusal.sentence(words.lang))
        return screen.layout(words, page_facts(house, screen, words))

    # the first beat: a callback without an output is not called for a place that appears later
    in_browser(app, "page", "start", Output("beat", "data"), Input("page", "data"), at_start=True)
    for screen in SCREENS:
        screen.register(app, house)
