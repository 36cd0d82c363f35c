"""Proposals: what people read of a plan, and the laws that hold for every one of them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.arrivals import Arrivals
from dispatch.coverage import People
from dispatch.practice import Practice, Rules, RunCard
from dispatch.proposals import Cover, Crew, DrawnUp, Ground, OpenCall, draw_up, is_changed
from domain.incidents import Grade, Incident, IncidentState, ResponseLevel
from tests.support.scenes import NOW

WEIGHTS = {Grade.I: 8.0, Grade.II: 4.0, Grade.III: 2.0, Grade.IV: 1.0}
PRACTICE = Practice((), WEIGHTS, Rules(penalty_s=3_600, turning_s=600), crew_rest_after_h=12, behind_s=600)
INF = float("inf")


def crew(unit_id: str, *can: str, **more: Any) -> Crew:
    capabilities = frozenset(can or ("engine",))
    return Crew(
        unit_id, more.pop("kind", "engine"), capabilities, more.pop("department", "消防"), more.pop("district", "north"), **more
    )


def call(incident_id: str = "i-1", grade: Grade = Grade.III, *, served: tuple[frozenset[str], ...] = (), **card: Any) -> OpenCall:
    incident = Incident(incident_id, "fire", grade, ResponseLevel.NONE, IncidentState.REPORTED, 113.0, 23.0, "119", NOW)
    return OpenCall(incident, RunCard("fire", grade, card.pop("needs", {"engine": 1}), **card), served)


def drawn(
    calls: list[OpenCall],
    crews: list[Crew],
    times: list[list[float]],
    ground: Ground | None = None,
    practice: Practice = PRACTICE,
) -> DrawnUp:
    table = np.array(times, float).reshape(len(crews), len(calls))
    return draw_up(calls, crews, table, table * 10, ground or Ground("roads", Arrivals()), practice)


def test_the_nearest_that_can_is_proposed_and_who_else_could_come_is_named() -> None:
    crews = [crew("E1", "engine", "ladder"), crew("E2"), crew("A1", "ambulance"), crew("E3", is_free=False, at="i-9")]
    (said,) = drawn([call()], crews, [[90], [60], [10], [5]]).incidents
    (first,) = said["proposals"]
    assert (first["rank"], first["unit"], first["eta"]["s"], first["nearer"]) == (1, "E2", 60, None)
    assert first["fit"] == {"asked": "engine", "spare": []}
    assert [(o["unit"], o["why"], o["fit"]["spare"]) for o in said["others"]] == [("E1", "slower", ["ladder"])]
    assert (said["missing"], said["engaged"], said["shortfalls"]) == ({"engine": 1}, [], [])


def test_for_the_graver_incident_the_nearest_and_the_other_is_told_where_it_goes() -> None:
    crews = [crew("E1"), crew("E2")]
    calls = [call("i-1", Grade.IV), call("i-2", Grade.I)]
    one, two = drawn(calls, crews, [[60, 100], [120, 1_000]]).incidents
    assert (one["proposals"][0]["unit"], two["proposals"][0]["unit"]) == ("E2", "E1")
    assert one["proposals"][0]["nearer"] == {
        "unit": "E1",
        "eta_s": 60,
        "code": "goes_to",
        "incident": "i-2",
        "price_s": 60 + 8_000 - 120 - 800,
    }
    assert [(o["unit"], o["why"], o["incident"]) for o in one["others"]] == [("E1", "goes_to", "i-2")]


@pytest.mark.parametrize(
    ("hours", "is_out", "first", "code"), [(13, False, "E2", "crew_rest"), (11, False, "E1", None), (13, True, "E2", None)]
)
def test_a_crew_that_should_rest_comes_after_the_others_or_not_at_all(
    hours: float, is_out: bool, first: str, code: str | None
) -> None:
    practice = Practice((), WEIGHTS, PRACTICE.rules, crew_rest_after_h=12, behind_s=600, crew_rests_out=is_out)
    (said,) = drawn([call()], [crew("E1", on_order_h=hours), crew("E2")], [[60], [200]], practice=practice).incidents
    assert said["proposals"][0]["unit"] == first
    assert said["proposals"][0]["eta"]["s"] == (60 if first == "E1" else 200), "what is said is when it arrives"
    nearer = said["proposals"][0]["nearer"]
    assert (nearer["code"] if nearer else None) == code


def test_a_unit_that_has_just_not_answered_is_asked_again_only_when_nobody_else_is_near() -> None:
    crews = [crew("E1", did_not_answer=True), crew("E2")]
    assert drawn([call()], crews, [[60], [200]]).incidents[0]["proposals"][0]["unit"] == "E2"
    assert drawn([call()], crews, [[60], [900]]).incidents[0]["proposals"][0]["unit"] == "E1"


def test_an_old_place_is_said_with_its_age_and_its_doubt() -> None:
    ground = Ground("roads", Arrivals.of({}, [], (0.8, 1.25), 12))
    (said,) = drawn([call()], [crew("E1", unheard_s=300)], [[400]], ground).incidents
    (first,) = said["proposals"]
    assert first["position"] == {"age_s": 300, "is_stale": True}
    assert (first["eta"]["s"], first["eta"]["low_s"], first["eta"]["high_s"]) == (400, 20, 800)


def test_who_is_there_counts_and_who_is_under_way_is_shown_as_such() -> None:
    crews = [
        crew("E1", is_free=False, under_way_to="i-1", order_id="o-1"),
        crew("E2", is_free=False, at="i-1", order_id="o-2"),
        crew("E3"),
    ]
    served = (frozenset({"engine"}),)
    (said,) = drawn([call(needs={"engine": 3}, served=served)], crews, [[30], [0], [90]]).incidents
    assert [(p["unit"], p["is_under_way"]) for p in said["proposals"]] == [("E1", True), ("E3", False)]
    assert said["missing"] == {"engine": 1}
    assert said["engaged"] == [
        {"unit": "E1", "order": "o-1", "is_there": False},
        {"unit": "E2", "order": "o-2", "is_there": True},
    ]


def test_a_unit_is_turned_round_for_a_stated_gain_only() -> None:
    crews = [crew("E1", is_free=False, under_way_to="i-1"), crew("E2")]
    calls = [call("i-1", Grade.IV), call("i-2", Grade.IV)]
    one, two = drawn(calls, crews, [[300, 50], [350, 800]]).incidents
    (turned,) = two["proposals"]
    assert (turned["unit"], turned["turned_from"], turned["gain_s"]) == ("E1", "i-1", 700)
    assert one["proposals"][0]["unit"] == "E2"
    one, two = drawn(calls, crews, [[300, 200], [350, 800]]).incidents
    assert (one["proposals"][0]["is_under_way"], two["proposals"][0]["turned_from"]) == (True, None)
    assert two["proposals"][0]["nearer"]["code"] == "stays"


def test_a_unit_on_its_way_to_where_no_more_is_planned_is_left_alone() -> None:
    crews = [crew("E1", is_free=False, under_way_to="i-7")]
    (said,) = drawn([call()], crews, [[10]]).incidents
    assert (said["proposals"], said["shortfalls"][0]["why"]) == ([], "all_at_work")


def test_a_surplus_unit_is_not_torn_away_for_less_than_a_turn_is_worth() -> None:
    """E1 drives to i-1, which has all it needs, because somebody wanted it so; E2 is 500 s slower for i-2."""
    crews = [crew("E1", is_free=False, under_way_to="i-1"), crew("E2")]
    calls = [call("i-1", Grade.IV, served=(frozenset({"engine"}),)), call("i-2", Grade.IV)]
    _, two = drawn(calls, crews, [[300, 100], [900, 600]]).incidents
    assert two["proposals"][0]["unit"] == "E2"
    _, two = drawn(calls, crews, [[300, 100], [900, 800]]).incidents
    assert (two["proposals"][0]["unit"], two["proposals"][0]["turned_from"]) == ("E1", "i-1")


def test_what_nobody_meets_says_why_and_where_help_could_come_from() -> None:
    crews = [crew("E1", "gas", is_free=False, at="i-9", district="south", department="城管"), crew("E2")]
    (said,) = drawn([call(needs={"gas": 1, "rescue": 1})], crews, [[700], [60]]).incidents
    gas, rescue = said["shortfalls"]
    assert (gas["capability"], gas["n"], gas["why"]) == ("gas", 1, "all_at_work")
    assert gas["later"] == [{"unit": "E1", "eta_s": 700, "incident": "i-9"}]
    assert gas["neighbours"] == [{"department": "城管", "n": 1}, {"district": "south", "n": 1}]
    assert (rescue["why"], rescue["later"], rescue["neighbours"]) == ("nobody_able", [], [])


def test_the_price_in_coverage_is_told_for_each_and_for_all() -> None:
    people = People(np.array([60.0, 40.0]), np.array([0, 1]), ("north", "south"))
    reach = {"E1": np.array([True, False]), "E2": np.array([True, True])}
    cover = Cover(480, ("E1", "E2"), (reach["E1"], reach["E2"]))
    ground = Ground("roads", Arrivals(), people, lambda kind: cover if kind == "engine" else None)
    crews = [crew("E1"), crew("E2", district="south"), crew("A1", "ambulance", kind="ambulance")]
    (said,) = drawn([call(needs={"engine": 2, "ambulance": 1})], crews, [[60], [90], [10]], ground).incidents
    lost = {p["unit"]: p["coverage"] for p in said["proposals"]}
    assert (lost["E1"]["is_felt"], lost["E1"]["district"], lost["E1"]["left"]) == (False, "north", 0)
    assert (lost["E2"]["district"], lost["E2"]["before"], lost["E2"]["after"], lost["E2"]["city_after"]) == (
        "south",
        1.0,
        0.0,
        0.6,
    )
    assert lost["A1"] is None, "nobody says how soon an ambulance should be there"
    (together,) = said["coverage_all"]
    assert (together["kind"], together["city_after"], together["district"]) == ("engine", 0.0, "north")


def test_one_unit_may_meet_several_needs_where_a_card_says_so_and_none_is_met_in_half() -> None:
    crews = [crew("E1", "engine", "ladder"), crew("E2")]
    (said,) = drawn([call(needs={"engine": 2, "ladder": 1}, is_shared=True)], crews, [[60], [90]]).incidents
    first, second = said["proposals"]
    assert (first["unit"], sorted([first["capability"], *first["also"]]), second["unit"]) == ("E1", ["engine", "ladder"], "E2")
    (said,) = drawn([call(needs={"engine": 3}, is_whole=True)], crews, [[60], [90]]).incidents
    assert (said["proposals"], said["shortfalls"][0]["why"], said["shortfalls"][0]["n"]) == ([], "tied", 3)


def content(plan: DrawnUp) -> dict[str, Any]:
    return {"basis": "roads", "incidents": plan.incidents, "moves": []}


def test_a_plan_that_says_the_same_is_not_new_until_somebody_arrives_clearly_later() -> None:
    crews = [crew("E1"), crew("E2")]
    before = content(drawn([call()], crews, [[100], [300]]))
    assert is_changed(None, before)
    assert not is_changed(before, copy.deepcopy(before))
    assert not is_changed(before, content(drawn([call()], crews, [[119], [300]])))
    assert is_changed(before, content(drawn([call()], crews, [[121], [300]])))
    assert is_changed(before, content(drawn([call()], crews, [[301], [300]]))), "another unit"
    assert is_changed(before, content(drawn([call(served=(frozenset({"engine"}),))], crews, [[100], [300]])))


@st.composite
def cities(draw: st.DrawFn) -> tuple[list[OpenCall], list[Crew], list[list[float]]]:
    """Up to six units and three incidents: free, at work, under way, of whatever skill, with ways or none."""
    skills = st.sets(st.sampled_from(["engine", "ambulance", "gas"]), min_size=1)
    n_calls = draw(st.integers(1, 3))
    names = [f"i-{k}" for k in range(n_calls)]
    crews = []
    for k in range(draw(st.integers(0, 6))):
        where = draw(st.sampled_from(["free", "away", "at", *names]))
        crews.append(
            crew(
                f"u{k}", *draw(skills), is_free=where == "free", under_way_to=where if where in names else None,
                at="i-x" if where == "at" else None, on_order_h=draw(st.sampled_from([0.0, 13.0])), did_not_answer=draw(st.booleans()),
            )
        )  # fmt: skip
    needs = st.dictionaries(st.sampled_from(["engine", "ambulance", "gas"]), st.integers(1, 2), min_size=1)
    calls = [
        call(
            name,
            draw(st.sampled_from(list(Grade))),
            needs=draw(needs),
            is_whole=draw(st.booleans()),
            is_shared=draw(st.booleans()),
        )
        for name in names
    ]
    seconds = st.sampled_from([0.0, 30.0, 100.0, 500.0, 4_000.0, INF])
    return calls, crews, [[draw(seconds) for _ in calls] for _ in crews]


@settings(deadline=None, max_examples=60)
@given(cities())
def test_never_a_busy_incapable_or_unreachable_unit_and_never_one_to_two_places(
    case: tuple[list[OpenCall], list[Crew], list[list[float]]],
) -> None:
    calls, crews, times = case
    by_id = {c.unit_id: (k, c) for k, c in enumerate(crews)}
    sent: list[str] = []
    for n, said in enumerate(drawn(calls, crews, times).incidents):
        met: dict[str, int] = {}
        for p in said["proposals"]:
            row, unit = by_id[p["unit"]]
            asked = [p["capability"], *p["also"]]
            assert set(asked) <= unit.capabilities
            assert np.isfinite(times[row][n])
            is_plain = not (p["is_under_way"] or said["is_whole"] or said["is_shared"])
            assert times[row][n] < PRACTICE.rules.penalty_s or not is_plain, "nobody is sent for less than nothing"
            assert unit.is_free or unit.under_way_to is not None
            assert p["is_under_way"] == (unit.under_way_to == said["incident"])
            assert p["turned_from"] == (unit.under_way_to if unit.under_way_to not in (None, said["incident"]) else None)
            sent.append(p["unit"])
            for capability in asked:
                met[capability] = met.get(capability, 0) + 1
        assert all(met[c] <= said["needs"][c] for c in met)
        short = {s["capability"]: s["n"] for s in said["shortfalls"]}
        assert {c: met.get(c, 0) + short.get(c, 0) for c in said["needs"]} == said["needs"]
        assert not (said["is_whole"] and short and met), "all or none"
        assert all(by_id[o["unit"]][1].is_free for o in said["others"])
    assert len(sent) == len(set(sent))
