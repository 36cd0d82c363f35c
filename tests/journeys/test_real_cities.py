"""Real cities as processes: what a city of recorded units and incidents shows, on ground of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis_data.city import build_city
from storage.connection import connect
from tests.support.cities import CHECKOUT, run_cityhelm, running_city, wait_for

DATA = CHECKOUT.parent / "shared" / "data"


@pytest.mark.long
@pytest.mark.skipif(not (DATA / "sf").is_dir(), reason="the public data sets are not beside the checkout: nothing to replay")
def test_an_afternoon_of_san_francisco_ends_with_its_units_where_they_were(home: Path) -> None:
    """13:00 to 18:00 on 17 January 2018, local time. Counted in the file by itself: 99 incidents were reported then, and 18 of them
    still had a unit at 18:00; 97 units spoke, 88 of them fire engines and ambulances, and 165 arrived somewhere."""
    francisco = home / "san_francisco"
    build_city(CHECKOUT / "config/cities/san_francisco.toml", francisco, DATA)
    with running_city("up", home, francisco, CITYHELM_ZONE="America/Los_Angeles") as city:
        done = run_cityhelm(
            [
                "replay", "config/replays/sf_fire.toml", str(DATA / "sf/units.parquet"), "--speed", "max", "--shift", "now",
                "--from", "2018-01-17T13:00", "--to", "2018-01-17T18:00",
            ],
            city.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        with connect(city.backing().database_url) as conn:

            def n(query: str) -> int:
                row = conn.execute(f"SELECT count(*) FROM {query}").fetchone()
                assert row is not None
                return int(row[0])

            wait_for("all incidents", lambda: n("incident") == 99, within_s=30, city=city)
            wait_for("all ends", lambda: n("incident WHERE closed_at IS NULL") == 18, within_s=30, city=city)
            assert (n("unit"), n("unit WHERE kind IN ('engine', 'ambulance')")) == (97, 88)
            assert n("unit_status WHERE status = 'on_scene'") == 165
            assert n("dead_letter") == 0
        shown = wait_for("the map", lambda: city.get("/api/map"), within_s=30, city=city)
        assert len(shown["incidents"]) == 18
        busy = {unit["status"] for unit in shown["units"]}
        assert busy >= {"available", "enroute", "on_scene", "working"}
        west, south, east, north = -122.53, 37.70, -122.35, 37.84
        placed = [unit for unit in shown["units"] if unit["lon"] is not None]
        assert len(placed) > 80
        assert all(west < unit["lon"] < east and south < unit["lat"] < north for unit in placed)
