"""Fonts: sliced by unicode range, so that a page loads what it writes, and no character of ours or of a city's names is missing."""

from __future__ import annotations

import re

import pytest

from layouts.words import LANGUAGES, Words
from tests.support.source import ROOT, product_modules

VENDOR = ROOT / "dashboard/static/vendor"
RARE = "昇喆淼堃垚峣崟漷郫鄞邗邕亳濮阆岷郯鄄睢曌"
"""Characters of people's and places' names that small fonts leave out. What lies outside the common block (extensions A and B)
comes from the machine's own fonts."""


def slices(family: str) -> list[tuple[str, set[int]]]:
    """Every file of a family with the code points it is asked for."""
    if not (VENDOR / "fonts.css").exists():
        pytest.skip("the browser libraries are not built: run `python -m dashboard.vendor`")
    found = []
    for rule in re.findall(r"@font-face \{(.*?)\}", (VENDOR / "fonts.css").read_text(encoding="utf-8"), re.DOTALL):
        name, file, ranges = (
            re.search(form, rule) for form in (r"font-family: '([^']+)'", r"url\(([^)]+)\)", r"unicode-range: ([^;]+);")
        )
        if name is None or file is None or ranges is None or name[1] != family:
            continue
        points: set[int] = set()
        for part in ranges[1].split(","):
            start, _, end = part.strip().removeprefix("U+").partition("-")
            points |= set(range(int(start, 16), int(end or start, 16) + 1))
        found.append((file[1], points))
    return found


def said() -> set[str]:
    """Every character of the catalogue, of the labels of stored values, and of texts of the product in Chinese."""
    texts = [text for lang in LANGUAGES for text in Words(lang).all().values()]
    texts += [label for lang in LANGUAGES for rows in Words(lang).labels().values() for label in rows.values()]
    texts += [module.text for module in product_modules() if module.package in ("gis_data", "iot", "domain", "alerts")]
    return {sign for text in texts for sign in text if "\u3400" <= sign <= "\u9fff"}


def test_every_character_that_is_written_is_in_a_slice() -> None:
    covered = set().union(*(points for _, points in slices("Noto Sans SC")))
    assert len(said()) > 800
    assert sorted(sign for sign in said() | set(RARE) if ord(sign) not in covered) == []


def test_slices_are_small_and_do_not_overlap_within_a_weight() -> None:
    weights: dict[str, list[tuple[str, set[int]]]] = {}
    for file, points in slices("Noto Sans SC"):
        weights.setdefault(file.split("-")[-2], []).append((file, points))
        assert (VENDOR / file).stat().st_size < 150_000, file
    assert set(weights) == {"400", "700"}
    for rows in weights.values():
        assert len(rows) > 90
        common = [points for _, points in rows if any("\u4e00" <= chr(point) <= "\u9fff" for point in points)]
        assert sum(len(points) for points in common) <= 1.02 * len(set().union(*common))


def test_figures_are_tabular_in_the_font_of_numbers() -> None:
    """Barlow Condensed has its digits in the basic slice; style sheets ask for the tabular ones."""
    covered = set().union(*(points for _, points in slices("Barlow Condensed")))
    assert {ord(sign) for sign in "0123456789.,:%+−–"} <= covered
    sheet = (ROOT / "dashboard/assets/10_page.css").read_text(encoding="utf-8")
    assert "font-variant-numeric: tabular-nums" in sheet
