"""Views: every page of the product as somebody comes to it, with what was chosen there. A screen without a view is a fault."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.hub import MAP
from dashboard.screens import SCREENS
from domain.rights import Role

COCKPIT_SCENES = ("overall", "emergency", "government", "traffic", "environment")


@dataclass(frozen=True, slots=True)
class View:
    """One page in one way: its name in file names, the screen it belongs to (a key of dashboard.screens), what is pressed on it (a
    selector, with {incident} for the id of one) and what is waited for after that."""

    name: str
    screen: str
    press: str = ""
    shows: str = ".kpi"
    city: str = "day"
    """Which city it is of: "day", "war" (an incident of grade I in it) or "evening"."""
    states: tuple[str, ...] = ("empty", "away", "large")
    """In which states besides the usual one it is looked at."""
    role: Role = Role.COMMANDER
    """Who looks."""
    is_walked: bool = True
    """Whether the keyboard goes through it; where another view has the same controls it need not."""

    @property
    def path(self) -> str:
        return next(screen.path for screen in SCREENS if screen.key == self.screen)

    @property
    def has_map(self) -> bool:
        """Whether there is a map to be waited for."""
        return next(screen.channel for screen in SCREENS if screen.key == self.screen) == MAP


VIEWS = (
    *(
        View(f"cockpit-{scene}", "cockpit", f"[data-scene={scene}]", "#cards-left .city-card",
             states=("empty", "away", "large") if scene == "overall" else ("large",), is_walked=scene in ("overall", "emergency"))
        for scene in COCKPIT_SCENES
    ),
    View("cockpit-war", "cockpit", shows=".war-mark", city="war", states=("large",)),
    View("wall", "wall", shows="#cards-left .city-card", states=("empty",)),
    View("wall-war", "wall", shows=".war-mark", city="war", states=()),
    View("command", "command", shows="#queue .row, #queue .quiet", states=("empty", "large")),
    View("command-chosen", "command", "#queue [data-choose*='{incident}']", ".dossier-head", states=("away", "large")),
    View("halls", "halls", shows="#hall-windows .hall-window", role=Role.LEADER),
    View("halls-roster", "halls", "[data-hall-view=roster]", "#hall-rosters .quiet, #hall-rosters .row, #hall-rosters .face", states=("large",), role=Role.LEADER, is_walked=False),
    View("halls-ratings", "halls", "[data-hall-view=ratings]", "#hall-grades .hall-grade-row, #hall-grades .face", states=("large",), role=Role.LEADER, is_walked=False),
    View("halls-city", "halls", "[data-hall-view=city]", "#hall-compare .table", states=("large",), role=Role.LEADER),
    View("halls-closed", "halls", shows="#hall-windows .hall-window", city="evening", states=()),
    View("warnings", "warnings", shows=".board-level"),
    View("warnings-publication", "warnings", "[data-board-view=out]", "#evidence .part", states=("large",), is_walked=False),
    View("rules", "rules", shows="#rule-form .report, #rule-form .hint"),
    View("rules-load", "rules", "[data-rule-view=load]", "#rule-proof .part", states=("large",), is_walked=False),
    View("forecasts", "forecasts", shows="#outlook-found .table, #outlook-found .quiet"),
    View("forecasts-accuracy", "forecasts", "#outlook-tabs .segment:nth-child(2)", "#outlook-table", states=("large",), is_walked=False),
    View("forecasts-models", "forecasts", "#outlook-tabs .segment:nth-child(3)", ".outlook-card", states=("large",), is_walked=False),
    View("map", "map", shows=".kpi"),
    View("system", "system", shows=".kpi"),
    View("data", "data", shows=".data-verdict"),
    View("approvals", "approvals", shows="#approvals-waiting .quiet", states=("away", "large")),
    View("audit", "audit", shows="#audit-entries .table, #audit-entries .face", states=("away", "large"), role=Role.AUDITOR),
    View("people", "people", shows="#people-policy tbody tr", states=("away", "large"), role=Role.ADMINISTRATOR),
    View("parts", "parts", shows=".block", states=("large",)),
)  # fmt: skip


def unseen_screens() -> list[str]:
    """Keys of screens of which there is no view."""
    return [screen.key for screen in SCREENS if screen.key not in {view.screen for view in VIEWS}]
