"""What the emergency warehouses of the demonstration city hold: items, units, quantities, and how long each keeps.

Quantities follow the residents a warehouse stands for and are planning figures of an invented city. What perishes is renewed
when its shelf life is over, so that the stock of any day can be told without a ledger (`gis_data.city.StockItem`). Shelf
lives in days are those usual on Chinese labels: bottled water a year, masks two, first-aid kits three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gis_data.demo.places import Site


@dataclass(frozen=True)
class Item:
    """One article: key, names, unit names, how many per 100,000 residents, how many at least, days it keeps (0 = does not
    perish), and the share of warehouses that hold it."""

    key: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str
    per_100k: float
    least: int
    keeps_days: int = 0
    held: float = 1.0


ITEMS = (
    Item("tent", "救灾帐篷（12平方米）", "Relief tent, 12 m²", "顶", "tents", 110, 40),
    Item("bed", "折叠床", "Folding bed", "张", "beds", 420, 150),
    Item("quilt", "棉被", "Quilt", "床", "quilts", 560, 200),
    Item("water", "瓶装饮用水（24瓶/箱）", "Bottled water, case of 24", "箱", "cases", 900, 300, 365),
    Item("meal", "自热食品", "Self-heating meal", "份", "meals", 1600, 500, 270),
    Item("first_aid", "急救包", "First-aid kit", "个", "kits", 160, 60, 1095),
    Item("mask", "医用外科口罩", "Surgical mask", "只", "masks", 16_000, 6000, 730),
    Item("disinfectant", "含氯消毒液", "Chlorine disinfectant", "升", "litres", 700, 200, 365, 0.8),
    Item("sandbag", "防汛沙袋", "Sandbag", "只", "bags", 3200, 1500, 0, 0.9),
    Item("pump", "潜水排污泵（200立方米/时）", "Submersible pump, 200 m³/h", "台", "pumps", 3.2, 3, 0, 0.9),
    Item("big_pump", "移动排水泵（1000立方米/时）", "Mobile drainage pump, 1,000 m³/h", "台", "pumps", 0.8, 1, 0, 0.6),
    Item("boat", "冲锋舟", "Rescue boat", "艘", "boats", 1.8, 1, 0, 0.6),
    Item("life_jacket", "救生衣", "Life jacket", "件", "jackets", 120, 50, 0, 0.9),
    Item("generator", "柴油发电机（50千瓦）", "Diesel generator, 50 kW", "台", "generators", 1.4, 1, 0, 0.8),
    Item("light", "移动照明灯塔", "Lighting tower", "台", "towers", 2.2, 2, 0, 0.8),
    Item("chemical_suit", "重型防化服", "Chemical protective suit", "套", "suits", 4.5, 4, 1825, 0.45),
    Item("breathing", "正压式空气呼吸器", "Breathing apparatus", "套", "sets", 7, 6, 0, 0.5),
    Item("foam", "泡沫灭火剂", "Foam concentrate", "吨", "tonnes", 2.4, 1, 1095, 0.5),
    Item("sorbent", "吸附毡", "Sorbent mat", "张", "mats", 260, 100, 0, 0.5),
    Item("barrier", "隔离护栏", "Crowd barrier", "片", "barriers", 130, 60, 0, 0.7),
)


def store(rng: np.random.Generator, sites: Sequence[Site], residents: Mapping[str, int]) -> Iterator[tuple[str | int, ...]]:
    """Rows of `gis_data.city.STOCK_COLUMNS`, warehouse by warehouse.

    `residents` by district code; the warehouses of a district share them.

    `renewed_day` is a day on which the lot was bought, counted from 1970-01-01; empty for what does not perish.
    """
    warehouses = [site for site in sites if site.kind == "warehouse"]
    sharing = {code: sum(w.district == code for w in warehouses) for code in residents}
    for warehouse, luck in zip(warehouses, rng.spawn(len(warehouses)), strict=True):
        people = residents[warehouse.district] / sharing[warehouse.district] / 100_000
        for item in ITEMS:
            held, ample, day = luck.random(), luck.uniform(0.75, 1.3), int(luck.integers(0, 10_000))
            if held < item.held:
                yield (
                    warehouse.id, item.key, item.name_zh, item.name_en, item.unit_zh, item.unit_en,
                    _rounded(max(item.least, item.per_100k * people * ample)), item.keeps_days or "",
                    day if item.keeps_days else "",
                )  # fmt: skip


def _rounded(quantity: float) -> int:
    """Two leading digits: nobody stores 1,837 sandbags."""
    step: int = 10 ** max(0, len(str(int(quantity))) - 2)
    return max(1, round(quantity / step) * step)
