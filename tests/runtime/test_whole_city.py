"""What a city is given before its processes start: resources from its layers, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gis_data.city import City
from runtime.settings import load_settings
from runtime.whole_city import take_over_holdings
from storage.connection import Connection
from storage.resources import list_samples


def test_resources_are_taken_over_from_the_layers_once(conn: Connection, small_city: City, tmp_path: Path) -> None:
    settings = replace(load_settings({}, tmp_path), city=small_city.path)
    said: list[str] = []
    take_over_holdings(conn, settings, announce=said.append)
    assert len(list_samples(conn, ["shelter", "hospital", "sandbag"])) == 3
    take_over_holdings(conn, settings, announce=said.append)
    assert len(said) == 1
    assert said[0].endswith("taken over from the layers of the city.")


def test_without_layers_or_with_others_nothing_is_taken_over(conn: Connection, tmp_path: Path) -> None:
    settings = replace(load_settings({}, tmp_path), city=tmp_path / "city")
    said: list[str] = []
    take_over_holdings(conn, settings, announce=said.append)
    assert said == []
    settings.city.mkdir()
    (settings.city / "city.json").write_text('{"format": 99}')
    take_over_holdings(conn, settings, announce=said.append)
    assert len(said) == 1
    assert "format is 99" in said[0]
    assert conn.execute("SELECT count(*) FROM resource").fetchone() == (0,)
