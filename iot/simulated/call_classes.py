"""Classes of calls: what people report, to whom, how often, at which hours and where, and how weather changes it.

Rates are per 100,000 residents and day, in the mean of a week without holidays and in fair weather. They are chosen for what a
city's command centre sees, between these anchors: fire brigades in China were called 2.138 million times in 2023, 0.42 (National
Fire and Rescue Administration); Beijing's 120 sent ambulances out 900–1,000 times a day in 2018, 4.4 (Xinhua, 23 July 2018);
Beijing's 12345 took 21.4 million calls in 2023, 270, most of them questions without a place. American dispatch centres, which
hear of every ailment, take about 47 (San Francisco's fire department in January 2018, Montgomery County in the winter of
2015/16). Six million people thus give some 390 incidents a day, half of them medical and three of four of grade IV, 1,200 located
requests to 12345 and 800 findings of grid inspectors.

Hours are drawn by hand between the profiles of these centres. Texts speak of places, never of persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from iot.simulated.rhythm import Profile
from iot.simulated.streets import Mix


class Desk(Enum):
    """Who takes a call: word in the desk's id, `source` of its requests, letter in their numbers, and its names."""

    INCIDENTS = "incident", "", "", "接警台", "emergency desk"
    HOTLINE = "hotline", "12345", "", "12345热线", "12345 hotline"
    GRID = "grid", "grid", "g", "网格化管理中心", "grid management centre"

    def __init__(self, word: str, source: str, letter: str, zh: str, en: str) -> None:
        self.word, self.source, self.letter, self.zh, self.en = word, source, letter, zh, en

    @property
    def takes_requests(self) -> bool:
        return bool(self.source)

    def device_id(self, district_code: str) -> str:
        if self is Desk.INCIDENTS:
            return f"{district_code}/incident/desk/i{district_code}"
        return f"{district_code}/request/{self.source}/{self.word}-{district_code}"


class Influence(Enum):
    """What weather does to a class, and by how much at most (iot.simulated.calls has the formulas)."""

    NONE = 1.0
    WET_AND_DARK = 2.6
    FLOODED = 8.0


class Hours:
    """A profile over the day with its mean over a week: shares of a day's calls in seconds."""

    def __init__(self, workday: tuple[int, ...], weekend: tuple[int, ...]) -> None:
        self.profile = Profile(workday, weekend)
        self.a_day_at_most_s = 3600 * (5 * sum(workday) + 2 * sum(weekend)) / 7 / 100
        """Seconds that a mean day would last if it went at its maximum all the time."""


