"""The catalogue: every word in both languages, none missing, none left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from domain.units import UnitKind
from layouts.words import CATALOGUE, LANGUAGES, Lang, Words, language
from tests.support.source import ROOT, product_modules

CJK = re.compile("[\u4e00-\u9fff]")
LETTERS = re.compile("[A-Za-z]{2,}")
ASSETS = sorted((ROOT / "dashboard/assets").glob("*.js"))
PUT_TOGETHER = re.compile(r'(?:`|f")([a-z_]+(?:\.[a-z_]+)*)\.[a-z_]*\$?{')
"""Keys made of a beginning and something that is known where they are used."""
WITHOUT_ENGLISH = ("unit.", "metric_unit.")
"""English has no measure words, and an index no unit."""


@pytest.mark.parametrize("key", CATALOGUE)
def test_every_word_is_there_in_both_languages(key: str) -> None:
    zh, en = CATALOGUE[key]
    assert (zh and en) or key.startswith(WITHOUT_ENGLISH), key
    assert not CJK.search(en) or key == "header.other_language"
    assert set(re.findall(r"{(\w+)}", zh)) == set(re.findall(r"{(\w+)}", en))


def test_words_are_filled_and_unknown_ones_refused() -> None:
    assert Words("zh")("age.minutes", n=3) == "3 分钟前"
    assert Words("en")("age.minutes", n=3) == "3 min ago"
    with pytest.raises(KeyError):
        Words("zh")("nothing.like.it")
    assert [language(asked) for asked in (None, "zh", "en", "fr")] == ["zh", "zh", "en", "zh"]


def test_marks_are_the_units_own_in_chinese() -> None:
    assert Words("zh").labels()["unit_mark"] == {kind.value: kind.mark for kind in UnitKind}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_two_kinds_of_units_have_the_same_mark(lang: Lang) -> None:
    marks = list(Words(lang).labels()["unit_mark"].values())
    assert len({*marks, Words(lang)("mark.unknown")}) == len(marks) + 1
    assert {len(mark) for mark in marks} == {1}


def test_both_languages_have_the_same_labels() -> None:
    zh, en = (Words(lang).labels() for lang in LANGUAGES)
    assert {name: set(rows) for name, rows in zh.items()} == {name: set(rows) for name, rows in en.items()}
    assert not [label for rows in en.values() for label in rows.values() if CJK.search(label)]


def _texts() -> dict[str, str]:
    modules = {m.path: m.text for m in product_modules() if m.package in ("layouts", "dashboard") and m.name != "layouts.words"}
    return modules | {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in ASSETS}


def test_no_word_is_left_over() -> None:
    said = "\n".join(_texts().values())
    beginnings = tuple(f"{beginning}." for beginning in PUT_TOGETHER.findall(said))
    assert [key for key in CATALOGUE if f'"{key}"' not in said and not key.startswith(beginnings)] == []


def test_every_key_that_is_used_exists() -> None:
    used = {
        key
        for text in _texts().values()
        for key in re.findall(r'(?:words|empty|fact|kpi|sub|of|point|failed|_said)\((?:"\w+", )?"([a-z_]+(?:\.[a-z_]+)*)"', text)
    }
    assert len(used) > 100
    assert {key for key in used if key not in CATALOGUE and "." in key} == set()


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_scripts_hold_no_words_of_their_own(path: Path) -> None:
    """Text between quotes that is shown would have blanks between words; keys, classes and sources have their own forms."""
    text = re.sub(r"/\*.*?\*/|^\s*//.*$|\s// .*$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for quoted in re.findall(r'"([^"\n]*)"', text):
        assert not CJK.search(quoted), quoted


def test_layouts_hold_no_words_of_their_own() -> None:
    """What stands as text or title inside a component comes through `words`; a product's name is the same everywhere."""
    bare = []
    for module in product_modules():
        if module.package != "layouts" or module.name == "layouts.words":
            continue
        for name, call in module.calls():
            if not name.startswith(("html.", "dcc.")):
                continue
            shown = [*call.args, *(k.value for k in call.keywords if k.arg in ("children", "title", "placeholder", "alt"))]
            texts = [node for part in shown for node in _literals(part)]
            bare += [f"{module.path}:{call.lineno} {text}" for text in texts if CJK.search(text) or LETTERS.search(text)]
    assert [place for place in bare if not place.endswith("CityHelm")] == []


def _literals(node: ast.expr) -> list[str]:
    """String constants that are shown: not those inside a call, which is a component of its own or a look-up."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.List | ast.Tuple):
        return [text for child in node.elts for text in _literals(child)]
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant)]
    return []
