"""Cards: what each forecasting model is, what it needs, what it is good and bad at, and where it comes from.

Chinese first, English second. Every model of the registry has one (a test says so).
"""

from __future__ import annotations

from dataclasses import dataclass

Both = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Card:
    """One model in words; `source` is where its method is described."""

    what: Both
    needs: Both
    strengths: Both
    limits: Both
    source: str


HYNDMAN = "Hyndman, Athanasopoulos: Forecasting: Principles and Practice, 3rd ed."

CARDS: dict[str, Card] = {
    "flat": Card(
        ("最近一个数值保持不变", "the last value stays as it is"),
        ("一个数值", "one value"),
        ("数据极少或长期不变时仍可给出区间", "has a band even where hardly anything is known, or nothing changes"),
        ("不知道一天中的起伏，提前越久越不可靠", "knows no rhythm of the day; the further ahead, the less it is worth"),
        f"{HYNDMAN}, 5.2 (naive method)",
    ),
    "seasonal_naive": Card(
        ("重复以往同一时段的数值", "repeats the same slot of an earlier day"),
        ("三十小时的数据", "thirty hours of values"),
        ("无需拟合，其他模型都必须胜过它", "needs no fit; the reference that every other model has to beat"),
        ("那一天的偶然波动会原样重现", "the accidents of that day come back as they were"),
        f"{HYNDMAN}, 5.2 (seasonal naive method)",
    ),
    "weekly_naive": Card(
        ("重复上周同一时段的数值", "repeats the same slot of the week before"),
        ("至少八天的数据", "eight days of values"),
        ("知道工作日与周末之别", "knows working days from weekends"),
        ("一周内的变化要等到下周才看得到", "what has changed within a week shows a week later"),
        f"{HYNDMAN}, 5.2 (seasonal naive method)",
    ),
    "profile": Card(
        (
            "按日类型与时段的常见值，加上当前偏离的逐步衰减",
            "what a slot of such a day usually brings, and a present deviation that fades",
        ),
        ("一天半的数据，数周更好", "a day and a half of values; weeks are better"),
        (
            "节假日与调休日有自己的曲线，对缺口不敏感",
            "holidays and worked weekend days have curves of their own; gaps do it no harm",
        ),
        ("趋势变化要过几天才跟上", "follows a change of level only after days"),
        f"{HYNDMAN}, 3.5 and 7.4 (classical decomposition, day-type regressors)",
    ),
    "autoreg": Card(
        ("由最近几个时段与一天、一周的谐波线性推算", "a linear step from the last slots and the harmonics of day and week"),
        ("三天的数据", "three days of values"),
        ("近几小时准确，计算快，可用于全部序列", "good for the next hours, and quick enough for every series"),
        ("突变与节假日不在其内", "knows of no breaks and no holidays"),
        "Seabold, Perktold: statsmodels, SciPy 2010 (AutoReg)",
    ),
    "projection": Card(
        ("每个提前时距各有一个线性回归", "one linear regression for each distance ahead"),
        ("两天的数据，数周更好", "two days of values; weeks are better"),
        ("误差不随时距逐步累积", "errors do not build up from step to step"),
        ("时距多、历史短时系数不稳", "many distances on a short history make its weights unsure"),
        "Jordà: Estimation and Inference of Impulse Responses by Local Projections, AER 2005",
    ),
    "root_projection": Card(
        ("在平方根尺度上逐时距回归，用于计数", "the same on square roots, for counts"),
        ("两天的数据，数值不为负", "two days of values, none below zero"),
        ("繁忙与清闲时段的误差相称", "weighs busy and quiet hours alike"),
        ("很小的计数偏向低估", "leans low where counts are very small"),
        "Anscombe: The transformation of Poisson, binomial and negative-binomial data, Biometrika 1948",
    ),
    "combination": Card(
        (
            "多个模型按近期误差加权平均（参赛时等权）",
            "several models, weighted by how they erred of late; in contests in equal parts",
        ),
        ("与其成员相同", "what its members need"),
        ("少有一个模型能胜过它", "hardly any single model beats it"),
        ("成员都错时它也错", "errs where all its members err"),
        "Bates, Granger: The Combination of Forecasts, OR 1969",
    ),
    "mstl_ets": Card(
        (
            "分解出日、周周期，余下部分做阻尼指数平滑",
            "takes out day and week, smooths the rest exponentially with a damped trend",
        ),
        ("八天的数据，缺口先补齐", "eight days of values, gaps bridged"),
        ("周期形状可缓慢变化", "lets the shape of day and week change slowly"),
        ("拟合较慢，只用于重要序列", "slow to fit: for important series"),
        "Bandara, Hyndman, Bergmeir: MSTL, arXiv 2107.13462; Gardner, McKenzie, Management Science 1985",
    ),
    "prophet": Card(
        (
            "星期、工作日与休息日各自的日曲线、节假日之和，满八周再加趋势",
            "a sum of week, curves of worked days and days off, holidays; a trend from eight weeks on",
        ),
        ("两周的数据", "two weeks of values"),
        ("节假日与外部因素可单独解释", "holidays and outside influences can be explained one by one"),
        ("近几小时不如自回归，拟合较慢", "worse than AutoReg for the next hours, and slow to fit"),
        "Taylor, Letham: Forecasting at Scale, The American Statistician 2018",
    ),
    "poisson_glm": Card(
        (
            "以日类型与时段（工作日与休息日分列）解释到达人数的泊松回归",
            "a Poisson regression of arrivals on kinds of days and on slots, apart for days off",
        ),
        ("三周的到达记录", "three weeks of arrivals"),
        ("计数自然为非负，节假日可入模", "counts cannot be negative; holidays are part of it"),
        ("实际波动大于泊松，区间另行校准", "arrivals vary more than Poisson says: its band is calibrated apart"),
        "McCullagh, Nelder: Generalized Linear Models, 2nd ed., 6",
    ),
    "two_stage": Card(
        ("先估全天总量，再按时段比例分配", "the total of the day first, then its share by slot"),
        ("三周的到达记录", "three weeks of arrivals"),
        ("节假日前后的总量变化估得准", "good at how totals change around holidays"),
        ("当天形状异常时要靠日内修正", "an unusual shape of a day has to be mended as it goes"),
        "Ibrahim, Ye, L'Ecuyer, Shen: Modeling and forecasting call center arrivals, IJF 2016",
    ),
    "arx": Card(
        ("对数水位由自身滞后与前期降雨推算", "log level from its own past and the rain before"),
        ("七天的水位与同期的降雨", "a week of levels, and the rain of the same time"),
        ("雨后涨水可提前看到", "sees the rise after rain ahead"),
        ("没有降雨预报时只知道已落的雨", "without a rain forecast it knows only what has fallen"),
        "Young: Top-down and data-based mechanistic modelling of rainfall-flow dynamics, Hydrological Processes 2003",
    ),
}