ROUND_THE_CLOCK = Hours((100,) * 24, (100,) * 24)
EMERGENCIES = Hours(
    (45, 38, 34, 31, 30, 33, 43, 58, 78, 92, 98, 98, 97, 96, 95, 94, 94, 94, 92, 89, 82, 74, 66, 55),
    (62, 54, 50, 46, 43, 40, 44, 54, 68, 82, 90, 94, 96, 96, 94, 94, 94, 95, 95, 92, 87, 81, 74, 66),
)
FIRES = Hours(
    (32, 25, 21, 20, 20, 23, 34, 50, 62, 70, 78, 84, 86, 86, 86, 88, 92, 98, 100, 93, 82, 68, 55, 42),
    (40, 32, 27, 23, 22, 24, 32, 46, 58, 68, 76, 82, 84, 83, 83, 85, 89, 94, 98, 93, 85, 74, 62, 51),
)
DRIVING = Hours(
    (14, 9, 7, 6, 8, 15, 38, 72, 84, 68, 58, 58, 62, 66, 71, 80, 92, 100, 88, 62, 50, 42, 32, 22),
    (30, 25, 21, 16, 16, 18, 27, 36, 46, 60, 70, 82, 92, 94, 90, 88, 86, 84, 84, 70, 54, 48, 42, 34),
)
GOING_OUT = Hours(
    (12, 7, 4, 3, 3, 5, 12, 40, 52, 38, 40, 48, 56, 48, 42, 44, 52, 78, 92, 100, 92, 70, 42, 22),
    (18, 10, 6, 4, 3, 4, 8, 18, 30, 48, 64, 76, 80, 80, 84, 86, 86, 88, 96, 100, 92, 72, 46, 28),
)
OFFICE_HOURS = Hours(
    (10, 7, 5, 4, 4, 7, 16, 40, 82, 100, 98, 86, 64, 70, 88, 90, 84, 72, 60, 54, 50, 44, 32, 18),
    (10, 7, 5, 4, 4, 6, 12, 26, 48, 62, 64, 58, 48, 50, 56, 58, 56, 52, 48, 45, 42, 36, 27, 16),
)
UNREST = Hours(
    (55, 38, 24, 16, 12, 14, 30, 42, 44, 46, 46, 44, 48, 46, 44, 46, 50, 58, 72, 88, 100, 98, 88, 72),
    (66, 46, 30, 20, 14, 14, 24, 38, 48, 54, 56, 56, 58, 56, 54, 56, 58, 64, 76, 90, 100, 99, 92, 80),
)
AFTER_DARK = Hours(
    (30, 18, 12, 9, 8, 9, 12, 14, 16, 16, 14, 12, 11, 11, 12, 14, 20, 40, 74, 98, 100, 88, 66, 44),
    (32, 20, 13, 10, 8, 9, 11, 13, 15, 15, 14, 12, 11, 11, 12, 14, 20, 40, 72, 95, 96, 86, 66, 46),
)
INSPECTIONS = Hours(
    (1, 1, 1, 1, 1, 2, 8, 30, 80, 100, 98, 82, 42, 58, 92, 96, 86, 56, 26, 14, 9, 5, 3, 2),
    (1, 1, 1, 1, 1, 2, 5, 18, 46, 58, 56, 46, 26, 34, 52, 54, 48, 32, 16, 9, 6, 4, 2, 1),
)


@dataclass(frozen=True, slots=True)
class CallClass:
    """A class of calls. Incidents have shares of severity 1–4, a channel and what is said after the place; requests the working
    days within which they are due."""

    name: str
    desk: Desk
    per_100k_day: float
    hours: Hours
    mix: Mix
    influence: Influence = Influence.NONE
    channel: str | None = None
    severities: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    texts: tuple[str, ...] = ()
    due_days: int | None = None


def _incident(
    name: str, rate: float, channel: str, hours: Hours, mix: Mix, severities: tuple[float, float, float, float], *texts: str,
    influence: Influence = Influence.NONE,
) -> CallClass:  # fmt: skip
    return CallClass(name, Desk.INCIDENTS, rate, hours, mix, influence, channel, severities, texts)


def _request(
    name: str, rate: float, hours: Hours, mix: Mix, *, desk: Desk = Desk.HOTLINE, days: int = 7,
    influence: Influence = Influence.NONE,
) -> CallClass:  # fmt: skip
    return CallClass(name, desk, rate, hours, mix, influence, due_days=days)


TOWN = Mix(homes=0.6, shops=0.25, works=0.05, traffic=0.1)
HOMES = Mix(homes=0.8, shops=0.15, works=0.05)
STREET = Mix(homes=0.35, shops=0.25, works=0.05, traffic=0.35)
SHOPS = Mix(homes=0.25, shops=0.75)
TRAFFIC = Mix(traffic=1.0)

