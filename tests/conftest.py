"""What every test may ask for: a fresh database and a connection to it.

`--database-url=postgresql://…` points the suite at a server on which databases may be made, for example one with
TimescaleDB; without it each worker starts a private PostgreSQL when the first test needs one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest

from gis_data.city import City, build_demo_city, load_city
from storage.connection import Connection, connect
from tests.support.cities import DETAIL, MAX_ZOOM, SEED
from tests.support.databases import Databases, private_databases


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-url", help="a PostgreSQL server on which databases may be made (default: a private one)")


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """The server of this run: `with databases.fresh() as url` for a database that outlives one test."""
    given: str | None = request.config.getoption("--database-url")
    if given is None:
        with private_databases() as made:
            yield made
    else:
        made = Databases(given)
        yield made
        made.close()


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A small demonstration city: fewer streets, fewer zooms. Grown by whichever worker comes first and used by all, to be read
    only."""
    own = tmp_path_factory.getbasetemp()
    place = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "small-city"
    with (place.parent / ".small-city.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            build_demo_city(place, SEED, DETAIL, MAX_ZOOM)
    return load_city(place)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A fresh database with today's schema, dropped after the test."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to the test's own database, in autocommit mode."""
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """A fresh database without any schema."""
    with databases.fresh(migrated=False) as url:
        yield url
