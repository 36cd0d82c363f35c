"""Speaking outside in tests: a policy, a warning to speak of, and notices as they leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.outward import BROKER, FEED, Issuer, Outward, Plan, Recipient
from alerts.publishing import Ground
from domain.publications import Audience, Notice, NoticeState
from domain.warnings import Warning, WarningLevel, WarningMode, WarningSource, WarningState
from storage.connection import Connection
from storage.warnings import open_warning
from tests.support.scenes import NOW, STATION, a_device, a_rule, stored

ZONE = ZoneInfo("Asia/Shanghai")
AGENCY = "99010000100100"
IDENTIFIER = f"{AGENCY}_20260302090000_0"
VALID_S = {
    WarningLevel.RED: 3 * 3600.0,
    WarningLevel.ORANGE: 6 * 3600.0,
    WarningLevel.YELLOW: 12 * 3600.0,
    WarningLevel.BLUE: 86_400.0,
}
ISSUER = Issuer(AGENCY, "warning@city.example", "某市应急指挥中心", "Command centre", VALID_S, 1000.0)
DUTY = Recipient("duty@city.example", Audience.OPERATORS)
MAYOR = Recipient("mayor@city.example", Audience.LEADERS, "both")
OUTWARD = Outward(
    ISSUER,
    (
        Plan("atom", (Recipient(FEED, Audience.PUBLIC),), 1000), Plan("mqtt", (Recipient(BROKER, Audience.PUBLIC, "both"),), 1000),
        Plan("email", (DUTY, MAYOR), 60), Plan("webhook", (Recipient("sms", Audience.PUBLIC, "zh", 40),), 60),
    ),
)  # fmt: skip
GROUND = Ground(OUTWARD, None, ZONE)
EVIDENCE = {
    "value": 160.0, "threshold": 150.0, "property": "pm25", "unit": "ug/m3", "device_id": STATION, "device_name": "北站", "district": "440106",
}  # fmt: skip


def a_warning(**more: Any) -> Warning:
    """PM2.5 at the north station, orange, measured."""
    said = Warning(
        warning_id="00000000-0000-4000-8000-000000000001", identifier=IDENTIFIER, rule_id="pm25_high", rule_version=1,
        source=WarningSource.RULE, hazard_class="air_pollution", level=WarningLevel.ORANGE, state=WarningState.CANDIDATE,
        mode=WarningMode.ACTUAL, object_id="1", device_id=STATION, lon=113.25, lat=23.125, raised_at=NOW, updated_at=NOW,
        zh="细颗粒物浓度偏高", en="Fine particulate matter is high", evidence=EVIDENCE,
    )  # fmt: skip
    return replace(said, **more)


def opened(
    conn: Connection, *, exercise_id: str | None = None, level: WarningLevel = WarningLevel.ORANGE, number: int = 0
) -> str:
    """That warning in the memory; its id."""
    stored(conn, a_device(name="北站"))
    found = open_warning(
        conn, a_rule(), level, identifier=f"{AGENCY}_20260302090000_{number}", object_id=str(number + 1), device_id=STATION, now=NOW,
        evidence=EVIDENCE, exercise_id=exercise_id,
    )  # fmt: skip
    assert found is not None
    return found


def a_notice(channel: str, recipient: str, *, now: datetime = NOW, **more: Any) -> Notice:
    """A notice under way for the first time."""
    facts = {
        "identifier": IDENTIFIER, "step": "publish", "level": "orange", "cap": "<alert/>", "district": "440106", "headline_zh": "空气污染",
    }  # fmt: skip
    said = Notice(
        notice_id=1, key=f"{IDENTIFIER}.{channel}.abc", channel=channel, audience=Audience.PUBLIC, lang="zh", recipient=recipient,
        mode=WarningMode.ACTUAL, subject="某市应急指挥中心发布空气污染Ⅱ级 橙色预警", body="细颗粒物浓度偏高\n有效至：03-02 15:00", created_at=now,
        due_at=now, state=NoticeState.SENDING, attempts=1, tries=1, warning_id="00000000-0000-4000-8000-000000000001",
        publication_id=1, version=1, facts=facts,
    )  # fmt: skip
    return replace(said, **more)