CLASSES = (
    _incident(
        "medical", 3.0, "120", EMERGENCIES, TOWN, (0.0, 0.03, 0.27, 0.70),
        "有人突发不适，需急救", "有人跌倒受伤", "有人胸痛，呼吸困难", "有人晕倒", "有人腹痛", "有人外伤出血", "有人高热抽搐",
    ),
    _incident(
        "traffic_accident", 1.3, "110", DRIVING, TRAFFIC, (0.002, 0.018, 0.18, 0.80),
        "两车相撞，占用车道", "电动车与汽车刮擦", "追尾，通行缓慢", "单车撞护栏", "货车侧翻", "多车追尾",
        influence=Influence.WET_AND_DARK,
    ),
    _incident(
        "fire", 0.45, "119", FIRES, Mix(homes=0.45, shops=0.2, works=0.25, traffic=0.1), (0.003, 0.037, 0.26, 0.70),
        "厨房冒烟", "垃圾桶起火", "电动车棚起火", "烟感报警，待核实", "店铺起火", "车辆自燃", "绿化带冒烟",
    ),
    _incident(
        "traffic_hazard", 0.4, "110", DRIVING, TRAFFIC, (0.0, 0.0, 0.10, 0.90),
        "车辆抛锚，占用车道", "路面散落货物", "路面油污", "信号灯不亮", influence=Influence.WET_AND_DARK,
    ),
    _incident(
        "gas_leak", 0.12, "119", FIRES, Mix(homes=0.7, shops=0.2, works=0.1), (0.002, 0.058, 0.34, 0.60),
        "楼道有燃气味", "施工挖破燃气管", "餐饮店燃气报警",
    ),
    _incident(
        "power_failure", 0.12, "12345", EMERGENCIES, Mix(homes=0.65, shops=0.2, works=0.15), (0.0, 0.02, 0.28, 0.70),
        "小区停电", "路灯及信号灯不亮", "配电箱冒火花",
    ),
    _incident("crowd", 0.12, "110", GOING_OUT, SHOPS, (0.0, 0.02, 0.28, 0.70), "人流密集，请求疏导", "出入口拥堵"),
    _incident(
        "other", 0.75, "110", EMERGENCIES, STREET, (0.0, 0.01, 0.19, 0.80),
        "电梯困人", "树枝倒伏占道", "井盖缺失", "高空坠物", "广告牌松动", "水管爆裂", "有人落水",
    ),
    _incident(
        "waterlogging", 7.2, "110", ROUND_THE_CLOCK, Mix(homes=0.4, shops=0.1, traffic=0.5), (0.0, 0.05, 0.40, 0.55),
        "路面积水，车辆缓行", "地下车库进水", "店铺进水", "车辆涉水熄火", influence=Influence.FLOODED,
    ),
    _request("noise", 4.2, UNREST, Mix(homes=0.55, shops=0.4, works=0.05)),
    _request("parking", 3.4, OFFICE_HOURS, Mix(homes=0.6, shops=0.3, traffic=0.1)),
    _request("property", 2.2, OFFICE_HOURS, HOMES),
    _request("waste", 1.8, OFFICE_HOURS, HOMES),
    _request("road_damage", 1.5, OFFICE_HOURS, TRAFFIC),
    _request("construction", 1.5, OFFICE_HOURS, STREET),
    _request("water_supply", 1.0, EMERGENCIES, HOMES),
    _request("public_transport", 1.0, DRIVING, STREET),
    _request("streetlight", 0.9, AFTER_DARK, STREET),
    _request("greenery", 0.8, OFFICE_HOURS, STREET),
    _request("power_supply", 0.7, EMERGENCIES, HOMES),
    _request("odour", 0.5, GOING_OUT, Mix(homes=0.5, shops=0.35, works=0.15)),
    _request("waterlogging", 28.8, ROUND_THE_CLOCK, Mix(homes=0.5, shops=0.1, traffic=0.4), influence=Influence.FLOODED),
    _request("waste", 3.6, INSPECTIONS, STREET, desk=Desk.GRID, days=1),
    _request("bicycles", 2.8, INSPECTIONS, SHOPS, desk=Desk.GRID, days=1),
    _request("street_vending", 2.6, INSPECTIONS, SHOPS, desk=Desk.GRID, days=1),
    _request("advertising", 1.6, INSPECTIONS, SHOPS, desk=Desk.GRID, days=3),
    _request("facility_damage", 1.4, INSPECTIONS, STREET, desk=Desk.GRID, days=3),
    _request("road_damage", 0.8, INSPECTIONS, TRAFFIC, desk=Desk.GRID, days=5),
    _request("manhole", 0.5, INSPECTIONS, TRAFFIC, desk=Desk.GRID, days=1),
)  # fmt: skip
"""Rates of waterlogging are those while rain brings 10 mm/h more than drains take: 0.3 incidents and 1.2 requests an hour for
100,000 residents."""
