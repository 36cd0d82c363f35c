"""Overflow: what a page shows of which something is cut off, sticks out of the window, or is written too small.

A text may end in an ellipsis where its element says so and it is marked as a name that others gave (`ellipsis`); what scrolls may
hold more than it shows. Sizes are judged in design pixels: 10 to the rem, so that a wall of any size has the same rule.
"""

from __future__ import annotations

from typing import Any

SMALLEST_DESIGN_PX = 13.0

_OVERFLOWING = """([ignored, smallest]) => {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / (document.documentElement.classList.contains("large-text") ? 1.25 : 1);
  const faults = [];
  const name = (e) => `${e.localName}${e.id ? "#" + e.id : ""}${e.getAttribute("class") ? "." + e.getAttribute("class").split(" ").join(".") : ""}`;
  const cuts = (s) => ["hidden", "clip"].includes(s.overflowX) || ["hidden", "clip"].includes(s.overflowY);
  const scrolls = (s) => ["auto", "scroll"].includes(s.overflowX) || ["auto", "scroll"].includes(s.overflowY);
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText || element.closest(".unseen, .wheels, .ticker-moving, script, style, svg") || (ignored && element.closest(ignored))) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const text = element.textContent.trim().slice(0, 60);
    const size = (parseFloat(style.fontSize) / rem) * 10;
    if (size < smallest - 0.05) faults.push(["small", name(element), text, Math.round(size * 10) / 10]);
    const range = document.createRange();
    range.selectNodeContents(element);
    const box = range.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    let isFree = false; // inside something that scrolls, it may be out of sight
    for (let place = element; place && place !== document.body; place = place.parentElement) {
      const frame = getComputedStyle(place);
      if (scrolls(frame)) { isFree = true; break; }
      if (frame.textOverflow === "ellipsis" && place.classList.contains("ellipsis")) { isFree = true; break; }
      if (!cuts(frame)) continue;
      const edge = place.getBoundingClientRect();
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 3 || box.bottom > edge.bottom + 3) {
        faults.push(["cut", name(element), text, name(place)]);
        isFree = true;
        break;
      }
    }
    if (!isFree && (box.left < -1 || box.right > innerWidth + 1 || box.top < -1 || box.bottom > innerHeight + 1)) faults.push(["outside", name(element), text, [box.left, box.top, box.right, box.bottom].map(Math.round).join(" ")]);
  }
  for (const element of document.querySelectorAll(".card, .kpi, .vital, header, .ticker, .block, .segments")) {
    if (!element.checkVisibility() || (ignored && element.closest(ignored))) continue;
    for (const child of element.children) {
      const style = getComputedStyle(child);
      if (["absolute", "fixed"].includes(style.position) || !child.checkVisibility()) continue;
      const [inner, outer] = [child.getBoundingClientRect(), element.getBoundingClientRect()];
      if (inner.width && (inner.right > outer.right + 1.5 || inner.left < outer.left - 1.5)) faults.push(["sticks out", name(child), child.textContent.trim().slice(0, 60), name(element)]);
    }
  }
  const root = document.scrollingElement;
  if (root.scrollWidth > innerWidth + 1 || root.scrollHeight > innerHeight + 1) faults.push(["page scrolls", name(root), "", `${root.scrollWidth} × ${root.scrollHeight}`]);
  return faults;
}"""


def overflowing(page: Any, *, ignored: str = "") -> list[list[Any]]:
    """Faults of a Playwright page as [kind, element, text, detail]: kind is cut, outside, sticks out, small or page scrolls.
    `ignored` is a selector of places that draw for themselves, such as "#map"."""
    found: list[list[Any]] = page.evaluate(_OVERFLOWING, [ignored, SMALLEST_DESIGN_PX])
    return found


WALLS = ((1366, 768), (1920, 1080), (3840, 2160), (3840, 1080), (6656, 1792))
"""Widths and heights in pixels for which every screen is laid out."""
