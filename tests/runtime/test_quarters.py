"""Quarters: who may live where, and who is sent away with which sentence."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from signal import Signals

import pytest

from runtime import deathbound, quarters
from runtime.quarters import CannotStart, ServiceUser, held, holder, service_user, settle
from tests.runtime.conftest import IS_ROOT, ROOT, is_alive, wait_until

as_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives directories to other users")
as_ordinary_user = pytest.mark.skipif(IS_ROOT, reason="root may write anywhere")


def test_a_place_is_made_private_to_its_service(home: Path, told: list[str]) -> None:
    user = service_user(home / "postgres")
    real = settle(home / "postgres", user, told.append)
    assert real == home / "postgres"
    assert stat.S_IMODE(real.stat().st_mode) == 0o700
    assert real.stat().st_uid == (user.uid if user else os.geteuid())
    assert told == []


def test_a_place_that_is_a_file_is_refused(home: Path, told: list[str]) -> None:
    (home / "postgres").write_text("a letter")
    with pytest.raises(CannotStart, match="Not a directory"):
        settle(home / "postgres", service_user(home), told.append)


@as_ordinary_user
def test_a_place_that_may_not_be_written_is_refused_with_the_cure(home: Path, told: list[str]) -> None:
    home.chmod(0o500)
    with pytest.raises(CannotStart, match=r"Permission denied.*set CITYHELM_HOME"):
        settle(home / "postgres", None, told.append)
    home.chmod(0o700)


@as_root
def test_below_a_private_directory_the_service_is_lodged_elsewhere_and_that_is_said(
    tmp_path: Path, lodgings: Path, told: list[str]
) -> None:
    tmp_path.chmod(0o700)
    place = tmp_path / "postgres"
    user = service_user(place)
    real = settle(place, user, told.append)
    assert real.parent == lodgings
    assert place.is_symlink()
    assert user is not None
    assert real.stat().st_uid == user.uid
    assert len(told) == 1
    assert str(real) in told[0]
    assert settle(place, service_user(place), told.append) == real, "the next start finds the same place"
    assert len(told) == 1


@as_root
def test_root_runs_a_service_as_the_owner_of_its_data(home: Path) -> None:
    place = home / "postgres"
    place.mkdir()
    os.chown(place, 1, 1)  # daemon, on every Debian
    user = service_user(place)
    assert user is not None
    assert user.ids == (1, 1)


@as_root
def test_what_belongs_to_somebody_else_is_refused(home: Path, told: list[str]) -> None:
    place = home / "postgres"
    place.mkdir()
    (place / "diary").touch()
    with pytest.raises(CannotStart, match="belongs to root: expected nobody"):
        settle(place, service_user(place), told.append)


@as_root
def test_the_permission_bits_decide_who_may_enter(home: Path) -> None:
    inner = home / "a/b"
    inner.mkdir(parents=True)
    daemon = ServiceUser("daemon", 1, 1)
    assert quarters.is_reachable(inner, daemon)
    (home / "a").chmod(0o750)
    assert not quarters.is_reachable(inner, daemon)
    os.chown(home / "a", 0, 1)
    assert quarters.is_reachable(inner, daemon), "through the group"
    (home / "a").chmod(0o705)
    assert not quarters.is_reachable(inner, daemon), "the group's bits come before everyone's"
    assert quarters.is_reachable(inner, None)


def test_a_place_is_held_once_and_the_holder_is_named(home: Path) -> None:
    assert holder(home) is None
    code = f"""
import sys, time
from pathlib import Path
from runtime.quarters import held
with held(Path({str(home)!r})):
    print("held", flush=True)
    time.sleep(100)
