"""Words: everything a screen says, Chinese and English side by side, one row each.

Words that belong to stored values (states, levels, kinds) live with their enumerations in `domain`; `labels` gathers them
for the browser. Placeholders in braces are filled by whoever shows the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from domain.incidents import HAZARD_CLASSES, Grade, IncidentState, ResponseLevel
from domain.labels import Labelled
from domain.observations import Freshness, Quality, RejectionCode
from domain.orders import OrderState
from domain.rights import Role
from domain.sensors import PROPERTIES, DeviceMode, DeviceState, SensorKind
from domain.units import UnitKind, UnitStatus
from domain.warnings import WarningLevel, WarningMode, WarningSource, WarningState

Lang = Literal["zh", "en"]
LANGUAGES: tuple[Lang, ...] = ("zh", "en")

CATALOGUE: dict[str, tuple[str, str]] = {
    # header
    "product": ("城市运行指挥中心", "City Operations Centre"),
    "screen.operations": ("运行态势", "Operations"),
    "screen.system": ("运行保障", "System"),
    "header.screens": ("页面", "Screens"),
    "header.language": ("切换为英文", "Switch to Chinese"),
    "header.other_language": ("EN", "中"),
    "header.actor": ("演示身份 · {role}", "Demo identity · {role}"),
    "header.nobody": ("只读", "Read only"),
    "header.large_text": ("大字", "A+"),
    "header.large_text_long": ("大字显示，本浏览器记住选择", "Large text, remembered by this browser"),
    "header.clock": ("{zone} 时间，以服务器为准", "Time in {zone}, by the server's clock"),
    "loading": ("正在载入…", "Loading…"),
    "no_data": ("暂无数据", "No data"),
    # the stream and its faces
    "live.live": ("实时", "Live"),
    "live.connecting": ("正在连接", "Connecting"),
    "live.database_away": (
        "数据库中断，{time} 起；所示为中断前的数据",
        "Database away since {time}; what is shown is from before",
    ),
    "live.server_away": (
        "与服务器的连接中断，{time} 起；所示为中断前的数据",
        "Server unreachable since {time}; what is shown is from before",
    ),
    # units of time and counting
    "age.seconds": ("{n} 秒前", "{n} s ago"),
    "age.minutes": ("{n} 分钟前", "{n} min ago"),
    "age.hours": ("{n} 小时前", "{n} h ago"),
    "age.days": ("{n} 天前", "{n} d ago"),
    "duration.seconds": ("{n} 秒", "{n} s"),
    "duration.minutes": ("{n} 分钟", "{n} min"),
    "duration.hours": ("{n} 小时 {m} 分", "{n} h {m} min"),
    "duration.days": ("{n} 天 {m} 小时", "{n} d {m} h"),
    "unit.per_second": ("条/秒", "/s"),
    "unit.milliseconds": ("毫秒", "ms"),
    "unit.seconds": ("秒", "s"),
    "unit.kilometres": ("公里", "km"),
    "unit.items": ("条", ""),
    "unit.devices": ("台", ""),
    "unit.cases": ("起", ""),
    "unit.kmh": ("km/h", "km/h"),
    # headline numbers
    "kpi.label": ("关键指标", "Key figures"),
    "kpi.sensors": ("实时在线传感器", "Sensors live"),
    "kpi.sensors_of": ("共 {n} 台", "of {n}"),
    "kpi.warnings": ("未解除预警", "Open warnings"),
    "kpi.warnings_unacknowledged": ("待签收 {n}", "{n} to acknowledge"),
    "kpi.incidents": ("未结束事件", "Open incidents"),
    "kpi.incidents_responding": ("响应中 {n}", "{n} responding"),
    "kpi.units_out": ("出动单位", "Units out"),
    "kpi.units_available": ("待命 {n}", "{n} available"),
    "kpi.messages": ("接入消息", "Messages in"),
    "kpi.readings": ("读数 {n}/秒", "{n} readings/s"),
    # currency of the data
    "currency.title": ("数据时效", "Currency of data"),
    "currency.newest": ("最新读数", "Newest reading"),
    "currency.measured": ("测得", "measured"),
    "currency.received": ("收到", "received"),
    # warnings
    "warnings.title": ("预警", "Warnings"),
    "warnings.open": ("未解除 {n}", "{n} open"),
    "warnings.none": ("当前没有未解除的预警", "No open warning"),
    "warnings.since": ("{time} 起", "since {time}"),
    "warnings.probability": ("概率 {p}%", "probability {p}%"),
    "warnings.lead": ("提前 {time}", "{time} ahead"),
    "warnings.acknowledge": ("签收", "Acknowledge"),
    "warning.value": ("触发值", "Value"),
    "warning.expected": ("预计值", "Expected value"),
    "warning.expected_at": ("预计时刻", "Expected at"),
    "warning.silent": ("传感器失联，{time} 起", "The sensor has been silent since {time}"),
    "warning.threshold": ("阈值", "Threshold"),
    "warning.source": ("来源", "Source"),
    "warning.raised": ("起始", "Raised"),
    "warning.rule": ("规则", "Rule"),
    "warning.version": ("第 {n} 版", "version {n}"),
    "warning.object": ("监测对象", "Observed at"),
    "warning.identifier": ("编号", "Identifier"),
    "warning.probability": ("概率", "Probability"),
    "warning.lead": ("预计提前", "Lead time"),
    "warning.ended": ("这条预警已经解除", "This warning has been lifted"),
    # incidents
    "incidents.title": ("事件", "Incidents"),
    "incidents.open": ("未结束 {n}", "{n} open"),
    "incidents.none": ("当前没有未结束的事件", "No open incident"),
    "incidents.units": ("已派 {n}", "{n} sent"),
    "incident.response": ("响应", "Response"),
    "incident.reported": ("接报", "Reported"),
    "incident.elapsed": ("已历时", "Elapsed"),
    "incident.channel": ("渠道", "Channel"),
    "incident.position": ("位置", "Position"),
    "incident.number": ("编号", "Number"),
    "incident.orders": ("派出单位", "Units sent"),
    "incident.no_orders": ("尚未派出单位", "No unit sent yet"),
    "incident.candidates": ("可派单位", "Units that can go"),
    "incident.no_candidates": ("没有可派的单位", "No unit can be sent"),
    "incident.estimate": ("直线估算", "estimate from the straight line"),
    "incident.estimate_long": (
        "直线距离 × {detour} 绕行系数 ÷ {speed} km/h，不是路网结果",
        "straight distance × {detour} detour ÷ {speed} km/h, not a route",
    ),
    "incident.send": ("派出", "Send"),
    "incident.sending": ("正在下达…", "Issuing…"),
    "incident.close": ("结束事件", "Close the incident"),
    "incident.close_as": ("结束为：{state}", "Close as {state}"),
    "incident.close_reason": ("原因，记入审计", "Reason, kept in the audit"),
    "incident.ended": ("该事件已经结束", "This incident has ended"),
    # orders
    "order.issued_by": ("{actor} 下达", "issued by {actor}"),
    "order.cancel": ("撤销", "Cancel"),
    # units
    "units.title": ("应急单位", "Units"),
    "unit.status": ("状态", "Status"),
    "unit.since": ("自", "Since"),
    "unit.order": ("当前任务", "Order"),
    "unit.no_order": ("无任务", "none"),
    "unit.position": ("位置", "Position"),
    "unit.position_age": ("位置时间", "Position measured"),
    "unit.speed": ("车速", "Speed"),
    "unit.capabilities": ("能力", "Capabilities"),
    "units.others": ("其余 {n} 台", "{n} more"),
    "units.out_now": ("出动中", "Out now"),
    "units.none_out": ("当前没有出动的单位", "No unit is out"),
    "unit.unknown_kind": ("其他单位", "Other unit"),
    # sensors
    "sensors.title": ("传感器", "Sensors"),
    "sensors.first": ("仅列前 {n} 台", "first {n} only"),
    "sensor.values": ("最新读数", "Newest values"),
    "sensor.topic": ("来源主题", "Source topic"),
    "sensor.interval": ("上报间隔", "Interval"),
    "sensor.mode": ("上报方式", "Mode"),
    "sensor.state": ("设备状态", "Device state"),
    "sensor.no_position": ("无位置", "no position"),
    "sensor.unknown_kind": ("其他设备", "Other device"),
    "object.overview": ("城市概览", "City overview"),
    "object.hint": ("点选地图或列表查看详情", "Choose on the map or in a list"),
    "object.back": ("返回概览", "Back to overview"),
    "object.gone": ("所选对象已不在", "What was chosen is no longer there"),
    "object.show": ("在地图上显示", "Show on the map"),
    # chart
    "chart.title": ("24 小时与预测", "24 hours and forecast"),
    "chart.measured": ("实测", "measured"),
    "chart.band": ("80% 区间", "80% interval"),
    "chart.median": ("预测", "forecast"),
    "chart.now": ("现在", "now"),
    "chart.model": ("模型 {model} {version} · {time} 发布", "Model {model} {version} · issued {time}"),
    "chart.fallback": ("后备原因：{reason}", "Fallback: {reason}"),
    "chart.no_forecast": ("暂无预测", "No forecast"),
    "chart.as_of": ("截至 {time}", "as of {time}"),
    "chart.database_away": ("数据库无法连接，暂时没有图表", "The database cannot be reached: no chart for now"),
    # map
    "map.label": (
        "城市地图：传感器、单位、事件、预警；列表在两侧",
        "City map: sensors, units, incidents, warnings; lists on both sides",
    ),
    "map.north": ("复位视图", "Reset view"),
    "map.zoom_in": ("放大", "Zoom in"),
    "map.zoom_out": ("缩小", "Zoom out"),
    "map.failed": ("地图无法显示：{reason}", "The map cannot be shown: {reason}"),
    "map.tip_many": ("{name} × {n}", "{name} × {n}"),
    "map.no_city": ("尚未建立城市底图；数据照常显示", "No city has been built; data is shown without a basemap"),
    "legend.title": ("图例", "Legend"),
    "legend.sensors": ("传感器", "Sensors"),
    "legend.units": ("单位", "Units"),
    "layers.title": ("图层", "Layers"),
    "layers.hide": ("点按隐藏：{name}", "Press to hide: {name}"),
    "layers.show": ("点按显示：{name}", "Press to show: {name}"),
    "layers.hidden": ("已隐藏 {n} 类 · 全部显示", "{n} hidden · show all"),
    "legend.incidents": ("事件", "Incidents"),
    "legend.warnings": ("预警", "Warnings"),
    "mark.unknown": ("单", "U"),
    "legend.available": ("待命", "available"),
    "legend.moving": ("出动", "en route"),
    "legend.working": ("处置中", "working"),
    "legend.out": ("停用", "out"),
    "legend.fresh": ("实时", "live"),
    "legend.late": ("延迟", "late"),
    "legend.stale": ("过期/失联", "stale/silent"),
    # answers
    "answer.order": ("已下达：{unit} → {incident}，指令 {order}", "Issued: {unit} → {incident}, order {order}"),
    "answer.cancelled": ("已撤销指令 {order}", "Order {order} cancelled"),
    "answer.closed": ("事件 {incident} 已结束", "Incident {incident} is closed"),
    "answer.acknowledged": ("预警已签收", "Warning acknowledged"),
    "answer.no_actor": ("当前为只读访问，不能执行该操作", "This access is read-only: the action is not allowed"),
    "answer.unknown_act": ("没有这项操作", "There is no such action"),
    "answer.database_away": ("数据库无法连接，操作没有执行", "The database cannot be reached: nothing was done"),
    "answer.uncertain": (
        "数据库中断，无法确认操作是否完成，请查看记录后再试",
        "The database went away: whether it was done is not known; look before trying again",
    ),
    "api.database_away": ("数据库无法连接", "The database cannot be reached"),
    "answer.failed": ("服务器出错，请查看日志", "The server failed; its log says why"),
    # what is wrong with a request
    "body.not_json": ("请求体不是 JSON（{reason}）：应为 JSON 对象", "The body is not JSON ({reason}): expected a JSON object"),
    "body.not_object": (
        "请求体是 {value}：应为 JSON 对象，可有字段 {names}",
        "The body is {value}: expected a JSON object with the fields {names}",
    ),
    "body.unknown_field": (
        "字段 {field} 未知：可有字段 {names}，请去掉或改名",
        "The field {field} is not known: expected only {names}; leave it out or rename it",
    ),
    "body.missing": (
        "缺少字段 {field}：应为 1 至 {longest} 个字符的文本",
        "The field {field} is missing: expected a text of 1 to {longest} characters",
    ),
    "body.not_text": (
        "{field} 是 {value}：应为至多 {longest} 个字符的文本",
        "{field} is {value}: expected a text of at most {longest} characters",
    ),
    "body.too_long": (
        "{field} 是 {value}，有 {length} 个字符：应至多 {longest} 个",
        "{field} is {value}, {length} characters: expected at most {longest}",
    ),
    "body.blank": (
        "{field} 是 {value}，为空：应为 1 至 {longest} 个字符的文本",
        "{field} is {value}, which is blank: expected a text of 1 to {longest} characters",
    ),
    "body.unstorable": (
        "{field} 是 {value}，含空字符或残缺的代理对：应为可存储的文本",
        "{field} is {value}, with a NUL character or half a surrogate pair: expected text that can be stored",
    ),
    "body.contradiction": (
        "{field} 是 {value}，而地址中是 {address}：应相同，或在请求体中省去",
        "{field} is {value}, in the address it is {address}: expected the same, or leave it out of the body",
    ),
    # system
    "system.label": ("系统运行情况", "State of the system"),
    "system.messages": ("消息", "Messages"),
    "system.readings": ("读数", "Readings"),
    "system.commit": ("提交耗时 p95", "Commit time p95"),
    "system.lag": ("到达延迟 p95", "Arrival lag p95"),
    "system.pending": ("待写入", "Pending"),
    "system.rejected": ("拒收（启动以来）", "Rejected (since start)"),
    "system.newest": ("最新读数", "Newest reading"),
    "system.processes": ("进程", "Processes"),
    "system.processes_sub": ("按心跳判断", "judged by heartbeat"),
    "system.process": ("进程", "Process"),
    "system.state": ("状态", "State"),
    "system.beat": ("心跳", "Heartbeat"),
    "system.started": ("启动", "Started"),
    "system.instance": ("实例", "Instance"),
    "system.figures": ("指标", "Figures"),
    "system.alive": ("正常", "alive"),
    "system.late": ("迟到", "late"),
    "system.dead": ("停止", "dead"),
    "system.broker": ("消息代理", "Broker"),
    "system.broker_address": ("地址", "Address"),
    "system.protocol": ("协议", "Protocol"),
    "system.guarantee": ("保证", "Guarantee"),
    "system.guarantee_full": (
        "入库提交后才确认；接入进程停止期间消息由代理保存，恢复后补送；重复由唯一键吸收",
        "Acknowledged after commit; the broker keeps what is sent while ingest is away; duplicates are absorbed",
    ),
    "system.guarantee_demo": (
        "演示级：没有持久会话的保证，接入进程停止期间的消息会丢失",
        "Demonstration grade: without persistent sessions, messages sent while ingest is away are lost",
    ),
    "system.database": ("数据库", "Database"),
    "system.flavour": ("种类", "Kind"),
    "system.flavour.timescale": ("TimescaleDB", "TimescaleDB"),
    "system.flavour.plain": ("PostgreSQL", "PostgreSQL"),
    "system.schema": ("结构版本", "Schema version"),
    "system.size": ("大小", "Size"),
    "system.devices": ("设备", "Devices"),
    "system.datastreams": ("数据流", "Datastreams"),
    "system.unsent": ("未发出的指令", "Commands not sent"),
    "system.unsealed": ("未封存的审计", "Audit entries not sealed"),
    "system.ledger": ("接收台账", "Ingest ledger"),
    "system.ledger_sub": ("近 1 小时（整点起）", "last hour (from the full hour)"),
    "system.received": ("收到", "Received"),
    "system.stored": ("入库", "Stored"),
    "system.corrected": ("更正", "Corrected"),
    "system.duplicate": ("重复", "Duplicate"),
    "system.refused": ("拒收", "Rejected"),
    "system.late_part": ("其中迟到", "late among stored"),
    "system.balanced": ("收支相符", "adds up"),
    "system.unbalanced": ("相差 {n}", "off by {n}"),
    "system.kinds": ("设备时效", "Currency of devices"),
    "system.kinds_sub": ("按种类；依上报间隔判断", "by kind, judged by interval"),
    "system.kind": ("种类", "Kind"),
    "system.kind_n": ("台数", "Devices"),
    "system.kind_newest": ("最新读数", "Newest reading"),
    "system.dead_letters": ("死信", "Dead letters"),
    "system.dead_letters_sub": ("近 24 小时按原因；最新 20 条", "last 24 h by reason; newest 20"),
    "system.no_dead_letters": ("没有死信", "No dead letter"),
    "system.time": ("时间", "Time"),
    "system.code": ("原因", "Reason"),
    "system.reason": ("说明与主题", "What was wrong, and where"),
    "process.ingest": ("数据接入", "Ingest"),
    "process.forecaster": ("预测", "Forecasts"),
    "process.alerts": ("预警", "Warnings"),
    "process.dispatcher": ("调度", "Dispatch"),
    "process.dashboard": ("界面", "Dashboard"),
    "process.simulator": ("仿真", "Simulator"),
    "process.housekeeping": ("数据整理", "Housekeeping"),
    "metric.viewers": ("观看者", "viewers"),
    "metric.frames_per_s": ("帧/秒", "frames/s"),
    "metric.frame_bytes": ("帧字节", "frame bytes"),
    "metric.frame_age_ms": ("帧龄 ms", "frame age ms"),
    "metric.messages_per_s": ("消息/秒", "messages/s"),
    "metric.readings_per_s": ("读数/秒", "readings/s"),
    "metric.commit_ms_p95": ("提交 p95 ms", "commit p95 ms"),
    "metric.lag_s_p95": ("延迟 p95 s", "lag p95 s"),
    "metric.waiting_messages": ("待写入", "waiting"),
    "metric.late_total": ("迟到", "late"),
    "metric.corrected_total": ("更正", "corrected"),
    "metric.waiting": ("待预测", "waiting"),
    "metric.ms_per_series": ("每序列 ms", "ms per series"),
    "metric.rules": ("规则", "rules"),
    "metric.raised_total": ("已发出", "raised"),
    "metric.lifted_total": ("已解除", "lifted"),
    "metric.unsent": ("未发出", "unsent"),
    "metric.sealed_total": ("已封存", "sealed"),
    "metric.rolled_up_hours": ("汇总小时", "hours rolled up"),
    "metric.rejected_total": ("拒收", "rejected"),
    "metric.stored_total": ("入库", "stored"),
    "metric.duplicate_total": ("重复", "duplicate"),
    "metric.tick_ms": ("每轮 ms", "round ms"),
    "metric.forecasts": ("预测数", "forecasts"),
    "metric.series": ("序列", "series"),
    "metric.fallbacks": ("后备", "fallbacks"),
    "metric.open_warnings": ("未解除预警", "open warnings"),
    "metric.open_orders": ("未完成指令", "open orders"),
    "metric.published_total": ("已发布", "published"),
    # where numbers come from, shown when one points at them
    "source.from": ("来源：{source}", "Source: {source}"),
    "source.measured": ("测得 {time}", "measured {time}"),
    "source.received": ("收到 {time}", "received {time}"),
    "source.quality": ("质量：{quality}", "quality: {quality}"),
    "source.as_of": ("截至 {time}", "as of {time}"),
    # what an address that does not exist says
    "missing.title": ("没有这个页面", "No such page"),
    "missing.home": ("返回运行态势", "To the operations screen"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """The catalogue in one language: `words("no_data")`, `words("age.minutes", n=3)`."""

    lang: Lang

    def __call__(self, key: str, **fillings: object) -> str:
        """Raises KeyError for a key that is not in the catalogue."""
        text = CATALOGUE[key][LANGUAGES.index(self.lang)]
        return text.format(**fillings) if fillings else text

    def of(self, member: Labelled) -> str:
        return member.label(self.lang)

    def all(self) -> dict[str, str]:
        """The whole catalogue, for the browser."""
        return {key: self(key) for key in CATALOGUE}

    def labels(self) -> dict[str, dict[str, str]]:
        """The words of stored values, by enumeration and value, for the browser."""
        enumerations: dict[str, Iterable[Labelled]] = {
            "freshness": Freshness, "quality": Quality, "device_state": DeviceState, "device_mode": DeviceMode,
            "rejection": RejectionCode,
            "unit_kind": UnitKind, "unit_status": UnitStatus, "grade": Grade, "response": ResponseLevel,
            "incident_state": IncidentState, "level": WarningLevel, "warning_state": WarningState,
            "warning_source": WarningSource, "warning_mode": WarningMode, "order_state": OrderState, "role": Role,
        }  # fmt: skip
        gathered = {name: {member.value: member.label(self.lang) for member in members} for name, members in enumerations.items()}
        gathered["sensor_kind"] = {kind.type_name: kind.label(self.lang) for kind in SensorKind}
        gathered["unit_mark"] = {kind.value: unit_mark(kind, self.lang) for kind in UnitKind}
        gathered["property"] = {name: row.label(self.lang) for name, row in PROPERTIES.items()}
        gathered["property_unit"] = {
            name: row.zh_unit if self.lang == "zh" else english_unit(row.unit) for name, row in PROPERTIES.items()
        }
        gathered["hazard"] = {name: pair[LANGUAGES.index(self.lang)] for name, pair in HAZARD_CLASSES.items()}
        return gathered


_ENGLISH_MARKS = {"ambulance": "A", "engine": "F", "police": "P", "flood_rescue": "W", "engineering": "E"}


def unit_mark(kind: UnitKind, lang: Lang) -> str:
    """The letter inside a unit's circle: the Chinese character of its kind, or an English letter."""
    return kind.mark if lang == "zh" else _ENGLISH_MARKS.get(kind.value, kind.en[:1].upper())


_ENGLISH_UNITS = {
    "ug/m3": "μg/m³", "mg/m3": "mg/m³", "m3/h": "m³/h", "Cel": "°C", "1": "", "/h": "veh/h", "{people}": "people",
    "{spots}": "places",
}  # fmt: skip


def english_unit(ucum: str) -> str:
    """A UCUM code as an English reader writes it."""
    return _ENGLISH_UNITS.get(ucum, ucum)


def language(asked: str | None) -> Lang:
    """The language asked for, Chinese unless it is English."""
    return "en" if asked == "en" else "zh"
