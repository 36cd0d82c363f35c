"""The data page's interface: the account, the scores and their places, one source, and letters that are tried, mended, replayed."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import orjson
import pytest

from dashboard import wire_data
from dashboard.app import create_app
from domain.rejections import Reason, reject
from domain.rights import Actor, Role
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rejection, a_state, minutes, stored

HOUR = "2026-03-02T00:00:00Z"


def mended(value: float) -> str:
    return orjson.dumps({"id": "m", "ts": (NOW - minutes(7.5)).isoformat(), "values": {"pm25": value}}).decode()


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """An hour of which ten readings of 59 did not come, and two letters: a value that is text, and bytes that are none."""
    came = [a_reading(40 + k % 3, minutes_ago=60 - k) for k in range(1, 60) if not 20 <= k < 30]
    wet = reject(
        Reason.NOT_FINITE, f"city/v1/{STATION}/telemetry", mended(40).replace("40", '"wet"').encode(), NOW - minutes(7), STATION,
        {"name": "pm25", "value": '"wet"'},
    )  # fmt: skip
    noise = reject(Reason.UNKNOWN_TOPIC, "town/air", b"\xff\x00", NOW - minutes(6), None, {"value": "town/air"})
    stored(conn, a_device(name="空气站 1", minutes_ago=61), a_state("online", minutes_ago=61), *came, wet, noise)
    return conn


def letter_of(app: Any, code: str) -> dict[str, Any]:
    (found,) = ask(app, f"/api/letters?code={code}&state=all").json
    return dict(found)


def test_the_page_is_told_what_adds_up_what_is_missing_and_where(house: House, database_url: str, scene: Connection) -> None:
    told = ask(create_app(house(database_url)), "/api/data").json
    account, city = told["account"], told["city"]
    assert account["received"] == account["stored"] + account["corrected"] + account["duplicate"] + account["rejected"]
    assert (account["balanced"], account["rejected"], told["target"]) == (True, 2, 0.98)
    assert city["due"] == city["good"] + sum(city["causes"].values())
    assert 9 <= city["causes"]["missing"] <= 11
    assert city["meets"] is False
    (row,) = told["grid"]["district"].values()
    assert list(told["grid"]["district"]) == ["440106"]
    assert list(told["grid"]["type"]) == ["AirQualityObserved"]
    assert len(row) == len(told["hours"]) == 25
    assert sum(cell[0] for cell in row if cell) == city["due"]
    assert sum(cell[1] for cell in row if cell) == city["causes"]["missing"]
    assert {r["code"]: (r["n"], r["open"], sum(r["trend"])) for r in told["letters"]["reasons"]} == {
        "not_a_number": (1, 1, 1), "unknown_topic": (1, 1, 1),
    }  # fmt: skip
    assert told["letters"]["reasons"][0]["said"]["en"] == "… is …: expected a finite number"
    assert (told["letters"]["open"], told["letters"]["counted"], told["letters"]["per_device"]) == (2, 0, 1_000)


def test_an_empty_city_owes_nothing_and_lost_nothing(house: House, database_url: str) -> None:
    told = ask(create_app(house(database_url)), "/api/data").json
    assert (told["city"]["share"], told["city"]["due"], told["account"]["received"]) == (None, 0, 0)
    assert told["grid"] == {"district": {}, "type": {}}
    assert told["letters"]["reasons"] == []


def test_behind_a_cell_are_its_sources_and_behind_a_source_its_hours(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    for place in ("district=440106", "kind=AirQualityObserved"):
        (found,) = ask(app, f"/api/data/sources?hour={HOUR}&{place}").json["sources"]
        assert (found["key"], found["type"], found["district"]) == (STATION, "AirQualityObserved", "440106")
    assert ask(app, f"/api/data/sources?hour={HOUR}&district=1").json["sources"] == []
    one = ask(app, f"/api/data/source?id={STATION}").json
    assert (one["name"], one["freshness"], one["state"], one["mode"], one["interval_s"]) == (
        "空气站 1",
        "fresh",
        "online",
        "periodic",
        60,
    )
    assert one["born"] == round((NOW - minutes(61)).timestamp() * 1000)
    assert one["changes"] == [[one["born"], one["born"], "online"]]
    assert sum(hour["stored"] for hour in one["hours"]) >= 49
    assert sum(hour["causes"].get("missing", 0) for hour in one["hours"]) == one["score"]["causes"]["missing"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/data/sources", 400),
        ("/api/data/sources?hour=noon", 400),
        ("/api/data/sources?hour=2026-03-02T00:00", 400),
        (f"/api/data/sources?hour={HOUR}&kind={'x' * 300}", 400),
        ("/api/data/source", 404),
        ("/api/data/source?id=nobody", 404),
        ("/api/data/source?id=a%00b", 404),
        ("/api/letters/99", 404),
        ("/api/letters/x", 422),
        ("/api/letters/99999999999999999999", 404),
        ("/api/letters?before=-1", 404),
    ],
)
def test_what_cannot_be_asked_is_answered_in_kind(house: House, database_url: str, path: str, status: int) -> None:
    assert ask(create_app(house(database_url)), path).status == status


def test_without_a_database_the_page_is_told_so(house: House) -> None:
    app = create_app(house())
    for path in ("/api/data", f"/api/data/sources?hour={HOUR}", "/api/data/source?id=a", "/api/letters", "/api/letters/1"):
        assert (ask(app, path).status, ask(app, path).json["zh"]) == (503, "数据库无法连接")
    assert post(app, "/api/letters/1/replay", {}).json["outcome"] == "failed"


def test_a_letter_is_tried_mended_and_replayed(house: House, database_url: str, scene: Connection) -> None:
    ticks = count()
    app = create_app(house(database_url, clock=lambda: NOW + timedelta(seconds=next(ticks))))
    letter = letter_of(app, "not_a_number")
    whole = ask(app, f"/api/letters/{letter['id']}").json
    assert whole["payload"] == {"encoding": "text", "said": mended(40).replace("40", '"wet"')}
    before = ask(app, "/api/data").json
    path = f"/api/letters/{letter['id']}"
    again = post(app, f"{path}/replay", {})
    assert (again.status, again.json["code"], again.json["zh"]) == (409, "not_a_number", '仍被拒收：pm25 为 "wet"：应为有限数值')
    tried = post(app, f"{path}/trial", {"payload": mended(41)}).json
    assert (tried["outcome"], tried["en"]) == ("done", "It can be replayed: 1 to be stored, 0 corrected, 0 known before")
    done = post(app, f"{path}/replay", {"payload": mended(41)}).json
    assert (done["outcome"], done["zh"]) == ("done", f"死信 {letter['id']} 已重放：入库 1，更正 0，重复 0")
    assert post(app, f"{path}/replay", {"payload": mended(41)}).json["code"] == "letter_replayed"
    kept = ask(app, path).json
    assert (kept["by"], kept["open"]) == ("li", False)
    after = ask(app, "/api/data").json
    assert after["letters"]["open"] == before["letters"]["open"] - 1, "whoever acted sees it at once"
    assert after["account"]["stored"] == before["account"]["stored"] + 1
    assert after["account"]["balanced"]


def test_bytes_that_are_no_text_are_edited_in_hexadecimal(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    letter = letter_of(app, "unknown_topic")
    path = f"/api/letters/{letter['id']}"
    assert ask(app, path).json["payload"] == {"encoding": "hex", "said": "ff 00"}
    topic = f"city/v1/{STATION}/telemetry"
    assert post(app, f"{path}/trial", {"payload": "xyz", "encoding": "hex"}).json["code"] == "payload_not_hex"
    assert post(app, f"{path}/replay", {"topic": topic}).json["code"] == "broken_json"
    hexed = mended(39).encode().hex(" ")
    assert post(app, f"{path}/replay", {"topic": topic, "payload": hexed, "encoding": "hex"}).json["outcome"] == "done"


def test_letters_of_a_reason_are_tried_and_replayed_together(house: House, database_url: str, conn: Connection) -> None:
    ahead = [
        reject(Reason.FUTURE, f"city/v1/{STATION}/telemetry", mended(40 + k).replace("00:52:30", f"00:5{k}:30").encode(), NOW - minutes(20), STATION, {})
        for k in range(3)
    ]  # fmt: skip
    stored(conn, a_device(), *ahead, a_rejection(minutes_ago=3))
    app = create_app(house(database_url))
    tried = post(app, "/api/letters/trial", {"code": "future"}).json
    assert tried["en"] == "3 letters: 3 can be replayed (3 new, 0 corrected, 0 known), 0 refused"
    done = post(app, "/api/letters/replay", {"code": "future"}).json
    assert (done["outcome"], done["object_id"]) == ("done", None)
    assert done["en"] == "3 letters: 3 replayed (3 stored, 0 corrected, 0 known before), 0 refused"
    assert post(app, "/api/letters/replay", {"code": "unknown_topic"}).json["zh"].startswith("已处理 0 条死信")
    assert post(app, "/api/letters/replay", {}).status == 422
    assert post(app, "/api/letters/replay", {"code": "future", "after": "x"}).json["code"] == "letter_unknown"


def test_a_device_that_is_gone_for_good_is_retired_and_brought_back_over_the_interface(
    house: House, database_url: str, scene: Connection
) -> None:
    ticks = count()
    clock = lambda: NOW + timedelta(seconds=next(ticks))  # noqa: E731 - a moment later whenever it is asked
    app = create_app(house(database_url, clock=clock, acts_as=Actor("wu", Role.OPERATOR)))
    assert ask(app, "/api/data").json["city"]["causes"]["missing"] >= 9
    retirement, restoration = "/api/data/source/retirement", "/api/data/source/restoration"
    done = post(app, retirement, {"device": STATION, "reason": "torn down"})
    assert (done.status, done.json["zh"]) == (200, f"设备 {STATION} 已停用")
    one = ask(app, f"/api/data/source?id={STATION}").json
    assert one["retired"] is not None
    assert post(app, retirement, {"device": STATION}).json["code"] == "device_retired"
    assert post(app, retirement, {"device": "nobody"}).json["code"] == "device_unknown"
    assert post(app, retirement, {}).status == 422
    assert post(app, restoration, {"device": STATION}).json["en"] == f"Device {STATION} is back in service"
    assert ask(app, f"/api/data/source?id={STATION}").json["retired"] is None
    leader = create_app(house(database_url, acts_as=Actor("zhao", Role.LEADER)))
    assert post(leader, retirement, {"device": STATION}).json["code"] == "no_right"


def test_who_may_not_mend_does_not_read_what_was_refused(house: House, database_url: str, scene: Connection) -> None:
    for actor in (Actor("wang", Role.DUTY_OFFICER), Actor("zhao", Role.LEADER)):
        app = create_app(house(database_url, acts_as=actor))
        letter = letter_of(app, "not_a_number")
        assert "payload" not in letter
        assert ask(app, f"/api/letters/{letter['id']}").json["payload"] is None
        assert post(app, f"/api/letters/{letter['id']}/trial", {}).json["code"] == "no_right"


def test_text_is_what_can_be_seen() -> None:
    assert wire_data.payload("{\n\t温度\r\n}".encode()) == {"encoding": "text", "said": "{\n\t温度\r\n}"}
    assert wire_data.payload("a\u202eb".encode())["encoding"] == "hex"
    assert wire_data.payload(b"") == {"encoding": "text", "said": ""}
