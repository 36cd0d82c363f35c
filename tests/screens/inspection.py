"""Inspection: what is wrong with a page as it stands: texts cut or small, what axe-core calls serious, another language's letters,
controls that the keyboard does not come to. Works on a Playwright page; returns sentences, none when all is well.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.overflow import overflowing

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
CJK = re.compile("[\u3400-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ’'-]+[A-Za-z]{2,}){2,}")
"""Three English words in a row: names of models and units are shorter."""
OTHER_LANGUAGE = ("中", "English", "EN")
"""What the switch of the language says, in the language it leads to."""

_AXE_RUN = """async (kinds) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.filter((v) => kinds.includes(v.impact)).map((v) => [v.impact, v.id, v.help, v.nodes.slice(0, 4).map((n) => n.target.join(" ") + " | " + (n.any[0]?.message ?? n.all[0]?.message ?? "").slice(0, 160))]);
}"""

# what a caller said stands as it was said
_SAID = """() => [...document.querySelectorAll("body *:not(script):not(style)")].filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest("#lineage, .said")).flatMap((e) => [
  e.getAttribute("aria-label"), e.title, e.placeholder, ...[...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.data)])
  .filter((text) => text?.trim()).map((text) => text.trim())"""

_MARK_CONTROLS = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0'], [role=button], [role=slider], [role=option], [role=radio]")]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && !e.closest("[inert], .maplibregl-map") && !e.classList.contains("maplibregl-canvas"));
  for (const e of all) e.controlIsReached = false;
  window.controlsToReach = all;
  document.activeElement?.blur();
  return all.length;
}"""

_AT_CONTROL = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const isNew = !e.controlIsReached;
  e.controlIsReached = true;
  const shows = (s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none";
  const isSeen = shows(getComputedStyle(e)) || (e.parentElement && shows(getComputedStyle(e.parentElement)));
  return [isNew, isSeen, `${e.localName}${e.id ? "#" + e.id : ""}.${[...e.classList].join(".")} ${(e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 40)}`];
}"""

_UNREACHED = """() => controlsToReach.filter((e) => {
  if (!e.isConnected || !e.checkVisibility({ visibilityProperty: true }) || e.controlIsReached) return false;
  const group = e.closest("[role=grid], [role=listbox], [role=radiogroup], [role=tablist], [role=toolbar], [role=group], table, ul, ol");
  const isRoving = e.tabIndex < 0 && group && [...group.querySelectorAll("[tabindex='0'], button, a[href]")].some((other) => other.controlIsReached);
  return !isRoving;
}).map((e) => `${e.localName}${e.id ? "#" + e.id : ""}.${[...e.classList].join(".")} ${(e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 40)}`)"""


@cache
def axe_source() -> str:
    """The text of axe-core. Raises FileNotFoundError with the cure."""
    if not AXE.exists():
        raise FileNotFoundError(f"{AXE} is missing: expected axe-core, a development dependency; run `npm ci --ignore-scripts`")
    return AXE.read_text(encoding="utf-8")


def axe_findings(page: Any) -> list[str]:
    """Findings of axe-core that are serious or critical. Evaluated from outside, so that the page's own policy stays as it is."""
    page.evaluate(axe_source() + "; 0")
    found = page.evaluate(_AXE_RUN, list(GRAVE))
    return [f"axe {impact}: {rule} ({told}) at {'; '.join(nodes)}" for impact, rule, told, nodes in found]


def overflow_findings(page: Any, *, ignored: str = "#map") -> list[str]:
    """What is cut, sticks out or is written too small."""
    return [f"{kind}: {element} “{text}” {detail}" for kind, element, text, detail in overflowing(page, ignored=ignored)]


def language_findings(page: Any, lang: str) -> list[str]:
    """Texts in a language that the page is not in, and catalogue keys or placeholders that were shown as such."""
    said: list[str] = page.evaluate(_SAID)
    foreign = CJK if lang == "en" else ENGLISH
    other = [text for text in dict.fromkeys(said) if foreign.search(text) and text not in OTHER_LANGUAGE]
    raw = [
        text for text in dict.fromkeys(said)
        if "undefined" in text or "NaN" in text or re.search(r"\{\w+\}", text) or re.fullmatch(r"[a-z]+\.[a-z_.]+", text)
    ]  # fmt: skip
    return [f"not {lang}: “{text[:80]}”" for text in other] + [f"raw: “{text[:80]}”" for text in raw]


def keyboard_findings(page: Any, *, at_most: int = 700) -> list[str]:
    """Controls that Tab does not come to (one of a roving group is enough: arrows go on from it) and those whose focus is not seen."""
    page.evaluate(_MARK_CONTROLS)
    unseen, n_known = [], 0
    for _ in range(at_most):
        page.keyboard.press("Tab")
        at = page.evaluate(_AT_CONTROL)
        if at is None:
            continue
        is_new, is_seen, name = at
        n_known = 0 if is_new else n_known + 1
        if is_new and not is_seen:
            unseen.append(f"focus is not seen: {name}")
        if n_known > 12:  # the round has begun again
            break
    return [*unseen, *(f"not reached by Tab: {name}" for name in page.evaluate(_UNREACHED))]
