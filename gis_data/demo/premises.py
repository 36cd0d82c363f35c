"""Premises: what a place of each kind is called and what it can hold, given where it stands.

Capacities are planning figures of an invented city, in the units their names carry; where a figure follows a rule, the
function says which. Nobody real is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gis_data.demo import plan

Attributes = Mapping[str, int | float | str]
Described = tuple[str, str, Attributes]


@dataclass(frozen=True)
class Setting:
    """Where a place stands: its number among its kind, its number within the district, the district, the street's names,
    how dense the surroundings are (0–1), the park it adjoins (names, or None), and luck of its own."""

    number: int
    nth: int
    quarter: plan.Quarter
    road: tuple[str, str]
    crowd: float
    park: tuple[str, str] | None
    rng: np.random.Generator

    @property
    def short(self) -> tuple[str, str]:
        """The district's name without its suffix."""
        return self.quarter.name_zh.removesuffix("区"), self.quarter.name_en

    @property
    def stem(self) -> tuple[str, str]:
        """The street's name without Road, Street or Avenue."""
        zh = self.road[0]
        for suffix in ("大道", "公路", "路", "街", "巷"):
            zh = zh.removesuffix(suffix)
        return zh, self.road[1].rsplit(" ", 1)[0]

    def pick(self, options: Sequence[float]) -> float:
        """One of the options, each as likely."""
        return options[int(self.rng.integers(len(options)))]


def _hall(at: Setting) -> Described:
    if at.nth == 1 and at.quarter is plan.QUARTERS[0]:
        return f"{plan.NAME_ZH}政务服务中心", f"{plan.NAME_EN} Government Service Centre", {"windows": 36, "is_main": 1}
    windows = round((22 if at.nth == 1 else 12) * (0.6 + 0.6 * at.crowd))
    if at.nth == 1:
        zh, en = f"{at.quarter.name_zh}政务服务中心", f"{at.short[1]} Government Service Centre"
    else:
        zh, en = f"{at.short[0]}{at.road[0]}政务服务分中心", f"{at.road[1]} Service Branch"
    return zh, en, {"windows": windows, "is_main": int(at.nth == 1)}


def _fire_station(at: Setting) -> Described:
    return f"{at.road[0]}消防救援站", f"{at.road[1]} Fire Station", {"engines": 2 + round(2 * at.crowd)}


def _police_station(at: Setting) -> Described:
    return f"{at.road[0]}派出所", f"{at.road[1]} Police Station", {"cars": 3 + round(4 * at.crowd)}


def _ambulance_station(at: Setting) -> Described:
    return f"{at.road[0]}急救站", f"{at.road[1]} Ambulance Station", {"ambulances": 2 + round(2 * at.crowd)}


_HOSPITALS = (
    (f"{plan.NAME_ZH}第一人民医院", f"{plan.NAME_EN} First People's Hospital"),
    *((("{}人民医院", "{} People's Hospital"),) * 11),
    (f"{plan.NAME_ZH}中心医院", f"{plan.NAME_EN} Central Hospital"),
    (f"{plan.NAME_ZH}中医医院", f"{plan.NAME_EN} Hospital of Chinese Medicine"),
    (f"{plan.NAME_ZH}儿童医院", f"{plan.NAME_EN} Children's Hospital"),
    (f"{plan.NAME_ZH}妇幼保健院", f"{plan.NAME_EN} Maternity Hospital"),
    (f"{plan.NAME_ZH}传染病医院", f"{plan.NAME_EN} Infectious Diseases Hospital"),
    (f"{plan.NAME_ZH}急救中心医院", f"{plan.NAME_EN} Trauma Centre"),
)


def _hospital(at: Setting) -> Described:
    if at.number <= len(_HOSPITALS):
        zh, en = _HOSPITALS[at.number - 1]
    else:
        zh, en = f"{{}}第{numeral(at.nth)}医院", f"{{}} Hospital {at.nth}"
    beds = int(round(300 + 1100 * at.crowd, -1))
    return zh.format(at.short[0]), en.format(at.short[1]), {"beds": beds, "emergency": 1}


def _school(at: Setting) -> Described:
    level, level_en = (("中学", "Middle School"), ("小学", "Primary School"), ("小学", "Primary School"))[at.nth % 3]
    ordinal = (at.nth + 2) // 3 if at.nth % 3 == 0 else at.nth - at.nth // 3
    zh, en = f"{at.short[0]}第{numeral(ordinal)}{level}", f"{at.short[1]} {level_en} No. {ordinal}"
    return zh, en, {"pupils": int(round(500 + 1300 * at.crowd, -1))}


def _shelter(at: Setting) -> Described:
    zh, en = at.park or at.road
    return f"{zh}应急避难场所", f"{en} Shelter", {"capacity": int(round(600 + 3400 * at.crowd, -2))}


