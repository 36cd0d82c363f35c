"""The album: pictures of pages and what was found wrong with each, as files and one page to look through them, offline."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_STYLE = """
body { margin: 2rem; background: #0b2042; color: #e8f3ff; font: 15px/1.5 "Noto Sans SC", system-ui, sans-serif; }
h1 { font-size: 22px; } h2 { font-size: 18px; margin: 2.5rem 0 .5rem; }
a { color: #6ad7ff; } ul { margin: .5rem 0; }
.row { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
figure { margin: 0; } figcaption { color: #9dbce0; }
img { height: 200px; border: 1px solid #1c4b86; display: block; }
.found { color: #ffffff; background: #17315c; padding: .5rem 1rem; }
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One page as it stood: its view, language, state (usual, empty, away, large) and size in pixels."""

    view: str
    lang: str
    state: str
    width: int
    height: int

    @property
    def file(self) -> str:
        return f"{self.view}/{self.lang}-{self.state}-{self.width}x{self.height}.png"

    @property
    def title(self) -> str:
        return f"{self.lang} · {self.state} · {self.width} × {self.height}"


@dataclass(slots=True)
class Album:
    """A folder of pictures with their findings."""

    folder: Path
    tell: Callable[[str], None] = print
    """Says at once what is found."""
    pictures: list[Picture] = field(default_factory=list)
    findings: dict[str, list[str]] = field(default_factory=dict)
    """By picture or place."""

    def place(self, picture: Picture) -> Path:
        """Where the picture is to be written; it is in the album from then on."""
        self.pictures.append(picture)
        path = self.folder / picture.file
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def note(self, where: str, found: list[str]) -> None:
        for text in found:
            self.findings.setdefault(where, []).append(text)
            self.tell(f"{where}: {text}")

    def write(self, told: str) -> Path:
        """Writes index.html and findings.json; `told` is said at the top. Returns the page."""
        index = self.folder / "index.html"
        index.write_text(self._page(told), encoding="utf-8")
        (self.folder / "findings.json").write_text(json.dumps(self.findings, ensure_ascii=False, indent=1), encoding="utf-8")
        return index

    def _page(self, told: str) -> str:
        views = list(dict.fromkeys(picture.view for picture in self.pictures))
        links = " · ".join(f'<a href="#{view}">{view}</a>' for view in views)
        parts = [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>CityHelm · screens</title><style>{_STYLE}</style>',
            f"<h1>CityHelm · screens</h1><p>{html.escape(told)}</p><p>{links}</p>",
            _listed("Findings", self.findings),
        ]
        for view in views:
            parts.append(f'<h2 id="{view}">{view}</h2><div class="row">')
            parts += [
                f'<figure><a href="{p.file}"><img src="{p.file}" alt="{view}, {p.title}" loading="lazy"></a>'
                f"<figcaption>{p.title}</figcaption></figure>"
                for p in self.pictures if p.view == view
            ]  # fmt: skip
            parts.append("</div>")
        return "\n".join(parts)


def _listed(title: str, findings: dict[str, list[str]]) -> str:
    if not findings:
        return "<p>Nothing was found wrong.</p>"
    items = "".join(f"<li>{html.escape(where)}: {html.escape(text)}</li>" for where, found in findings.items() for text in found)
    return f'<details class="found" open><summary>{title}</summary><ul>{items}</ul></details>'
