"""The screens: one row each. Adding a screen is a layout, its callbacks and a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dash import Dash

from dashboard.callbacks import approvals as approvals_callbacks
from dashboard.callbacks import audit as audit_callbacks
from dashboard.callbacks import cockpit as cockpit_callbacks
from dashboard.callbacks import command as command_callbacks
from dashboard.callbacks import data as data_callbacks
from dashboard.callbacks import forecasts as forecasts_callbacks
from dashboard.callbacks import halls as halls_callbacks
from dashboard.callbacks import operations as operations_callbacks
from dashboard.callbacks import parts as parts_callbacks
from dashboard.callbacks import people as people_callbacks
from dashboard.callbacks import rules as rules_callbacks
from dashboard.callbacks import system as system_callbacks
from dashboard.callbacks import warnings as warnings_callbacks
from dashboard.deployment import Deployment
from dashboard.hub import HALLS, MAP, OVERVIEW, SYSTEM
from dashboard.visitor import Visitor
from domain.rights import Action
from layouts import approvals, audit, cockpit, command, data, forecasts, halls, operations, parts, people, rules, system, warnings
from layouts.page import PageFacts, Tab
from layouts.words import Words


@dataclass(frozen=True, slots=True)
class Screen:
    """A page: its address, the catalogue's key of its name, the frames it lives on, its layout and callbacks, who may see it."""

    path: str
    key: str
    channel: str
    layout: Callable[[Words, PageFacts], Any]
    register: Callable[[Dash, Deployment], None]
    right: Action
    is_tab: bool = True
    also: tuple[str, ...] = ()
    """Further channels it follows."""

    @property
    def title_key(self) -> str:
        return f"screen.{self.key}"


SCREENS: tuple[Screen, ...] = (
    Screen("/", "cockpit", MAP, cockpit.layout, cockpit_callbacks.register, Action.READ_CITY, also=(OVERVIEW, HALLS)),
    Screen(
        "/wall",
        "wall",
        MAP,
        cockpit.wall,
        cockpit_callbacks.register_wall,
        Action.READ_CITY,
        is_tab=False,
        also=(OVERVIEW, HALLS),
    ),
    Screen("/command", "command", MAP, command.layout, command_callbacks.register, Action.READ_LOG),
    Screen("/halls", "halls", HALLS, halls.layout, halls_callbacks.register, Action.READ_HALLS),
    Screen("/warnings", "warnings", MAP, warnings.layout, warnings_callbacks.register, Action.READ_CITY),
    Screen("/forecasts", "forecasts", MAP, forecasts.layout, forecasts_callbacks.register, Action.READ_CITY),
    Screen("/rules", "rules", SYSTEM, rules.layout, rules_callbacks.register, Action.READ_SYSTEM, is_tab=False),
    Screen("/map", "map", MAP, operations.layout, operations_callbacks.register, Action.READ_CITY),
    Screen("/system", "system", SYSTEM, system.layout, system_callbacks.register, Action.READ_SYSTEM),
    Screen("/data", "data", SYSTEM, data.layout, data_callbacks.register, Action.READ_DATA),
    Screen("/approvals", "approvals", SYSTEM, approvals.layout, approvals_callbacks.register, Action.READ_REQUESTS, is_tab=False),
    Screen("/audit", "audit", SYSTEM, audit.layout, audit_callbacks.register, Action.READ_AUDIT),
    Screen("/people", "people", SYSTEM, people.layout, people_callbacks.register, Action.READ_PEOPLE),
    Screen("/parts", "parts", SYSTEM, parts.layout, parts_callbacks.register, Action.READ_SYSTEM, is_tab=False),
)


def find_screen(path: str | None) -> Screen | None:
    """The screen at an address; a slash at the end makes no difference."""
    wanted = (path or "/").rstrip("/") or "/"
    return next((screen for screen in SCREENS if screen.path == wanted), None)


def tabs(active: Screen, lang: str, who: Visitor) -> tuple[Tab, ...]:
    """The header's tabs, each keeping the language: the screens that are there for who asks."""
    return tuple(
        Tab(f"{screen.path}?lang={lang}", screen.title_key, screen is active)
        for screen in SCREENS
        if screen.is_tab and who.may(screen.right)
    )