def _warehouse(at: Setting) -> Described:
    if at.nth == 1:
        zh, en = f"{at.short[0]}应急物资库", f"{at.short[1]} Emergency Warehouse"
    else:
        zh, en = f"{at.short[0]}{at.road[0]}物资库", f"{at.road[1]} Warehouse"
    return zh, en, {"area_m2": int(round(2200 + 5200 * at.rng.random(), -2))}


#: Products (zh, en), the word for such works in English, and the tonnes of ammonia held at least and at most (none for
#: most). Cold stores run on ammonia; from 10 t on a site is a major hazard installation in GB 18218-2018.
_PRODUCTS: tuple[tuple[str, str, str, tuple[int, int] | None], ...] = (
    ("冷冻食品", "Frozen food", "Frozen Food Works", (12, 32)),
    ("汽车零部件", "Car parts", "Car Parts Works", None),
    ("电子元件", "Electronics", "Electronics Works", None),
    ("氮肥", "Nitrogen fertiliser", "Fertiliser Works", (160, 260)),
    ("机械", "Machinery", "Machine Works", None),
    ("纺织", "Textiles", "Textile Mill", None),
    ("水产冷藏", "Chilled seafood", "Seafood Cold Store", (18, 42)),
    ("涂料", "Paint", "Paint Works", None),
    ("制药", "Medicines", "Pharmaceutical Works", None),
    ("啤酒", "Beer", "Brewery", (10, 20)),
    ("船用设备", "Ship equipment", "Ship Equipment Works", None),
    ("包装纸", "Packaging paper", "Paper Mill", None),
    ("家具", "Furniture", "Furniture Works", None),
    ("制冰", "Ice", "Ice Plant", (8, 16)),
    ("建材", "Building materials", "Building Materials Works", None),
    ("仪表", "Instruments", "Instrument Works", None),
)


def _factory(at: Setting) -> Described:
    zh, en, works_en, ammonia_t = _PRODUCTS[(at.number - 1) % len(_PRODUCTS)]
    attributes: dict[str, int | float | str] = {"product_zh": zh, "product_en": en}
    if ammonia_t:
        attributes["ammonia_t"] = int(at.rng.integers(*ammonia_t, endpoint=True))
    return f"{at.stem[0]}{zh}厂", f"{at.stem[1]} {works_en}", attributes


def _substation(at: Setting) -> Described:
    """Transformers of the usual Chinese ratings: three of 180 or 240 MVA at 220 kV, two or three of 50 or 63 MVA at 110 kV."""
    kilovolts, ratings = (220, (540, 720)) if at.nth == 1 else (110, (100, 126, 150, 189))
    return (
        f"{kilovolts}千伏{at.stem[0]}变电站",
        f"{at.stem[1]} {kilovolts} kV Substation",
        {"voltage_kv": kilovolts, "capacity_mva": int(at.pick(ratings))},
    )


def _pumping_station(at: Setting) -> Described:
    """Supply pumps lift to what a mains network of six to eight storeys needs: 28 m at its far end and the losses to there."""
    return (
        f"{at.stem[0]}供水泵站",
        f"{at.stem[1]} Water Pumping Station",
        {"head_m": int(at.rng.integers(34, 53)), "supply_m3_h": int(round(2400 + 5600 * at.crowd, -2))},
    )


def _mall(at: Setting) -> Described:
    word, word_en = (("购物中心", "Shopping Centre"), ("百货", "Department Store"), ("天地", "Plaza"))[at.number % 3]
    return f"{at.stem[0]}{word}", f"{at.stem[1]} {word_en}", {"area_m2": int(round(28_000 + 92_000 * at.crowd, -3))}


def _depot(at: Setting) -> Described:
    zh, en = ("市政抢险基地", "Municipal Works Depot") if at.nth == 1 else (f"{at.road[0]}抢险基地", f"{at.road[1]} Works Depot")
    zh, en = (f"{at.short[0]}{zh}", f"{at.short[1]} {en}") if at.nth == 1 else (zh, en)
    return zh, en, {"vehicles": 4 + round(4 * at.crowd)}


DESCRIBE: Mapping[str, Callable[[Setting], Described]] = {
    "service_hall": _hall,
    "fire_station": _fire_station,
    "police_station": _police_station,
    "ambulance_station": _ambulance_station,
    "hospital": _hospital,
    "school": _school,
    "shelter": _shelter,
    "warehouse": _warehouse,
    "factory": _factory,
    "substation": _substation,
    "pumping_station": _pumping_station,
    "mall": _mall,
    "depot": _depot,
}


def numeral(number: int) -> str:
    """一, 二, … 十, 十一, … 九十九."""
    digits = "零一二三四五六七八九"
    tens, units = divmod(number, 10)
    if tens == 0:
        return digits[units]
    return ("" if tens == 1 else digits[tens]) + "十" + (digits[units] if units else "")
