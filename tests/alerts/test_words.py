from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from alerts.words import sentence
from domain.warnings import Warning, WarningLevel, WarningMode, WarningSource, WarningState

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
WARNING = Warning(
    warning_id="w", identifier="i", rule_id="r", rule_version=1, source=WarningSource.RULE, hazard_class="air",
    level=WarningLevel.ORANGE, state=WarningState.CANDIDATE, mode=WarningMode.ACTUAL, object_id="1",
    device_id="440106/environment/north/air-1", lon=None, lat=None, raised_at=NINE, updated_at=NINE, zh="细颗粒物浓度偏高",
    en="Fine particulate matter is high",
    evidence={"value": 182.04, "threshold": 150.0, "property": "pm25", "unit": "ug/m3", "device_name": "北站"},
)  # fmt: skip
EXPECTED = replace(WARNING, source=WarningSource.FORECAST, probability=0.724, lead_time_s=3 * 3600 + 300)


def test_a_warning_says_what_was_measured_where() -> None:
    assert sentence(WARNING, "zh") == "细颗粒物浓度偏高：北站 PM2.5 182 μg/m³（阈值 150 μg/m³）"
    assert sentence(WARNING, "en") == "Fine particulate matter is high: 北站, PM2.5 182 μg/m³ (threshold 150 μg/m³)"


def test_large_numbers_are_written_out() -> None:
    busy = {"value": 11_999.6, "threshold": 10_000.0, "property": "intensity", "unit": "/h", "device_name": "东门"}
    assert sentence(replace(WARNING, evidence=busy), "zh").endswith("东门 车流量 12000 辆/时（阈值 10000 辆/时）")


def test_a_forecast_says_when_and_how_probable() -> None:
    assert sentence(EXPECTED, "zh") == "细颗粒物浓度偏高：北站 PM2.5 3 小时 5 分钟后预计 182 μg/m³（阈值 150 μg/m³，概率 72%）"
    assert sentence(EXPECTED, "en") == (
        "Fine particulate matter is high: 北站, PM2.5 182 μg/m³ expected in 3 h 5 min (threshold 150 μg/m³, probability 72 %)"
    )
    assert "now" in sentence(replace(EXPECTED, lead_time_s=0.0), "en")


def test_a_place_without_a_name_and_a_property_without_a_word_keep_their_own() -> None:
    odd = {"value": 2.5, "threshold": 2.0, "property": "turbidity", "unit": "[NTU]"}
    assert sentence(replace(WARNING, evidence=odd), "en").endswith(
        "440106/environment/north/air-1, turbidity 2.5 [NTU] (threshold 2 [NTU])"
    )


def test_without_evidence_the_place_is_still_said() -> None:
    assert sentence(replace(WARNING, evidence={}), "zh") == "细颗粒物浓度偏高：440106/environment/north/air-1"


def test_evidence_of_a_kind_that_is_not_known_here_stops_nobody() -> None:
    assert (
        sentence(replace(WARNING, evidence={"value": 3.0}), "en")
        == "Fine particulate matter is high: 440106/environment/north/air-1"
    )
