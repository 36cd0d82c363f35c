"""Champions: which model speaks for a series, by how all of them erred on the same targets lately. Pure.

Whoever errs least is crowned; who wears the crown keeps it unless another errs clearly less, so that chance does not change the
speaker every hour. Nobody is crowned who errs more than the same slot of the day before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from domain.scores import Champion, ScoreRow, Tally
from forecasting.reasons import Reason, parse_reason
from forecasting.scores import plus

LEAST_TARGETS = 48
"""Targets on which a model has to have been tried: half a day of quarter hours, two of hours at one lead."""
SAME_TARGETS = 0.9
"""Share of the targets of the most tried model: who was silent on a hard day is not compared with those who spoke."""
CLEARLY = 0.97
"""Below this share of the champion's error another takes its place."""
AS_GOOD = 0.95
"""Above this share of the next best's error a champion is told as level with it: it was chosen, of a dozen, on the same targets
that it is judged by."""
REFERENCE = "seasonal_naive"
_WORDS: dict[str, tuple[str, str]] = {
    "least_error": (
        "{rivals} 个模型中误差最小，为昨日同时段的 {ratio} 倍",
        "errs least of {rivals} models: {ratio} times as much as the same slot of the day before",
    ),
    "least_by_little": (
        "{rivals} 个模型中误差最小，为昨日同时段的 {ratio} 倍；次优 {second} 倍，差距不足以定优劣（按评选所用的目标计）",
        (
            "errs least of {rivals} models: {ratio} times as much as the same slot of the day before; the next best "
            "{second} times, which is as good (on the targets that the choice was made by)"
        ),
    ),
    "not_clearly_beaten": (
        "误差为昨日同时段的 {ratio} 倍，没有模型明显更好",
        "errs {ratio} times as much as the same slot of the day before, and no other errs clearly less",
    ),
    "none_better": (
        "{rivals} 个模型均不及昨日同时段",
        "none of {rivals} models errs less than the same slot of the day before",
    ),
}


def sentence(stored: str, lang: str) -> str:
    """Why a champion speaks, in words; one of another version is shown as it is stored."""
    reason = parse_reason(stored)
    words = _WORDS.get(reason.code)
    return words[0 if lang == "zh" else 1].format(**dict(reason.values)) if words else stored


def ratios(rows: Iterable[ScoreRow]) -> dict[int, dict[str, float]]:
    """Series → model → its error over that of the reference on all its targets; only who was tried often enough, and on the
    targets of the others."""
    tallies: dict[tuple[int, str], Tally] = {}
    for row in rows:
        key = (row.series_id, row.model)
        tallies[key] = plus(tallies.get(key, Tally()), row.tally)
    most: dict[int, int] = {}
    for (series_id, _), tally in tallies.items():
        most[series_id] = max(most.get(series_id, 0), tally.n_compared)
    found: dict[int, dict[str, float]] = {}
    for (series_id, model), tally in tallies.items():
        ratio = tally.against_reference
        if tally.n_compared >= max(LEAST_TARGETS, SAME_TARGETS * most[series_id]) and ratio is not None:
            found.setdefault(series_id, {})[model] = ratio
    return found


def decide(contest: Mapping[int, Mapping[str, float]], before: Mapping[int, Champion], now: datetime) -> list[Champion]:
    """Who speaks for each series of a contest from now on, and why."""
    return [_decide(series_id, told, before.get(series_id), now) for series_id, told in sorted(contest.items()) if told]


def _decide(series_id: int, told: Mapping[str, float], before: Champion | None, now: datetime) -> Champion:
    contest = {REFERENCE: 1.0, **told}
    best = min(contest, key=lambda name: (contest[name], name))
    chosen, code = best, "least_error"
    if contest[best] >= 1.0:
        chosen, code = REFERENCE, "none_better"
    elif before is not None and before.model != best and contest.get(before.model, 9.0) * CLEARLY <= contest[best]:
        chosen, code = before.model, "not_clearly_beaten"
    second = min((ratio for name, ratio in contest.items() if name != chosen), default=1.0)
    if code == "least_error" and contest[chosen] > AS_GOOD * second:
        code = "least_by_little"
    reason = Reason.of(code, ratio=contest[chosen], second=second, rivals=len(contest) - 1)
    since = before.since if before is not None and before.model == chosen else now
    return Champion(series_id, chosen, since, str(reason), now, contest)
