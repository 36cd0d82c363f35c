"""The forecasts page's interface: series found by words, one of them, how well all are served, anomalies with reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from dashboard.api.outlook import meanings
from dashboard.app import create_app
from dashboard.figures.accuracy import accuracy
from domain.anomalies import Oddity
from domain.derived import CITY
from domain.moments import Moment
from domain.scores import Champion, ScoreKey, Tally
from forecasting.calendar import Calendar
from forecasting.cards import CARDS
from forecasting.models.registry import MODELS
from layouts.words import LANGUAGES
from storage.anomalies import write_anomalies
from storage.champions import crown
from storage.connection import Connection
from storage.derived import register_derived
from storage.forecasts import write_forecasts
from storage.outlook import service_of_all
from storage.partitions import DayPartitions
from storage.scores import add_scores
from tests.dashboard.conftest import House, ask
from tests.storage.test_anomalies import an_anomaly
from tests.support.scenes import (
    COUNTER,
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_hall_event,
    a_reading,
    minutes,
    stored,
    the_stream,
)

HOUR = timedelta(hours=1)
OTHER = STATION.replace("air-1", "air-2")


@pytest.fixture
def scene(conn: Connection) -> tuple[int, int]:
    """Two stations foreseen, one well and one badly, a champion, an anomaly in each lane but the last, a hall."""
    hall = a_device(
        COUNTER, type_name="ServiceHall", properties=(), attributes=(("name_zh", "越秀大厅"), ("name_en", "Yuexiu hall"))
    )
    readings = [a_reading(40 + k % 7, minutes_ago=15 * k) for k in range(1, 96)]
    stored(conn, a_device(name="空气站 1"), a_device(OTHER, name="空气站 2"), *readings, hall, a_hall_event(minutes_ago=50))
    register_derived(conn, NOW, since=NOW - HOUR)
    good, bad = the_stream(conn), the_stream(conn, OTHER)
    first = replace(a_forecast(good, minutes_ago=5, median=42, steps=96), model="autoreg", q05=(30.0,) * 96, q95=(55.0,) * 96)
    fallen = replace(a_forecast(bad, minutes_ago=5, steps=96), model="flat", fallback_reason="too_few have=3 need=4")
    write_forecasts(conn, DayPartitions(conn), [first, fallen, a_forecast(good, minutes_ago=24 * 60 + 5, steps=96)])
    tallies = {
        ScoreKey(series, NOW.date(), lead, model): Tally(20, 40 * ratio, 20, 40 * ratio, 40.0, 20, 16, 20, 19)
        for series, model, ratio in ((good, "autoreg", 0.5), (bad, "flat", 1.5))
        for lead in (1, 24)
    }
    add_scores(conn, tallies, 900, since=None, until=NOW)
    crown(conn, [Champion(good, "autoreg", NOW - HOUR, "", NOW, {"autoreg": 0.5, "seasonal_naive": 1.0})])
    write_anomalies(conn, [an_anomaly(good), an_anomaly(bad, Oddity.STUCK, 30)])
    return good, bad


def test_series_are_found_by_words_of_either_language(house: House, database_url: str, scene: tuple[int, int]) -> None:
    app = create_app(house(database_url))

    def names(query: str) -> list[tuple[str, str]]:
        return [
            (row["name"]["zh"], row["what"]["en"]) for row in ask(app, f"/api/forecasts/series?q={quote(query)}").json["series"]
        ]

    assert names("空气站") == [("空气站 1", "PM2.5"), ("空气站 2", "PM2.5")]
    assert names("yuexiu 税务") == [("越秀大厅", "arrivals · tax")]
    assert names("全市 诉求") == [("全市", "requests")]
    assert ("空气站 2", "PM2.5") in names("air quality")
    assert names("nothing") == []
    assert len(ask(app, "/api/forecasts/series?group=city").json["series"]) == len(CITY)
    (found,) = ask(app, "/api/forecasts/series?q=air-2").json["series"]
    assert (found["model"]["key"], found["fallback"]["en"]) == ("flat", "3 usable values, 4 are needed")
    assert ask(app, "/api/forecasts/series?q=%00").status == 404


def test_one_series_says_what_came_what_was_expected_how_good_that_was_and_what_was_odd(
    house: House, database_url: str, scene: tuple[int, int]
) -> None:
    app = create_app(house(database_url))
    told = ask(app, f"/api/forecasts/one?series={scene[0]}&hours=24").json
    assert (told["series"]["name"]["zh"], told["series"]["unit"]["zh"]) == ("空气站 1", "μg/m³")
    assert sum(value is not None for value in told["values"]["values"]) == 95
    assert (told["forecast"]["model"]["en"], told["forecast"]["q05"][0], told["forecast"]["q95"][0]) == ("AutoReg", 30, 55)
    assert told["earlier"]["q05"] is None, "issued before there were such quantiles"
    assert [(s["lead_h"], s["error"], s["ratio"], s["in_80"], s["in_90"]) for s in told["scores"]] == [
        (1, 1.0, 0.5, 0.8, 0.95), (24, 1.0, 0.5, 0.8, 0.95),
    ]  # fmt: skip
    assert [(c["model"]["key"], c["ratio"]) for c in told["champion"]["contest"]] == [("autoreg", 0.5), ("seasonal_naive", 1.0)]
    (odd,) = told["anomalies"]
    assert odd["sentence"]["zh"] == "9.7 超出该时段通常的 2.4–4，自 08:45 起"
    assert (odd["lane"], odd["ended"]) == ("insight", None)


def test_a_derived_series_is_known_by_its_key(house: House, database_url: str, scene: tuple[int, int]) -> None:
    app = create_app(house(database_url))
    told = ask(app, "/api/forecasts/one?series=hall/hall-1/arrivals/tax&hours=1").json
    assert told["values"]["values"] == [1, 0, 0, 0]
    assert (told["series"]["name"]["en"], told["series"]["what"]["en"], told["forecast"]) == (
        "Yuexiu hall",
        "arrivals · tax",
        None,
    )
    assert ask(app, f"/api/forecasts/one?series={told['series']['id']}").json["series"] == told["series"]


@pytest.mark.parametrize(
    "query", ["series=999999", "series=", "series=hall/x", "series=1&hours=0", "series=1&hours=9999", "series=%00"]
)
def test_what_is_not_there_is_not_found(house: House, database_url: str, query: str) -> None:
    assert ask(create_app(house(database_url)), f"/api/forecasts/one?{query}").status == 404


def test_how_well_all_are_served_is_told_by_kind_and_model(house: House, database_url: str, scene: tuple[int, int]) -> None:
    told = ask(create_app(house(database_url)), "/api/forecasts").json
    assert (told["series"], told["foreseen"], told["fallbacks"]) == (len(CITY) + 4, 2, 1)
    assert (told["total"]["ratios"], told["total"]["worse"]) == ({"1": 1.0, "6": None, "24": 1.0}, 0.5)
    assert (told["total"]["in_80"], told["total"]["in_90"], told["total"]["n"]) == (0.8, 0.95, 80)
    rows = {(row["group"], row["model"] and row["model"]["key"]): (row["series"], row["ratios"]["24"]) for row in told["rows"]}
    air = "AirQualityObserved"
    assert rows == {(air, None): (2, 1.0), (air, "autoreg"): (1, 0.5), (air, "flat"): (1, 1.5)}
    assert [(row["id"], row["ratio"]) for row in told["worst"]] == [(scene[1], 1.5)]
    assert told["anomalies"] == {"insight": 1, "quality": 1}
    assert [card["model"]["key"] for card in told["cards"]] == list(MODELS)
    assert {card["model"]["key"]: card["n"] for card in told["cards"]}["autoreg"] == 1


def test_the_contest_is_told_by_kind_and_model_with_the_champions(
    house: House, database_url: str, conn: Connection, scene: tuple[int, int]
) -> None:
    """Whoever was silent on most targets is not compared; who is no better than the day before is no champion."""
    good, bad = scene
    tallies = {
        ScoreKey(series, NOW.date(), 1, model, is_rival=True): Tally(n, n * ratio, n, n * ratio, float(n))
        for series, model, n, ratio in (
            (good, "prophet", 60, 0.5), (good, "autoreg", 60, 0.8), (good, "profile", 50, 0.1), (bad, "prophet", 60, 1.5),
        )
    }  # fmt: skip
    add_scores(conn, tallies, 900, since=NOW, until=NOW)
    crown(conn, [Champion(bad, "seasonal_naive", NOW, "none_better rivals=1", NOW, {"prophet": 1.5, "seasonal_naive": 1.0})])
    app = create_app(house(database_url))
    told = ask(app, "/api/forecasts").json["contest"]
    assert [(row["model"]["key"], row["series"], row["n"], row["ratio"], row["worse"], row["crowned"]) for row in told] == [
        ("autoreg", 1, 60, 0.8, 0.0, 1), ("prophet", 2, 120, 1.0, 0.5, 0),
    ]  # fmt: skip
    crowned = [ask(app, f"/api/forecasts/one?series={series}").json["champion"]["crowned"] for series in scene]
    assert crowned == [True, False]


def test_years_whose_days_off_nobody_has_decreed_are_said(house: House, database_url: str) -> None:
    at = datetime(2040, 11, 20, tzinfo=UTC)
    open_ = replace(house(database_url), calendar=Calendar("CN", decided=frozenset({2040})), clock=lambda: at)
    assert ask(create_app(open_), "/api/forecasts").json["undecreed"] == [2041]
    assert ask(create_app(house(database_url)), "/api/forecasts").json["undecreed"] == []


def test_anomalies_of_the_city_name_their_series(house: House, database_url: str, scene: tuple[int, int]) -> None:
    app = create_app(house(database_url))
    told = ask(app, "/api/forecasts/anomalies").json["anomalies"]
    assert [(row["of"]["name"]["zh"], row["lane"]) for row in told] == [("空气站 1", "insight"), ("空气站 2", "quality")]
    assert [row["series"] for row in ask(app, "/api/forecasts/anomalies?lane=quality").json["anomalies"]] == [scene[1]]
    assert ask(app, "/api/forecasts/anomalies?lane=fast").status == 400


def test_an_empty_city_has_no_figures(house: House, database_url: str) -> None:
    told = ask(create_app(house(database_url)), "/api/forecasts").json
    assert (told["series"], told["foreseen"], told["rows"], told["worst"]) == (0, 0, [], [])
    assert (told["total"]["worse"], told["total"]["in_80"]) == (None, None)


def test_without_a_database_it_says_so(house: House) -> None:
    app: Any = create_app(house())
    for path in ("/api/forecasts", "/api/forecasts/series", "/api/forecasts/one?series=1", "/api/forecasts/anomalies"):
        assert ask(app, path).status == 503


def test_too_few_targets_give_no_ratio(conn: Connection, scene: tuple[int, int]) -> None:
    conn.execute("UPDATE forecast_score SET n_compared = 7")
    found = accuracy(service_of_all(conn, Moment.live(NOW + minutes(1)), score_days=14))
    assert (found.total.ratios, found.total.worse, found.worst) == ({1: None, 6: None, 24: None}, None, [])
    assert found.total.coverage_80 == 0.8


def test_every_registered_model_has_a_card_in_both_languages() -> None:
    assert set(MODELS) <= set(CARDS)
    for name, card in CARDS.items():
        for part in (card.what, card.needs, card.strengths, card.limits):
            assert len(part) == len(LANGUAGES), name
            assert all(part), name
        assert card.source, name


@pytest.mark.parametrize(("word", "name"), [("车速", "averageVehicleSpeed"), ("TAX", "tax"), ("税", "tax"), ("诉求", "requests")])
def test_a_word_means_what_is_labelled_with_it(word: str, name: str) -> None:
    assert name in meanings(word)