"""
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(CannotStart, match=f"in use by process {other.pid}.*stop that one"), held(home):
        pass
    assert holder(home) == other.pid
    other.kill()
    other.wait()
    other.stdout.close()
    with held(home):  # the kernel let go of it
        assert holder(home) == os.getpid()
    assert holder(home) is None


def test_a_private_file_follows_no_link(home: Path) -> None:
    (home / "treasure").write_text("gold")
    (home / "password").symlink_to(home / "treasure")
    quarters.write_private(home / "password", "secret")
    assert (home / "treasure").read_text() == "gold"
    assert stat.S_IMODE((home / "password").lstat().st_mode) == 0o600


def test_a_log_that_has_grown_begins_anew_and_the_old_one_is_kept(home: Path) -> None:
    (home / "broker.log").write_text("x" * 2000)
    os.close(quarters.open_log(home / "broker.log", keep_bytes=1000))
    assert (home / "broker.log").stat().st_size == 0
    assert (home / "broker.log.1").stat().st_size == 2000


def _start(place: Path, argv: list[str]) -> subprocess.Popen[bytes]:
    place.mkdir()
    return quarters.start_service(
        argv, place, None, at_parents_death=Signals.SIGTERM, log=place / "log", environ=os.environ, cwd=place
    )


def test_as_long_as_a_child_of_a_service_is_left_its_place_is_inhabited(home: Path) -> None:
    place = home / "a"
    parent = _start(place, ["sh", "-c", "sleep 0.5 & echo $! > child; exit"])
    parent.wait()
    assert quarters.is_inhabited(place)
    assert wait_until(lambda: not quarters.is_inhabited(place))


def test_one_who_lived_here_before_is_waited_for_and_strangers_are_left_alone(home: Path, told: list[str]) -> None:
    other = _start(home / "a", ["sleep", "0.5"])
    elsewhere = _start(home / "b", ["sleep", "100"])
    try:
        quarters.await_predecessors(home / "a", "the last one", [(Signals.SIGKILL, 1)], told.append)
        assert told == [f"Waiting for process {other.pid}, the last one of the last run, to end."]
        assert other.wait() == 0, "not hastened"
        assert elsewhere.poll() is None
    finally:
        quarters.stop_service(elsewhere, home / "b", [(Signals.SIGTERM, 5)])


def test_one_who_lived_here_before_and_does_not_go_is_told_more_and_more_clearly(
    home: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _start(home / "a", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"])
    assert wait_until(lambda: "deaf" in (home / "a/log").read_text())
    orders = [(Signals.SIGTERM, 0.2), (Signals.SIGKILL, 5.0)]
    monkeypatch.setattr(quarters, "PATIENCE_WITH_PREDECESSORS_S", 0.1)
    quarters.await_predecessors(home / "a", "the last one", orders, told.append)
    assert other.wait() == -Signals.SIGKILL


def test_a_number_that_has_become_somebody_elses_is_sent_no_signal(
    home: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _start(home / "a", ["sleep", "100"])
    stranger = _start(home / "b", ["sleep", "100"])
    monkeypatch.setattr(quarters, "PATIENCE_WITH_PREDECESSORS_S", 0.1)
    try:
        (home / "a/service").write_text(f"{stranger.pid} 1\n")  # not when the stranger was born
        with pytest.raises(CannotStart, match="does not end and holds"):
            quarters.await_predecessors(home / "a", "the last one", [(Signals.SIGKILL, 0.1)], told.append)
        assert stranger.poll() is None
    finally:
        for place, process in (("a", other), ("b", stranger)):
            quarters.stop_service(process, home / place, [(Signals.SIGTERM, 5)])


def test_a_deathbound_process_goes_when_its_parent_is_killed() -> None:
    code = """
import subprocess
from signal import SIGTERM
from runtime import deathbound
child = subprocess.Popen(deathbound.command(["sleep", "100"], at_parents_death=SIGTERM))
print(child.pid, flush=True)
child.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert wait_until(lambda: b"python" not in Path(f"/proc/{child}/cmdline").read_bytes()), "it has become sleep"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not is_alive(child))


def test_a_deathbound_process_whose_parent_is_already_gone_does_not_start() -> None:
    argv = deathbound.command(["echo", "started"], at_parents_death=Signals.SIGTERM)
    argv[argv.index(str(os.getpid()))] = "1"  # as if we had died and it were another's child by now
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_a_program_that_is_not_there_is_named() -> None:
    argv = deathbound.command(["/nowhere/postgres"], at_parents_death=Signals.SIGTERM)
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "FATAL: /nowhere/postgres cannot be run: No such file or directory\n"
