"""The page of halls: four views of which one is shown, a place and a title for every part."""

from __future__ import annotations

import pytest

from layouts import halls
from layouts.page import shell
from layouts.words import LANGUAGES, Lang, Words
from tests.layouts.test_layouts import as_sent, facts, walk


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_part_of_every_view_has_one_place_and_a_title(lang: Lang) -> None:
    components = list(walk(as_sent([shell(), *halls.layout(Words(lang), facts(lang))])))
    ids = [component["props"]["id"] for component in components if "id" in component["props"]]
    assert len(ids) == len(set(ids))
    parts = [part for view in halls.VIEWS.values() for part in view]
    assert {f"hall-{part}{end}" for part in parts for end in ("", "-title", "-sub")} <= set(ids)
    assert {"hall-banner", "hall-choice", "hall-tabs", "hall-figures", "toast"} <= set(ids)
    titles = {c["props"]["id"]: c["props"]["children"] for c in components if str(c["props"].get("id", "")).endswith("-title")}
    assert all(titles[f"hall-{part}-title"] == Words(lang)(f"halls.{part}") for part in parts)


def test_one_view_is_there_at_the_start() -> None:
    components = walk(as_sent(halls.layout(Words("zh"), facts("zh"))))
    views = {
        c["props"]["id"]: c["props"].get("hidden", False)
        for c in components
        if "hall-view " in str(c["props"].get("className", ""))
    }
    assert views == {"hall-view-today": False, "hall-view-roster": True, "hall-view-ratings": True, "hall-view-city": True}
