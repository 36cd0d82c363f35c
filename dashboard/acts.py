"""Acts: what people may do on a screen, as a table of action → function, and the answer they get, in both languages.

Screens and the open interface come here; the right is checked, and the act audited, inside the package that acts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import access.approvals
import access.keys
import access.people
import dispatch.closing
import ingest.acts
import ingest.letters
from alerts.outward import Outward
from alerts.practice import ShelvingPolicy
from dashboard.answers import LONGEST_NUMBER, Answer, Circumstances, Request
from dashboard.answers import answered as _said
from dashboard.answers import number as _number
from dashboard.bodies import Field, Malformed, check, echo, id_of, payload, text
from dashboard.database import Database, OutcomeUnknown
from dashboard.dispatch_acts import DISPATCH_ACTS
from dashboard.incident_acts import INCIDENT_ACTS
from dashboard.publication_acts import PUBLICATION_ACTS
from dashboard.rating_acts import RATING_ACTS
from dashboard.resource_acts import RESOURCE_ACTS
from dashboard.roster_acts import ROSTER_ACTS
from dashboard.rule_acts import RULE_ACTS, check_rule
from dashboard.warning_acts import WARNING_ACTS
from dashboard.window_acts import WINDOW_ACTS
from domain.approvals import Approval, ApprovalState
from domain.refusals import Refused
from domain.rights import Action, Actor
from gis_data.city import City
from layouts.words import CATALOGUE
from staffing.practice import HallPractice
from storage.connection import Connection, DatabaseUnreachable
from storage.deadletters import LetterFilter
from storage.ingestion import Ingestion

log = logging.getLogger(__name__)


def _close_incident(conn: Connection, request: Request, at: Circumstances) -> Answer:
    dispatch.closing.close(
        conn, request["incident"], at.actor, at.now, ending=request["ending"], reason=request["reason"], zone=at.zone
    )
    return _said("done", "answer.closed", request["incident"], incident=request["incident"])


def _replay_letter(conn: Connection, request: Request, at: Circumstances, *, is_trial: bool = False) -> Answer:
    give_in = ingest.letters.try_out if is_trial else ingest.letters.replay
    done = give_in(
        Ingestion(conn), _letter_number(request["letter"]), at.actor, at.now, topic=request.get("topic"),
        payload=_payload_of(request),
    )  # fmt: skip
    key = "answer.replay_tried" if is_trial else "answer.replayed"
    return _said("done", key, str(done.dead_letter_id), letter=done.dead_letter_id, **asdict(done.counts))


def _replay_letters(conn: Connection, request: Request, at: Circumstances, *, is_trial: bool = False) -> Answer:
    """The answer's object is the last letter of a full bundle: behind it there may be more."""
    wanted = LetterFilter(request["code"], request.get("device"))
    after_id = _letter_number(request.get("after", "0"))
    done = ingest.letters.replay_many(conn, at.actor, at.now, wanted, after_id=after_id, is_trial=is_trial)
    key = "answer.replays_tried" if is_trial else "answer.replays"
    last = str(done.last_id) if done.tried == ingest.letters.MOST_AT_ONCE else None
    return _said("done", key, last, tried=done.tried, done=done.done, refused=done.refused.total(), **asdict(done.counts))


def _retire_device(conn: Connection, request: Request, at: Circumstances) -> Answer:
    ingest.acts.retire(conn, request["device"], at.actor, at.now, reason=request.get("reason"))
    return _said("done", "answer.retired", request["device"], device=request["device"])


def _restore_device(conn: Connection, request: Request, at: Circumstances) -> Answer:
    ingest.acts.restore(conn, request["device"], at.actor, at.now, reason=request.get("reason"))
    return _said("done", "answer.restored", request["device"], device=request["device"])


def _letter_number(said: str) -> int:
    """Raises Refused for what cannot be the number of a letter."""
    if said.isascii() and said.isdigit() and len(said) <= LONGEST_NUMBER:
        return int(said)
    zh, en = (words.format(letter=echo(said)) for words in CATALOGUE["answer.no_letter"])
    raise Refused("letter_unknown", zh, en)


def _payload_of(request: Request) -> bytes | None:
    """The message as it was written in the editor: text, or hexadecimal. Raises Refused."""
    written = request.get("payload")
    if written is None or request.get("encoding") != "hex":
        return None if written is None else written.encode()
    try:
        return bytes.fromhex(written)
    except ValueError:
        raise Refused("payload_not_hex", *CATALOGUE["answer.payload_not_hex"]) from None


def _create_account(conn: Connection, request: Request, at: Circumstances) -> Answer:
    handed = access.people.create(
        conn, request["name"], at.actor, at.now, department=request.get("department"), subject=request.get("subject")
    )
    return replace(_said("done", "answer.account_created", handed.name, name=handed.name), secret=handed.password)


def _reset_account(conn: Connection, request: Request, at: Circumstances) -> Answer:
    handed = access.people.reset(conn, request["name"], at.actor, at.now)
    return replace(_said("done", "answer.account_reset", handed.name, name=handed.name), secret=handed.password)


