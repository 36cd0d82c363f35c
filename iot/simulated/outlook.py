"""The outlook: what scenes will do to the city and when, found by asking its instruments about the time to come with the scenes
and without them, and its halls when they are open. Nothing is guessed: what is told is what the model will bring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from domain.sensors import SensorKind
from gis_data.city import District
from iot.control import Effect
from iot.plane import Floats
from iot.scenarios import HallRush, NetworkOutage, PowerCut, Scene, TrainStandstill
from iot.simulated.halls import Hall
from iot.simulated.instruments import Instruments
from iot.simulated.water import WADING_DEPTH_M

STEP_S = 120.0
LONGEST_S = 8 * 3600.0


class Sign(NamedTuple):
    """A difference that scenes (of the kind `cause`, if that is given) make to what instruments of a kind read: from `by` on it
    counts, downwards where that is negative; `is_share` of what they would read otherwise."""

    kind: SensorKind
    property: str
    by: float
    zh: str
    en: str
    is_share: bool = False
    cause: type = object


SIGNS = (
    Sign(SensorKind.RAIN, "precipitation", 1.0, "雨量超过1毫米", "more than 1 mm of rain"),
    Sign(SensorKind.FLOOD, "waterLevel", 0.05, "水位开始上涨", "the water begins to rise"),
    Sign(SensorKind.FLOOD, "waterLevel", 1.0, "水位上涨1米", "the water is 1 m higher"),
    Sign(SensorKind.UNDERPASS, "waterDepth", 0.05, "开始积水", "water gathers"),
    Sign(
        SensorKind.UNDERPASS, "waterDepth", WADING_DEPTH_M, f"积水超过{WADING_DEPTH_M:g}米，车辆无法通行",
        f"more than {WADING_DEPTH_M:g} m of water, impassable",
    ),
    Sign(SensorKind.TRAFFIC_FLOW, "averageVehicleSpeed", -0.5, "车速降至平时的一半", "traffic at half its speed", is_share=True),
    Sign(SensorKind.GAS, "nh3", 1.0, "测到氨气，可闻到气味", "ammonia is measured, and smelt"),
    Sign(SensorKind.GAS, "nh3", 30.0, "氨浓度超过30毫克/立方米", "more than 30 mg/m³ of ammonia"),
    Sign(SensorKind.CROWD_FLOW, "peopleCount", 300.0, "多聚集300人", "300 people more than usual", cause=TrainStandstill),
    Sign(SensorKind.POWER, "voltage", -5.0, "失压", "no voltage"),
    Sign(SensorKind.LIGHT_CABINET, "powerState", -0.5, "路灯熄灭", "street lights go out"),
    Sign(SensorKind.WATER_NETWORK, "waterPressure", -50.0, "供水压力下降50千帕", "water pressure falls by 50 kPa"),
)  # fmt: skip
"""30 mg/m³ of ammonia is the short-term limit for workplaces of GBZ 2.1-2019; it is smelt from about one on."""


def outlook(
    instruments: Instruments, halls: Sequence[Hall], scenes: Sequence[Scene], *, districts: Sequence[District] = ()
) -> list[Effect]:
    """What is to be expected, in order of time; `districts` are for their names."""
    effects = [effect for scene in scenes for effect in _said_by(scene, halls, districts)]
    felt = [scene for scene in scenes if not isinstance(scene, HallRush | NetworkOutage)]  # by instruments
    if felt:
        began_s = min(scene.start_s for scene in felt)
        times = np.arange(began_s, min(max(scene.end_s for scene in felt), began_s + LONGEST_S) + 1, STEP_S)
        signs = [s for s in SIGNS if s.kind in instruments.kinds and any(isinstance(scene, s.cause) for scene in felt)]
        for kind in dict.fromkeys(sign.kind for sign in signs):
            usual, then = instruments.true_values(kind, times), instruments.true_values(kind, times, felt)
            for sign in signs:
                if sign.kind is kind:
                    effects += _seen(instruments, sign, usual[sign.property], then[sign.property], times)
    return sorted(effects, key=lambda effect: effect.at)


def _seen(instruments: Instruments, sign: Sign, usual: Floats, then: Floats, times: Floats) -> list[Effect]:
    """The first that shows it, and how many will."""
    change = (then - usual) / np.maximum(usual, 1e-9) if sign.is_share else then - usual
    shows = change <= sign.by if sign.by < 0 else change >= sign.by
    n = int(shows.any(axis=1).sum())
    if not n:
        return []
    first = int(shows.any(axis=0).argmax())
    device = instruments.devices(sign.kind)[int(np.abs(np.where(shows[:, first], change[:, first], 0)).argmax())]
    return [_effect(
        times[first], f"{device.name_zh}{sign.zh}" + (f"，先后共{n}处" if n > 1 else ""),
        f"{device.name_en}: {sign.en}" + (f"; at {n} places in all" if n > 1 else ""),
    )]  # fmt: skip


def _said_by(scene: Scene, halls: Sequence[Hall], districts: Sequence[District]) -> list[Effect]:
    """What follows from a scene without any instrument."""
    match scene:
        case HallRush():
            comes_s, times = _first_open_s(scene, halls), f"{scene.factor:g}"
            if comes_s is None:
                return [_effect(scene.start_s, "大厅届时未开放，无人前来", "the halls are closed all the while: nobody comes")]
            return [_effect(comes_s, f"办事人数增至{times}倍", f"{times} times as many people come to the halls")]
        case NetworkOutage():
            named = {district.code: district for district in districts}
            zh, en = (
                [named[code].name(lang) if code in named else code for code in scene.district_codes] for lang in ("zh", "en")
            )
            return [
                _effect(scene.start_s, f"{'、'.join(zh)}网关断线", f"the gateways of {', '.join(en)} lose their lines"),
                _effect(scene.end_s, f"{'、'.join(zh)}网关恢复，补传数据", "the gateways are back and send late what they kept"),
            ]
        case TrainStandstill():
            return [
                _effect(scene.start_s, f"{scene.line}列车停运", f"no trains on {scene.line}"),
                _effect(scene.start_s + scene.lasts_s, f"{scene.line}恢复运行", f"trains run again on {scene.line}"),
            ]
        case PowerCut():
            km = scene.radius_m / 1_000
            return [
                _effect(scene.start_s, f"半径{km:g}公里内停电", f"no power within {km:g} km"),
                _effect(scene.start_s + scene.lasts_s, "恢复供电", "the power is back"),
            ]
        case _:
            return []


def _first_open_s(rush: HallRush, halls: Sequence[Hall]) -> float | None:
    """When the first of its halls opens its doors during a rush."""
    opens_s = []
    for hall in halls:
        first = datetime.fromtimestamp(rush.start_s, hall.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        for day in (first, first + timedelta(days=1)):
            hours = hall.hours(day.date()) if not rush.hall_ids or hall.hall_id in rush.hall_ids else None
            if hours is not None:
                begins_s = max(rush.start_s, day.timestamp() + hours.doors_ms / 1_000)
                if begins_s < min(rush.end_s, day.timestamp() + hours.closes_ms / 1_000):
                    opens_s.append(begins_s)
    return min(opens_s, default=None)


def _effect(at_s: float, zh: str, en: str) -> Effect:
    return Effect(at=datetime.fromtimestamp(float(at_s), UTC), zh=zh, en=en)
