"""Reasons: why a forecast was not made by the model of first choice, or not made at all, in words a person reads.

Stored as a stable code with its values, "short_history have_h=5 need_h=48", so that the words can be shown in any language
and counted by code.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecasting.models.registry import MODELS

_WORDS: dict[str, tuple[str, str]] = {
    "short_history": (
        "历史仅 {have_h} 小时，{model} 需要 {need_h} 小时",
        "history of {have_h} h is shorter than the {need_h} h that {model} needs",
    ),
    "unchanged": ("数值 {for_h} 小时未变化", "the value has not changed for {for_h} h"),
    "stale": ("最近 {for_min} 分钟无数据", "no value for the last {for_min} min"),
    "sparse": (
        "缺测 {missing_percent}%，上限 {limit_percent}%",
        "{missing_percent} % of the slots are missing, {limit_percent} % may be",
    ),
    "interrupted": (
        "{gap_h} 小时的中断之后仅有 {have_h} 小时数据，{model} 需要 {need_h} 小时",
        "only {have_h} h since a gap of {gap_h} h, {model} needs {need_h} h",
    ),
    "no_convergence": ("{model} 拟合未收敛", "the fit of {model} did not converge"),
    "unstable": ("{model} 拟合不稳定", "the fit of {model} runs away"),
    "outperformed": (
        "近 {trial_d} 天平均误差：{model} {error}，{naive} {naive_error}",
        "mean error over the last {trial_d} days: {model} {error}, {naive} {naive_error}",
    ),
    "gaps": ("数据缺口过长，{model} 无法使用", "gaps too long for {model}"),
    "no_day": ("没有可重复的同时段数据", "no earlier day has these hours"),
    "untried": ("没有可用于检验的数据", "nothing is left to try the model on"),
    "speechless": ("{model} 无法预测该序列", "{model} has nothing to say of this series"),
    "never": ("尚无可用数据", "no usable value yet"),
    "too_few": ("可用数据仅 {have} 个，至少需要 {need} 个", "{have} usable values, {need} are needed"),
    "silent": ("已 {for_h} 小时无数据", "no value for {for_h} h"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of this module with the values that fill its words. `str()` is the stored form."""

    code: str
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, code: str, **values: float | str) -> Reason:
        """Numbers are rounded to three digits, large ones to whole: they are read, not computed with."""
        return cls(code, tuple((name, n if isinstance(n, str) else _rounded(n)) for name, n in values.items()))

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={n}" for name, n in self.values)])


def _rounded(n: float) -> str:
    return f"{n:{'.3g' if abs(n) < 100 else '.0f'}}"


def parse_reason(stored: str) -> Reason:
    """The reason stored as `stored`."""
    code, *values = stored.split()
    return Reason(code, tuple((name, n) for name, _, n in (part.partition("=") for part in values)))


def sentence(stored: str, lang: str) -> str:
    """The stored reason in words; "" for none. A code of another version is shown as it is."""
    if not stored:
        return ""
    reason = parse_reason(stored)
    values = dict(reason.values)
    for name in ("model", "naive"):
        if values.get(name) in MODELS:
            values[name] = MODELS[values[name]].label(lang)
    try:
        return _WORDS[reason.code][0 if lang == "zh" else 1].format(**values)
    except KeyError:
        return stored
