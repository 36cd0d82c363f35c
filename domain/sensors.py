"""Sensors: what kinds of devices there are, what they observe, in which unit, within which limits.

Type and attribute names follow the FIWARE Smart Data Models; units are UCUM codes. Halls and their kiosks, rain gauges,
underpasses, gas detectors and water mains are described by our own types, since those models have none for what they measure.
An interval is that of the readings or, for devices that report on change, of the heartbeat. A device may announce properties
that are not in this table: they are stored and shown under their own names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from domain.labels import Labelled


@dataclass(frozen=True, slots=True)
class ObservedProperty:
    """One measured quantity: its UCUM unit, plausible range (inclusive) and words."""

    name: str
    unit: str
    low: float
    high: float
    zh: str
    en: str
    zh_unit: str
    non_negative: bool = True

    def label(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


def _properties(*rows: ObservedProperty) -> dict[str, ObservedProperty]:
    return {row.name: row for row in rows}


PROPERTIES: dict[str, ObservedProperty] = _properties(
    ObservedProperty("averageVehicleSpeed", "km/h", 0, 200, "平均车速", "Average speed", "km/h"),
    ObservedProperty("intensity", "/h", 0, 12_000, "车流量", "Traffic flow", "辆/时"),
    ObservedProperty("occupancy", "1", 0, 1, "占有率", "Occupancy", ""),
    ObservedProperty("peopleCount", "{people}", 0, 200_000, "人数", "People", "人"),
    ObservedProperty("pm25", "ug/m3", 0, 1_000, "PM2.5", "PM2.5", "μg/m³"),
    ObservedProperty("pm10", "ug/m3", 0, 2_000, "PM10", "PM10", "μg/m³"),
    ObservedProperty("so2", "ug/m3", 0, 2_000, "二氧化硫", "SO₂", "μg/m³"),
    ObservedProperty("no2", "ug/m3", 0, 1_000, "二氧化氮", "NO₂", "μg/m³"),
    ObservedProperty("co", "ug/m3", 0, 50_000, "一氧化碳", "CO", "μg/m³"),
    ObservedProperty("o3", "ug/m3", 0, 1_200, "臭氧", "O₃", "μg/m³"),
    ObservedProperty("temperature", "Cel", -50, 60, "气温", "Temperature", "℃", non_negative=False),
    ObservedProperty("pressure", "hPa", 850, 1_100, "气压", "Air pressure", "hPa"),
    ObservedProperty("windSpeed", "m/s", 0, 75, "风速", "Wind speed", "m/s"),
    ObservedProperty("precipitation", "mm", 0, 300, "降雨量", "Rainfall", "mm"),
    ObservedProperty("waterLevel", "m", -10, 50, "水位", "Water level", "m", non_negative=False),
    ObservedProperty("waterDepth", "m", 0, 6, "积水深度", "Water depth", "m"),
    ObservedProperty("nh3", "mg/m3", 0, 5_000, "氨", "NH₃", "mg/m³"),
    ObservedProperty("noiseLevel", "dB", 20, 140, "噪声", "Noise", "dB"),
    ObservedProperty("fillingLevel", "1", 0, 1, "满溢度", "Filling level", ""),
    ObservedProperty("availableSpotNumber", "{spots}", 0, 50_000, "空余车位", "Free parking places", "个"),
    ObservedProperty("totalActivePower", "kW", 0, 500_000, "有功功率", "Active power", "kW"),
    ObservedProperty("voltage", "kV", 0, 600, "电压", "Voltage", "kV"),
    ObservedProperty("current", "A", 0, 20_000, "电流", "Current", "A"),
    ObservedProperty("powerState", "1", 0, 1, "亮灯比例", "Share of lamps lit", ""),
    ObservedProperty("waterPressure", "kPa", 0, 2_500, "供水压力", "Water pressure", "kPa"),
    ObservedProperty("waterFlow", "m3/h", 0, 100_000, "供水流量", "Water flow", "m³/h"),
    ObservedProperty("paperLevel", "1", 0, 1, "纸张余量", "Paper left", ""),
    ObservedProperty("isWorking", "1", 0, 1, "可用状态", "In working order", ""),
    ObservedProperty("waiting", "{people}", 0, 5_000, "等候人数", "People waiting", "人"),
    ObservedProperty("wait_s", "s", 0, 86_400, "等候时长", "Waiting time", "秒"),
)


@dataclass(frozen=True, slots=True)
class _Kind:
    value: str
    zh: str
    en: str
    properties: tuple[str, ...]
    interval_s: int


class SensorKind(Enum):
    """Kinds of devices: FIWARE type, words, usual properties, usual interval in seconds."""

    TRAFFIC_FLOW = _Kind(
        "TrafficFlowObserved", "交通流检测器", "Traffic detector", ("averageVehicleSpeed", "intensity", "occupancy"), 300
    )
    CROWD_FLOW = _Kind("CrowdFlowObserved", "客流检测器", "Crowd counter", ("peopleCount",), 300)
    AIR_QUALITY = _Kind(
        "AirQualityObserved", "空气监测站", "Air quality station", ("pm25", "pm10", "so2", "no2", "co", "o3"), 300
    )
    WEATHER = _Kind(
        "WeatherObserved", "气象站", "Weather station", ("temperature", "pressure", "windSpeed", "precipitation"), 300
    )
    RAIN = _Kind("RainGauge", "雨量站", "Rain gauge", ("precipitation",), 120)
    NOISE = _Kind("NoiseLevelObserved", "噪声监测点", "Noise meter", ("noiseLevel",), 300)
    FLOOD = _Kind("FloodMonitoring", "水位站", "Water level gauge", ("waterLevel",), 120)
    UNDERPASS = _Kind("UnderpassObserved", "下穿积水监测点", "Underpass gauge", ("waterDepth",), 120)
    GAS = _Kind("GasDetector", "有毒气体探测器", "Gas detector", ("nh3",), 3_600)
    POWER = _Kind("ACMeasurement", "电力监测点", "Power meter", ("totalActivePower", "voltage", "current"), 300)
    WATER_NETWORK = _Kind("WaterNetworkObserved", "供水管网监测点", "Water network meter", ("waterPressure", "waterFlow"), 300)
    WASTE = _Kind("WasteContainer", "垃圾箱", "Waste container", ("fillingLevel",), 3_600)
    PARKING = _Kind("OffStreetParking", "停车场", "Car park", ("availableSpotNumber",), 3_600)
    STREETLIGHT = _Kind("Streetlight", "路灯", "Street light", (), 3_600)
    LIGHT_CABINET = _Kind(
        "StreetlightControlCabinet", "路灯控制箱", "Street light cabinet", ("totalActivePower", "powerState"), 3_600
    )
    KIOSK = _Kind("ServiceKiosk", "自助服务终端", "Service kiosk", ("paperLevel", "isWorking"), 900)
    HALL = _Kind("ServiceHall", "政务大厅", "Service hall", (), 60)
    HALL_QUEUE = _Kind("QueueObserved", "排队快照", "Queue snapshot", ("waiting", "wait_s"), 300)
    UNIT = _Kind("Vehicle", "应急单位", "Emergency unit", (), 1)

    @property
    def type_name(self) -> str:
        return self.value.value

    @property
    def zh(self) -> str:
        return self.value.zh

    @property
    def en(self) -> str:
        return self.value.en

    @property
    def properties(self) -> tuple[str, ...]:
        return self.value.properties

    @property
    def interval_s(self) -> int:
        return self.value.interval_s

    def label(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


def find_kind(type_name: str) -> SensorKind | None:
    """The kind announced as `type_name`, or None for a type this version does not know."""
    return next((kind for kind in SensorKind if kind.type_name == type_name), None)


class DeviceMode(Labelled):
    """When a device speaks."""

    PERIODIC = "periodic", "定时上报", "periodic"
    ON_CHANGE = "on_change", "变化上报", "on change"


class DeviceState(Labelled):
    """What a device last said of itself (its Last Will says offline)."""

    ONLINE = "online", "在线", "online"
    OFFLINE = "offline", "离线", "offline"
    UNKNOWN = "unknown", "未知", "unknown"
