"""Resources and requests at a real database: never more than there is, however many ask at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import closing, requests, resources
from dispatch.holdings import holdings
from domain.moments import Moment
from domain.refusals import Refused
from domain.resources import HOLDING, Holding, RequestState, Resource, ResourceKind, ResourceRequest
from domain.rights import Actor, Role, Scope
from gis_data.city import City
from storage import dossiers
from storage import resources as kept
from storage.audit import list_entries
from storage.connection import Connection, connect
from tests.support.databases import Databases
from tests.support.scenes import COMMANDER, NOW, an_incident, minutes, stored

ZONE = ZoneInfo("Asia/Shanghai")
OFFICER = Actor("wang", Role.DUTY_OFFICER)
TODAY = date(2026, 3, 2)
STATES = list(RequestState)


def a_lot(
    name: str = "w-1:sandbag",
    capacity: int = 100,
    *,
    lon: float = 113.25,
    expires_on: date | None = None,
    department: str = "应急管理局",
) -> Holding:
    return Holding(
        name, ResourceKind.SUPPLY, "sandbag", "防汛沙袋", "Sandbag", "只", "bags", department, "440106", name.split(":")[0], "库", "Warehouse",
        lon, 23.125, capacity, 0, expires_on,
    )  # fmt: skip


SHELTER = Holding(
    "s-1",
    ResourceKind.SHELTER,
    "shelter",
    "公园避难场所",
    "Park Shelter",
    "人",
    "people",
    None,
    "440106",
    "s-1",
    "",
    "",
    113.26,
    23.13,
    500,
    0,
    None,
)
HOSPITAL = Holding(
    "h-1",
    ResourceKind.HOSPITAL,
    "hospital",
    "人民医院",
    "People's Hospital",
    "床",
    "beds",
    None,
    "440106",
    "h-1",
    "",
    "",
    113.27,
    23.13,
    300,
    None,
    None,
)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A fire; a warehouse beside it with a hundred sandbags, one ten kilometres east with fifty; a shelter and a hospital."""
    stored(conn, an_incident(), an_incident("i-2", minutes_ago=5))
    kept.seed_resources(
        conn, [a_lot(), a_lot("w-2:sandbag", 50, lon=113.35, department="水务局"), SHELTER, HOSPITAL], NOW - minutes(60)
    )
    return conn


def the(conn: Connection, resource_id: str = "w-1:sandbag", later: float = 1000) -> Resource:
    found = kept.find_resource(conn, resource_id, Moment.live(NOW + minutes(later)))
    assert found is not None
    return found


def reserve(conn: Connection, amount: int, resource_id: str = "w-1:sandbag", *, incident: str = "i-1", later: float = 0) -> str:
    return resources.reserve(
        conn, resource_id, incident, OFFICER, NOW + minutes(later), amount=str(amount), zone=ZONE
    ).reservation_id


