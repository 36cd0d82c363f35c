"""Incidents by people at a real database: each act does what it says, is refused with its reason, and leaves its entry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access import approvals
from dispatch import closing, incidents, orders
from dispatch.incidents import Call
from domain.incidents import OPEN_STATES, Grade, IncidentState, ResponseLevel, SourceKind
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Actor, Role, Scope
from storage import commands, dossiers, evidence, merges, rules, warnings
from storage import incidents as kept
from storage import orders as kept_orders
from storage.audit import list_entries
from storage.connection import Connection, connect
from storage.places import place_of_incident
from tests.support.databases import Databases
from tests.support.scenes import (
    COMMANDER,
    HOTLINE,
    NOW,
    a_detection,
    a_device,
    a_request,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    minutes,
    stored,
)
from tests.support.visitors import settled

ZONE = ZoneInfo("Asia/Shanghai")
OFFICER = Actor("wang", Role.DUTY_OFFICER)
SMOKE = Call("fire", "III", 113.26, 23.13, "phone", "三楼冒烟", district_code="440106")


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A fire reported ten minutes ago by a desk, another beside it, and an ambulance that waits."""
    stored(conn, an_incident(), an_incident("i-2", minutes_ago=8), a_unit(), a_status("available", minutes_ago=60))
    return conn


def now_of(conn: Connection, incident_id: str = "i-1", later: float = 1000) -> tuple[IncidentState, Grade, ResponseLevel]:
    found = kept.find_incident(conn, incident_id, Moment.live(NOW + minutes(later)))
    assert found is not None
    return found.state, found.grade, found.response_level


