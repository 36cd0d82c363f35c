"""Names of streets in the demonstration city: invented pairs of characters with their pinyin, each used once.

The pairs are put together by chance; a name that also exists somewhere is a coincidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gis_data.demo import plan
from gis_data.demo.network import Network
from gis_data.demo.streets import Road

#: First and second characters with their pinyin.
FIRST = """
    云yun 松song 桐tong 清qing 静jing 文wen 安an 和he 永yong 平ping 锦jin 翠cui 丹dan 银yin 玉yu 新xin 东dong 南nan 西xi
    北bei 春chun 秋qiu 晴qing 明ming 嘉jia 兰lan 竹zhu 梅mei 柳liu 槐huai 枫feng 荷he 莲lian 芦lu 蓝lan 碧bi 青qing 朝zhao
    晓xiao 望wang 听ting 观guan 枕zhen 映ying 涵han 澄cheng 远yuan 宁ning 瑞rui 祥xiang 德de 信xin 仁ren 礼li 康kang 泰tai
    星xing 月yue 霞xia 岚lan 汀ting 屿yu 潮chao 帆fan 鸥ou 鹭lu 燕yan 鹤he 石shi 沙sha
"""
SECOND = """
    林lin 泉quan 溪xi 桥qiao 岭ling 台tai 亭ting 园yuan 浦pu 湾wan 港gang 塘tang 洲zhou 岸an 坊fang 阁ge 轩xuan 庭ting
    山shan 川chuan 原yuan 谷gu 田tian 井jing 门men 楼lou 塔ta 堤di 渡du 埠bu 汀ting 涧jian 波bo 涛tao 澜lan 泽ze 源yuan 河he
    江jiang 海hai 湖hu 峰feng 岗gang 坪ping 里li 华hua 兴xing 昌chang
"""
#: Pairs that everyone would take for a province, a city, a mountain or an institution.
TOO_WELL_KNOWN = frozenset({
    "青海", "南海", "东海", "北海", "南昌", "西昌", "文昌", "银川", "玉门", "北川", "清华", "新华", "泰山", "嘉兴", "泰兴",
    "德兴", "平湖", "西湖", "松江", "锦江", "仁川", "石川", "德川", "松原", "永川", "丹江", "芦山", "平江", "石河",
})  # fmt: skip
SUFFIX = {
    "arterial": (("大道", "Avenue"), ("路", "Road")),
    "secondary": (("路", "Road"), ("街", "Street")),
    "local": (("街", "Street"), ("路", "Road"), ("巷", "Lane")),
}


def _split(token: str) -> tuple[str, str]:
    return token[0], token[1:]


def pairs(rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """(characters, pinyin) of every two-character stem, in a shuffled order; characters differ and no stem comes twice."""
    stems = [
        (a, b)
        for a in FIRST.split()
        for b in SECOND.split()
        if a[0] != b[0] and a[1:] != b[1:] and a[0] + b[0] not in TOO_WELL_KNOWN
    ]
    for k in rng.permutation(len(stems)):
        (first, first_en), (second, second_en) = _split(stems[k][0]), _split(stems[k][1])
        # an apostrophe where pinyin would otherwise run two syllables together
        joint = "'" if second_en[0] in "aoe" else ""
        yield first + second, (first_en + joint + second_en).capitalize()


def name_roads(rng: np.random.Generator, roads: Sequence[Road], network: Network) -> list[tuple[str, str]]:
    """(Chinese, English) name of every road that still has an edge; a long one gets the grander word, names do not repeat."""
    length = np.bincount(network.road, network.length_m, minlength=len(roads))
    stems = pairs(rng)
    names: list[tuple[str, str]] = []
    for road, metres in zip(roads, length, strict=True):
        if road.name_zh or metres == 0:
            names.append((road.name_zh, road.name_en))
            continue
        zh, en = next(stems)
        centre = road.line.mean(axis=0)
        rural = road.kind == "secondary" and np.hypot(*centre) > 1000 * plan.RADIUS_KM
        if rural:
            suffix = ("公路", "Highway")
        else:
            words = SUFFIX[road.kind]
            choice = (0 if metres > 5200 else 1) if road.kind == "arterial" else _across(road.line)
            if road.kind == "local" and metres < 420:
                choice = 2
            suffix = words[choice]
        names.append((zh + suffix[0], f"{en} {suffix[1]}"))
    return names


def _across(line: np.ndarray) -> int:
    """0 for a street that runs rather east-west, 1 for north-south: the two words of a class follow this."""
    east, north = np.abs(line[-1] - line[0])
    return int(north > east)
