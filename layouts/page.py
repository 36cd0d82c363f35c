"""The page around every screen: stores for ids, the header with clock and tabs, cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dash import dcc, html

from domain.observations import FRESH_UNTIL, JUDGED_BY_WORD, SETTLED_BY_STATE, SHORTEST_INTERVAL_S, Freshness, Quality
from domain.warnings import WarningLevel
from layouts.words import Words

Component = Any


@dataclass(frozen=True, slots=True)
class Tab:
    """A screen in the header: where it is, the catalogue's key of its name, whether it is the one shown."""

    href: str
    key: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """How a browser judges the freshness of a value between two frames: the rule of `domain.observations` (`freshness`,
    `word_age_s`), as data."""

    until: Sequence[tuple[str, float]] = tuple((name.value, intervals) for name, intervals in FRESH_UNTIL)
    beyond: str = Freshness.SILENT.value
    unmeasured: str = Freshness.NEVER.value
    shortest_interval_s: float = SHORTEST_INTERVAL_S
    by_word: Sequence[str] = tuple(str(mode) for mode in JUDGED_BY_WORD)
    settled: Mapping[str, str] = field(
        default_factory=lambda: {f"{mode}/{state}": settled.value for (mode, state), settled in SETTLED_BY_STATE.items()}
    )


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page knows from the start, handed to the browser. `bounds` is west, south, east, north or None without a city;
    `districts` are names by code, `places` where they are written (lon, lat); `pictures` the kinds of sensors that have one."""

    channel: str
    lang: str
    zone: str
    vendor: str
    has_basemap: bool
    bounds: tuple[float, float, float, float] | None
    districts: Mapping[str, str]
    places: Mapping[str, tuple[float, float]]
    pictures: Sequence[str]
    detour: float
    speed_kmh: float
    channels: Sequence[str] = ()
    """Every channel the page follows; `channel` is the first of them, by which the page is judged to be live."""
    actor: str | None = None
    account: str | None = None
    is_demonstration: bool = False
    has_requests: bool = False
    """Whether there is a place where requests for a second person are shown to them."""
    tabs: Sequence[Tab] = ()
    other_language_href: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    acts: Sequence[str] = ()
    """What whoever looks may do, by name; whether they may do it here, the act itself says."""
    reads: Sequence[str] = ()
    """What whoever looks may read, by name: a page leaves out the views of which there would be nothing."""
    sees_all_halls: bool = True
    freshness: Scale = field(default_factory=Scale)
    qualities: Sequence[str] = tuple(quality.value for quality in sorted(Quality, key=lambda quality: quality.code))
    """By the code that rows of values carry."""
    shapes: Mapping[str, str] = field(default_factory=lambda: {level.value: level.shape for level in WarningLevel})
    """The shape that a level has beside its colour and word."""

    def as_store(self) -> dict[str, Any]:
        """What the browser gets of it."""
        facts = asdict(self)
        for name in ("tabs", "other_language_href", "actor"):
            del facts[name]
        return facts


SWITCH: dict[str, Any] = {"data-text": "large", "aria-pressed": "false"}
"""The switch of large text; the browser remembers how it stands."""


FULL_SCREEN: dict[str, Any] = {"data-screen": "full"}
"""The switch of the full screen, which the key F is too."""


SOUNDING = ("screen.cockpit", "screen.warnings")
"""Screens on which a new grave warning is heard."""


def icon(name: str) -> Component:
    """A picture of assets/icons in the colour of the text beside it; it says nothing that the words do not say."""
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    return html.I(className="icon", style={"--icon": f"url(/assets/icons/{name}.svg)"}, **hidden)


def shell() -> Component:
    """The frame of every page. Stores hold ids and ticks; data lives in the browser's model and in the database."""
    return html.Div(
        [
            dcc.Location(id="where", refresh=False),
            dcc.Store(id="beat", data=0),
            dcc.Store(id="chosen"),
            dcc.Store(id="charted"),
            dcc.Store(id="asked"),
            dcc.Store(id="candidates"),
            dcc.Store(id="act"),
            dcc.Store(id="answer"),
            dcc.Store(id="deed"),
            dcc.Store(id="verdict"),
            html.Div(id="screen"),
        ],
        id="stage",
    )


def framed(words: Words, facts: PageFacts, body: Component) -> list[Component]:
    """A screen in its frame: the facts for the browser, the header, the body."""
    return [dcc.Store(id="page", data=facts.as_store()), header(words, facts), body]


