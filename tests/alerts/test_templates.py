"""Words by audience: operators get the ground, leaders a breath, the public what to do; nothing longer than a channel shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.drafting import Wish, draft
from alerts.templates import Text, compose, fit
from domain.publications import Audience, PublicationStep
from domain.warnings import WarningMode
from tests.support.outward import IDENTIFIER, ISSUER, ZONE, a_warning
from tests.support.scenes import NOW

WISH = Wish({"advice_zh": "减少户外活动。", "advice_en": "Stay indoors."})


def words(audience: Audience, lang: str = "zh", mode: WarningMode = WarningMode.ACTUAL, longest: int | None = None) -> Text:
    made = draft(a_warning(mode=mode), PublicationStep.PUBLISH, WISH, ISSUER, NOW, district=None)
    return compose(made, IDENTIFIER, ISSUER, audience, lang, zone=ZONE, longest=longest)


def test_the_public_is_told_what_happens_where_and_what_to_do() -> None:
    assert words(Audience.PUBLIC).body.splitlines() == [
        "某市应急指挥中心发布空气污染Ⅱ级 橙色预警", "细颗粒物浓度偏高：北站 PM2.5 160 μg/m³（阈值 150 μg/m³）", "区域：北站", "应对：减少户外活动。",
        "有效至：03-02 15:00",
    ]  # fmt: skip


def test_operators_are_told_the_ground_and_the_number() -> None:
    said = words(Audience.OPERATORS).body
    assert "依据：规则（pm25_high v1）" in said
    assert f"编号：{IDENTIFIER}" in said
    assert "Ground: rule (pm25_high v1)" in words(Audience.OPERATORS, "en").body


def test_leaders_are_told_in_a_breath() -> None:
    assert len(words(Audience.LEADERS).body.splitlines()) == 3


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("mode", [WarningMode.EXERCISE, WarningMode.TEST])
def test_an_exercise_and_a_test_say_so_first(audience: Audience, mode: WarningMode) -> None:
    for lang, mark in (("zh", f"【{mode.zh}】"), ("en", f"[{mode.en.upper()}]")):
        said = words(audience, lang, mode)
        assert said.subject.startswith(mark)
        assert said.body.startswith(mark)


def test_both_languages_go_in_one_notice() -> None:
    said = words(Audience.PUBLIC, "both").body
    assert "应对：减少户外活动。" in said
    assert "What to do: Stay indoors." in said


@given(st.text(max_size=300), st.integers(1, 100))
def test_nothing_is_longer_than_the_channel_shows(text: str, longest: int) -> None:
    cut = fit(text, longest)
    assert len(cut) <= longest
    assert cut == text or cut.endswith("…")


def test_it_is_cut_after_a_sentence_where_there_is_one() -> None:
    assert fit("水位上涨。请勿靠近河岸。", 8) == "水位上涨。…"
    assert fit("没有句号的一段很长的话", 6) == "没有句号的…"
