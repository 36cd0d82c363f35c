"""Words of the warnings page beyond its list, merged into the catalogue of layouts.words: risk of districts, maintenance, keys,
sound. Chinese and English side by side."""

from __future__ import annotations

WARNING_WORDS: dict[str, tuple[str, str]] = {
    # views of the list
    "board.views": ("视图", "Views"),
    "board.view_list": ("预警", "Warnings"),
    "board.view_risk": ("区域风险", "Risk"),
    "board.view_upkeep": ("检修", "Maintenance"),
    "board.rate_month": ("近 28 天每 10 分钟", "28 days, per 10 min"),
    "answer.no_situation": ("没有进行中的态势 {number}", "No situation {number} is open"),
    # composite risk
    "risk.district": ("区域", "District"),
    "risk.now": ("风险", "Risk"),
    "risk.change_1h": ("较 1 小时前", "Since an hour ago"),
    "risk.change_24h": ("较昨日此时", "Since a day ago"),
    "risk.parts": ("构成（得分 × 权重）", "Made of (score × weight)"),
    "risk.part": ("{name} {score}×{weight}", "{name} {score}×{weight}"),
    "risk.unknown": ("{name} 无数据", "{name}: no data"),
    # maintenance
    "upkeep.from": ("开始", "From"),
    "upkeep.until": ("结束", "Until"),
    "upkeep.where": ("范围", "Where"),
    "upkeep.reason": ("原因", "Why"),
    "upkeep.by": ("登记人", "By"),
    "upkeep.kept_back": ("期间触发", "Raised inside"),
    "upkeep.area": ("地图区域", "an area"),
    "upkeep.devices": ("{n} 台设备", "{n} devices"),
    "upkeep.device": ("设备", "Devices"),
    "upkeep.device_ids": ("设备编号，以逗号分隔（可不填）", "Ids of devices, with commas (may be empty)"),
    "upkeep.no_district": ("不限区域，只按设备", "By device alone"),
    "upkeep.why": ("检修原因（必填）", "Why (required)"),
    "upkeep.plan": ("登记检修", "Plan maintenance"),
    "upkeep.end": ("结束检修", "End it"),
    "upkeep.is_on": ("进行中", "on"),
    "upkeep.is_planned": ("未开始", "planned"),
    "upkeep.none": ("没有进行中或已登记的检修", "No maintenance is on or planned"),
    "upkeep.sub": (
        "检修期间触发的预警照常记录，不提示、不提醒、不计入告警率；结束后恢复显示",
        "What is raised meanwhile is recorded, but neither shown nor reminded of, until the maintenance is over",
    ),
    # keys
    "keys.title": ("键盘操作", "Keys"),
    "keys.help": ("按 ？查看键盘操作", "Press ? for the keys"),
    "keys.move": ("在列表中上下移动", "Up and down the list"),
    "keys.choose": ("打开预警", "Open the warning"),
    "keys.acknowledge": ("签收", "Acknowledge"),
    "keys.verify": ("核实", "Verify"),
    "keys.handle": ("开始处置", "Handle"),
    "keys.pick": ("勾选，供批量处理", "Pick it for an act on many"),
    "keys.sound": ("声音提示开或关", "Sound on or off"),
    "keys.close": ("关闭", "Close"),
    # sound
    "sound.on": ("声音提示已开：新的红色、橙色预警响铃", "Sound is on: new red and orange warnings ring"),
    "sound.off": ("声音提示已关", "Sound is off"),
    "sound.asleep": ("声音提示已开，点击页面任意处后生效", "Sound is on once you have clicked anywhere"),
}
