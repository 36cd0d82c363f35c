"""The deployment: everything the screens of this process share, as plain values and the doors to data."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.outward import Outward
from alerts.practice import WarningPractice
from dashboard.database import Database
from dashboard.door import Door
from dashboard.hub import Hub
from dashboard.provider import Provider
from domain import segments
from domain.incidents import DELIVERED_RADII, Radii
from domain.indices import DELIVERED, IndexPolicy
from domain.segments import Targets
from forecasting.calendar import ALWAYS, Calendar
from gis_data.city import City, load_city
from gis_data.tiles import TileStore
from staffing.practice import HallPractice

log = logging.getLogger(__name__)

VENDOR = Path(__file__).resolve().parent / "static" / "vendor"


@dataclass(slots=True)
class Marks:
    """What whoever keeps an answer has to know: when somebody last mended data here."""

    mended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """`door` says who asks. `city` is None until one has been built."""

    database: Database
    hub: Hub
    clock: Callable[[], datetime]
    zone: ZoneInfo
    door: Door
    order_expiry_s: float
    unit_speed_kmh: float
    road_detour: float
    hall_target_s: float
    city: City | None
    tiles: TileStore | None
    vendor: Path
    vendor_version: str | None
    index: IndexPolicy = DELIVERED
    targets: Targets = segments.DELIVERED
    radii: Radii = DELIVERED_RADII
    practice: WarningPractice = field(default_factory=WarningPractice)
    calendar: Calendar = ALWAYS
    hall_practice: HallPractice = field(default_factory=HallPractice)
    outward: Outward | None = None
    marks: Marks = field(default_factory=Marks)
    provider: Provider | None = None
    """The city's identity provider; None: people sign in by password alone."""

    @property
    def vendor_url(self) -> str:
        """Addresses of browser libraries carry their version, so that they may be kept for a year."""
        return f"/vendor/{self.vendor_version or 'missing'}"


def open_city(city_dir: Path) -> tuple[City | None, TileStore | None]:
    """The built city and its tiles; what is missing is said in the log, and the screens go on without it."""
    try:
        city = load_city(city_dir)
        return city, TileStore(city.tiles_path) if city.tiles_path else None
    except ValueError as fault:
        log.warning("%s; the map shows data without a basemap until then", fault)
        return None, None


def vendor_version(vendor: Path = VENDOR) -> str | None:
    """What the browser libraries were built from, or None when they are not there."""
    try:
        return str(json.loads((vendor / "manifest.json").read_text(encoding="utf-8"))["made_from"])[:12]
    except (OSError, ValueError, KeyError) as fault:
        log.warning("the browser libraries in %s cannot be used (%s): run `python -m dashboard.vendor`", vendor, fault)
        return None
