"""Reasons of rejection: what exactly was wrong with a message, as a word that is stored with what fills its sentence.

A reason belongs to one code (`RejectionCode`), by which screens count. Sentences name the thing, its value and what was expected,
Chinese and English; the cure of each code is in docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from domain.labels import Labelled
from domain.observations import Rejection, RejectionCode


class Reason(Labelled):
    """The labels are sentences with gaps for the fillings, whose names they show."""

    UNKNOWN_TOPIC = (
        "unknown_topic",
        "主题为“{value}”：应为 city/v1/行政区/领域/站点/设备/种类",
        "the topic is '{value}': expected city/v1/district/domain/site/device/kind",
    )
    UNKNOWN_KIND = "unknown_kind", "种类为“{value}”：应为 {expected} 之一", "the kind is '{value}': expected one of {expected}"
    TOO_LARGE = (
        "too_large",
        "报文有 {value} 字节：至多 {expected} 字节，请分条发送",
        "the payload has {value} bytes: expected at most {expected}; send it in parts",
    )
    NUL_CHARACTER = (
        "nul_character",
        "报文含空字符（\\u0000）：应为可入库的文字",
        "the payload has a NUL character (\\u0000): expected text that a database can hold",
    )
    BROKEN_JSON = (
        "broken_json",
        "报文自第 {at} 字节起不是 JSON，该处为 {value}：应为一个对象或对象数组",
        "the payload is not JSON from byte {at} on, where it says {value}: expected one object or an array of objects",
    )
    CUT_SHORT = (
        "cut_short",
        "报文在 JSON 中途结束，末尾为 {value}：应为一个完整的对象或对象数组",
        "the payload ends in the middle of its JSON with {value}: expected one whole object or an array of objects",
    )
    TOO_DEEP = (
        "too_deep",
        "报文嵌套过深：应为一个对象或对象数组",
        "the payload is nested too deeply: expected one object or an array of objects",
    )
    NUMBER_TOO_GREAT = (
        "number_too_great",
        "报文中的数 {value} 过大：应为双精度范围内的数",
        "the payload has the number {value}: expected one that a double can hold",
    )
    NO_OBJECT = "no_object", "内容为 {value}：应为对象", "it is {value}: expected an object"
    MISSING = "missing", "缺少 {name}：此类消息须有该字段", "{name} is missing: expected it in a message of this kind"
    NO_TEXT = "no_text", "{name} 为 {value}：应为文字", "{name} is {value}: expected text"
    NO_NUMBER = "no_number", "{name} 为 {value}：应为数值", "{name} is {value}: expected a number"
    NO_WHOLE_NUMBER = "no_whole_number", "{name} 为 {value}：应为整数", "{name} is {value}: expected a whole number"
    NO_TRUTH = "no_truth", "{name} 为 {value}：应为 true 或 false", "{name} is {value}: expected true or false"
    NO_FIELD_OBJECT = "no_field_object", "{name} 为 {value}：该字段应为对象", "{name} is {value}: expected an object here"
    NO_ARRAY = "no_array", "{name} 为 {value}：应为数组", "{name} is {value}: expected an array"
    NO_PAIR = "no_pair", "{name} 为 {value}：应为两个数值的数组", "{name} is {value}: expected an array of two numbers"
    NO_TIME = (
        "no_time",
        "{name} 为 {value}：应为带时区偏移的时间，例如 2026-03-02T09:00:00+08:00",
        "{name} is {value}: expected a time with its offset, such as 2026-03-02T09:00:00+08:00",
    )
    TOO_LONG = (
        "too_long",
        "{name} 为 {value}：至多 {expected} 个字符",
        "{name} is {value}: expected at most {expected} characters",
    )
    TOO_SMALL = "too_small", "{name} 为 {value}：不得小于 {expected}", "{name} is {value}: expected {expected} or more"
    NOT_ABOVE = "not_above", "{name} 为 {value}：应大于 {expected}", "{name} is {value}: expected more than {expected}"
    TOO_GREAT = "too_great", "{name} 为 {value}：不得大于 {expected}", "{name} is {value}: expected {expected} or less"
    UNKNOWN_WORD = "unknown_word", "{name} 为 {value}：应为 {expected} 之一", "{name} is {value}: expected one of {expected}"
    MIN_ABOVE_MAX = (
        "min_above_max",
        "{name} 的 min 为 {value}，大于 max {expected}：应不大于 max",
        "{name} has min {value} above max {expected}: expected min to be max or less",
    )
    UNUSABLE = (
        "unusable",
        "{name} 为 {value}，无法使用（{said}）：应为取值范围内的内容",
        "{name} is {value}, which cannot be used ({said}): expected what lies within its range",
    )
    NOT_FINITE = "not_finite", "{name} 为 {value}：应为有限数值", "{name} is {value}: expected a finite number"
    FUTURE = (
        "future",
        "ts 为 {value}，比平台时钟超前 {ahead_s} 秒：至多 {expected} 秒，请校准设备时钟",
        "ts {value} is {ahead_s} s ahead of our clock: expected at most {expected} s; set the device's clock",
    )
    CLOCK_NOT_SET = (
        "clock_not_set",
        "ts 为 {value}，早于 1990 年：应为测量时间，请校准设备时钟",
        "ts {value} is before 1990: expected the time of measurement; set the device's clock",
    )
    IMPOSSIBLE_POSITION = (
        "impossible_position",
        "position 为 {value}：应为 [经度，纬度]，单位为度",
        "position is {value}: expected [longitude, latitude] in degrees",
    )
    UNKNOWN_CRS = (
        "unknown_crs",
        "crs 为 {value}：应为 {expected} 之一",
        "crs is {value}: expected one of {expected}",
    )
    UNKNOWN_EVENT = (
        "unknown_event",
        "event 为 {value}：应为大厅事件、status、incident.reported、incident.closed、request.opened 或 detection",
        "event is {value}: expected a hall event, status, incident.reported, incident.closed, request.opened or detection",
    )
    UNSTORABLE = (
        "unstorable",
        "数据库无法存入（{said}）：应为类型范围内的数值",
        "the database cannot hold it ({said}): expected values within its types",
    )

    RATE_LIMITED = (
        "rate_limited",
        "该设备发送过密，超出每秒条数上限：请降低频率或合并发送，上限见 config/city.toml 的 [ingest]",
        "the device sends more messages than it may: expected fewer, or batches; config/city.toml has the limit in [ingest]",
    )
    TOO_MANY = (
        "too_many",
        "{name} 有 {value} 项：至多 {expected} 项，请分条发送",
        "{name} has {value} entries: expected at most {expected}; send it in parts",
    )
    TOO_MANY_SERIES = (
        "too_many_series",
        "该设备已有 {expected} 个数据流，{value} 不再新增：至多 {expected} 个，请检查设备是否臆造名称",
        "the device has {expected} series and {value} would be one more: expected no more; see whether it makes up names",
    )
    EMPTY = "empty", "{name} 为空：应至少有一项", "{name} is empty: expected at least one entry"

    @property
    def code(self) -> RejectionCode:
        return _CODES.get(self, RejectionCode.MALFORMED)

    def sentence(self, lang: str, fillings: Mapping[str, str]) -> str:
        """The reason with its gaps filled; one that nothing was said of stays visible as a question mark."""
        return self.label(lang).format_map(_Fillings(fillings))


class _Fillings(dict[str, str]):
    def __missing__(self, gap: str) -> str:
        return "?"


_CODES = {
    Reason.UNKNOWN_TOPIC: RejectionCode.UNKNOWN_TOPIC,
    Reason.UNKNOWN_KIND: RejectionCode.UNKNOWN_KIND,
    Reason.TOO_LARGE: RejectionCode.TOO_LARGE,
    Reason.NUL_CHARACTER: RejectionCode.NUL_CHARACTER,
    Reason.BROKEN_JSON: RejectionCode.BROKEN_JSON,
    Reason.CUT_SHORT: RejectionCode.BROKEN_JSON,
    Reason.TOO_DEEP: RejectionCode.BROKEN_JSON,
    Reason.NUMBER_TOO_GREAT: RejectionCode.BROKEN_JSON,
    Reason.NOT_FINITE: RejectionCode.NOT_A_NUMBER,
    Reason.FUTURE: RejectionCode.FUTURE,
    Reason.CLOCK_NOT_SET: RejectionCode.CLOCK_NOT_SET,
    Reason.IMPOSSIBLE_POSITION: RejectionCode.IMPOSSIBLE_POSITION,
    Reason.UNKNOWN_CRS: RejectionCode.UNKNOWN_CRS,
    Reason.UNKNOWN_EVENT: RejectionCode.UNKNOWN_EVENT,
    Reason.UNSTORABLE: RejectionCode.UNSTORABLE,
    Reason.RATE_LIMITED: RejectionCode.RATE_LIMITED,
}
"""Reasons that are a code of their own, or share one; all others say what is malformed."""


def reject(
    reason: Reason, topic: str, payload: bytes, received_time: datetime, device_id: str | None, fillings: Mapping[str, str]
) -> Rejection:
    """A rejection that can be told in both languages; `reason` beside it is the English sentence, for logs and for later."""
    return Rejection(
        topic, payload, received_time, reason.code.value, reason.sentence("en", fillings), device_id,
        (("reason", reason.value), *fillings.items()),
    )  # fmt: skip


def explain(sentence: str, detail: Mapping[str, str], lang: str) -> str:
    """Why a letter was refused, in one language; `sentence` is the stored English one, for a reason that is not known here."""
    known = Reason.known(str(detail.get("reason", "")))
    return known.sentence(lang, detail) if known is not None else sentence
