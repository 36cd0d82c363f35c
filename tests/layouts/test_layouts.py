"""Layouts: every screen in both languages, and the rules that can be read off the components and the style sheets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.observations import FRESH_UNTIL, SHORTEST_INTERVAL_S, Quality
from domain.rights import Action
from domain.warnings import WarningLevel
from layouts import operations, parts, system
from layouts.page import PageFacts, Tab, shell
from layouts.words import LANGUAGES, Lang, Words
from tests.support.source import ROOT

STYLE_FILES = sorted((ROOT / "dashboard/assets").glob("*.css"))
SHEETS = "\n".join(path.read_text(encoding="utf-8") for path in STYLE_FILES)
TOKENS = dict(re.findall(r"--([\w-]+): ([^;]+);", (ROOT / "dashboard/assets/00_tokens.css").read_text(encoding="utf-8")))


def facts(lang: Lang) -> PageFacts:
    words = Words(lang)
    return PageFacts(
        channel="map", lang=lang, zone="Asia/Shanghai", vendor="/vendor/x", has_basemap=True, bounds=(113.1, 23.0, 113.4, 23.2),
        districts={"440106": "东区"}, places={"440106": (113.3, 23.1)}, pictures=("Unknown",), acts=tuple(action.value for action in Action),
        detour=1.3, speed_kmh=40, actor="x",
        tabs=(Tab("/", "screen.map", True), Tab("/system", "screen.system", False)), other_language_href="/?lang=en",
        words=words.all(), labels=words.labels(),
    )  # fmt: skip


def walk(component: Any) -> Iterator[dict[str, Any]]:
    """Every component of a tree, as what the browser gets."""
    if isinstance(component, list):
        for child in component:
            yield from walk(child)
    elif isinstance(component, dict) and "props" in component:
        yield component
        yield from walk(component["props"].get("children"))


def as_sent(component: Any) -> Any:
    from dash._utils import to_json

    return json.loads(to_json(component))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("layout", [operations.layout, system.layout, parts.layout], ids=["operations", "system", "parts"])
def test_a_screen_has_one_place_for_everything(layout: Any, lang: Lang) -> None:
    components = list(walk(as_sent([shell(), *layout(Words(lang), facts(lang))])))
    ids = [component["props"]["id"] for component in components if "id" in component["props"]]
    assert len(ids) == len(set(ids))
    assert {"page", "clock", "live", "beat", "chosen"} <= set(ids)
    assert sum(component["type"] == "H1" for component in components) == 1


def test_the_browser_is_told_the_shape_of_every_level() -> None:
    """Drawn beside colour and word by `parts.badge`; a test of the parts page looks at it."""
    told = json.loads(json.dumps(facts("zh").as_store()))["shapes"]
    assert told == {level.value: level.shape for level in WarningLevel}
    assert len(set(told.values())) == len(WarningLevel)


def test_a_chart_has_no_button_that_sends_it_away() -> None:
    graph = as_sent(operations.graph({"data": [], "layout": {}}))["props"]
    assert graph["config"]["displayModeBar"] is False
    assert graph["config"]["plotlyServerURL"] == ""


def test_what_the_browser_is_told_at_the_start_is_plain() -> None:
    told = json.loads(json.dumps(facts("zh").as_store()))
    assert "tabs" not in told
    assert told["words"]["no_data"] == "暂无数据"


def test_the_browser_is_told_the_rule_of_freshness_instead_of_repeating_it() -> None:
    told = json.loads(json.dumps(facts("zh").as_store()))
    assert told["freshness"] == {
        "until": [[name.value, intervals] for name, intervals in FRESH_UNTIL], "beyond": "silent", "unmeasured": "never",
        "shortest_interval_s": SHORTEST_INTERVAL_S, "by_word": ["on_change"], "settled": {"on_change/offline": "silent"},
    }  # fmt: skip
    assert [Quality.from_code(code).value for code in range(len(Quality))] == told["qualities"]
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "dashboard/assets").glob("*.js")))
    assert not re.search(r"\*\s*(interval|device\.interval)|on_change", scripts.replace("intervals * unit", ""))


def test_large_text_is_a_quarter_larger_whatever_the_screen() -> None:
    usual = re.search(r"\nhtml \{\s*font-size: min\(calc\((.+?)\), calc\((.+?)\)\)", SHEETS)
    large = re.search(r"html\.large-text \{\s*font-size: calc\(1\.25 \* min\((.+?), (.+?)\)\)", SHEETS)
    assert usual is not None
    assert large is not None
    assert usual.groups() == large.groups() == ("100vw / 192", "100vh / 108")


def test_no_rule_of_the_style_sheets_is_left_over() -> None:
    """What was taken off a screen takes its look along; a rule without an element may also be one that was cut in half."""
    used = "\n".join(
        path.read_text(encoding="utf-8")
        for folder, kind in (("dashboard", "*.py"), ("dashboard/assets", "*.js"), ("layouts", "*.py"))
        for path in sorted((ROOT / folder).rglob(kind))
        if "static" not in path.parts
    )
    built = (*re.findall(r"([a-z][\w-]*-)\$?\{", used), "plot", "js-plotly")  # put together where they are used
    names = set(re.findall(r"\.([a-z][\w-]*)", re.sub(r"/\*.*?\*/|\{[^}]*\}", " ", SHEETS, flags=re.DOTALL)))
    assert len(names) > 80
    said = set(re.findall(r"[\w-]+", used))
    assert sorted(n for n in names - said if not n.startswith(built)) == []


def test_the_four_level_colours_mean_warnings_and_nothing_else() -> None:
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", SHEETS, flags=re.DOTALL))
    for selector, body in rules:
        names = set(re.findall(r"var\(--level-(\w+)\)", body))
        assert not names or selector.strip() == f".level-{names.pop()}"
        if selector.strip() != ":root":
            assert not re.search(r"#(ff4d4f|ff922b|ffd43b|4dabf7)", body, re.IGNORECASE), selector


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read_on_its_ground() -> None:
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", SHEETS))
    for level in WarningLevel:
        assert contrast(tokens["on-level"], tokens[f"level-{level.value}"]) >= 4.5
    for ink in ("ink", "quiet", "accent", "good", "worse", "faint"):
        assert contrast(tokens[ink], tokens["night"]) >= 4.5, ink
    assert contrast(tokens["on-action"], tokens["action"]) >= 7


def test_no_text_is_set_below_thirteen_pixels() -> None:
    said = re.sub(r"var\(--(type-\w+)\)", lambda token: TOKENS[token[1]], SHEETS)
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:[\w]+ )?([\d.]+)rem", said)]
    assert len(sizes) > 40
    assert min(sizes) >= 1.3


WANTED = "@media (prefers-reduced-motion: no-preference) {"


def without_block(sheets: str, head: str) -> str:
    """The sheets without every block that begins so."""
    while head in sheets:
        start = sheets.index(head)
        end, depth = start + len(head), 1
        while depth:
            depth += {"{": 1, "}": -1}.get(sheets[end], 0)
            end += 1
        sheets = sheets[:start] + sheets[end:]
    return sheets


def test_motion_is_only_for_those_who_want_it() -> None:
    assert WANTED in SHEETS
    calm = re.sub(r"/\*.*?\*/", "", without_block(SHEETS, WANTED), flags=re.DOTALL)
    assert [line.strip() for line in calm.splitlines() if re.search(r"\b(animation|transition)[-\w]*:", line)] == []


@pytest.mark.parametrize("path", [path for path in STYLE_FILES if path.name != "00_tokens.css"], ids=lambda path: path.name)
def test_colours_come_from_the_tokens(path: Path) -> None:
    """A mask's black is no colour: it says what is seen."""
    text = re.sub(r"/\*.*?\*/|(?:-webkit-)?mask: [^;]*;", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\([^)]*\)", text) == []
    scripts = "\n".join(script.read_text(encoding="utf-8") for script in (ROOT / "dashboard/assets").glob("*.js"))
    said = set(re.findall(r"--([\w-]+)\"?[:,]", SHEETS + scripts + (ROOT / "layouts/page.py").read_text(encoding="utf-8")))
    assert set(re.findall(r"var\(--([\w-]+)", text)) - said == set()


def test_every_icon_is_ours_and_square_and_every_name_has_a_file() -> None:
    """One grid, one stroke, no colour of their own; scripts and layouts name only pictures that are there. (The map's scripts
    have marks of their own.)"""
    folder = ROOT / "dashboard/assets/icons"
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert re.search(r'viewBox="0 0 24 24".* stroke="#fff" stroke-width="2"', text), path.name
        assert len(text) < 700, path.name
    named = set()
    for kind, form in (
        ("dashboard/assets/[!6]*.js", r'(?:parts\.icon\(|\bicon: )"([a-z-]+)"'),
        ("layouts/*.py", r'\bicon\("([a-z-]+)"'),
    ):
        for path in ROOT.glob(kind):
            named |= set(re.findall(form, path.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert named - {path.stem for path in folder.glob("*.svg")} == set()
