"""Specs: what is well-formed comes back as it went in; what is not is told whole, in both languages."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rule_specs import SpecError, faults_among, read_spec, write_spec
from domain.rules import Acceptance, Area, Days, Hours, Subject, kindred
from domain.warnings import LevelThreshold, SeriesMeasure, ThresholdRule, WarningLevel, WarningSource

RIVER: dict[str, Any] = {
    "metric": "waterLevel", "direction": "above", "levels": {"red": {"raise": 4.5, "clear": 4.3}, "blue": {"raise": 3, "clear": 2.8}},
    "raise_hold_s": 60, "clear_hold_s": 300, "hazard_class": "flood", "zh": "水位超警戒", "en": "High water",
}  # fmt: skip


def faults(spec: object, rule_id: str = "river") -> dict[str, str]:
    with pytest.raises(SpecError) as told:
        read_spec(rule_id, 1, spec)
    assert all(fault.zh and fault.en for fault in told.value.faults)
    return {fault.field: fault.en for fault in told.value.faults}


def test_a_spec_becomes_a_rule_whose_gravest_level_comes_first() -> None:
    rule = read_spec("river", 3, RIVER)
    assert (rule.rule_id, rule.version, rule.property, rule.subject) == ("river", 3, "waterLevel", Subject.PROPERTY)
    assert rule.thresholds == (LevelThreshold(WarningLevel.RED, 4.5, 4.3), LevelThreshold(WarningLevel.BLUE, 3, 2.8))


def test_a_spec_that_an_earlier_version_stored_reads_as_it_did() -> None:
    old = {
        "property": "waterLevel", "direction": "above", "raise_hold_s": 60.0, "clear_hold_s": 300.0, "hazard_class": "flood",
        "zh": "水位超警戒", "en": "High water", "source": "rule", "min_probability": 0.5, "horizon_s": 0.0,
        "thresholds": [["red", 4.5, 4.3], ["blue", 3, 2.8]],
    }  # fmt: skip
    assert read_spec("river", 1, old) == read_spec("river", 1, RIVER)
    assert read_spec("river", 1, old | {"measure": "sum", "window_s": 3600}).measure is SeriesMeasure.SUM


LEVELS = st.sets(st.sampled_from(list(WarningLevel)), min_size=1).map(
    lambda levels: tuple(
        LevelThreshold(level, float(100 - 10 * level.rank), float(95 - 10 * level.rank))
        for level in WarningLevel
        if level in levels
    )
)
RULES = st.builds(
    ThresholdRule, rule_id=st.just("a"), version=st.just(1), property=st.just("pm25"), direction=st.just("above"), thresholds=LEVELS,
    raise_hold_s=st.floats(0, 86_400), clear_hold_s=st.floats(0, 86_400), hazard_class=st.just("fire"), zh=st.just("火"), en=st.just("Fire"),
    area=st.sampled_from([Area(), Area(districts=("440106",)), Area(ring=((0, 0), (1, 0), (1, 1)))]),
    hours=st.sampled_from([None, Hours(), Hours(Days.WORKDAYS, 510, 1050), Hours(Days.DAYS_OFF, 1320, 360)]),
    min_quality=st.sampled_from(list(Acceptance)), parent=st.sampled_from([None, "rain"]), advice_zh=st.sampled_from(["", "关门"]),
    advice_en=st.sampled_from(["", "Shut it"]), enabled=st.booleans(),
)  # fmt: skip


@given(RULES)
def test_a_rule_written_and_read_is_the_same(rule: ThresholdRule) -> None:
    assert read_spec("a", 1, write_spec(rule)) == rule


@pytest.mark.parametrize(
    "rule",
    [
        replace(read_spec("a", 1, RIVER), source=WarningSource.FORECAST, min_probability=0.3, horizon_s=3600),
        replace(read_spec("a", 1, RIVER), subject=Subject.EVENTS, property="incidents", window_s=3600, classes=("fire",)),
        replace(read_spec("a", 1, RIVER), subject=Subject.QUALITY, property="*", direction="below", thresholds=(LevelThreshold(WarningLevel.BLUE, 90, 95),)),
        replace(read_spec("a", 1, RIVER), subject=Subject.COMBINATION, property="standing", members=("x", "y"), within_m=500.0, thresholds=(LevelThreshold(WarningLevel.RED, 2, 2),)),
    ],
)  # fmt: skip
def test_every_subject_comes_back_as_it_went(rule: ThresholdRule) -> None:
    assert read_spec("a", 1, write_spec(rule)) == rule


def test_all_faults_are_told_at_once() -> None:
    spoilt = RIVER | {
        "direction": "up",
        "raise_hold_s": -1,
        "area": {"polygon": [[1, 2]]},
        "hours": {"from": "25:00"},
        "colour": 1,
    }
    assert faults(spoilt).keys() == {"direction", "raise_hold_s", "area", "hours", "colour"}


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"levels": {}}, "levels", "levels is missing: expected at least one level"),
        ({"levels": {"pink": {}}}, "levels", "expected at least one level, one of red, orange, yellow, blue"),
        ({"levels": {"red": {"raise": 1, "clear": 2}}}, "levels.red", "the clear value below or at the raise value"),
        ({"levels": {"red": {"raise": 1, "clear": 1}, "blue": {"raise": 2, "clear": 1}}}, "levels.blue", "expected it on the near side of 1, where red raises"),
        ({"levels": {"red": {"raise": float("nan"), "clear": 1}}}, "levels.red", "expected two numbers"),
        ({"measure": "sum"}, "window_s", "window_s is missing: expected a window of more than 0 s"),
        ({"window_s": 60}, "window_s", "expected no window"),
        ({"subject": "hall"}, "metric", "expected one of waiting, wait_p90_min, longest_wait_min, wait_ahead_p90_min"),
        ({"subject": "derived"}, "metric", "the key of a derived series"),
        ({"subject": "silence", "metric": "*", "direction": "below", "levels": {"red": {"raise": 1, "clear": 2}}}, "direction", "as more is worse here"),
        ({"subject": "events", "metric": "incidents"}, "window_s", "expected a window"),
        ({"subject": "combination", "metric": "standing"}, "members", "the ids of 2 to 12 different rules"),
        ({"subject": "combination", "metric": "standing", "members": ["a", "b"]}, "levels.red", "no more than the 2 members"),
        ({"subject": "hall", "metric": "waiting", "measure": "sum"}, "measure", "is not a key of a rule about queues of halls"),
        ({"source": "forecast", "measure": "mean", "window_s": 60}, "source", "only readings of devices are judged ahead"),
        ({"zh": ""}, "zh", "expected the words in Chinese"),
        ({"enabled": "yes"}, "enabled", "enabled is 'yes': expected true or false"),
    ],
)  # fmt: skip
def test_a_fault_names_the_field_the_value_and_what_was_expected(change: dict[str, Any], field: str, said: str) -> None:
    assert said in faults(RIVER | change)[field]


@pytest.mark.parametrize("spec", [None, [], "x", 3])
def test_what_is_no_object_is_no_spec(spec: object) -> None:
    assert "expected an object" in faults(spec)["spec"]


def test_an_id_is_letters_and_digits() -> None:
    assert "rule is 'a b'" in faults(RIVER, "a b")["rule"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*RIVER, "area", "hours", "members", "x"]), inner),
    )
)
def test_anything_at_all_is_read_or_told(said: object) -> None:
    with suppress(SpecError):
        assert read_spec("a", 1, said).thresholds


def test_beside_the_others_parents_and_members_have_to_live_and_make_no_circle() -> None:
    rain, river = read_spec("rain", 1, RIVER), read_spec("river", 1, RIVER | {"parent": "rain"})
    both = read_spec(
        "both",
        1,
        RIVER
        | {
            "subject": "combination",
            "metric": "standing",
            "members": ["rain", "gone"],
            "levels": {"red": {"raise": 2, "clear": 2}},
        },
    )
    live = {"rain": rain, "river": river, "both": both}
    assert faults_among(river, live, frozenset()) == []
    assert [fault.field for fault in faults_among(both, live, frozenset())] == ["members"]
    circle = replace(rain, parent="river")
    assert "does not lead back" in faults_among(circle, live, frozenset())[0].en
    far = replace(rain, area=Area(districts=("110101",)))
    assert [fault.field for fault in faults_among(far, live, frozenset({"440106"}))] == ["area"]


def test_a_place_lies_in_an_area_by_district_or_by_polygon() -> None:
    square = Area(ring=((113.0, 23.0), (114.0, 23.0), (114.0, 24.0), (113.0, 24.0)))
    assert square.holds(None, 113.5, 23.5)
    assert not square.holds(None, 114.5, 23.5)
    assert not square.holds("440106", None, None)
    assert Area(districts=("440106",)).holds("440106", None, None)
    assert Area().holds(None, None, None)


def test_hazards_have_kin() -> None:
    assert kindred("flood") == {"flood", "rainstorm", "waterlogging"}
    assert kindred("medical") == {"medical"}
