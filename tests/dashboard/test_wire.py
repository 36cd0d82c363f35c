"""The wire: every record becomes JSON, and what is not a number becomes null."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import orjson

from dashboard import wire
from domain.observations import Quality
from storage.heartbeats import Heartbeat
from storage.observations import Value
from tests.support.scenes import NOW, a_forecast


def test_a_value_that_is_not_finite_travels_as_null() -> None:
    for odd in (math.nan, math.inf, -math.inf):
        assert wire.value(Value(7, NOW, NOW, odd, Quality.GOOD))[1] is None


def test_times_are_milliseconds() -> None:
    assert wire.ms(NOW) == 1_772_413_200_000
    assert wire.ms(None) is None
    assert wire.clock_time(1_772_413_200_000, ZoneInfo("Asia/Shanghai")) == "09:00"


def test_a_forecast_says_why_it_is_a_fallback_in_both_languages() -> None:
    said = wire.forecast(a_forecast(1))
    assert said["fallback"] == {"zh": "", "en": ""}
    assert (said["q10"][0], said["q50"][0], said["q90"][0]) == (40.0, 50.0, 60.0)
    orjson.dumps(said)


def test_ingest_is_known_by_its_heartbeat() -> None:
    beats = [Heartbeat(name, "h:1", NOW, NOW, {"messages_per_s": 3.0}) for name in ("alerts", "ingest")]
    assert wire.ingest(beats) == {"beat": wire.ms(NOW), "metrics": {"messages_per_s": 3.0}}
    assert wire.ingest([]) is None
