"""The main job on real data: a recorded day over MQTT into the database and onto the map, with its forecast and its warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis_data.city import build_city
from storage.connection import connect
from tests.support.cities import CHECKOUT, RunningCity, run_cityhelm, running_city, wait_for

DATA = CHECKOUT.parent / "shared" / "data"


def rows(city: RunningCity, query: str) -> list[tuple[object, ...]]:
    with connect(city.backing().database_url) as conn:
        return conn.execute(query).fetchall()


def replayed(city: RunningCity, mapping: str, file: str, *more: str) -> None:
    done = run_cityhelm(
        ["replay", f"config/replays/{mapping}.toml", str(DATA / file), "--shift", "now", *more], city.environ, timeout_s=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not beside the checkout: nothing to replay")
@pytest.mark.long
def test_a_real_morning_of_loop_detectors_and_an_evening_of_car_parks(home: Path, tmp_path: Path) -> None:
    angeles = home / "los_angeles"
    build_city(CHECKOUT / "config/cities/los_angeles.toml", angeles, DATA)
    with running_city("up", home, angeles) as city:
        replayed(
            city, "la_speed", "la_speed/speed.parquet",
            "--live-from", "2012-03-06T07:40-08:00", "--to", "2012-03-06T08:10-08:00", "--speed", "60",
        )  # fmt: skip
        replayed(
            city, "dresden_parking", "dresden_parking/free.parquet",
            "--from", "2023-06-01", "--live-from", "2023-06-17T17:40Z", "--to", "2023-06-17T18:02Z", "--speed", "60",
        )  # fmt: skip
        devices = {d["id"]: d for d in city.get("/api/map")["devices"]}
        assert sum(d["type"] == "TrafficFlowObserved" and d["lon"] is not None for d in devices.values()) == 207
        assert sum(d["type"] == "OffStreetParking" for d in devices.values()) == 12
        wait_for(
            "a warning of slow traffic",
            lambda: any(w["rule"] == "traffic_slow" for w in city.get("/api/map")["warnings"]),
            within_s=30,
            city=city,
        )
        wait_for(
            "a warning of a full car park",
            lambda: any(w["rule"] == "parking_full" for w in city.get("/api/map")["warnings"]),
            within_s=30,
            city=city,
        )
        wait_for(
            "a forecast that is not a fallback",
            lambda: rows(city, "SELECT FROM forecast WHERE fallback_reason = '' LIMIT 1"),
            within_s=240,
            city=city,
        )
        ((watched,),) = rows(city, "SELECT datastream_id FROM forecast WHERE fallback_reason = '' LIMIT 1")
        chart = city.get(f"/api/chart/{watched}")
        assert chart["forecast"]["q10"][0] <= chart["forecast"]["q50"][0] <= chart["forecast"]["q90"][0]
        assert rows(city, "SELECT FROM ingest_ledger WHERE received <> stored + corrected + duplicate + rejected") == []
        assert rows(city, "SELECT code FROM dead_letter") == []
