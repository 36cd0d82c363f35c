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
    """One measured quantity: its UCUM unit, plausible range (inclusive) and words; how fast it can change and how long it can
    stand still.

    `step_per_min` is the largest plausible change within one minute, in `unit`; None where it may jump at any time. `still_for`
    is the number of readings in a row, all equal, from which a sensor counts as stuck; None where the quantity does stand still.
    Zero may always last: no rain, no traffic, nobody there. Where no source stands beside them the two are our own estimates, on
    the generous side: a true change that is doubted reaches the rules one reading late, a false one missed costs a false warning.
    """

    name: str
    unit: str
    low: float
    high: float
    zh: str
    en: str
    zh_unit: str
    non_negative: bool = True
    step_per_min: float | None = None
    still_for: int | None = None

    def label(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


def _properties(*rows: ObservedProperty) -> dict[str, ObservedProperty]:
    return {row.name: row for row in rows}


PROPERTIES: dict[str, ObservedProperty] = _properties(
    # a queue that reaches the loop takes a stream from free flow to a crawl within a minute or two
    ObservedProperty("averageVehicleSpeed", "km/h", 0, 200, "平均车速", "Average speed", "km/h", step_per_min=60, still_for=36),
    # counted within a short interval and scaled to an hour: a platoon behind a signal fills or empties it
    ObservedProperty("intensity", "/h", 0, 12_000, "车流量", "Traffic flow", "辆/时", step_per_min=6_000),
    # likewise; night hours repeat small shares
    ObservedProperty("occupancy", "1", 0, 1, "占有率", "Occupancy", "", step_per_min=0.8),
    # a full hall empties through its doors within minutes (5 to 10 a second and gate)
    ObservedProperty("peopleCount", "{people}", 0, 200_000, "人数", "People", "人", step_per_min=20_000),
    # a plume of smoke or fireworks brings some hundred within minutes
    ObservedProperty("pm25", "ug/m3", 0, 1_000, "PM2.5", "PM2.5", "μg/m³", step_per_min=30, still_for=36),
    # a dust front: from 100 to over 1,000 in some minutes
    ObservedProperty("pm10", "ug/m3", 0, 2_000, "PM10", "PM10", "μg/m³", step_per_min=200, still_for=36),
    # often at the instrument's floor for hours
    ObservedProperty("so2", "ug/m3", 0, 2_000, "二氧化硫", "SO₂", "μg/m³", step_per_min=60),
    # a street canyon behind a passing convoy
    ObservedProperty("no2", "ug/m3", 0, 1_000, "二氧化氮", "NO₂", "μg/m³", step_per_min=60, still_for=36),
    # likewise, at a tunnel's mouth
    ObservedProperty("co", "ug/m3", 0, 50_000, "一氧化碳", "CO", "μg/m³", step_per_min=3_000, still_for=36),
    # titrated to nothing on many nights
    ObservedProperty("o3", "ug/m3", 0, 1_200, "臭氧", "O₃", "μg/m³", step_per_min=40),
    # ZAMG, basic quality control, in CBS/OPAG-IOS (ET AWS-1) Doc. 9(2), 2002: 3 degrees between readings
    ObservedProperty("temperature", "Cel", -50, 60, "气温", "Temperature", "℃", non_negative=False, step_per_min=3, still_for=36),
    # a squall line brings 1 to 2 hPa a minute; 0.1 hPa steps stand still for hours in fair weather
    ObservedProperty("pressure", "hPa", 850, 1_100, "气压", "Air pressure", "hPa", step_per_min=2),
    # gust fronts; stuck cups: no change by 0.1 m/s for 3 hours (EPA-454/R-99-005, table 8-4)
    ObservedProperty("windSpeed", "m/s", 0, 75, "风速", "Wind speed", "m/s", step_per_min=20, still_for=36),
    # the sum of an interval; the record of one minute is 31 mm (World Meteorological Organization, archive of extremes)
    ObservedProperty("precipitation", "mm", 0, 300, "降雨量", "Rainfall", "mm", step_per_min=20),
    # a flash flood rises by metres within ten minutes; a dry gauge stands for months
    ObservedProperty("waterLevel", "m", -10, 50, "水位", "Water level", "m", non_negative=False, step_per_min=0.5),
    # an underpass fills at some centimetres a minute, a burst main at ten times that
    ObservedProperty("waterDepth", "m", 0, 6, "积水深度", "Water depth", "m", step_per_min=0.5),
    # a leak has no slowest speed
    ObservedProperty("nh3", "mg/m3", 0, 5_000, "氨", "NH₃", "mg/m³"),
    # sirens; from night to siren is some 60 dB
    ObservedProperty("noiseLevel", "dB", 20, 140, "噪声", "Noise", "dB", step_per_min=60, still_for=36),
    # emptied and filled at a stroke
    ObservedProperty("fillingLevel", "1", 0, 1, "满溢度", "Filling level", ""),
    # the gates of the largest car park together
    ObservedProperty("availableSpotNumber", "{spots}", 0, 50_000, "空余车位", "Free parking places", "个", step_per_min=500),
    # feeders are switched at a stroke
    ObservedProperty("totalActivePower", "kW", 0, 500_000, "有功功率", "Active power", "kW", still_for=36),
    # a cut is a stroke
    ObservedProperty("voltage", "kV", 0, 600, "电压", "Voltage", "kV", still_for=36),
    # likewise
    ObservedProperty("current", "A", 0, 20_000, "电流", "Current", "A", still_for=36),
    # switched
    ObservedProperty("powerState", "1", 0, 1, "亮灯比例", "Share of lamps lit", ""),
    # a burst is a stroke; pulses never repeat themselves to the last digit
    ObservedProperty("waterPressure", "kPa", 0, 2_500, "供水压力", "Water pressure", "kPa", still_for=36),
    # likewise
    ObservedProperty("waterFlow", "m3/h", 0, 100_000, "供水流量", "Water flow", "m³/h", still_for=36),
    # refilled at a stroke
    ObservedProperty("paperLevel", "1", 0, 1, "纸张余量", "Paper left", ""),
    # a state
    ObservedProperty("isWorking", "1", 0, 1, "可用状态", "In working order", ""),
    # people come in groups
    ObservedProperty("waiting", "{people}", 0, 5_000, "等候人数", "People waiting", "人"),
    # a queue may stand still
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
