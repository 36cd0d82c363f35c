"""Storms small enough to draw: which warnings belong together, what is at their root, and what number they keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import shapely
from hypothesis import given
from hypothesis import strategies as st

from alerts.situations import Bonds, Member, gather, outline

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STEP = 1_000 / 111_195.0  # degrees of latitude that are a kilometre
BONDS = Bonds(causes={"flood": "rainstorm", "waterlogging": "flood", "congestion": "waterlogging"}, least=3)


def a_member(name: str, hazard: str, km_north: float = 0.0, minutes: float = 0.0, situation: int | None = None) -> Member:
    return Member(name, hazard, f"object-{name}", NINE + timedelta(minutes=minutes), 113.0, 23.0 + km_north * STEP, situation)


def test_a_storm_is_one_situation_with_the_rain_at_its_root_whatever_spoke_first() -> None:
    storm = [
        a_member("slow", "congestion", 1, 0), a_member("deep", "waterlogging", 2, 5), a_member("rain", "rainstorm", 4, 10),
        a_member("high", "flood", 3, 12),
    ]  # fmt: skip
    (found,) = gather(storm, BONDS)
    assert (found.root, found.members, found.number) == ("rain", ("slow", "deep", "rain", "high"), None)
    assert found.lat is not None
    assert abs(found.lat - (23.0 + 2.5 * STEP)) < 1e-9


def test_what_is_far_late_or_of_another_kind_stands_by_itself() -> None:
    three = [a_member(f"m{k}", "waterlogging", k) for k in range(3)]
    others = [
        a_member("far", "waterlogging", 4.5), a_member("late", "waterlogging", 1, 61 + 60), a_member("other", "fire", 1)
    ]  # fmt: skip
    (found,) = gather([*three, *others], BONDS)
    assert set(found.members) == {"m0", "m1", "m2"}


def test_two_are_no_situation_and_a_chain_of_neighbours_is() -> None:
    chain = [a_member(f"m{k}", "fire", 1.9 * k) for k in range(12)]
    assert gather(chain[:2], BONDS) == []
    (found,) = gather(chain, BONDS)
    assert len(found.members) == 12


def test_gauges_of_one_river_belong_together_however_far_apart() -> None:
    gauges = [a_member(f"g{k}", "flood", 20.0 * k) for k in range(3)]
    assert gather(gauges, BONDS) == []
    links = [("object-g0", "object-g1"), ("object-g1", "object-g2")]
    (found,) = gather(gauges, BONDS, links)
    assert found.members == ("g0", "g1", "g2")


def test_what_has_no_place_can_be_linked_and_has_no_middle() -> None:
    lost = [replace(a_member(f"l{k}", "flood"), lon=None, lat=None) for k in range(3)]
    (found,) = gather(lost, BONDS, [("object-l0", "object-l1"), ("object-l0", "object-l2")])
    assert (found.lon, found.lat) == (None, None)


def test_a_situation_keeps_its_number_and_two_that_grow_together_the_one_of_most() -> None:
    grown = [*(a_member(f"a{k}", "fire", k, 0, 7) for k in range(4)), *(a_member(f"b{k}", "fire", 4 + k, 0, 3) for k in range(3))]
    (found,) = gather(grown, BONDS)
    assert found.number == 7
    apart = [
        *(a_member(f"a{k}", "fire", k, 0, 7) for k in range(4)),
        *(a_member(f"b{k}", "fire", 40 + k, 0, 7) for k in range(3)),
    ]
    (found,) = gather(apart, BONDS)
    assert (found.number, len(found.members)) == (7, 7), "what was one stays one, whoever in the middle has ended"


def test_a_situation_stands_until_its_last_member_ends() -> None:
    (found,) = gather([a_member("last", "fire", 0, 0, 7)], BONDS)
    assert (found.number, found.members) == (7, ("last",))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["rainstorm", "flood", "fire"]), st.floats(0, 30), st.floats(0, 200), st.sampled_from([None, 1, 2])
        ),
        max_size=30,
    )
)
def test_no_warning_is_in_two_situations_and_the_order_in_which_they_are_told_is_nothing(
    told: list[tuple[str, float, float, int | None]],
) -> None:
    members = [a_member(f"m{k}", *row) for k, row in enumerate(told)]
    found = gather(members, BONDS)
    seen = [name for situation in found for name in situation.members]
    assert len(seen) == len(set(seen))
    numbers = [s.number for s in found if s.number is not None]
    assert len(numbers) == len(set(numbers))
    assert gather(members[::-1], BONDS) == found


def test_the_outline_holds_every_place_with_room_around_it() -> None:
    places = [(113.0, 23.0), (113.02, 23.0), (113.01, 23.02)]
    area = outline(places)
    assert area is not None
    assert all(area.contains(shapely.Point(place)) for place in places)
    assert not area.contains(shapely.Point(113.0, 23.0 - 0.5 * STEP))
    assert outline([]) is None
    lone = outline([(113.0, 23.0)])
    assert lone is not None
    assert lone.area > 0