def _disable_account(conn: Connection, request: Request, at: Circumstances) -> Answer:
    access.people.disable(conn, request["name"], at.actor, at.now)
    return _said("done", "answer.account_disabled", request["name"], name=request["name"])


def _enable_account(conn: Connection, request: Request, at: Circumstances) -> Answer:
    access.people.enable(conn, request["name"], at.actor, at.now)
    return _said("done", "answer.account_enabled", request["name"], name=request["name"])


def _grant_role(conn: Connection, request: Request, at: Circumstances) -> Answer:
    scope = access.people.scope_from(request)
    given = access.people.grant(conn, request["name"], request["role"], scope, at.actor, at.now)
    return _said("done", "answer.granted", str(given.grant_id), name=given.name, role=given.role)


def _revoke_role(conn: Connection, request: Request, at: Circumstances) -> Answer:
    taken = access.people.revoke(conn, _number(request["grant"]), at.actor, at.now)
    return _said("done", "answer.revoked", request["grant"], name=taken.name, role=taken.role)


def _create_key(conn: Connection, request: Request, at: Circumstances) -> Answer:
    made = access.keys.create(
        conn, request["key"], at.actor, at.now, role=request["role"], actions=request["actions"].replace(",", " ").split(),
        scope=access.people.scope_from(request), expires_at=at.now + timedelta(days=_number(request["days"])),
    )  # fmt: skip
    return replace(_said("done", "answer.key_created", made.key.key_id, name=made.key.key_id), secret=made.secret)


def _revoke_key(conn: Connection, request: Request, at: Circumstances) -> Answer:
    access.keys.revoke(conn, request["key"], at.actor, at.now)
    return _said("done", "answer.key_revoked", request["key"], name=request["key"])


def _change_policy(conn: Connection, request: Request, at: Circumstances) -> Answer:
    if request["required"] not in ("yes", "no"):  # what is not understood must not do without the second person
        raise Refused(
            "not_yes_or_no", *(said.format(value=echo(request["required"])) for said in CATALOGUE["answer.not_yes_or_no"])
        )
    access.approvals.change_rule(
        conn, at.actor, at.now, action=request["action"], is_required=request["required"] == "yes",
        expiry_s=60.0 * _number(request["minutes"]),
    )  # fmt: skip
    return _said("done", "answer.policy_changed", request["action"], act=echo(request["action"]))


def _decide_request(conn: Connection, request: Request, at: Circumstances) -> Answer:
    """A second person's word; what is agreed to is carried out through the same table, in the name of who asked."""
    decided = access.approvals.decide(
        conn, request["request"], at.actor, at.now, verdict=request["verdict"], reason=request.get("reason")
    )
    if decided.state is not ApprovalState.APPROVED:
        return _said("done", "answer.rejected", decided.approval_id, request=decided.approval_id)

    def carry_out(agreed: Approval) -> Answer:
        act = ACTS[agreed.action][1]
        return act(conn, agreed.payload, replace(at, actor=agreed.requester))

    try:
        return access.approvals.carry_out(conn, decided.approval_id, at.now, carry_out)
    except Refused as refusal:
        zh, en = (words.format(request=decided.approval_id) for words in CATALOGUE["answer.not_carried_out"])
        raise Refused(refusal.code, f"{zh}{refusal.zh}", f"{en}{refusal.en}") from refusal


def _review_break_glass(conn: Connection, request: Request, at: Circumstances) -> Answer:
    access.approvals.review(conn, request["request"], at.actor, at.now, words=request["review"])
    return _said("done", "answer.reviewed", request["request"], request=request["request"])


_WHERE = (text("districts"), text("halls"), text("department"))
"""Where a grant or a key holds; left out: everywhere."""

ACTS: dict[Action, tuple[tuple[Field, ...], Callable[[Connection, Request, Circumstances], Answer]]] = {
    Action.CLOSE_INCIDENT: ((id_of("incident"), id_of("ending"), text("reason", is_required=True)), _close_incident),
    Action.REPLAY_LETTER: ((id_of("letter"), text("topic"), payload("payload"), text("encoding")), _replay_letter),
    Action.REPLAY_LETTERS: ((id_of("code"), text("device"), text("after")), _replay_letters),
    Action.RETIRE_DEVICE: ((id_of("device"), text("reason")), _retire_device),
    Action.RESTORE_DEVICE: ((id_of("device"), text("reason")), _restore_device),
    Action.CREATE_ACCOUNT: ((id_of("name"), text("department"), text("subject")), _create_account),
    Action.RESET_ACCOUNT: ((id_of("name"),), _reset_account),
    Action.DISABLE_ACCOUNT: ((id_of("name"),), _disable_account),
    Action.ENABLE_ACCOUNT: ((id_of("name"),), _enable_account),
    Action.GRANT_ROLE: ((id_of("name"), id_of("role"), *_WHERE), _grant_role),
    Action.REVOKE_ROLE: ((id_of("grant"),), _revoke_role),
    Action.CREATE_KEY: (
        (id_of("key"), id_of("role"), text("actions", is_required=True), id_of("days"), *_WHERE),
        _create_key,
    ),
    Action.REVOKE_KEY: ((id_of("key"),), _revoke_key),
    Action.CHANGE_POLICY: ((id_of("action"), id_of("required"), id_of("minutes")), _change_policy),
    Action.DECIDE_REQUEST: ((id_of("request"), id_of("verdict"), text("reason")), _decide_request),
    Action.REVIEW_BREAK_GLASS: ((id_of("request"), text("review", is_required=True)), _review_break_glass),
    **DISPATCH_ACTS,
    **INCIDENT_ACTS,
    **PUBLICATION_ACTS,
    **RESOURCE_ACTS,
    **RULE_ACTS,
    **WARNING_ACTS,
    **WINDOW_ACTS,
    **ROSTER_ACTS,
    **RATING_ACTS,
}
"""Action → what its request may say, and who does it. What a second person has agreed to is executed by this same table."""

