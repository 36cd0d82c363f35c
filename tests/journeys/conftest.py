"""What journeys share: one demonstration city, built once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gis_data.city import ensure_demo_city
from tests.support.cities import city_home


@pytest.fixture(scope="session")
def city_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration city, built by whichever worker comes first and used by all (a few minutes of work saved)."""
    place = tmp_path_factory.getbasetemp().parent / "demonstration-city"
    ensure_demo_city(place)
    return place


@pytest.fixture
def home() -> Iterator[Path]:
    with city_home() as place:
        yield place