def refused(act: Any, *said: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        act(*said, **more)
    return caught.value


def sent(conn: Connection, incident_id: str = "i-1", *, later: float = 0) -> str:
    return orders.issue(conn, incident_id, "a-1", COMMANDER, NOW + minutes(later), zone=ZONE, order_expiry_s=120).order_id


# reporting


def test_a_person_takes_an_incident_down(conn: Connection) -> None:
    made = incidents.report(conn, replace(SMOKE, at=NOW - minutes(3)), OFFICER, NOW, zone=ZONE)
    assert (made.incident_id, made.hazard_class, made.grade, made.channel) == ("p260302-1", "fire", Grade.III, "phone")
    (step,) = kept.list_steps(conn, made.incident_id, Moment.live(NOW))
    assert (step.state, step.actor, step.valid_from, step.recorded_at) == (IncidentState.REPORTED, "wang", NOW - minutes(3), NOW)
    assert kept.list_texts(conn, made.incident_id, Moment.live(NOW)) == [(NOW, "三楼冒烟")]
    assert place_of_incident(conn, made.incident_id).district == "440106"
    (entry,) = list_entries(conn)
    assert (entry.action, entry.object, entry.outcome) == ("incident.report", "p260302-1", "done")
    assert kept.find_incident(conn, made.incident_id, Moment.past(NOW - minutes(1))) is None, "nobody knew then"
    assert incidents.report(conn, SMOKE, OFFICER, NOW, zone=ZONE).incident_id == "p260302-2"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"hazard_class": "dragon"}, "word_unknown"), ({"grade": "V"}, "word_unknown"), ({"channel": "pigeon"}, "word_unknown"),
        ({"at": NOW + minutes(1)}, "time_out_of_range"), ({"at": NOW - minutes(1441)}, "time_out_of_range"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_not_taken_down(conn: Connection, said: dict[str, Any], code: str) -> None:
    assert refused(incidents.report, conn, replace(SMOKE, **said), OFFICER, NOW, zone=ZONE).code == code
    assert conn.execute("SELECT count(*) FROM incident").fetchone() == (0,)
    assert [entry.outcome for entry in list_entries(conn)] == ["refused"]


def test_a_dispatcher_of_one_district_takes_down_what_happens_there(conn: Connection) -> None:
    theirs = Actor("wu", Role.DISPATCHER, Scope(districts=frozenset({"440106"})))
    incidents.report(conn, SMOKE, theirs, NOW, zone=ZONE)
    assert refused(incidents.report, conn, replace(SMOKE, district_code="440107"), theirs, NOW, zone=ZONE).code == "out_of_area"
    assert refused(incidents.report, conn, replace(SMOKE, district_code=None), theirs, NOW, zone=ZONE).code == "out_of_area"
    assert refused(incidents.report, conn, SMOKE, Actor("z", Role.LEADER), NOW, zone=ZONE).code == "no_right"


# made of reports


def test_a_request_becomes_an_incident_and_each_knows_the_other(conn: Connection) -> None:
    stored(conn, a_request("r-1"))
    made = incidents.promote(conn, "request", "r-1", OFFICER, NOW, call=SMOKE, zone=ZONE)
    (source,) = evidence.list_sources(conn, [made], Moment.live(NOW))
    assert (source.kind, source.source_id, source.device_id, source.actor) == (SourceKind.REQUEST, "r-1", HOTLINE, "wang")
    assert evidence.list_incidents_of(conn, SourceKind.REQUEST, "r-1", HOTLINE, Moment.live(NOW)) == [made]
    again = refused(incidents.promote, conn, "request", "r-1", OFFICER, NOW, call=SMOKE, zone=ZONE)
    assert (again.code, made in again.en) == ("source_known", True)
    closing.close(conn, made, OFFICER, NOW + minutes(1), ending="closed", reason="done", zone=ZONE)
    later = NOW + minutes(2)
    assert incidents.promote(conn, "request", "r-1", OFFICER, later, call=SMOKE, zone=ZONE) != made, "it goes on after all"


def test_a_detection_and_a_warning_are_evidence_as_well(scene: Connection) -> None:
    stored(scene, a_detection("d-1"), a_device())
    rules.seed_rules(scene, [a_rule()], now=NOW - minutes(60))
    warning = warnings.open_warning(
        scene, a_rule(), a_rule().thresholds[1].level, identifier="w", object_id="1", device_id=None, now=NOW - minutes(5)
    )
    assert warning is not None
    assert incidents.find_source(scene, "warning", warning, None, NOW).words == ("PM2.5 偏高", "PM2.5 is high")
    made = incidents.promote(scene, "warning", warning, OFFICER, NOW, call=SMOKE, zone=ZONE)
    dossier = dossiers.warning_dossier(scene, Moment.live(NOW), warning)
    assert dossier is not None
    assert dossier.incidents == (made,)
    assert incidents.promote(scene, "detection", "d-1", OFFICER, NOW, call=None, incident_id="i-1", zone=ZONE) == "i-1"
    assert (
        refused(incidents.promote, scene, "detection", "d-1", OFFICER, NOW, call=None, incident_id="i-1", zone=ZONE).code
        == "source_known"
    )


def test_a_source_that_is_not_there_or_not_one_is_said(scene: Connection) -> None:
    stored(scene, a_request("r-1"), replace(a_request("r-1"), device_id=HOTLINE.replace("desk-1", "desk-2")))
    codes = [
        refused(incidents.promote, scene, kind, name, OFFICER, NOW, call=SMOKE, zone=ZONE).code
        for kind, name in (("rumour", "r-1"), ("request", "r-9"), ("request", "r-1"), ("warning", "no uuid"))
    ]
    assert codes == ["word_unknown", "source_unknown", "source_ambiguous", "source_unknown"]
    assert incidents.promote(scene, "request", "r-1", OFFICER, NOW, call=SMOKE, device_id=HOTLINE, zone=ZONE)
    closing.close(scene, "i-1", OFFICER, NOW, ending="closed", reason="done", zone=ZONE)
    over = refused(
        incidents.promote, scene, "request", "r-1", OFFICER, NOW, call=None, incident_id="i-1", device_id=HOTLINE, zone=ZONE
    )
    assert over.code == "incident_closed"


# steps


def test_an_incident_is_verified_answered_controlled_recovered_and_closed(scene: Connection) -> None:
    incidents.verify(scene, "i-1", OFFICER, NOW, zone=ZONE, words="现场回电属实")
    order = sent(scene, later=1)
    incidents.control(scene, "i-1", COMMANDER, NOW + minutes(9), zone=ZONE, at=NOW + minutes(8))
    incidents.recover(scene, "i-1", COMMANDER, NOW + minutes(10), zone=ZONE)
    orders.cancel(scene, order, COMMANDER, NOW + minutes(11), zone=ZONE)
    closing.close(scene, "i-1", OFFICER, NOW + minutes(12), ending="closed", reason="done", zone=ZONE)
    steps = [
        (step.state.value, step.valid_from, step.recorded_at)
        for step in kept.list_steps(scene, "i-1", Moment.live(NOW + minutes(20)))
    ]
    assert steps == [
        ("reported", NOW - minutes(10), NOW - minutes(10)), ("verified", NOW, NOW), ("responding", NOW + minutes(1), NOW + minutes(1)),
        ("controlled", NOW + minutes(8), NOW + minutes(9)), ("recovering", NOW + minutes(10), NOW + minutes(10)),
        ("closed", NOW + minutes(12), NOW + minutes(12)),
    ]  # fmt: skip
    assert [text for _, text in kept.list_texts(scene, "i-1", Moment.live(NOW))] == ["现场回电属实"]
    then = kept.find_incident(scene, "i-1", Moment.past(NOW + minutes(8.5)))
    assert then is not None
    assert then.state is IncidentState.RESPONDING, "nobody knew yet that it was controlled"
    known_later = kept.find_incident(scene, "i-1", Moment.past(NOW + minutes(8.5), NOW + minutes(20)))
    assert known_later is not None
    assert known_later.state is IncidentState.CONTROLLED


def test_an_incident_that_is_verified_at_the_scene_stays_a_responding_one(scene: Connection) -> None:
    order = sent(scene)
    incidents.verify(scene, "i-1", OFFICER, NOW + minutes(1), zone=ZONE)
    assert now_of(scene)[0] is IncidentState.RESPONDING
    assert refused(incidents.verify, scene, "i-1", OFFICER, NOW + minutes(2), zone=ZONE).code == "state_forbids"
    orders.cancel(scene, order, COMMANDER, NOW + minutes(3), zone=ZONE)
    assert now_of(scene)[0] is IncidentState.VERIFIED, "when nobody comes after all it is still verified"


def test_a_step_is_after_the_one_before_and_not_in_the_future(scene: Connection) -> None:
    for minute in (-10, 1):
        wrong = refused(incidents.verify, scene, "i-1", OFFICER, NOW, zone=ZONE, at=NOW + minutes(minute))
        assert wrong.code == "time_out_of_range"
    assert refused(incidents.control, scene, "i-1", OFFICER, NOW, zone=ZONE).code == "state_forbids"
    assert refused(incidents.recover, scene, "i-9", OFFICER, NOW, zone=ZONE).code == "incident_unknown"
    assert now_of(scene)[0] is IncidentState.REPORTED


def test_what_was_controlled_was_no_false_alarm(scene: Connection) -> None:
    incidents.verify(scene, "i-1", OFFICER, NOW, zone=ZONE)
    incidents.control(scene, "i-1", OFFICER, NOW + minutes(1), zone=ZONE)
    later = NOW + minutes(2)
    assert (
        refused(closing.close, scene, "i-1", OFFICER, later, ending="false_alarm", reason="x", zone=ZONE).code == "state_forbids"
    )
    closing.close(scene, "i-1", OFFICER, later, ending="closed", reason="x", zone=ZONE)


# grade, response, command, area


def test_grade_and_response_are_set_apart_and_change_no_state(scene: Connection) -> None:
    incidents.grade(scene, "i-1", OFFICER, NOW, wanted="II", reason="火势蔓延", zone=ZONE)
    incidents.respond(scene, "i-1", OFFICER, NOW, level="III", reason="启动", zone=ZONE)
    assert now_of(scene) == (IncidentState.REPORTED, Grade.II, ResponseLevel.III)
    entries = [(entry.action, entry.detail.get("reason")) for entry in list_entries(scene)]
    assert entries == [("incident.response", "启动"), ("incident.grade", "火势蔓延")]
    assert refused(incidents.grade, scene, "i-1", OFFICER, NOW, wanted="II", reason="x", zone=ZONE).code == "nothing_to_change"
    assert refused(incidents.grade, scene, "i-1", OFFICER, NOW, wanted="I", reason=" ", zone=ZONE).code == "reason_missing"
    assert refused(incidents.respond, scene, "i-1", OFFICER, NOW, level="red", reason="x", zone=ZONE).code == "word_unknown"


def test_the_gravest_responses_take_two_persons(scene: Connection) -> None:
    alone = refused(incidents.respond, scene, "i-1", OFFICER, NOW, level="I", reason="x", zone=ZONE)
    assert alone.code == "needs_second_person"
    rule = approvals.needs_second_person(scene, Action.SET_RESPONSE, {"incident": "i-1", "level": "I"})
    assert rule is not None
    assert approvals.needs_second_person(scene, Action.SET_RESPONSE, {"incident": "i-1", "level": "III"}) is None
    asked = approvals.ask(scene, rule, {"incident": "i-1", "level": "I", "reason": "x"}, OFFICER, NOW, reason="特别重大")
    approvals.decide(scene, asked.approval_id, COMMANDER, NOW, verdict="approve")
    for person in (OFFICER, COMMANDER):
        settled(scene, person, at=NOW)
    approvals.carry_out(
        scene, asked.approval_id, NOW,
        lambda agreed: incidents.respond(scene, "i-1", agreed.requester, NOW, level="I", reason="x", zone=ZONE),
    )  # fmt: skip
    assert now_of(scene)[2] is ResponseLevel.I


def test_an_incident_that_somebody_answers_for_is_not_unattended(scene: Connection) -> None:
    scene.execute("UPDATE incident_history SET grade = 'IV'")
    incidents.respond(scene, "i-1", OFFICER, NOW, level="IV", reason="x", zone=ZONE)
    incidents.take_command(scene, "i-2", COMMANDER, NOW, zone=ZONE)
    policy = closing.Unattended(3600, (Grade.IV,))
    assert closing.close_unattended(scene, policy, NOW + minutes(999)) == []


def test_command_is_taken_and_passes_on(scene: Connection) -> None:
    incidents.take_command(scene, "i-1", OFFICER, NOW, zone=ZONE)
    again = refused(incidents.take_command, scene, "i-1", OFFICER, NOW + minutes(1), zone=ZONE)
    assert again.en == "wang has been commanding at i-1 since 09:00"
    incidents.take_command(scene, "i-1", COMMANDER, NOW + minutes(2), zone=ZONE)
    who = [commands.find_command(scene, "i-1", Moment.past(NOW + minutes(n))) for n in (-1, 1, 3)]
    assert [command and command.commander for command in who] == [None, "wang", "li"]
    dispatcher = Actor("wu", Role.DISPATCHER)
    assert refused(incidents.take_command, scene, "i-1", dispatcher, NOW, zone=ZONE).code == "no_right"


def test_an_area_is_drawn_in_any_coordinates_and_taken_back(scene: Connection) -> None:
    line = '{"type": "LineString", "coordinates": [[113.25, 23.12], [113.26, 23.12]]}'
    incidents.draw(scene, "i-1", OFFICER, NOW, zone=ZONE, shape=line, reach_m="50", crs="GCJ-02")
    area = commands.find_area(scene, "i-1", Moment.live(NOW))
    assert area is not None
    assert (area.reach_m, area.crs_origin, area.actor) == (50, "GCJ-02", "wang")
    (lon, lat), _ = area.shape["coordinates"]  # type: ignore[misc, union-attr]
    assert 300 < ((lon - 113.25) ** 2 + (lat - 23.12) ** 2) ** 0.5 * 111_195 < 900, "GCJ-02 is some hundred metres off"
    incidents.draw(scene, "i-1", OFFICER, NOW + minutes(1), zone=ZONE)
    assert commands.find_area(scene, "i-1", Moment.live(NOW + minutes(2))) is None
    assert commands.find_area(scene, "i-1", Moment.past(NOW + minutes(0.5))) is not None
    assert refused(incidents.draw, scene, "i-1", OFFICER, NOW + minutes(2), zone=ZONE).code == "nothing_to_change"
    assert refused(incidents.draw, scene, "i-1", OFFICER, NOW, zone=ZONE, shape="{}").code == "shape_unreadable"
    assert refused(incidents.draw, scene, "i-1", OFFICER, NOW, zone=ZONE, shape=line, reach_m="far").code == "reach_out_of_range"


# merging


def merge(conn: Connection, child: str = "i-2", root: str = "i-1", *, later: float = 1, actor: Actor = OFFICER) -> int:
    return incidents.merge(conn, child, root, actor, NOW + minutes(later), zone=ZONE, reason="同一处")


def order_of(conn: Connection, order_id: str) -> tuple[str, str | None]:
    row = conn.execute("SELECT incident_id, issued_for FROM dispatch_order WHERE order_id = %s", (order_id,)).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_merged_incident_is_over_and_its_orders_go_on_for_the_other(scene: Connection) -> None:
    order = sent(scene, "i-2")
    assert merge(scene) == 1
    assert [now_of(scene, name)[0].value for name in ("i-1", "i-2")] == ["responding", "merged"]
    assert order_of(scene, order) == ("i-1", "i-2")
    assert (
        refused(closing.close, scene, "i-1", OFFICER, NOW + minutes(2), ending="closed", reason="x", zone=ZONE).code
        == "incident_attended"
    )
    orders.cancel(scene, order, COMMANDER, NOW + minutes(3), zone=ZONE)
    assert now_of(scene)[0] is IncidentState.REPORTED, "as an order of its own would leave it"
    dossier = dossiers.incident_dossier(scene, Moment.live(NOW + minutes(4)), "i-1")
    assert dossier is not None
    assert [(child.incident_id, part.actor) for child, part in dossier.children] == [("i-2", "wang")]
    child = dossiers.incident_dossier(scene, Moment.live(NOW + minutes(4)), "i-2")
    assert child is not None
    assert child.merge is not None
    assert child.merge.root_id == "i-1"
    log = [entry.entry.action for entry in dossiers.log(scene, Moment.live(NOW + minutes(4)), incident_id="i-2")]
    assert "incident.merge" in log
    assert "incident.merge" in [
        entry.entry.action for entry in dossiers.log(scene, Moment.live(NOW + minutes(4)), incident_id="i-1")
    ]


def test_a_merge_is_undone(scene: Connection) -> None:
    order = sent(scene, "i-2")
    merge(scene)
    assert incidents.unmerge(scene, "i-2", OFFICER, NOW + minutes(2), zone=ZONE) == 1
    assert [now_of(scene, name)[0].value for name in ("i-1", "i-2")] == ["reported", "responding"]
    assert order_of(scene, order) == ("i-2", None)
    assert refused(incidents.unmerge, scene, "i-2", OFFICER, NOW + minutes(3), zone=ZONE).code == "nothing_to_change"
    moments = [Moment.past(NOW + minutes(n)) for n in (0, 1.5, 3)]
    assert [merges.find_merge(scene, "i-2", moment) is not None for moment in moments] == [False, True, False]
    assert [i.incident_id for i in kept.list_open_incidents(scene, moments[1])] == ["i-1"]
    assert {i.incident_id for i in kept.list_open_incidents(scene, moments[2])} == {"i-1", "i-2"}


def test_a_merge_that_lost_its_order_waits_again_when_undone(scene: Connection) -> None:
    order = sent(scene, "i-2")
    merge(scene)
    orders.cancel(scene, order, COMMANDER, NOW + minutes(2), zone=ZONE)
    incidents.unmerge(scene, "i-2", OFFICER, NOW + minutes(3), zone=ZONE)
    assert now_of(scene, "i-2")[0] is IncidentState.REPORTED


def test_what_was_part_of_the_child_is_part_of_the_root(scene: Connection) -> None:
    stored(scene, an_incident("i-3", minutes_ago=5))
    merge(scene, "i-3", "i-2")
    merge(scene, "i-2", "i-1", later=2)
    parts = merges.list_merged(scene, "i-1", Moment.live(NOW + minutes(3)))
    assert {part.incident_id for part in parts} == {"i-2", "i-3"}
    assert merges.list_merged(scene, "i-2", Moment.live(NOW + minutes(3))) == []


def test_what_cannot_be_merged_is_said_with_what_to_do(scene: Connection) -> None:
    stored(scene, an_incident("i-3", minutes_ago=5))
    assert refused(merge, scene, "i-1", "i-1").code == "merge_with_itself"
    assert refused(merge, scene, "i-9", "i-1").code == "incident_unknown"
    merge(scene, "i-2", "i-1")
    into = refused(merge, scene, "i-3", "i-2", later=2)
    assert (into.code, into.en) == ("root_merged", "incident i-2 is part of i-1: merge into i-1 instead")
    assert refused(merge, scene, "i-2", "i-3", later=2).code == "incident_closed"
    closing.close(scene, "i-1", OFFICER, NOW + minutes(3), ending="closed", reason="x", zone=ZONE)
    assert refused(merge, scene, "i-3", "i-1", later=4).code == "incident_closed"
    elsewhere = Actor("wu", Role.DISPATCHER, Scope(districts=frozenset({"440107"})))
    assert refused(merge, scene, "i-3", "i-1", actor=elsewhere).code == "out_of_area"


def test_two_that_are_merged_into_each_other_at_once_make_one_merge(scene: Connection, database_url: str) -> None:
    ready = Barrier(2)

    def go(child: str, root: str) -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                merge(own, child, root)
            except Refused as refusal:
                return refusal.code
            return "done"

    with ThreadPoolExecutor(2) as both:
        told = list(both.map(go, ("i-1", "i-2"), ("i-2", "i-1")))
    assert told.count("done") == 1
    assert len([i for i in ("i-1", "i-2") if now_of(scene, i)[0] is IncidentState.MERGED]) == 1


def test_of_a_merge_and_an_order_at_the_same_moment_no_order_stays_with_what_is_over(
    scene: Connection, database_url: str
) -> None:
    ready = Barrier(2)

    def send() -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                sent(own, "i-2", later=1)
            except Refused as refusal:
                return refusal.code
            return "sent"

    def join() -> int:
        with connect(database_url) as own:
            ready.wait()
            return merge(own)

    with ThreadPoolExecutor(2) as both:
        order, moved = both.submit(send), both.submit(join)
    assert (order.result(), moved.result()) in {("sent", 1), ("incident_closed", 0)}
    rows = scene.execute("SELECT incident_id FROM dispatch_order").fetchall()
    assert rows == ([("i-1",)] if moved.result() else [])


deeds = st.lists(
    st.tuples(
        st.sampled_from(["verify", "control", "recover", "close", "merge", "unmerge", "send", "cancel", "respond"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None)
@given(deeds)
def test_whatever_people_do_in_whatever_order_the_account_is_straight(
    databases: Databases, done: list[tuple[str, int, int]]
) -> None:
    """Units are under way to open incidents alone; what is merged is part of one that is not; histories only grow."""
    with databases.fresh() as url, connect(url) as conn:
        stored(conn, *(an_incident(f"i-{n}") for n in range(3)))
        stored(
            conn,
            *(a_unit(f"a-{n}") for n in range(3)),
            *(a_status("available", unit_id=f"a-{n}", minutes_ago=60) for n in range(3)),
        )
        known: dict[str, int] = {}
        for n, (deed, first, second) in enumerate(done):
            now, this, other = NOW + minutes(n + 1), f"i-{first}", f"i-{second}"
            with suppress(Refused):
                match deed:
                    case "merge":
                        incidents.merge(conn, this, other, OFFICER, now, zone=ZONE)
                    case "unmerge":
                        incidents.unmerge(conn, this, OFFICER, now, zone=ZONE)
                    case "send":
                        orders.issue(conn, this, f"a-{second}", COMMANDER, now, zone=ZONE, order_expiry_s=120)
                    case "cancel":
                        held = kept_orders.find_open_order(conn, f"a-{second}", None)
                        orders.cancel(conn, held[0].order_id if held else "o-9", COMMANDER, now, zone=ZONE)
                    case "close":
                        closing.close(conn, this, OFFICER, now, ending="closed", reason="x", zone=ZONE)
                    case "respond":
                        level = list(ResponseLevel)[2 + second].value
                        incidents.respond(conn, this, OFFICER, now, level=level, reason="x", zone=ZONE)
                    case _:
                        getattr(incidents, deed)(conn, this, OFFICER, now, zone=ZONE)
            moment = Moment.live(now + minutes(0.5))
            for name in ("i-0", "i-1", "i-2"):
                found, merge_ = kept.find_incident(conn, name, moment), merges.find_merge(conn, name, moment)
                assert found is not None
                assert (found.state is IncidentState.MERGED) == (merge_ is not None)
                if merge_ is not None:
                    assert merges.find_merge(conn, merge_.root_id, moment) is None
                is_open = found.state in OPEN_STATES
                assert is_open or not kept_orders.has_open(conn, name)
                assert is_open == (name in {i.incident_id for i in kept.list_open_incidents(conn, moment)})
                if found.state in (IncidentState.REPORTED, IncidentState.VERIFIED):
                    assert not kept_orders.has_open(conn, name), "what waits has nobody under way"
                steps = kept.list_steps(conn, name, moment)
                assert len(steps) >= known.get(name, 0)
                assert [step.valid_from for step in steps] == sorted({step.valid_from for step in steps})
                known[name] = len(steps)


def test_an_exercise_is_a_world_of_its_own(scene: Connection) -> None:
    scene.execute("UPDATE incident SET exercise_id = 'ex-1' WHERE incident_id = 'i-2'")
    assert refused(incidents.verify, scene, "i-2", OFFICER, NOW, zone=ZONE).code == "incident_unknown"
    incidents.verify(scene, "i-2", OFFICER, NOW, zone=ZONE, exercise_id="ex-1")
    assert refused(merge, scene, "i-2", "i-1").code == "incident_unknown"
    drill = incidents.report(scene, SMOKE, OFFICER, NOW, zone=ZONE, exercise_id="ex-1")
    assert drill.incident_id not in {i.incident_id for i in kept.list_open_incidents(scene, Moment.live(NOW))}