BEFOREHAND: dict[Action, Callable[[Connection, Request, Circumstances], None]] = {Action.CHANGE_RULE: check_rule}
"""What is looked at before a second person is asked: nobody is to agree to what cannot be done. Each raises Refused."""

BECAUSE = text("because")
BREAK_GLASS = text("break_glass")
"""What any request may say beside its own fields, where two persons are asked for: why, and that it cannot wait."""

TRIALS: dict[Action, Callable[[Connection, Request, Circumstances], Answer]] = {
    Action.REPLAY_LETTER: partial(_replay_letter, is_trial=True),
    Action.REPLAY_LETTERS: partial(_replay_letters, is_trial=True),
}
"""Acts that can be tried out first: done and undone, with the answer that they would give."""


async def perform(
    database: Database, action: Action | None, request: object, *, actor: Actor | None, now: datetime, zone: ZoneInfo,
    order_expiry_s: float, is_trial: bool = False, city: City | None = None, shelving: ShelvingPolicy | None = None,
    outward: Outward | None = None, hall: HallPractice | None = None,
) -> Answer:  # fmt: skip
    """Does what was asked, or tries it out, and says what became of it; never raises for what an operator can cause. `request` is
    what came in: anything at all."""
    if action not in ACTS or (is_trial and action not in TRIALS):
        return _said("malformed", "answer.unknown_act")
    fields, act = ACTS[action]
    act = TRIALS[action] if is_trial else act
    checked = check(request, (*fields, BECAUSE, BREAK_GLASS))
    if isinstance(checked, Malformed):
        return _malformed(checked)
    if actor is None:
        return _said("refused", "answer.no_actor")
    circumstances = Circumstances(
        actor, now, zone, order_expiry_s, city, shelving or ShelvingPolicy(), outward, hall or HallPractice()
    )
    payload = {name: said for name, said in checked.items() if name not in (BECAUSE.name, BREAK_GLASS.name)}
    urgency = Urgency(checked.get(BECAUSE.name), checked.get(BREAK_GLASS.name) == "yes", is_trial)
    try:
        return await database.act(lambda conn: _do(conn, action, act, payload, circumstances, urgency))
    except Refused as refusal:
        return Answer("refused", refusal.code, refusal.zh, refusal.en)
    except DatabaseUnreachable as fault:
        log.warning("%s", fault)
        return _said("failed", "answer.database_away")
    except OutcomeUnknown as fault:
        log.warning("%s", fault)
        return _said("unknown", "answer.uncertain")
    except Exception:  # a fault of ours: the operator is told, the log says which
        log.exception("%s of %s failed", action, checked)
        return _said("broken", "answer.failed")


@dataclass(frozen=True, slots=True)
class Urgency:
    """Why, and whether it can wait for a second person; a trial changes nothing and waits for nobody."""

    because: str | None
    breaks_glass: bool
    is_trial: bool


def _do(
    conn: Connection, action: Action, act: Callable[[Connection, Request, Circumstances], Answer], payload: Request,
    at: Circumstances, urgency: Urgency,
) -> Answer:  # fmt: skip
    """Does it, or puts it before a second person where the policy asks for one, or breaks the glass."""
    rule = None if urgency.is_trial else access.approvals.needs_second_person(conn, action, payload)
    if rule is None:
        return act(conn, payload, at)
    if action in BEFOREHAND:
        BEFOREHAND[action](conn, payload, at)
    if not urgency.breaks_glass:
        asked = access.approvals.ask(conn, rule, payload, at.actor, at.now, reason=urgency.because)
        return _said("waiting", "answer.waiting", asked.approval_id, request=asked.approval_id)
    return access.approvals.at_once(
        conn, action, payload, at.actor, at.now, reason=urgency.because,
        act=lambda bold: act(conn, payload, replace(at, actor=bold)),
    )  # fmt: skip


def _malformed(fault: Malformed) -> Answer:
    return Answer("unreadable" if fault.is_unreadable else "malformed", fault.code, fault.zh, fault.en)
