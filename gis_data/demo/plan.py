"""The plan of Wanglan (望澜市), the invented city: what is where, by name, before chance fills in the rest.

Positions are kilometres east and north of the city's centre; angles are degrees anticlockwise from east. The centre
lies on the open East China Sea, so that nothing drawn here can be taken for a real place, and inside the rectangle
where GCJ-02 applies, so that conversions are exercised. Division codes begin with 99, a prefix GB/T 2260 does not use.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME_ZH, NAME_EN = "望澜市", "Wanglan"
CITY_CODE = "990100"
ZONE = "Asia/Shanghai"
CENTRE_LON, CENTRE_LAT = 123.4, 30.2
POPULATION = 6_180_000

#: Half sides of the drawn country around the centre; a wall display shows far more width than height.
EXTENT_KM = (64.0, 46.0)
#: Mean radius of the city's land border.
RADIUS_KM = 19.6


@dataclass(frozen=True)
class Quarter:
    """A district as planned: where it lies and how dense it is.

    `street_deg` is the direction of its street grid; `bank` says on which side of the river it lies;
    `spread_km` is the radius of its urban fabric.
    """

    code: str
    name_zh: str
    name_en: str
    at_km: tuple[float, float]
    bank: str
    intensity: float
    spread_km: float
    street_deg: float


QUARTERS = (
    Quarter("990101", "澜心区", "Lanxin", (-0.4, 2.0), "north", 1.00, 3.0, 9),
    Quarter("990102", "枕河区", "Zhenhe", (-1.9, -2.6), "south", 0.88, 2.6, -16),
    Quarter("990103", "鹭汀区", "Luting", (4.6, 0.8), "north", 0.85, 3.0, -28),
    Quarter("990104", "澄湖区", "Chenghu", (7.4, 7.2), "north", 0.66, 3.4, 24),
    Quarter("990105", "云埠区", "Yunbu", (-9.6, -2.2), "south", 0.60, 3.2, -34),
    Quarter("990106", "桐原区", "Tongyuan", (-3.2, -9.2), "south", 0.66, 3.5, 4),
    Quarter("990107", "霁川区", "Jichuan", (-7.4, 6.4), "north", 0.68, 3.3, -40),
    Quarter("990108", "石渡区", "Shidu", (-13.2, -9.4), "south", 0.56, 3.2, 30),
    Quarter("990109", "岫云区", "Xiuyun", (-14.6, 8.0), "north", 0.46, 1.9, 12),
    Quarter("990110", "北岚区", "Beilan", (0.6, 12.2), "north", 0.50, 2.6, -8),
    Quarter("990111", "临潮区", "Linchao", (4.4, -8.4), "south", 0.66, 3.2, 38),
    Quarter("990112", "松屿区", "Songyu", (13.6, 6.2), "north", 0.55, 2.7, 44),
)


@dataclass(frozen=True)
class Town:
    """A town outside the continuous city: names, position and radius of its streets (km), whether it is reached by bridge."""

    name_zh: str
    name_en: str
    at_km: tuple[float, float]
    radius_km: float
    on_island: bool = False


#: The first eleven lie inside the city's border. Streets are drawn for those within `streets.HALF_M` of the centre.
TOWNS = (
    Town("澜渡镇", "Landu", (-17.2, 3.2), 0.7),
    Town("霁峰镇", "Jifeng", (-9.5, 13.6), 0.8),
    Town("岭下镇", "Lingxia", (-4.4, 16.8), 0.6),
    Town("狮泉镇", "Shiquan", (8.2, 13.9), 0.9),
    Town("松坪镇", "Songping", (12.6, 11.6), 0.6),
    Town("石塘镇", "Shitang", (-17.6, -5.2), 0.8),
    Town("桐口镇", "Tongkou", (-8.2, -14.6), 0.9),
    Town("沙埠镇", "Shabu", (-1.4, -15.6), 0.7),
    Town("青坞镇", "Qingwu", (-14.6, -15.2), 0.6),
    Town("云坪镇", "Yunping", (-19.6, 10.8), 0.5),
    Town("松屿镇", "Songyu", (19.1, 1.8), 0.9, True),
    Town("槐塘镇", "Huaitang", (-24.4, -14.2), 1.1),
    Town("北潭镇", "Beitan", (5.4, 24.4), 1.0),
    Town("竹岭镇", "Zhuling", (-18.0, 24.2), 0.9),
    Town("海坪镇", "Haiping", (23.8, 18.6), 1.2),
    Town("南坞镇", "Nanwu", (-9.6, -24.2), 1.2),
    Town("澜阳镇", "Lanyang", (-30.5, 8.0), 1.1),
    Town("西澜镇", "Xilan", (-44.0, -4.0), 1.4),
    Town("枫岭镇", "Fengling", (-36.0, 24.0), 0.8),
    Town("鹤塘镇", "Hetang", (-33.0, -31.0), 1.2),
    Town("东屿镇", "Dongyu", (35.0, 36.5), 1.2),
    Town("荷川镇", "Hechuan", (-52.0, 16.0), 1.0),
    Town("柳溪镇", "Liuxi", (-55.0, -22.0), 1.1),
    Town("蓝汀镇", "Lanting", (22.0, 36.0), 0.9),
)

#: The river's course from the western edge to the sea, and its width in metres at each of these points.
RIVER_ZH, RIVER_EN = "澜江", "Lan River"
RIVER_KM = (
    (-70, 17.5, 260),
    (-58, 13.0, 270),
    (-46, 11.5, 300),
    (-36, 6.0, 320),
    (-28, 4.6, 340),
    (-22.5, 6.2, 360),
    (-17.5, 5.0, 380),
    (-13.4, 1.4, 410),
    (-10.0, 0.6, 430),
    (-6.6, 2.6, 450),
    (-3.6, 1.4, 470),
    (-1.4, -0.6, 490),
    (1.6, -1.2, 520),
    (4.0, -1.6, 580),
    (6.2, -3.4, 720),
    (8.0, -5.0, 1000),
    (10.2, -6.4, 1700),
    (12.6, -7.8, 2700),
    (16.0, -9.8, 4200),
)
#: A long island in the river: share of the way along it (by arc length), half length and half width in metres.
EYOT_ZH, EYOT_EN, EYOT_KM, EYOT_HALF_M = "鹭洲", "Luzhou Islet", (5.0, -2.5), (1150, 210)


@dataclass(frozen=True)
class Stream:
    """A smaller watercourse: its points in kilometres and its width in metres."""

    name_zh: str
    name_en: str
    points_km: tuple[tuple[float, float], ...]
    width_m: float


STREAMS = (
    Stream(
        "霁溪", "Ji Creek", ((-9.0, 24.0), (-8.2, 18.5), (-10.4, 14.4), (-9.2, 10.6), (-10.4, 7.2), (-9.0, 4.2), (-8.6, 1.3)), 46
    ),
    Stream("岚河", "Lan Brook", ((3.6, 23.0), (3.0, 18.0), (4.6, 14.2), (3.6, 10.4), (5.4, 7.6), (6.2, 5.6), (6.9, 4.6)), 52),
    Stream("澄水", "Cheng Water", ((7.0, 4.5), (7.5, 3.2), (7.2, 1.6), (8.2, -0.6), (7.4, -2.6), (7.8, -5.0)), 64),
    Stream(
        "桐溪",
        "Tong Creek",
        ((-17.0, -19.0), (-13.0, -15.6), (-9.6, -12.2), (-6.6, -10.8), (-4.8, -6.8), (-3.8, -4.4), (-3.4, 1.2)),
        50,
    ),
    Stream(
        "石塘河",
        "Shitang Brook",
        ((-25.0, -9.2), (-21.0, -11.4), (-17.2, -11.6), (-14.6, -11.0), (-13.0, -9.0), (-9.8, -7.6), (-6.8, -5.4), (-5.2, -6.0)),
        40,
    ),
)


@dataclass(frozen=True)
class Lake:
    """A lake as planned: centre (km), half axes (km), turn (degrees)."""

    name_zh: str
    name_en: str
    at_km: tuple[float, float]
    half_km: tuple[float, float]
    turn_deg: float


LAKES = (
    Lake("澄湖", "Cheng Lake", (7.0, 4.4), (1.75, 1.0), 24),
    Lake("鹭湖", "Lu Lake", (-5.2, -6.0), (0.95, 0.55), -20),
    Lake("云镜水库", "Yunjing Reservoir", (-13.4, 13.6), (1.5, 0.5), 62),
    Lake("枕月湖", "Zhenyue Lake", (0.9, -4.6), (0.46, 0.3), 10),
    Lake("听松湖", "Tingsong Lake", (14.4, 3.7), (0.6, 0.36), -40),
)

#: Islands off the coast: name, centre and half axes (km), turn.
ISLANDS = (
    Lake("松屿", "Songyu Island", (18.9, 1.4), (1.5, 0.8), 52),
    Lake("小松屿", "Little Songyu", (20.4, 4.0), (0.45, 0.32), 10),
    Lake("浪岗", "Langgang Rock", (12.6, -14.4), (0.55, 0.3), -30),
    Lake("外澜岛", "Outer Lan Island", (31.0, -3.0), (2.4, 1.1), 40),
    Lake("鸥礁", "Gull Reef", (27.0, -19.5), (0.8, 0.5), 0),
)

SEA_ZH, SEA_EN, SEA_LABEL_KM = "望澜湾", "Wanglan Bay", (17.6, -5.4)


@dataclass(frozen=True)
class SeaLane:
    """A way over the sea: names, kind (ferry, fairway), points (km), whether it first leads out of the port."""

    name_zh: str
    name_en: str
    kind: str
    points_km: tuple[tuple[float, float], ...]
    from_port: bool = False


SEA_LANES = (
    SeaLane(
        "望澜—外澜岛客运航线",
        "Wanglan to Outer Lan ferry",
        "ferry",
        ((12.0, -10.6), (17.0, -9.6), (23.0, -7.4), (29.6, -3.6)),
        True,
    ),
    SeaLane("松屿—外澜岛客运航线", "Songyu to Outer Lan ferry", "ferry", ((19.4, 0.6), (22.0, -1.0), (26.0, -2.2), (29.8, -2.6))),
    SeaLane(
        "澜江口航道",
        "Lan Estuary Fairway",
        "fairway",
        ((10.2, -12.6), (15.0, -15.6), (22.0, -17.6), (32.0, -20.6), (46.0, -26.0), (66.0, -33.0)),
        True,
    ),
)
#: The port: the middle of its quays and the reach of its piers and breakwaters along the shore (km).
PORT_KM, PORT_REACH_KM = (6.4, -10.6), 1.7

#: Hills inside the urban fabric, kept green: name, centre (km), radius (km), height (m).
HILLS = (
    ("望澜山", "Wanglan Hill", (-3.0, 5.2), 1.5, 190.0),
    ("南屏岗", "Nanping Ridge", (-7.4, -11.4), 1.3, 120.0),
    ("观潮岭", "Guanchao Headland", (14.6, 1.0), 1.9, 210.0),
    ("狮泉山", "Shiquan Hill", (10.6, 10.4), 1.7, 240.0),
)


@dataclass(frozen=True)
class RoadClass:
    """A class of road: its labels, its free speed and its rank (0 the highest)."""

    key: str
    name_zh: str
    name_en: str
    speed_kmh: float
    rank: int


EXPRESSWAY = RoadClass("expressway", "快速路", "Expressway", 80.0, 0)
ARTERIAL = RoadClass("arterial", "主干路", "Arterial", 50.0, 1)
SECONDARY = RoadClass("secondary", "次干路", "Secondary", 40.0, 2)
LOCAL = RoadClass("local", "支路", "Local", 30.0, 3)
ROAD_CLASSES = (EXPRESSWAY, ARTERIAL, SECONDARY, LOCAL)


@dataclass(frozen=True)
class Trunk:
    """A trunk road as drawn by hand: names, whether it closes, points (km), the key of its class."""

    name_zh: str
    name_en: str
    closed: bool
    points_km: tuple[tuple[float, float], ...]
    kind: str = "expressway"


TRUNKS = (
    Trunk(
        "内环快速路",
        "Inner Ring Expressway",
        True,
        (
            (4.9, 3.4),
            (1.8, 4.6),
            (-1.4, 3.9),
            (-4.6, 3.6),
            (-6.4, 0.2),
            (-5.2, -3.4),
            (-2.4, -5.4),
            (1.0, -5.8),
            (3.9, -4.6),
            (5.8, -1.0),
        ),
    ),
    Trunk(
        "绕城高速",
        "Orbital Motorway",
        True,
        (
            (9.6, 11.2),
            (4.2, 10.6),
            (-2.0, 10.4),
            (-6.8, 10.2),
            (-11.8, 7.4),
            (-13.2, 4.0),
            (-12.6, -0.6),
            (-13.0, -6.2),
            (-10.0, -11.2),
            (-4.4, -12.9),
            (1.6, -12.2),
            (6.3, -9.4),
            (9.2, -6.3),
            (10.6, -2.2),
            (11.4, 2.4),
            (11.6, 7.6),
        ),
    ),
    Trunk(
        "望北快速路",
        "Wangbei Expressway",
        False,
        ((1.8, 4.6), (1.6, 7.6), (1.2, 10.5), (1.9, 16.0), (4.2, 24.0), (3.0, 36.0), (6.0, 48.0)),
    ),
    Trunk(
        "澜西高速",
        "Lanxi Motorway",
        False,
        ((-6.4, 0.2), (-9.4, -0.5), (-12.6, -0.6), (-19.0, -1.6), (-28.0, -1.0), (-40.0, 2.5), (-52.0, 0.5), (-68.0, 4.0)),
    ),
    Trunk("滨海高速", "Coastal Motorway", False, ((-30.0, -48.0), (-20.0, -34.0), (-14.0, -22.0), (-9.0, -16.5), (-7.2, -12.2))),
    Trunk(
        "海东高速", "Haidong Motorway", False, ((11.5, 5.6), (16.0, 11.2), (23.0, 18.6), (31.0, 29.0), (37.0, 40.0), (41.0, 48.0))
    ),
    Trunk(
        "霁川快速路",
        "Jichuan Expressway",
        False,
        ((-4.6, 3.6), (-7.8, 4.9), (-12.1, 7.0), (-18.6, 13.6), (-28.0, 20.0), (-40.0, 30.0), (-54.0, 48.0)),
    ),
    Trunk(
        "桐原快速路",
        "Tongyuan Expressway",
        False,
        ((-2.4, -5.4), (-2.0, -9.0), (-1.6, -12.8), (-2.6, -20.0), (-8.0, -30.0), (-10.0, -48.0)),
    ),
    Trunk(
        "松屿大桥",
        "Songyu Bridge",
        False,
        ((10.9, 0.4), (13.4, 1.9), (16.4, 2.1), (18.2, 1.8), (19.1, 1.75)),
        "arterial",
    ),
    Trunk(
        "松屿环岛路",
        "Songyu Island Road",
        True,
        ((19.75, 1.8), (19.6, 2.45), (19.2, 2.75), (18.75, 2.4), (18.5, 1.8), (18.5, 1.15), (18.9, 0.85), (19.45, 1.15)),
        "secondary",
    ),
)


@dataclass(frozen=True)
class Line:
    """A rail line: names, kind, and its stations as (name zh, name en, east km, north km); pass-through points have no name."""

    name_zh: str
    name_en: str
    kind: str
    stops: tuple[tuple[str, str, float, float], ...]


LINES = (
    Line(
        "轨道交通1号线",
        "Metro Line 1",
        "metro",
        (
            ("云埠西", "Yunbu West", -11.8, -3.6),
            ("云埠", "Yunbu", -9.9, -2.4),
            ("货栈街", "Huozhan Street", -7.8, -1.7),
            ("柳堤", "Liudi", -5.9, -1.6),
            ("枕河桥", "Zhenhe Bridge", -3.9, -1.9),
            ("望潮门", "Wangchao Gate", -1.9, -1.4),
            ("澜心", "Lanxin", -0.5, 0.9),
            ("钟楼", "Bell Tower", 0.7, 1.9),
            ("人民广场", "People's Square", 2.2, 1.6),
            ("鹭汀", "Luting", 3.9, 0.8),
            ("金融城", "Financial Centre", 5.4, 1.5),
            ("澄湖南", "Chenghu South", 6.3, 2.8),
            ("湖东", "Hudong", 9.2, 4.2),
            ("松屿路", "Songyu Road", 11.0, 5.4),
            ("松屿", "Songyu", 13.2, 6.2),
        ),
    ),
    Line(
        "轨道交通2号线",
        "Metro Line 2",
        "metro",
        (
            ("北岚", "Beilan", 0.9, 12.4),
            ("岚桥", "Lanqiao", 1.3, 10.1),
            ("松涛路", "Songtao Road", 1.0, 8.0),
            ("体育中心", "Sports Centre", 0.7, 6.2),
            ("望山", "Wangshan", 0.4, 4.2),
            ("钟楼", "Bell Tower", 0.7, 1.9),
            ("江滨", "Jiangbin", 0.6, 0.1),
            ("南汀", "Nanting", -0.2, -2.6),
            ("枕月湖", "Zhenyue Lake", -0.5, -4.6),
            ("槐序", "Huaixu", -1.6, -6.6),
            ("桐原", "Tongyuan", -3.0, -8.8),
            ("桐原南", "Tongyuan South", -3.6, -10.9),
        ),
    ),
    Line(
        "轨道交通3号线",
        "Metro Line 3",
        "metro",
        (
            ("霁川北", "Jichuan North", -9.0, 8.4),
            ("大学城", "University Town", -7.6, 6.8),
            ("科技园", "Science Park", -6.0, 4.7),
            ("望澜站", "Wanglan Station", -3.4, 3.2),
            ("澜心", "Lanxin", -0.5, 0.9),
            ("江滨", "Jiangbin", 0.6, 0.1),
            ("南岸", "Nan'an", 1.9, -2.5),
            ("会展中心", "Exhibition Centre", 3.0, -4.3),
            ("临潮", "Linchao", 3.9, -6.6),
            ("港城", "Harbour Town", 4.4, -8.6),
        ),
    ),
    Line(
        "望澜铁路",
        "Wanglan Railway",
        "railway",
        (
            ("", "", -68.0, -3.0),
            ("", "", -46.0, -2.5),
            ("", "", -28.0, 1.4),
            ("", "", -19.0, 1.6),
            ("", "", -13.2, 3.4),
            ("", "", -8.0, 3.8),
            ("望澜站", "Wanglan Station", -3.5, 3.3),
            ("", "", -0.6, 5.6),
            ("", "", 1.9, 8.8),
            ("望澜北站", "Wanglan North Station", 4.4, 12.6),
            ("", "", 10.0, 17.6),
            ("", "", 18.0, 24.0),
            ("", "", 34.0, 36.0),
            ("", "", 46.0, 48.0),
        ),
    ),
    Line(
        "临潮港铁路",
        "Linchao Harbour Railway",
        "railway",
        (
            ("", "", -14.6, 2.7),
            ("", "", -14.2, -2.0),
            ("石渡站", "Shidu Station", -12.2, -7.6),
            ("", "", -8.0, -10.6),
            ("", "", -2.6, -11.6),
            ("", "", 2.2, -10.2),
            ("临潮港站", "Linchao Harbour Station", 5.5, -9.5),
        ),
    ),
)

#: Parks kept free of streets: names, centre and half axes (km), turn.
PARKS = (
    Lake("人民公园", "People's Park", (1.4, 2.7), (0.62, 0.4), 9),
    Lake("望澜山森林公园", "Wanglan Hill Forest Park", (-3.0, 5.2), (1.7, 1.35), 0),
    Lake("澄湖湿地公园", "Cheng Lake Wetland Park", (6.9, 4.4), (2.15, 1.35), 24),
    Lake("鹭湖公园", "Lu Lake Park", (-5.2, -6.0), (1.3, 0.85), -20),
    Lake("枕月公园", "Zhenyue Park", (0.9, -4.6), (0.72, 0.5), 10),
    Lake("南屏郊野公园", "Nanping Country Park", (-7.4, -11.4), (1.3, 1.1), 0),
    Lake("观潮岭公园", "Guanchao Headland Park", (14.5, 1.1), (1.6, 1.2), 0),
    Lake("狮泉山公园", "Shiquan Hill Park", (10.6, 10.4), (1.4, 1.2), 0),
    Lake("听松公园", "Tingsong Park", (14.4, 3.7), (1.0, 0.7), -40),
    Lake("云埠文化公园", "Yunbu Culture Park", (-8.4, -3.4), (0.5, 0.34), -34),
    Lake("桐花公园", "Tonghua Park", (-2.2, -8.0), (0.55, 0.36), 4),
    Lake("霁川植物园", "Jichuan Botanical Garden", (-8.6, 7.9), (0.8, 0.55), -40),
    Lake("大学城中央公园", "University Town Park", (-6.6, 6.4), (0.45, 0.32), -40),
    Lake("金融城绿洲", "Financial Centre Green", (5.0, 0.5), (0.42, 0.28), -28),
    Lake("临潮滨海公园", "Linchao Seaside Park", (6.75, -7.1), (0.85, 0.4), -66),
    Lake("体育公园", "Sports Park", (0.2, 6.6), (0.5, 0.4), -8),
    Lake("北岚公园", "Beilan Park", (-0.4, 11.4), (0.6, 0.45), -8),
    Lake("石渡公园", "Shidu Park", (-12.2, -10.4), (0.5, 0.35), 30),
)

#: Squares: names and where they are to lie (km); each takes the block there that has a square's size.
SQUARES = (
    ("人民广场", "People's Square", (2.2, 1.5)),
    ("钟楼广场", "Bell Tower Square", (0.6, 2.1)),
    ("望潮门广场", "Wangchao Gate Square", (-1.9, -1.3)),
    ("金融城广场", "Financial Centre Plaza", (5.3, 1.6)),
    ("枕河文化广场", "Zhenhe Culture Square", (-1.5, -3.0)),
    ("澄湖广场", "Chenghu Square", (7.9, 6.9)),
    ("云埠广场", "Yunbu Square", (-9.8, -2.5)),
    ("桐原广场", "Tongyuan Square", (-3.1, -9.0)),
    ("霁川广场", "Jichuan Square", (-7.4, 6.2)),
    ("科技园广场", "Science Park Plaza", (-5.9, 4.9)),
    ("石渡广场", "Shidu Square", (-12.7, -8.8)),
    ("岫云广场", "Xiuyun Square", (-14.6, 8.0)),
    ("北岚广场", "Beilan Square", (0.8, 12.2)),
    ("临潮广场", "Linchao Square", (4.0, -7.3)),
    ("会展广场", "Exhibition Square", (3.1, -4.2)),
    ("松屿广场", "Songyu Square", (13.3, 6.1)),
    ("望澜站广场", "Wanglan Station Square", (-3.3, 3.0)),
    ("望澜北站广场", "Wanglan North Station Square", (4.3, 12.4)),
    ("鹭汀广场", "Luting Square", (4.0, 0.8)),
    ("体育中心广场", "Sports Centre Square", (0.9, 6.2)),
)

#: Named points of commerce beyond the quarters' own centres: centre (km), radius (km).
COMMERCE_KM = (
    ((0.3, 1.4), 1.5),
    ((4.6, 0.9), 1.2),
    ((-1.6, -1.8), 0.8),
    ((-6.2, 5.0), 0.7),
    ((3.2, -4.4), 0.7),
    ((7.8, 6.6), 0.6),
    ((-3.0, -8.8), 0.7),
    ((-9.7, -2.4), 0.6),
    ((13.3, 6.2), 0.5),
    ((0.9, 12.3), 0.5),
    ((4.0, -7.4), 0.5),
    ((-12.6, -8.4), 0.4),
)
#: Industry: centre (km), radius (km).
INDUSTRY_KM = (
    ((-13.6, -10.2), 2.4),
    ((-15.2, -7.6), 1.5),
    ((6.4, -8.6), 1.7),
    ((5.6, -10.6), 1.4),
    ((-11.4, -3.6), 1.3),
    ((2.4, 13.2), 0.9),
    ((-9.8, 1.9), 0.7),
    ((9.6, -2.8), 1.0),
    ((2.2, -11.2), 1.0),
)
#: Colleges: centre (km), radius (km).
CAMPUS_KM = (
    ((-7.9, 7.0), 1.0),
    ((-6.3, 7.7), 0.7),
    ((9.0, 6.0), 0.5),
    ((-3.9, -7.4), 0.45),
)
