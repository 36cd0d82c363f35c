"""Air quality by HJ 633-2012, against the breakpoints of its table 1 and indices worked out by hand."""

from __future__ import annotations

import pytest

from domain.air import INDEX_POINTS, LIMITS, air_quality, band, individual_index


@pytest.mark.parametrize(("pollutant", "hours"), LIMITS)
def test_every_limit_of_the_table_has_its_index(pollutant: str, hours: int) -> None:
    limits = LIMITS[pollutant, hours]
    assert [individual_index(limit, limits) for limit in limits] == list(INDEX_POINTS[: len(limits)])


@pytest.mark.parametrize(
    ("row", "concentration", "index"),
    [
        (("pm25", 24), 55.0, 75),  # 50 + 50 × (55 − 35) ÷ (75 − 35) = 75
        (("pm25", 24), 36.0, 52),  # 50 + 50 × 1 ÷ 40 = 51.25, rounded up
        (("pm25", 24), 200.0, 250),  # 200 + 100 × 50 ÷ 100
        (("pm10", 24), 100.0, 75),  # 50 + 50 × 50 ÷ 100
        (("no2", 1), 150.0, 75),  # 50 + 50 × 50 ÷ 100
        (("co", 1), 2_500.0, 25),  # half of 5 mg/m³
        (("o3", 8), 130.0, 75),  # 50 + 50 × 30 ÷ 60
        (("o3", 1), 180.0, 75),  # 50 + 50 × 20 ÷ 40
        (("so2", 1), 575.0, 125),  # 100 + 50 × 75 ÷ 150
        (("pm25", 24), 900.0, 500),  # beyond the table
    ],
)
def test_an_index_between_two_limits_lies_on_a_straight_line(row: tuple[str, int], concentration: float, index: int) -> None:
    assert individual_index(concentration, LIMITS[row]) == index


def test_a_row_that_ends_early_says_nothing_above_its_end() -> None:
    assert individual_index(801, LIMITS["so2", 1]) is None
    assert individual_index(801, LIMITS["o3", 8]) is None


@pytest.mark.parametrize(
    ("aqi", "word"),
    [(0, "excellent"), (50, "excellent"), (51, "good"), (100, "good"), (101, "light"), (150, "light"), (151, "moderate"),
     (200, "moderate"), (201, "heavy"), (300, "heavy"), (301, "severe"), (500, "severe")],
)  # fmt: skip
def test_the_six_words_change_at_their_limits(aqi: int, word: str) -> None:
    assert band(aqi) == word


def test_the_largest_index_is_the_aqi_and_names_its_pollutant() -> None:
    found = air_quality({"pm25": [55.0] * 24, "no2": [100.0] * 24})
    assert found is not None
    assert (found.aqi, found.primary, found.by_pollutant) == (75, "pm25", {"pm25": 75, "no2": 50})


def test_clean_air_has_no_primary_pollutant() -> None:
    found = air_quality({"pm25": [35.0] * 24})
    assert found is not None
    assert (found.aqi, found.primary) == (50, None)


def test_particulates_count_by_their_day_and_gases_by_their_hour() -> None:
    """One smoky hour of 515 among 23 of 35 gives a mean of (23 × 35 + 515) ÷ 24 = 55 µg/m³, index 75; the gas of that hour counts whole."""
    found = air_quality({"pm25": [35.0] * 23 + [515.0], "no2": [0.0] * 23 + [200.0]})
    assert found is not None
    assert found.by_pollutant == {"pm25": 75, "no2": 100}
    sooner = air_quality({"pm25": [35.0] * 23 + [515.0]}, particulate_h=1)
    assert sooner is not None
    assert sooner.aqi == 500


def test_ozone_counts_by_eight_hours_where_that_is_more() -> None:
    """160 in every hour is 50 by the hour and 100 by eight hours."""
    found = air_quality({"o3": [160.0] * 24})
    assert found is not None
    assert found.aqi == 100


def test_sulphur_dioxide_above_800_counts_by_its_day() -> None:
    """A mean of 800 over the day is 200; the hour of 1,000 says nothing by itself."""
    found = air_quality({"so2": [(800 * 24 - 1000) / 23] * 23 + [1000.0]})
    assert found is not None
    assert found.aqi == 200


@pytest.mark.parametrize(("known", "counts"), [(20, True), (19, False)])
def test_a_mean_of_a_day_wants_twenty_hours(known: int, counts: bool) -> None:
    found = air_quality({"pm25": [None] * (24 - known) + [35.0] * known})
    assert (found is not None) == counts


def test_without_the_last_hour_there_is_no_index() -> None:
    assert air_quality({"pm25": [35.0] * 23 + [None]}) is None
    assert air_quality({}) is None