def refused(act: Any, *said: Any, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        act(*said, **more)
    return caught.value.code


# seeding


def test_what_the_layers_tell_is_stored_once_and_never_over_an_operator_s_word(scene: Connection) -> None:
    resources.note(scene, "s-1", OFFICER, NOW, reason="开放", occupied="120")
    assert kept.seed_resources(scene, [SHELTER, a_lot("w-3:sandbag", 7)], NOW + minutes(1)) == 1
    assert (the(scene, "s-1").occupied, the(scene, "w-3:sandbag").capacity) == (120, 7)


def test_the_demonstration_city_holds_lots_shelters_and_hospitals(small_city: City, conn: Connection) -> None:
    found = holdings(small_city, TODAY)
    kinds = {kind: sum(h.kind is kind for h in found) for kind in ResourceKind}
    assert kinds[ResourceKind.SHELTER] == len(small_city.places_of("shelter")) > 0
    assert kinds[ResourceKind.HOSPITAL] == len(small_city.places_of("hospital")) > 0
    assert kinds[ResourceKind.SUPPLY] + kinds[ResourceKind.EQUIPMENT] == len(small_city.stock()) > 0
    assert all(h.expires_on is None or h.expires_on >= TODAY for h in found)
    assert {h.occupied for h in found if h.kind is ResourceKind.HOSPITAL} == {None}, "no layer knows"
    assert all(h.district_code and h.department for h in found)
    assert kept.seed_resources(conn, found, NOW) == len(found)
    assert kept.seed_resources(conn, found, NOW) == 0


# noting and adding


def test_what_is_noted_is_known_from_then_on(scene: Connection) -> None:
    resources.note(scene, "h-1", OFFICER, NOW, reason="院方报告", occupied="280")
    resources.note(scene, "h-1", OFFICER, NOW + minutes(5), reason="停电", status="out_of_service")
    free = [kept.find_resource(scene, "h-1", Moment.past(NOW + minutes(n))).free(TODAY) for n in (-1, 1, 6)]  # type: ignore[union-attr]
    assert free == [None, 20, 0]
    assert [(step.occupied, step.status.value, step.actor) for step in kept.list_steps(scene, "h-1", Moment.live(NOW + minutes(9)))] == [
        (None, "ready", None), (280, "ready", "wang"), (280, "out_of_service", "wang"),
    ]  # fmt: skip
    assert list_entries(scene)[0].detail == {"reason": "停电", "status": "out_of_service"}


def test_a_fact_is_noted_even_where_it_breaks_a_promise(scene: Connection) -> None:
    reserve(scene, 80)
    resources.note(scene, "w-1:sandbag", OFFICER, NOW + minutes(1), reason="盘点", capacity="50", expires="2026-12-31")
    lot = the(scene)
    assert (lot.capacity, lot.reserved, lot.free(TODAY), lot.expires_on) == (50, 80, 0, date(2026, 12, 31))
    resources.note(scene, "w-1:sandbag", OFFICER, NOW + minutes(2), reason="更正", expires="none")
    assert the(scene).expires_on is None


def test_what_is_noted_wrongly_is_told(scene: Connection) -> None:
    def note(**said: str) -> str:
        return refused(resources.note, scene, "h-1", OFFICER, NOW, **{"reason": "x", **said})

    assert note(occupied="-1") == note(occupied="many") == note(capacity="9" * 30) == "no_amount"
    assert (note(status="sleepy"), note(expires="soon"), note(), note(reason=" ", occupied="1")) == (
        "word_unknown", "no_date", "nothing_to_change", "reason_missing",
    )  # fmt: skip
    assert refused(resources.note, scene, "h-9", OFFICER, NOW, reason="x", occupied="1") == "resource_unknown"


def test_a_department_notes_its_own(scene: Connection) -> None:
    water = Actor("wu", Role.DISPATCHER, Scope(department="水务局"))
    resources.note(scene, "w-2:sandbag", water, NOW, reason="盘点", capacity="40")
    assert refused(resources.note, scene, "w-1:sandbag", water, NOW, reason="盘点", capacity="40") == "out_of_area"
    assert refused(resources.reserve, scene, "w-1:sandbag", "i-1", water, NOW, amount="1", zone=ZONE) == "out_of_area"


def test_a_team_that_no_layer_knows_is_added(scene: Connection) -> None:
    team = Holding(
        "",
        ResourceKind.TEAM,
        "search_team",
        "搜救队",
        "Search team",
        "人",
        "people",
        "消防救援支队",
        "440106",
        None,
        "",
        "",
        113.2,
        23.1,
        20,
        0,
        None,
    )
    name = resources.add(scene, team, COMMANDER, NOW, reason="增援到达")
    assert (the(scene, name).name_zh, the(scene, name).capacity, the(scene, name).actor) == ("搜救队", 20, "li")
    wrong = Holding(**{n: getattr(team, n) for n in Holding.__slots__} | {"type": "sandbag"})
    assert refused(resources.add, scene, wrong, COMMANDER, NOW, reason="x") == "type_of_other_kind"


# reserving


def test_what_is_held_is_not_free_until_it_is_released_and_what_is_used_up_is_gone(scene: Connection) -> None:
    held = reserve(scene, 60)
    assert (the(scene).reserved, the(scene).free(TODAY)) == (60, 40)
    resources.release(scene, held, OFFICER, NOW + minutes(5), used="25", words="已填筑")
    assert (the(scene).reserved, the(scene).capacity, the(scene).free(TODAY)) == (0, 75, 75)
    (row,) = kept.list_reservations(scene, Moment.live(NOW + minutes(9)), incident_ids=["i-1"], with_released=True)
    assert (row.amount, row.used, row.released_at) == (60, 25, NOW + minutes(5))
    (then,) = kept.list_reservations(scene, Moment.past(NOW + minutes(1)), incident_ids=["i-1"])
    assert (then.used, then.released_at) == (0, None), "nobody knew then"
    assert refused(resources.release, scene, held, OFFICER, NOW + minutes(6)) == "released_before"
    assert [entry.action for entry in list_entries(scene)] == ["resource.release", "resource.release", "resource.reserve"]
    log = {entry.entry.action for entry in dossiers.log(scene, Moment.live(NOW + minutes(9)), incident_id="i-1")}
    assert {"resource.reserve", "resource.release"} <= log


def test_what_is_not_there_is_not_given(scene: Connection) -> None:
    assert refused(reserve, scene, 101) == "not_enough"
    assert refused(reserve, scene, 0) == "no_amount"
    assert refused(reserve, scene, 1, "h-1") == "occupancy_unknown"
    assert refused(reserve, scene, 1, "x-1") == "resource_unknown"
    assert refused(reserve, scene, 1, incident="i-9") == "incident_unknown"
    closing.close(scene, "i-2", OFFICER, NOW, ending="closed", reason="x", zone=ZONE)
    assert refused(reserve, scene, 1, incident="i-2", later=1) == "incident_closed"
    kept.seed_resources(scene, [a_lot("w-9:sandbag", 5, expires_on=date(2026, 3, 1))], NOW)
    assert refused(reserve, scene, 1, "w-9:sandbag") == "resource_expired"
    assert all(entry.outcome == "refused" or entry.action == "incident.close" for entry in list_entries(scene))


def test_no_more_is_used_up_than_was_held_and_places_are_not_used_up(scene: Connection) -> None:
    held = reserve(scene, 10)
    assert refused(resources.release, scene, held, OFFICER, NOW, used="11") == "used_too_many"
    place = reserve(scene, 10, "s-1")
    assert refused(resources.release, scene, place, OFFICER, NOW, used="1") == "used_too_many"
    assert refused(resources.release, scene, "v99", OFFICER, NOW) == "reservation_unknown"


def test_ten_who_ask_at_once_get_no_more_than_there_is(scene: Connection, database_url: str) -> None:
    """A hundred bags, ten times thirty: three get theirs, seven are told."""
    ready = Barrier(10)

    def go(_: int) -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                reserve(own, 30)
            except Refused as refusal:
                return refusal.code
            return "held"

    with ThreadPoolExecutor(10) as all_at_once:
        told = list(all_at_once.map(go, range(10)))
    assert (told.count("held"), told.count("not_enough")) == (3, 7)
    assert the(scene).free(TODAY) == 10


def test_an_exercise_holds_nothing_that_is_needed_elsewhere(scene: Connection) -> None:
    scene.execute("UPDATE incident SET exercise_id = 'ex-1' WHERE incident_id = 'i-2'")
    resources.reserve(scene, "w-1:sandbag", "i-2", OFFICER, NOW, amount="90", zone=ZONE, exercise_id="ex-1")
    resources.note(scene, "w-1:sandbag", OFFICER, NOW, reason="演练", capacity="95", exercise_id="ex-1")
    assert the(scene).free(TODAY) == 100
    played = kept.find_resource(scene, "w-1:sandbag", Moment.live(NOW + minutes(1)), "ex-1")
    assert played is not None
    assert played.free(TODAY) == 5


# requests


def ask(conn: Connection, amount: int = 30, *, sent: bool = True, department: str | None = None, incident: str = "i-1") -> str:
    return requests.create(
        conn, incident, "sandbag", OFFICER, NOW, amount=str(amount), zone=ZONE, is_sent=sent, department=department
    ).request_id  # fmt: skip


def go_on(conn: Connection, request_id: str, *states: str, later: float = 1, **said: Any) -> ResourceRequest:
    for n, state in enumerate(states):
        done = requests.advance(conn, request_id, COMMANDER, NOW + minutes(later + n), wanted=state, zone=ZONE, **said)
    return done


def test_a_request_goes_its_way_and_what_is_committed_is_held(scene: Connection) -> None:
    request_id = ask(scene, 120)
    go_on(scene, request_id, "acknowledged", "committed")
    assert [(r.resource_id, r.amount) for r in kept.list_reservations(scene, Moment.live(NOW + minutes(9)))] == [
        ("w-1:sandbag", 100), ("w-2:sandbag", 20),
    ]  # fmt: skip
    go_on(scene, request_id, "deployed", later=5)
    go_on(scene, request_id, "extended", later=6, until=NOW + timedelta(days=1))
    done = go_on(scene, request_id, "released", later=7, used="105")
    assert done.last.needed_until == NOW + timedelta(days=1)
    assert [(the(scene, name).capacity, the(scene, name).reserved) for name in ("w-1:sandbag", "w-2:sandbag")] == [
        (0, 0),
        (45, 0),
    ]
    go_on(scene, request_id, "returned", later=8)
    found = kept.find_request(scene, request_id, Moment.live(NOW + minutes(9)))
    assert found is not None
    assert [step.state.value for step in found.steps] == [
        "draft", "requested", "acknowledged", "committed", "deployed", "extended", "released", "returned",
    ]  # fmt: skip
    then = kept.find_request(scene, request_id, Moment.past(NOW + minutes(1.5)))
    assert then is not None
    assert then.state is RequestState.ACKNOWLEDGED
    log = [entry.entry.action for entry in dossiers.log(scene, Moment.live(NOW + minutes(9)), incident_id="i-1")]
    assert log.count("request.advance") == 6


def test_what_is_not_there_cannot_be_committed_and_nothing_of_it_is_held(scene: Connection) -> None:
    request_id = ask(scene, 151)
    go_on(scene, request_id, "acknowledged")
    assert refused(go_on, scene, request_id, "committed", later=2) == "not_enough"
    assert kept.list_reservations(scene, Moment.live(NOW + minutes(9))) == []
    assert go_on(scene, request_id, "declined", later=3).state is RequestState.DECLINED


def test_what_is_asked_of_a_department_comes_from_it(scene: Connection) -> None:
    request_id = ask(scene, 30, department="水务局")
    go_on(scene, request_id, "acknowledged", "committed")
    assert [r.resource_id for r in kept.list_reservations(scene, Moment.live(NOW + minutes(9)))] == ["w-2:sandbag"]
    water = Actor("wu", Role.DISPATCHER, Scope(department="水务局"))
    requests.advance(scene, request_id, water, NOW + minutes(5), wanted="deployed", zone=ZONE)
    other = ask(scene, 1)
    assert refused(requests.advance, scene, other, water, NOW + minutes(5), wanted="acknowledged", zone=ZONE) == "out_of_area"


def test_a_named_resource_is_taken_or_refused_by_name(scene: Connection) -> None:
    request_id = ask(scene, 60)
    go_on(scene, request_id, "acknowledged")
    assert refused(go_on, scene, request_id, "committed", later=2, resource_id="w-2:sandbag") == "not_enough"
    assert refused(go_on, scene, request_id, "committed", later=2, resource_id="s-1") == "other_type"
    go_on(scene, request_id, "committed", later=2, resource_id="w-1:sandbag")
    (held,) = kept.list_reservations(scene, Moment.live(NOW + minutes(9)))
    assert refused(resources.release, scene, held.reservation_id, OFFICER, NOW + minutes(3)) == "held_by_request"
    go_on(scene, request_id, "cancelled", later=4)
    assert the(scene).reserved == 0


def test_a_request_that_makes_no_sense_is_told(scene: Connection) -> None:
    def create(**said: Any) -> str:
        wanted = {"amount": "1", "zone": ZONE, **said}
        return refused(
            requests.create, scene, wanted.pop("incident", "i-1"), wanted.pop("type", "sandbag"), OFFICER, NOW, **wanted
        )

    assert create(type="dragon") == "type_unknown"
    assert create(amount="0") == "no_amount"
    assert create(incident="i-9") == "incident_unknown"
    assert create(until=NOW - minutes(1)) == "until_past"
    request_id = ask(scene, sent=False)
    assert refused(go_on, scene, request_id, "committed") == "request_state_forbids"
    assert refused(go_on, scene, request_id, "happy") == "word_unknown"
    assert refused(go_on, scene, "q99", "requested") == "request_unknown"
    go_on(scene, request_id, "requested", "acknowledged", "committed", "deployed")
    assert refused(go_on, scene, request_id, "extended", later=9) == "until_missing"
    assert refused(go_on, scene, request_id, "released", later=9, used="31") == "used_too_many"


def test_two_requests_that_are_committed_at_once_never_hold_more_than_there_is(scene: Connection, database_url: str) -> None:
    names = [ask(scene, 40, incident=incident) for incident in ("i-1", "i-2", "i-1", "i-2", "i-1")]
    for name in names:
        go_on(scene, name, "acknowledged")
    ready = Barrier(len(names))

    def go(name: str) -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                go_on(own, name, "committed", later=2)
            except Refused as refusal:
                return refusal.code
            return "committed"

    with ThreadPoolExecutor(len(names)) as all_at_once:
        told = list(all_at_once.map(go, names))
    assert (told.count("committed"), told.count("not_enough")) == (3, 2)
    assert sum(the(scene, name).reserved for name in ("w-1:sandbag", "w-2:sandbag")) == 120


# laws

steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(1, 80), st.integers(0, 2)),
        st.tuples(st.just("release"), st.integers(0, 9), st.integers(0, 80)),
        st.tuples(st.just("advance"), st.integers(0, 9), st.sampled_from(range(len(STATES)))),
        st.tuples(st.just("ask"), st.integers(1, 120), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_is_done_in_whatever_order_nothing_is_given_twice(
    databases: Databases, done: list[tuple[str, int, int]]
) -> None:
    """Free is never less than nothing, what is held is what open reservations say, and a request holds all or nothing."""
    with databases.fresh() as url, connect(url) as conn:
        stored(conn, an_incident())
        kept.seed_resources(conn, [a_lot(), a_lot("w-2:sandbag", 50, lon=113.35)], NOW - minutes(60))
        held: list[str] = []
        asked: list[str] = []
        for n, (what, first, second) in enumerate(done):
            now = NOW + minutes(n + 1)
            try:
                if what == "reserve":
                    name = ("w-1:sandbag", "w-2:sandbag", "nowhere")[second]
                    held.append(resources.reserve(conn, name, "i-1", OFFICER, now, amount=str(first), zone=ZONE).reservation_id)
                elif what == "release" and held:
                    resources.release(conn, held[first % len(held)], OFFICER, now, used=str(second))
                elif what == "ask":
                    made = requests.create(conn, "i-1", "sandbag", OFFICER, now, amount=str(first), zone=ZONE, is_sent=True)
                    asked.append(made.request_id)
                elif what == "advance" and asked:
                    wanted = STATES[second]
                    requests.advance(conn, asked[first % len(asked)], OFFICER, now, wanted=wanted.value, zone=ZONE)
            except Refused:
                pass
            moment = Moment.live(now + minutes(1))
            lots = kept.list_resources(conn, moment)
            open_ones = kept.list_reservations(conn, moment)
            assert all(lot.capacity - lot.reserved >= 0 for lot in lots)
            for lot in lots:
                assert lot.reserved == sum(r.amount for r in open_ones if r.resource_id == lot.resource_id)
            for request in kept.list_requests(conn, moment):
                mine = sum(r.amount for r in open_ones if r.request_id == request.request_id)
                assert mine == (request.amount if request.state in HOLDING else 0)
