"""Templates: what is told to whom, as plain text. Operators get the ground of a warning, leaders what and where in a breath, the
public what happens and what to do; each in Chinese and in English, cut at a sentence where a channel shows few characters.
"""

from __future__ import annotations

from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.drafting import Draft
from alerts.outward import Issuer
from domain.publications import Audience
from domain.warnings import WarningMode, WarningSource

_ENDS = "。！？；\n.!?;"
_ELLIPSIS = "…"


class Text(NamedTuple):
    subject: str
    body: str


_MARKS: dict[WarningMode, tuple[str, str]] = {
    WarningMode.EXERCISE: ("【演练】", "[EXERCISE] "),
    WarningMode.TEST: ("【测试】", "[TEST] "),
    WarningMode.DRAFT: ("【草稿】", "[DRAFT] "),
    WarningMode.SYSTEM: ("【系统】", "[SYSTEM] "),
}
_LINES: dict[str, tuple[str, str]] = {
    "area": ("区域：{}", "Area: {}"),
    "until": ("有效至：{}", "Valid until {}"),
    "onset": ("预计出现：{}", "Expected from {}"),
    "advice": ("应对：{}", "What to do: {}"),
    "probability": ("概率：{:.0f}%", "Probability: {:.0f} %"),
    "ground": ("依据：{}（{}）", "Ground: {} ({})"),
    "number": ("编号：{}", "Number: {}"),
    "by": ("发布：{}", "Issued by {}"),
    "contact": ("联系：{}", "Contact: {}"),
}


def compose(
    draft: Draft, identifier: str, issuer: Issuer, audience: Audience, lang: str, *, zone: ZoneInfo, longest: int | None = None
) -> Text:
    """Subject and words for one audience in zh, en, or both. `longest` bounds the body, in characters."""
    if lang == "both":
        zh, en = (compose(draft, identifier, issuer, audience, one, zone=zone) for one in ("zh", "en"))
        return Text(f"{zh.subject} / {en.subject}", fit(f"{zh.body}\n\n{en.body}", longest))
    pick = 0 if lang == "zh" else 1
    saying, warning = draft.saying, draft.warning
    mark = _MARKS.get(draft.mode, ("", ""))[pick]
    headline, place = saying.headline(lang), saying.place(lang)
    head = f"{mark}{headline}" + (f"（{place}）" if place and not pick else f" ({place})" if place else "")

    def line(name: str, *said: object) -> str:
        return _LINES[name][pick].format(*said)

    until = line("until", draft.expires_at.astimezone(zone).strftime("%m-%d %H:%M"))
    valid = [] if draft.step.is_end else [until]
    advice = [line("advice", saying.advice(lang))] if saying.advice(lang) else []
    text = [saying.text(lang)] if saying.text(lang) else []
    if audience is Audience.PUBLIC:
        where = [line("area", place)] if place else []
        whom = [line("contact", issuer.contact)] if issuer.contact else []
        lines = [f"{mark}{headline}", *text, *where, *advice, *valid, *whom]
    elif audience is Audience.LEADERS:
        lines = [head, *text, *valid]
    else:
        source = warning.source.label(lang)
        onset = draft.onset_at.astimezone(zone).strftime("%m-%d %H:%M")
        is_foreseen = warning.source is WarningSource.FORECAST and not draft.step.is_end
        lines = [
            head, *text, *advice, *([line("onset", onset)] if is_foreseen else []), *valid,
            *([line("probability", 100 * warning.probability)] if warning.probability is not None else []),
            line("ground", source, f"{warning.rule_id} v{warning.rule_version}"), line("number", identifier),
            line("by", issuer.name(lang)),
        ]  # fmt: skip
    return Text(head, fit("\n".join(lines), longest))


def fit(text: str, longest: int | None) -> str:
    """`text` in at most `longest` characters: cut after the last sentence that ends in its second half, else in the middle of a
    word, with a mark that there was more.

    >>> fit("水位上涨。请勿靠近河岸。", 8)
    '水位上涨。…'
    """
    if longest is None or len(text) <= longest:
        return text
    room = text[: max(longest - len(_ELLIPSIS), 0)]
    end = max((room.rfind(mark) for mark in _ENDS), default=-1) + 1
    return (room[:end] if end * 2 >= len(room) else room).rstrip("\n") + _ELLIPSIS
