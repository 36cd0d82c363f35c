"""The commander's page and the page of warnings: places, names, what the map on them is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from layouts import command, warnings
from layouts.page import shell
from layouts.words import LANGUAGES, Lang, Words
from tests.layouts.test_layouts import as_sent, facts, walk

PAGES = pytest.mark.parametrize("layout", [command.layout, warnings.layout], ids=["command", "warnings"])


@PAGES
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_has_one_place_for_everything(layout: Any, lang: Lang) -> None:
    components = list(walk(as_sent([shell(), *layout(Words(lang), facts(lang))])))
    ids = [component["props"]["id"] for component in components if "id" in component["props"]]
    assert len(ids) == len(set(ids))
    assert {"page", "clock", "live", "beat", "chosen", "map", "map-fault", "toast"} <= set(ids)


@PAGES
def test_the_map_shows_what_an_emergency_asks_for(layout: Any) -> None:
    (canvas,) = [c for c in walk(as_sent(layout(Words("zh"), facts("zh")))) if c["props"].get("id") == "map"]
    options = json.loads(canvas["props"]["data-options"])
    assert (options["preset"], options["facts"]) == ("emergency", False)
    assert options["panels"] in ("folded", "none")
    assert canvas["props"]["aria-label"]


@PAGES
def test_nothing_of_a_page_opens_over_another(layout: Any) -> None:
    assert [c["type"] for c in walk(as_sent(layout(Words("zh"), facts("zh")))) if c["type"] in ("Dialog", "ConfirmDialog")] == []
