"""Scores of one target, and who is crowned for them."""

from __future__ import annotations

import numpy as np
import pytest

from domain.scores import Champion, ScoreKey, ScoreRow, Tally
from forecasting.champions import LEAST_TARGETS, decide, ratios, sentence
from forecasting.scores import score
from tests.support.scenes import NOW, minutes

NONE = np.nan
DAY = NOW.date()


def tally(quantiles: list[float], came: float, reference: float = NONE) -> Tally | None:
    told = score([7], ["autoreg"], np.array([quantiles]), np.array([came]), np.array([reference]), day=DAY, lead_h=6)
    return told.get(ScoreKey(7, DAY, 6, "autoreg"))


@pytest.mark.parametrize(
    ("quantiles", "came", "reference", "expected"),
    [
        ([1, 2, 5, 8, 9], 6, 4, Tally(1, 1, 1, 1, 2, 1, 1, 1, 1)),
        ([1, 2, 5, 8, 9], 8.5, 4, Tally(1, 3.5, 1, 3.5, 4.5, 1, 0, 1, 1)),
        ([1, 2, 5, 8, 9], 10, 4, Tally(1, 5, 1, 5, 6, 1, 0, 1, 0)),
        ([1, 2, 5, 8, 9], 8, NONE, Tally(1, 3, 0, 0, 0, 1, 1, 1, 1)),
        ([NONE, 2, 5, 8, NONE], 5, 5, Tally(1, 0, 1, 0, 0, 1, 1, 0, 0)),
        ([NONE, NONE, 5, NONE, NONE], 4, 5, Tally(1, 1, 1, 1, 1, 0, 0, 0, 0)),
        ([1, 2, 5, 8, 9], NONE, 4, None),
        ([1, 2, NONE, 8, 9], 5, 4, None),
    ],
    ids=["inside both", "inside 90", "outside", "no reference", "no 90", "a median alone", "not measured", "not foreseen"],
)
def test_a_target_is_scored(quantiles: list[float], came: float, reference: float, expected: Tally | None) -> None:
    assert tally(quantiles, came, reference) == expected


def rows(**errors: float) -> list[ScoreRow]:
    n = LEAST_TARGETS // 2
    return [ScoreRow(7, name, lead, Tally(n, n * e, n, n * e, float(n))) for name, e in errors.items() for lead in (1, 24)]


def crowned(before: str = "", **errors: float) -> Champion:
    reign = {7: Champion(7, before, NOW - minutes(600), "", NOW)} if before else {}
    (champion,) = decide(ratios(rows(**errors)), reign, NOW)
    return champion


@pytest.mark.parametrize(
    ("before", "errors", "model", "code"),
    [
        ("", {"autoreg": 0.8, "profile": 0.9}, "autoreg", "least_error"),
        ("", {"autoreg": 0.87, "profile": 0.9}, "autoreg", "least_by_little"),
        ("", {"autoreg": 1.2, "profile": 1.1}, "seasonal_naive", "none_better"),
        ("profile", {"autoreg": 0.88, "profile": 0.9}, "profile", "not_clearly_beaten"),
        ("profile", {"autoreg": 0.7, "profile": 0.9}, "autoreg", "least_error"),
        ("profile", {"autoreg": 1.2, "profile": 1.01}, "seasonal_naive", "none_better"),
        ("prophet", {"autoreg": 0.9}, "autoreg", "least_error"),
    ],
    ids=["first", "level", "nobody", "stays", "beaten", "steps down", "not tried any more"],
)
def test_who_errs_least_speaks(before: str, errors: dict[str, float], model: str, code: str) -> None:
    champion = crowned(before, **errors)
    assert (champion.model, champion.reason.split()[0]) == (model, code)
    assert "{" not in sentence(champion.reason, "zh") + sentence(champion.reason, "en")
    assert champion.contest == pytest.approx({"seasonal_naive": 1.0, **errors})
    assert champion.since == (NOW - minutes(600) if before == model else NOW)


def test_who_was_tried_too_seldom_is_not_compared() -> None:
    few = [ScoreRow(7, "autoreg", 1, Tally(9, 1.0, 9, 1.0, 9.0))]
    assert ratios(few) == {}
    assert decide(ratios(few), {}, NOW) == []


def test_who_was_silent_on_the_hard_days_is_not_compared() -> None:
    rows = [ScoreRow(7, "autoreg", lead, Tally(50, 40.0, 50, 40.0, 50.0)) for lead in (1, 7)]
    silent = ScoreRow(7, "prophet", 1, Tally(50, 1.0, 50, 1.0, 50.0))
    assert ratios([*rows, silent]) == {7: {"autoreg": 0.8}}


def test_why_a_champion_speaks_is_said_in_words() -> None:
    reason = crowned(autoreg=0.8, profile=0.9).reason
    assert sentence(reason, "zh") == "2 个模型中误差最小，为昨日同时段的 0.8 倍"
    assert sentence(reason, "en") == "errs least of 2 models: 0.8 times as much as the same slot of the day before"
    assert sentence("of_another_version n=1", "zh") == "of_another_version n=1"
