"""Drafting: from a warning and the wishes of who publishes it to what will be said: step, level, words, area, times. Pure.

What nobody wished for is as the warning says: words of its rule and evidence, the area of its district, the end by its level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely

from alerts.outward import Issuer
from alerts.words import sentence
from domain.incidents import HAZARD_CLASSES
from domain.publications import Audience, Publication, PublicationStep, Saying
from domain.refusals import Refused
from domain.rights import Action
from domain.warnings import OPEN_WARNING_STATES, Warning, WarningLevel, WarningMode, WarningSource
from gis_data.city import District
from gis_data.drawing import as_geojson, read_shape

MOST_CORNERS = 500
"""Of an area that leaves: the outline of a district is drawn more simply than that of the map."""
_TOLERANCE_DEG = 0.0002
"""Some 20 m, with which simplifying begins."""
REACH_M = (50.0, 50_000.0)
_TEXTS = ("headline_zh", "headline_en", "text_zh", "text_en", "advice_zh", "advice_en", "area_zh", "area_en")


@dataclass(frozen=True, slots=True)
class Wish:
    """What who publishes wants otherwise than the warning has it; None and missing texts: as the warning has it."""

    texts: Mapping[str, str]
    level: WarningLevel | None = None
    audiences: tuple[Audience, ...] | None = None
    area: Mapping[str, Any] | None = None
    onset: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What will be said, before it has a number."""

    warning: Warning
    step: PublicationStep
    level: WarningLevel
    mode: WarningMode
    sent_at: datetime
    onset_at: datetime
    expires_at: datetime
    audiences: tuple[Audience, ...]
    saying: Saying


def read_wish(said: Mapping[str, str]) -> Wish:
    """The wishes in the texts of a request. Raises Refused with what is wrong in one."""
    return Wish(
        {name: said[name].strip() for name in _TEXTS if said.get(name, "").strip()}, _level(said.get("level")),
        _audiences(said.get("audiences")), _area(said.get("area"), said.get("reach_m")), _time("onset", said.get("onset")),
        _time("expires", said.get("expires")),
    )  # fmt: skip


def step_of(action: Action, warning: Warning, level: WarningLevel, last: Publication | None) -> PublicationStep:
    """What publishing, raising or lowering would be now, after `last`. Raises Refused when it may not be."""
    _refuse_foreign(warning)
    if warning.state not in OPEN_WARNING_STATES:
        zh, en = f"预警{warning.state.zh}，不能再发布", f"the warning was {warning.state.en}: it cannot be published"
        raise Refused("warning_closed", zh, en)
    standing = last if last is not None and not last.step.is_end else None
    if action is Action.PUBLISH_WARNING:
        if standing is None:
            return PublicationStep.PUBLISH
        if standing.level is level:
            return PublicationStep.UPDATE
        raise Refused(
            "already_published",
            f"预警已按{standing.level.zh}发布：改为{level.zh}请用升级或降级",
            f"the warning is published as {standing.level.en}: raise or lower it to make it {level.en}",
        )
    if standing is None:
        raise _not_published()
    if action is Action.RAISE_WARNING and level.rank >= standing.level.rank:
        raise Refused(
            "level_not_graver",
            f"已发布等级为{standing.level.zh}：升级须高于此级，不能是{level.zh}",
            f"it is published as {standing.level.en}: raising needs a graver level than that, not {level.en}",
        )
    if action is Action.LOWER_WARNING and level.rank <= standing.level.rank:
        raise Refused(
            "level_not_milder",
            f"已发布等级为{standing.level.zh}：降级须低于此级，不能是{level.zh}",
            f"it is published as {standing.level.en}: lowering needs a milder level than that, not {level.en}",
        )
    return PublicationStep.RAISE if action is Action.RAISE_WARNING else PublicationStep.LOWER


def ending_of(said: str, warning: Warning, last: Publication | None) -> PublicationStep:
    """The end that is meant by `over` or `withdrawn`. Raises Refused when nothing is published that could end."""
    _refuse_foreign(warning)
    ending = PublicationStep.known(said)
    if ending is None or not ending.is_end:
        raise Refused(
            "ending_unknown",
            f"结束方式为“{said[:20]}”：应为 over（解除）或 withdrawn（撤销）",
            f"the ending is '{said[:20]}': expected over or withdrawn",
        )
    if last is None or last.step.is_end:
        raise _not_published()
    return ending


