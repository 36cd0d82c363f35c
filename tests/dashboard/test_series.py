"""The figure of a series: plain data in, a plain dictionary out."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import orjson

from dashboard import wire
from dashboard.figures.series import is_empty, series_figure
from layouts.words import Words
from tests.support.scenes import NOW, a_forecast

SHANGHAI = ZoneInfo("Asia/Shanghai")


def a_chart(values: list[float | None], *, with_forecast: bool = True) -> dict[str, Any]:
    """Quarter-hours from 08:15 on the clock of Shanghai; now is 09:00."""
    return {
        "t": wire.ms(NOW), "property": "pm25", "item": "", "unit": "ug/m3",
        "series": {"start": (wire.ms(NOW) or 0) - 45 * 60_000, "step_s": 900, "values": values},
        "forecast": wire.forecast(a_forecast(1)) if with_forecast else None,
    }  # fmt: skip


def test_the_band_lies_under_the_median_and_that_under_the_measurements() -> None:
    figure = series_figure(a_chart([40.0, None, 42.0]), Words("en"), zone=SHANGHAI)
    low, high, median, measured = figure["data"]
    assert (low["y"][0], high["y"][0], median["y"][0]) == (40.0, 60.0, 50.0)
    assert high["fill"] == "tonexty"
    assert measured["y"] == [40.0, None, 42.0]
    assert measured["connectgaps"] is False


def test_times_are_on_the_deployment_s_clock() -> None:
    figure = series_figure(a_chart([40.0, 41.0, 42.0]), Words("zh"), zone=SHANGHAI)
    assert figure["data"][-1]["x"] == ["2026-03-02 08:15:00", "2026-03-02 08:30:00", "2026-03-02 08:45:00"]
    assert figure["layout"]["shapes"][0]["x0"] == "2026-03-02 09:00:00"


def test_without_a_forecast_only_what_was_measured_is_drawn() -> None:
    figure = series_figure(a_chart([40.0], with_forecast=False), Words("en"), zone=SHANGHAI)
    assert [trace["name"] for trace in figure["data"]] == ["measured"]


def test_the_figure_grows_with_the_screen() -> None:
    small, large = (series_figure(a_chart([1.0]), Words("zh"), zone=SHANGHAI, scale=scale)["layout"] for scale in (1, 2))
    assert large["font"]["size"] == 2 * small["font"]["size"]
    assert small["font"]["size"] >= 13


def test_the_figure_is_plain_json() -> None:
    orjson.dumps(series_figure(a_chart([1.0]), Words("zh"), zone=SHANGHAI))


def test_a_series_of_gaps_is_empty() -> None:
    assert is_empty(a_chart([None, None], with_forecast=False))
    assert not is_empty(a_chart([None, None]))
    assert not is_empty(a_chart([0.0], with_forecast=False))
