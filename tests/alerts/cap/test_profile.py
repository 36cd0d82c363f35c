"""The profile: states, references, certainty, areas and words of what we publish."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from alerts.cap.document import Alert, Circle, Named, Reference
from alerts.cap.profile import alert_of, certainty_of, urgency_of
from alerts.cap.read import Read, read
from alerts.cap.write import write
from alerts.drafting import MOST_CORNERS, Wish, draft, outline, read_wish
from domain.publications import PublicationStep
from domain.refusals import Refused
from domain.warnings import Warning, WarningMode
from gis_data.city import District
from tests.support import cap_schema
from tests.support.outward import IDENTIFIER, ISSUER, a_warning
from tests.support.scenes import NOW

NORTH = District("440106", "北区", "North", shapely.box(113.2, 23.1, 113.3, 23.2), 1000, (113.25, 23.15))
NONE = Wish({})


def said(
    warning: Warning, step: PublicationStep = PublicationStep.PUBLISH, wish: Wish = NONE, *, district: District | None = NORTH
) -> Alert:
    """The message, after it has been written, found valid, and read."""
    before = [Reference("warning@city.example", IDENTIFIER, NOW)] if step is not PublicationStep.PUBLISH else []
    made = alert_of(draft(warning, step, wish, ISSUER, NOW, district=district), IDENTIFIER, before, ISSUER)
    document = write(made)
    assert cap_schema.faults(document) == []
    found = read(document)
    assert found == Read(made)
    return made


@pytest.mark.parametrize(
    ("step", "msg_type", "response"),
    [
        (PublicationStep.PUBLISH, "Alert", "Monitor"), (PublicationStep.UPDATE, "Update", "Monitor"),
        (PublicationStep.RAISE, "Update", "Monitor"), (PublicationStep.LOWER, "Update", "Monitor"),
        (PublicationStep.OVER, "Update", "AllClear"), (PublicationStep.WITHDRAWN, "Cancel", "Monitor"),
    ],
)  # fmt: skip
def test_every_step_is_a_message_of_its_kind(step: PublicationStep, msg_type: str, response: str) -> None:
    made = said(a_warning(), step)
    assert made.msg_type == msg_type
    assert [info.response_types for info in made.infos] == [(response,), (response,)]
    assert bool(made.references) == (step is not PublicationStep.PUBLISH)


@pytest.mark.parametrize(
    ("mode", "status", "note"),
    [
        (WarningMode.ACTUAL, "Actual", None), (WarningMode.EXERCISE, "Exercise", "exercise ex-1"), (WarningMode.TEST, "Test", None),
        (WarningMode.DRAFT, "Draft", None), (WarningMode.SYSTEM, "System", None),
    ],
)  # fmt: skip
def test_the_mode_is_the_status_and_an_exercise_is_named_in_the_note(mode: WarningMode, status: str, note: str | None) -> None:
    exercise = "ex-1" if mode is WarningMode.EXERCISE else None
    made = said(a_warning(mode=mode, exercise_id=exercise))
    assert (made.status, made.note) == (status, note)


def test_it_speaks_chinese_and_english_of_the_same() -> None:
    chinese, english = said(a_warning()).infos
    assert (chinese.language, chinese.event, chinese.severity) == ("zh-CN", "空气污染", "Severe")
    assert chinese.headline == "某市应急指挥中心发布空气污染Ⅱ级 橙色预警"
    assert chinese.description == "细颗粒物浓度偏高：北站 PM2.5 160 μg/m³（阈值 150 μg/m³）"
    assert (english.language, english.headline) == ("en-US", "Command centre: Air pollution warning, II orange, published")
    assert chinese.expires == NOW + timedelta(hours=6)


def test_the_area_is_the_district_closed_latitude_first_in_wgs_84() -> None:
    (area,) = said(a_warning()).infos[0].areas
    assert area.words == "北区"
    assert area.geocodes == (Named("GB/T 2260", "440106"),)
    (ring,) = area.polygons
    assert ring[0] == ring[-1]
    assert {lat for lat, _ in ring} == {23.1, 23.2}
    assert {lon for _, lon in ring} == {113.2, 113.3}


def test_without_a_district_it_is_a_circle_round_the_place() -> None:
    (area,) = said(a_warning(), district=None).infos[0].areas
    assert (area.words, area.circles) == ("北站", (Circle(23.125, 113.25, 1.0),))


def test_an_area_in_the_evidence_goes_before_the_district_and_a_wish_before_both() -> None:
    drawn = {"type": "Polygon", "coordinates": [[[113.0, 23.0], [113.1, 23.0], [113.1, 23.1], [113.0, 23.0]]]}
    told = said(a_warning(evidence={**a_warning().evidence, "area": drawn, "area_zh": "河边"}))
    assert told.infos[0].areas[0].words == "河边"
    assert told.infos[0].areas[0].polygons[0][0] == (23.0, 113.0)
    wish = read_wish({"area": '{"type": "Point", "coordinates": [113.5, 23.5]}', "reach_m": "500", "area_zh": "广场"})
    (wished,) = said(a_warning(), wish=wish).infos[0].areas
    assert (wished.words, wished.circles) == ("广场", (Circle(23.5, 113.5, 0.5),))


def test_a_long_outline_is_drawn_more_simply() -> None:
    shore = shapely.Point(113.2, 23.1).buffer(0.1, quad_segs=2000)
    plain = outline(shore)
    assert shapely.get_num_coordinates(plain) <= MOST_CORNERS
    assert plain.symmetric_difference(shore).area < 0.01 * shore.area


@given(st.none() | st.floats(0, 1))
def test_certainty_follows_the_probability(p: float | None) -> None:
    assert certainty_of(p) == ("Observed" if p is None else "Likely" if p > 0.5 else "Possible")


@pytest.mark.parametrize(
    ("lead_s", "urgency"), [(None, "Immediate"), (0, "Immediate"), (1800, "Expected"), (3600, "Expected"), (7200, "Future")]
)
def test_urgency_follows_the_time_that_is_left(lead_s: float | None, urgency: str) -> None:
    assert urgency_of(lead_s) == urgency


def test_what_is_foreseen_begins_when_it_is_foreseen() -> None:
    info = said(a_warning(lead_time_s=7200.0, probability=0.7)).infos[0]
    assert (info.onset, info.urgency, info.certainty) == (NOW + timedelta(hours=2), "Future", "Likely")
    assert Named("probability", "0.700") in info.parameters


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"level": "purple"}, "level_unknown"), ({"audiences": "public,press"}, "audience_unknown"), ({"expires": "tonight"}, "time_malformed"),
        ({"onset": "2026-03-02T09:00:00"}, "time_malformed"), ({"area": "{}"}, "shape_unreadable"),
        ({"area": '{"type": "Point", "coordinates": [113.5, 23.5]}'}, "area_malformed"),
        ({"area": '{"type": "LineString", "coordinates": [[113.5, 23.5], [113.6, 23.5]]}'}, "area_malformed"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_refused_by_name(wish: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_wish(wish)
    assert refused.value.code == code


def test_what_is_over_before_it_leaves_does_not_leave() -> None:
    with pytest.raises(Refused, match="the warning would expire before it leaves"):
        draft(a_warning(), PublicationStep.PUBLISH, replace(NONE, expires=NOW), ISSUER, NOW, district=NORTH)


def test_a_warning_without_a_place_asks_for_an_area() -> None:
    with pytest.raises(Refused, match="expected an area with it"):
        draft(a_warning(lon=None, lat=None), PublicationStep.PUBLISH, NONE, ISSUER, NOW, district=None)