def header(words: Words, facts: PageFacts) -> Component:
    """Clock and state of the stream, the product's name, tabs, language, who acts."""
    clock = words("header.clock", zone=facts.zone)
    long, short = (
        ("header.actor", "header.actor_short") if facts.is_demonstration else ("header.person", "header.person_short")
    )  # fmt: skip
    actor = words(long, role=facts.actor, name=facts.account) if facts.actor else words("header.nobody")
    role = words(short, role=facts.actor, name=facts.account) if facts.actor else actor
    way_out: dict[str, Any] = {"href": f"/sign-in?lang={words.lang}"} if facts.tabs else {}  # from a wall there is none
    active = next((tab for tab in facts.tabs if tab.is_active), None)
    return html.Header(
        [
            html.Div(
                [
                    html.Span(id="clock", className="clock num", title=clock, **source("frame", "t")),
                    html.Span(id="date", className="date"),
                    html.Span(id="weather", className="weather"),
                    html.Span(words("live.connecting"), id="live", className="live", role="status"),
                ],
                className="header-left",
            ),
            html.Div(
                [
                    html.H1(words("product")),
                    html.Div(" · ".join(["CityHelm", *([words(active.key)] if active else [])]), className="header-sub"),
                ],
                className="header-name",
            ),
            html.Nav(
                [
                    html.A(role, className="actor", title=actor, **way_out),
                    *([_waiting(words)] if facts.has_requests and facts.tabs else []),
                    *[_tab(words(tab.key), tab) for tab in facts.tabs],
                    *([_sound(words)] if active and active.key in SOUNDING else []),
                    html.Button(
                        icon("full-screen"),
                        id="full-screen",
                        className="screen-tab screen-tab-small",
                        title=words("header.full_screen"),
                        **labelled(words("header.full_screen")),
                        **FULL_SCREEN,
                    ),
                    html.Button(
                        words("header.large_text"),
                        id="large-text",
                        className="screen-tab screen-tab-small",
                        title=words("header.large_text_long"),
                        **labelled(words("header.large_text_long")),
                        **SWITCH,
                    ),
                    html.A(
                        words("header.other_language"),
                        href=facts.other_language_href,
                        className="screen-tab screen-tab-small",
                        title=words("header.language"),
                    ),
                ],
                className="header-right",
                **labelled(words("header.screens")),
            ),
        ]
    )


def _sound(words: Words) -> Component:
    """The switch of the sound; the browser says how it stands and remembers it."""
    stands: dict[str, Any] = {"aria-pressed": "true"}
    return html.Button(
        icon("sound"), id="sound", className="screen-tab screen-tab-small", title=words("sound.on"),
        **labelled(words("sound.on")), **stands,
    )  # fmt: skip


def _waiting(words: Words) -> Component:
    """Where requests wait for a second person; the browser puts their number there."""
    shown: dict[str, Any] = {"hidden": True}
    return html.A(
        [words("approvals.short"), html.Span(id="requests-count")],
        href=f"/approvals?lang={words.lang}", id="requests-badge", className="screen-tab requests-badge",
        title=words("approvals.badge"), **shown,
    )  # fmt: skip


def turned_away(words: Words, sentence: str) -> Component:
    """What stands in the place of a screen that is not there for who asks."""
    home = html.A(words("gate.home"), href=f"/sign-in?lang={words.lang}", className="link")
    return html.Main([html.H1(words("gate.title")), html.P(sentence), home], className="turned-away")


def _tab(name: str, tab: Tab) -> Component:
    current: dict[str, Any] = {"aria-current": "page"} if tab.is_active else {}
    return html.A(name, href=tab.href, className="screen-tab screen-tab-on" if tab.is_active else "screen-tab", **current)


def labelled(label: str) -> dict[str, Any]:
    """The name of a part of the page for those who do not see it."""
    return {"aria-label": label}


def source(table: str, query: str) -> dict[str, Any]:
    """Where a number comes from, as an attribute of its element."""
    return {"data-source": f"{table} · {query}"}


def card(title: Component, body: Component, *, sub: Component = "", id_: str | None = None, class_name: str = "") -> Component:
    """A titled part of a screen."""
    named: dict[str, Any] = {"id": f"{id_}-sub"} if id_ else {}
    return html.Section([html.H2([title, html.Small(sub, **named)]), body], className=f"card {class_name}".strip())


def chart_card(words: Words) -> Component:
    """The place of the chosen series: what was measured and what is foreseen; hidden until one is chosen."""
    return html.Section(
        [
            html.H2([html.Span(words("chart.title"), id="chart-title"), html.Small(id="chart-as-of")]),
            html.Div(
                id="chart-place", className="chart-place", **source("observation, forecast", "storage.snapshots.chart_snapshot")
            ),
            html.Div(id="chart-note", className="chart-note"),
        ],
        className="card chart-card",
        id="chart-card",
        hidden=True,
    )


def loading(words: Words) -> Component:
    """What a place says until the first data come."""
    return html.Div(words("loading"), className="quiet")
