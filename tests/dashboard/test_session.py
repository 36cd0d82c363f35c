"""The way in over HTTP, with the real door: cookies, tokens, origins, stages, timing, and what a demonstration allows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from starlette.datastructures import Headers

from access import keys, totp
from access.approvals import break_glass
from access.passwords import hashed
from dashboard.app import create_app
from dashboard.database import Database
from dashboard.door import Door, DoorPolicy
from dashboard.qr import qr_code
from domain.rights import EVERYWHERE, Action, Actor, Role, Scope
from storage import accounts, approvals, audit
from storage.connection import Connection
from tests.dashboard.conftest import House, Reply, call
from tests.support import loops
from tests.support.scenes import NOW
from tests.support.visitors import settled

PASSWORD = "three willows by the river"
HASH = hashed(PASSWORD)
OURS = {"content-type": "application/json", "origin": "http://127.0.0.1:8050"}


class Browser:
    """Somebody with a cookie jar."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.cookie: str | None = None

    def get(self, path: str, **headers: str) -> Reply:
        return self._asked("GET", path, headers, b"")

    def post(self, path: str, said: Any, **headers: str) -> Reply:
        return self._asked("POST", path, {**OURS, **headers}, orjson.dumps(said))

    def _asked(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        jar = {"cookie": self.cookie} if self.cookie else {}
        reply = loops.run(call(self.app, method, path, headers={**headers, **jar}, body=body))
        if "set-cookie" in reply.headers and "cityhelm_lang" not in reply.headers["set-cookie"]:
            pair = reply.headers["set-cookie"].partition(";")[0]
            self.cookie = pair if not pair.endswith(('=""', "=")) else None
        return reply


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Open = Callable[..., Browser]


@pytest.fixture
def visit(house: House, database_url: str, clock: Clock) -> Iterator[Open]:
    """`visit(policy)`: a browser at a server with that door; the same server for each of the same policy."""
    apps: dict[int, Any] = {}
    databases: list[Database] = []

    def opened(policy: DoorPolicy | None = None) -> Browser:
        if id(policy) not in apps:
            built = house(database_url, clock=clock)
            databases.append(built.database)
            apps[id(policy)] = create_app(replace(built, door=Door(built.database, policy or DoorPolicy(), clock)))
        return Browser(apps[id(policy)])

    yield opened
    for database in databases:
        database.close()


def an_account(conn: Connection, name: str = "wu", *roles: Role, scope: Scope = EVERYWHERE, must_change: bool = False) -> None:
    accounts.create_account(
        conn, name, department=None, password_hash=HASH, must_change=must_change, subject=None, created_by="test", now=NOW
    )
    for role in roles or (Role.DISPATCHER,):
        accounts.create_grant(conn, name, role, scope, granted_by="test", approval_id=None, now=NOW)


def signed_in(browser: Browser, name: str = "wu") -> Browser:
    reply = browser.post("/api/session", {"name": name, "password": PASSWORD})
    assert reply.status == 200, reply.json
    return browser


def test_nobody_sees_anything_of_the_city_and_pages_lead_to_the_door(visit: Open) -> None:
    browser = visit()
    assert browser.get("/api/map").status == 401
    page = browser.get("/command")
    assert (page.status, page.headers["location"]) == (303, "/sign-in?next=/command")
    assert browser.get("/sign-in").status == 200
    assert browser.get("/api/session").json == {"stage": "none"}


def test_signing_in_opens_what_the_role_may_and_nothing_else(visit: Open, conn: Connection) -> None:
    an_account(conn)
    browser = signed_in(visit())
    assert browser.get("/api/map").status == 200
    assert browser.get("/api/audit").status == 403
    assert browser.get("/audit").status == 403
    assert browser.get("/api/session").json["role"] == "dispatcher"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(visit: Open, conn: Connection) -> None:
    an_account(conn)
    plain = visit().post("/api/session", {"name": "wu", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    policy = DoorPolicy(url="https://city.example")
    behind = visit(policy).post("/api/session", {"name": "wu", "password": PASSWORD}, origin="https://city.example")
    assert behind.headers["set-cookie"].startswith("__Host-cityhelm=")
    assert "secure" in behind.headers["set-cookie"].lower()
    assert behind.headers["strict-transport-security"] == "max-age=31536000", "of this host, not of all below its name"


def test_a_cookie_that_somebody_slipped_in_is_not_taken_over(visit: Open, conn: Connection) -> None:
    an_account(conn)
    browser = visit()
    browser.cookie = "cityhelm_session=of-an-attacker"
    signed_in(browser)
    assert browser.cookie is not None
    assert "of-an-attacker" not in browser.cookie
    thief = visit()
    thief.cookie = "cityhelm_session=of-an-attacker"
    assert thief.get("/api/map").status == 401


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_a_foreign_page_cannot_act_with_a_visitor_s_cookie(visit: Open, conn: Connection, headers: dict[str, str]) -> None:
    an_account(conn)
    browser = signed_in(visit())
    assert browser.post("/api/orders", {"incident": "i-1", "unit": "a-1"}, **headers).status == 403
    assert browser.post("/api/session/end", {}, **headers).status == 403
    assert browser.get("/api/stream", **headers).status == 403
    assert browser.get("/api/map").status == 200, "still signed in"


def test_a_first_password_comes_before_everything(visit: Open, conn: Connection) -> None:
    an_account(conn, must_change=True)
    browser = visit()
    assert browser.post("/api/session", {"name": "wu", "password": PASSWORD}).json["stage"] == "password"
    refused = browser.get("/api/map")
    assert (refused.status, refused.json["error"]) == (401, "not_yet")
    assert browser.post("/api/session/password", {"present": PASSWORD, "new": "short"}).json["error"] == "weak_password"
    assert browser.post("/api/session/password", {"present": PASSWORD, "new": "four lamps in the rain"}).json["stage"] == "open"
    assert browser.get("/api/map").status == 200


def test_who_looks_for_a_good_new_password_is_not_taken_for_a_guesser(visit: Open, conn: Connection) -> None:
    an_account(conn)
    browser = signed_in(visit())
    tries = [browser.post("/api/session/password", {"present": PASSWORD, "new": "short"}).json["error"] for _ in range(7)]
    assert set(tries) == {"weak_password"}
    tries = [browser.post("/api/session/password", {"present": "wrong", "new": "short"}).json["error"] for _ in range(6)]
    assert tries == ["sign_in_failed"] * 5 + ["locked_out"]


def test_a_commander_passes_the_second_factor_and_a_code_counts_once(visit: Open, conn: Connection, clock: Clock) -> None:
    an_account(conn, "wu", Role.COMMANDER)
    browser = visit()
    assert browser.post("/api/session", {"name": "wu", "password": PASSWORD}).json["stage"] == "enrol"
    assert browser.get("/api/map").status == 401
    begun = browser.get("/api/session/factor").json
    secret = begun["secret"]
    assert [begun["picture"][part] for part in ("size", "path")] == list(qr_code(begun["address"]))
    code = totp.code_at(secret, totp.step_of(clock()))
    assert browser.post("/api/session/factor", {"code": code}).json["stage"] == "open"
    again = visit()
    assert again.post("/api/session", {"name": "wu", "password": PASSWORD}).json["stage"] == "factor"
    assert again.post("/api/session/factor", {"code": code}).json["error"] == "wrong_code"
    clock.now += timedelta(seconds=30)
    fresh = totp.code_at(secret, totp.step_of(clock()))
    assert again.post("/api/session/factor", {"code": fresh}).json["role"] == "commander"


def test_who_has_several_roles_acts_in_one_at_a_time(visit: Open, conn: Connection) -> None:
    an_account(conn, "wu", Role.DISPATCHER, Role.AUDITOR)
    browser = visit()
    said = browser.post("/api/session", {"name": "wu", "password": PASSWORD}).json
    assert said["stage"] == "role"
    numbers = {grant["role"]: str(grant["grant"]) for grant in said["grants"]}
    before = browser.cookie
    assert browser.post("/api/session/role", {"grant": numbers["auditor"]}).json["home"] == "/audit"
    assert browser.cookie != before
    assert (browser.get("/api/audit").status, browser.get("/api/map").status) == (200, 403)
    browser.post("/api/session/role", {"grant": numbers["dispatcher"]})
    assert (browser.get("/api/audit").status, browser.get("/api/map").status) == (403, 200)


def test_signing_out_everywhere_ends_the_other_browser_too(visit: Open, conn: Connection) -> None:
    an_account(conn)
    one, two = signed_in(visit()), signed_in(visit())
    assert two.get("/api/map").status == 200
    assert one.post("/api/session/end", {"everywhere": "yes"}).status == 200
    assert (one.cookie, two.get("/api/map").status) == (None, 401)


def test_a_session_ends_when_nobody_touches_it(visit: Open, conn: Connection, clock: Clock) -> None:
    an_account(conn)
    browser = signed_in(visit())
    clock.now += timedelta(minutes=50)
    browser.post("/api/session/presence", {})
    clock.now += timedelta(minutes=50)
    assert browser.get("/api/system").status == 403, "signed in, without that right"
    clock.now += timedelta(minutes=61)
    assert browser.get("/api/system").status == 401


def test_brute_force_is_told_to_wait_whether_or_not_the_name_exists(visit: Open, conn: Connection) -> None:
    an_account(conn)
    for name in ("wu", "nobody-here"):
        answers = [visit().post("/api/session", {"name": name, "password": "wrong"}) for _ in range(6)]
        assert [a.status for a in answers] == [403] * 5 + [429]
        assert len({a.json["zh"] for a in answers[:5]}) == 1
    assert visit().post("/api/session", {"name": "wu", "password": PASSWORD}).status == 429


def test_an_unknown_name_takes_as_long_as_a_wrong_password(visit: Open, conn: Connection) -> None:
    """In turns, so that a busy machine is as slow to both; without the hash an unknown name would take a tenth."""
    for k in range(4):
        an_account(conn, f"known{k}")
    spent: dict[str, list[float]] = {"known": [], "other": []}
    for k in range(4):
        for kind, times in spent.items():
            began = time.perf_counter()
            assert visit().post("/api/session", {"name": f"{kind}{k}", "password": "wrong"}).status == 403
            times.append(time.perf_counter() - began)
    known, other = (statistics.median(times) for times in spent.values())
    assert 0.5 < other / known < 2


def a_key(conn: Connection, admin: Actor) -> keys.MadeKey:
    bold = break_glass(conn, Action.CREATE_KEY, {"key": "map-1"}, admin, NOW, reason="alone")
    return keys.create(
        conn, "map-1", bold, NOW, role="wall", actions=["read.city"], scope=EVERYWHERE, expires_at=NOW + timedelta(days=1)
    )


def test_a_stream_ends_with_the_key_that_opened_it(house: House, database_url: str, conn: Connection, clock: Clock) -> None:
    settled(conn, admin := Actor("admin1", Role.ADMINISTRATOR), at=NOW)
    made = a_key(conn, admin)
    door = Door(house(database_url).database, DoorPolicy(), clock)

    async def before_and_after(end: Callable[[], object]) -> tuple[bool, bool]:
        machine = await door.visitor(Headers({"authorization": f"Bearer {made.secret}"}), "10.0.0.1")
        assert machine is not None
        was = await door.is_still(machine)
        end()
        return was, await door.is_still(machine)

    def let_it_expire() -> None:
        clock.now = NOW + timedelta(days=1)

    assert loops.run(before_and_after(let_it_expire)) == (True, False)
    clock.now = NOW
    assert loops.run(before_and_after(lambda: keys.revoke(conn, "map-1", admin, NOW))) == (True, False)


def test_a_machine_has_what_its_key_says_and_no_session(visit: Open, conn: Connection) -> None:
    settled(conn, admin := Actor("admin1", Role.ADMINISTRATOR), at=NOW)
    made = a_key(conn, admin)
    machine = visit()
    head = {"authorization": f"Bearer {made.secret}"}
    assert machine.get("/api/map", **head).status == 200
    assert machine.get("/api/halls", **head).status == 403, "its role may, its key may not"
    order = machine.post("/api/orders", {"incident": "i-1", "unit": "a-1"}, **head)
    assert (order.status, order.json["code"]) == (409, "no_right")
    assert machine.post("/api/session/end", {}, **head).status == 403
    assert machine.get("/api/map", authorization="Bearer chk_guess").status == 401


PEOPLE = (Actor("demo-commander", Role.COMMANDER), Actor("demo-hall", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-1"}))))


def test_in_the_demonstration_one_says_who_one_is_and_nowhere_else(visit: Open, conn: Connection) -> None:
    from access.doors import furnish

    furnish(conn, PEOPLE, NOW)
    policy = DoorPolicy(demonstration=PEOPLE)
    browser = visit(policy)
    assert "demo-commander" in browser.get("/sign-in").body.decode()
    said = browser.post("/api/session/demonstration", {"name": "demo-commander"}).json
    assert (said["stage"], said["role"], said["home"]) == ("open", "commander", "/")
    assert browser.post("/api/session/demonstration", {"name": "admin1"}).status == 404
    assert visit().post("/api/session/demonstration", {"name": "demo-commander"}).status == 404
    assert visit(policy).get("/sign-in", host="evil.example").status == 421
    taken_along = visit()
    taken_along.cookie = browser.cookie
    assert (browser.get("/api/map").status, taken_along.get("/api/map").status) == (200, 401), "nor does their session"


def admins(conn: Connection, visit: Open) -> tuple[Browser, Browser]:
    browsers = []
    for name in ("admin1", "admin2"):
        browser = visit()
        browser.cookie = f"cityhelm_session={settled(conn, Actor(name, Role.ADMINISTRATOR), at=NOW)[0]}"
        browsers.append(browser)
    return browsers[0], browsers[1]


def test_a_role_is_granted_by_two_over_http_and_the_badge_counts_it(visit: Open, conn: Connection) -> None:
    one, two = admins(conn, visit)
    made = one.post("/api/acts/account.create", {"name": "duty1"}).json
    assert made["outcome"] == "done"
    assert len(made["secret"]) == 23
    wanted = {"name": "duty1", "role": "dispatcher", "districts": "440106"}
    assert one.post("/api/acts/access.grant", wanted).json["code"] == "reason_missing"
    asked = one.post("/api/acts/access.grant", {**wanted, "because": "new on the desk"})
    assert (asked.status, asked.json["outcome"]) == (202, "waiting")
    number = asked.json["object_id"]
    assert [b.get("/api/session").json["requests"] for b in (one, two)] == [0, 1]
    (shown,) = two.get("/api/approvals").json["requests"]
    assert (shown["payload"], shown["decidable"], shown["reason"]) == (wanted, True, "new on the desk")
    assert one.post(f"/api/approvals/{number}/decision", {"verdict": "approve"}).json["code"] == "own_request"
    assert two.get(f"/api/approvals/{number}/decision").status == 404, "POST only"
    done = two.post(f"/api/approvals/{number}/decision", {"verdict": "approve"}).json
    assert (done["outcome"], done["code"]) == ("done", "granted")
    assert two.post(f"/api/approvals/{number}/decision", {"verdict": "approve"}).json["code"] == "request_closed"
    (grant,) = accounts.list_grants(conn, "duty1")
    assert (grant.role, grant.scope.districts) == (Role.DISPATCHER, {"440106"})


def test_a_broken_glass_is_on_every_screen_until_another_has_reviewed_it(visit: Open, conn: Connection) -> None:
    one, two = admins(conn, visit)
    one.post("/api/acts/account.create", {"name": "duty1"})
    said = one.post("/api/acts/access.grant", {"name": "duty1", "role": "leader", "because": "alone", "break_glass": "yes"}).json
    assert said["outcome"] == "done"
    an_account(conn)
    bystander = signed_in(visit())
    (glass,) = bystander.get("/api/session").json["glass"]
    assert (glass["by"], glass["act"]) == ("admin1", "access.grant")
    assert one.post(f"/api/approvals/{glass['id']}/review", {"review": "fine"}).json["code"] == "own_request"
    assert two.post(f"/api/approvals/{glass['id']}/review", {"review": "was right"}).json["outcome"] == "done"
    assert bystander.get("/api/session").json["glass"] == []


def test_a_glass_broken_for_what_is_refused_is_whole_again(visit: Open, conn: Connection) -> None:
    one, _ = admins(conn, visit)
    said = one.post("/api/acts/access.grant", {"name": "nobody", "role": "leader", "because": "alone", "break_glass": "yes"}).json
    assert said["code"] == "account_unknown"
    assert one.get("/api/session").json["glass"] == []
    entry = audit.list_entries(conn)[0]
    assert (entry.action, entry.outcome, entry.detail["break_glass"]) == ("access.grant", "refused", True)


def test_the_audit_is_searched_and_follows_one_object_s_life(visit: Open, conn: Connection) -> None:
    one, _ = admins(conn, visit)
    one.post("/api/acts/account.create", {"name": "duty1"})
    one.post("/api/acts/access.grant", {"name": "duty1", "role": "dispatcher", "because": "new"})
    one.post("/api/acts/account.disable", {"name": "duty1"})
    one.post("/api/acts/account.disable", {"name": "duty1"})
    auditor = visit()
    auditor.cookie = f"cityhelm_session={settled(conn, Actor('audit1', Role.AUDITOR), at=NOW)[0]}"
    life = auditor.get("/api/audit?object=duty1").json["entries"]
    assert [(e["action"], e["outcome"]) for e in life] == [
        ("account.disable", "refused"), ("account.disable", "done"), ("access.grant", "requested"), ("account.create", "done"),
    ]  # fmt: skip
    assert life[1]["before"] == life[3]["after"], "it was disabled as it was made"
    assert auditor.get("/api/audit?outcome=refused").json["entries"][0]["id"] == life[0]["id"]
    assert auditor.get("/api/audit?since=yesterday").status == 400
    leader = visit()
    leader.cookie = f"cityhelm_session={settled(conn, Actor('lead1', Role.LEADER), at=NOW)[0]}"
    assert leader.get("/api/log").json["entries"] == [], "the log of operations says nothing of people"


def test_a_broken_glass_can_be_reviewed_however_much_was_asked_since(
    visit: Open, conn: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = admins(conn, visit)
    one.post("/api/acts/account.create", {"name": "duty1"})
    wanted = {"name": "duty1", "role": "leader", "because": "alone"}
    one.post("/api/acts/access.grant", {**wanted, "break_glass": "yes"})
    monkeypatch.setattr("dashboard.api.approvals.MOST", 1)
    clock.now += timedelta(seconds=1)
    one.post("/api/acts/access.grant", {**wanted, "role": "wall"})
    assert [r["glass"] for r in two.get("/api/approvals").json["requests"] if r["reviewable"]] == [True]


def test_the_words_of_a_request_are_for_those_who_decide_or_oversee_it(visit: Open, conn: Connection) -> None:
    one, two = admins(conn, visit)
    one.post("/api/acts/account.create", {"name": "duty1"})
    one.post("/api/acts/access.grant", {"name": "duty1", "role": "leader", "because": "a word about somebody"})
    seen = []
    for name, role in (("op1", Role.OPERATOR), ("audit1", Role.AUDITOR)):
        browser = visit()
        browser.cookie = f"cityhelm_session={settled(conn, Actor(name, role), at=NOW)[0]}"
        seen.append(browser.get("/api/approvals").json["requests"][0]["reason"])
    assert [*seen, two.get("/api/approvals").json["requests"][0]["reason"]] == [None, *["a word about somebody"] * 2]


@pytest.mark.parametrize("said", ["true", "Yes", "1", "否"])
def test_a_rule_that_is_not_understood_is_not_switched_off(visit: Open, conn: Connection, said: str) -> None:
    one, _ = admins(conn, visit)
    wanted = {"action": "access.grant", "required": said, "minutes": "15", "because": "alone", "break_glass": "yes"}
    assert one.post("/api/acts/policy.change", wanted).json["code"] == "not_yes_or_no"
    rule = approvals.find_rule(conn, Action.GRANT_ROLE)
    assert rule is not None
    assert rule.is_required


def test_the_policy_is_changed_by_two_over_http(visit: Open, conn: Connection) -> None:
    one, two = admins(conn, visit)
    asked = one.post("/api/acts/policy.change", {"action": "order.issue", "required": "yes", "minutes": "20", "because": "drill"})
    assert asked.json["outcome"] == "waiting"
    done = two.post(f"/api/approvals/{asked.json['object_id']}/decision", {"verdict": "approve"})
    assert done.json["outcome"] == "done"
    (rule,) = [r for r in one.get("/api/people").json["policy"] if r["act"] == "order.issue"]
    assert (rule["required"], rule["expiry_s"]) == (True, 1200.0)


def test_who_is_signed_in_is_not_known_while_the_database_is_away(house: House, clock: Clock) -> None:
    built = house(clock=clock)
    browser = Browser(create_app(replace(built, door=Door(built.database, DoorPolicy(), clock))))
    browser.cookie = "cityhelm_session=anything"
    assert (browser.get("/api/session").status, browser.get("/api/session").json["error"]) == (503, "api.database_away")