def draft(
    warning: Warning, step: PublicationStep, wish: Wish, issuer: Issuer, now: datetime, *, district: District | None,
    last: Publication | None = None,
) -> Draft:  # fmt: skip
    """What will be said now. An end repeats the area and the level of what it ends. Raises Refused where there is no area."""
    said = warning.evidence
    now = now.replace(microsecond=0)
    level = wish.level or warning.level
    audiences = wish.audiences or (last.audiences if last else tuple(Audience))
    if step.is_end and last is not None:
        level = last.level
        saying = Saying(
            wish.texts.get("headline_zh") or headline(step, level, warning, issuer, "zh"),
            wish.texts.get("headline_en") or headline(step, level, warning, issuer, "en"),
            wish.texts.get("text_zh", ""), wish.texts.get("text_en", ""), "", "",
            last.saying.area_zh, last.saying.area_en, last.saying.area,
        )  # fmt: skip
        # An all-clear is good for as long as what it ends could have been.
        return Draft(
            warning, step, level, warning.mode, now, now, max(last.expires_at, now + timedelta(hours=1)), audiences, saying
        )
    area = wish.area or _own_area(warning, district, issuer.reach_m)
    place = said.get("device_name") or warning.device_id or ""
    default = {
        "headline_zh": headline(step, level, warning, issuer, "zh"), "headline_en": headline(step, level, warning, issuer, "en"),
        "text_zh": sentence(warning, "zh"), "text_en": sentence(warning, "en"),
        "advice_zh": said.get("advice_zh", ""), "advice_en": said.get("advice_en", ""),
        "area_zh": said.get("area_zh") or (district.name_zh if district else "") or place,
        "area_en": said.get("area_en") or (district.name_en if district else "") or place,
    }  # fmt: skip
    onset = wish.onset or _told(said.get("onset")) or warning.raised_at + timedelta(seconds=warning.lead_time_s or 0.0)
    expires = wish.expires or _told(said.get("expires")) or now + timedelta(seconds=issuer.valid_s[level])
    if expires <= now:
        raise Refused(
            "time_malformed", "失效时间不晚于现在：应在将来", "the warning would expire before it leaves: expected an end to come"
        )  # fmt: skip
    saying = Saying(**{**default, **wish.texts}, area=area)
    return Draft(warning, step, level, warning.mode, now, onset.replace(microsecond=0), expires, audiences, saying)


def refuse_repetition(made: Draft, last: Publication | None, wish: Wish) -> None:
    """Raises Refused when an update would say again what is said already, to the same people."""
    if made.step is not PublicationStep.UPDATE or last is None or wish.expires or wish.onset or last.expires_at <= made.sent_at:
        return
    # A headline that nobody wished for says what the step is, and so always something else.
    same = {name: said for name, said in asdict(last.saying).items() if not name.startswith("headline") or name in wish.texts}
    now = asdict(made.saying)
    if all(now[name] == said for name, said in same.items()) and made.audiences == last.audiences:
        raise Refused(
            "nothing_changed",
            f"与第 {last.version} 版内容相同：请修改文字、区域或时间后再发布",
            f"it says what version {last.version} says: change words, area or times before publishing again",
        )


def event(warning: Warning, lang: str) -> str:
    """What happens, in a word."""
    known = HAZARD_CLASSES.get(warning.hazard_class)
    if known is None or warning.hazard_class == "other":
        return warning.zh if lang == "zh" else warning.en
    return known[0] if lang == "zh" else known[1]


def headline(step: PublicationStep, level: WarningLevel, warning: Warning, issuer: Issuer, lang: str) -> str:
    """Who does what: 某市应急指挥中心升级暴雨预警为Ⅱ级 橙色."""
    what = event(warning, lang)
    if lang == "zh":
        if step in (PublicationStep.RAISE, PublicationStep.LOWER):
            return f"{issuer.name_zh}{step.zh}{what}预警为{level.zh}"
        return f"{issuer.name_zh}{step.zh}{what}{level.zh}预警"
    changed = {PublicationStep.RAISE: "raised to ", PublicationStep.LOWER: "lowered to "}.get(step)
    if changed:
        return f"{issuer.name_en}: {what} warning {changed}{level.en}"
    return f"{issuer.name_en}: {what} warning, {level.en}, {step.en}"


def outline(shape: Any) -> Any:
    """A shape of at most MOST_CORNERS corners, drawn as plainly as that needs; millionths of a degree."""
    plain, tolerance = shape, _TOLERANCE_DEG
    while shapely.get_num_coordinates(plain) > MOST_CORNERS:
        plain = shapely.simplify(shape, tolerance)
        if shapely.get_num_coordinates(plain) > MOST_CORNERS and tolerance > 1:
            return shapely.convex_hull(shape)
        tolerance *= 2
    return plain


def _own_area(warning: Warning, district: District | None, reach_m: float) -> Mapping[str, Any]:
    """The area that the evidence has, else its district's, else a circle round its place. Raises Refused where it has none."""
    told = warning.evidence.get("area")
    if isinstance(told, Mapping):
        return as_geojson(outline(shapely.from_geojson(_json(told))))
    if district is not None:
        return as_geojson(outline(district.polygon))
    if warning.lon is None or warning.lat is None:
        raise Refused(
            "area_unknown", "预警没有区域：请在 area 中给出", "the warning has no place: expected an area with it"
        )  # fmt: skip
    return {"type": "Point", "coordinates": [round(warning.lon, 6), round(warning.lat, 6)], "reach_m": reach_m}


def _json(told: Mapping[str, Any]) -> str:
    import json

    return json.dumps(told)


def _refuse_foreign(warning: Warning) -> None:
    if warning.source is WarningSource.EXTERNAL_CAP:
        raise Refused(
            "warning_external", "外部预警由其发布单位负责，不能以本单位名义发布",
            "a warning from outside is its sender's: it is not published as ours",
        )  # fmt: skip


def _not_published() -> Refused:
    return Refused("not_published", "预警尚未对外发布，或已解除、撤销", "the warning is not published, or that has ended")


def _level(said: str | None) -> WarningLevel | None:
    if said is None:
        return None
    level = WarningLevel.known(said)
    if level is None:
        raise Refused(
            "level_unknown", f"等级为“{said[:20]}”：应为 {'、'.join(WarningLevel)} 之一",
            f"the level is '{said[:20]}': expected one of {', '.join(WarningLevel)}",
        )  # fmt: skip
    return level


def read_audience(said: str) -> Audience:
    """Raises Refused."""
    audience = Audience.known(said.strip())
    if audience is None:
        raise Refused(
            "audience_unknown", f"对象为“{said[:20]}”：应为 {'、'.join(Audience)} 之一",
            f"the audience is '{said[:20]}': expected one of {', '.join(Audience)}",
        )  # fmt: skip
    return audience


def _audiences(said: str | None) -> tuple[Audience, ...] | None:
    if said is None or not said.strip():
        return None
    wanted = {read_audience(word) for word in said.split(",")}
    return tuple(audience for audience in Audience if audience in wanted)


def _area(said: str | None, reach_m: str | None) -> Mapping[str, Any] | None:
    if said is None or not said.strip():
        return None
    shape, _ = read_shape(said)
    if shape.geom_type == "LineString":
        raise Refused(
            "area_malformed", "区域为线：应为点加半径或面", "the area is a line: expected a point with its reach, or a polygon"
        )  # fmt: skip
    area = as_geojson(shape)
    if shape.geom_type == "Point":
        area["reach_m"] = _reach(reach_m)
    return area


def _reach(said: str | None) -> float:
    try:
        reach_m = float(said or "")
    except ValueError:
        reach_m = 0.0
    if not REACH_M[0] <= reach_m <= REACH_M[1]:
        raise Refused(
            "area_malformed", f"点状区域的半径 reach_m 为“{(said or '')[:20]}”：应为 50 至 50000 米",
            f"the reach_m of a point is '{(said or '')[:20]}': expected 50 to 50000 metres",
        )  # fmt: skip
    return reach_m


def _time(name: str, said: str | None) -> datetime | None:
    if said is None or not said.strip():
        return None
    found = _told(said)
    if found is None:
        raise Refused(
            "time_malformed", f"{name} 为“{said[:40]}”：应为带时差的时间，如 2026-03-02T09:00:00+08:00",
            f"{name} is '{said[:40]}': expected a time with its offset, such as 2026-03-02T09:00:00+08:00",
        )  # fmt: skip
    return found


def _told(said: Any) -> datetime | None:
    """A time with its offset, to the second; None for anything else."""
    try:
        found = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        return None
    return found.astimezone(UTC).replace(microsecond=0) if found.tzinfo else None
