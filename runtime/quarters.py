"""Quarters: the directories in which the private services live: whose they are, where they lie, who holds them.

PostgreSQL refuses to run as root, so that root's services run as an unprivileged user, who must be able to reach
their data. Where the wanted place is below a private directory (root's home, say), the data are lodged elsewhere
and a symbolic link at the wanted place leads there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from runtime import deathbound

Announce = Callable[[str], None]
# How a service is told to end: signals, gentle to hard, each with the seconds it is given.
StopOrders = Sequence[tuple[Signals, float]]

# Root's lodgings. Not /var/tmp: systemd-tmpfiles removes files there that were not touched for a month, and a
# database has such files.
LODGINGS = Path("/var/lib/cityhelm")

PATIENCE_WITH_PREDECESSORS_S = 10.0  # they were told to end when their supervisor died

_LOCK = "lock"  # held by the supervisor
_MARK = "service"  # held by the service and its children


class CannotStart(Exception):  # noqa: N818 - a state of the world, named after it
    """Something the city needs is not there. The message is one sentence: what, what was expected, the cure."""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The unprivileged user as whom root's private services run."""

    name: str
    uid: int
    gid: int

    @property
    def ids(self) -> tuple[int, int]:
        return self.uid, self.gid


def service_user(place: Path) -> ServiceUser | None:
    """As whom a service living at `place` runs: None (as ourselves) unless we are root; then its owner, or nobody."""
    if os.geteuid() != 0:
        return None
    try:
        owner = pwd.getpwuid(place.stat().st_uid)
    except (OSError, KeyError):
        owner = pwd.getpwuid(0)
    if owner.pw_uid == 0:
        try:
            owner = pwd.getpwnam("nobody")
        except KeyError:
            raise CannotStart(
                "PostgreSQL does not run as root and there is no user nobody to run it as: start cityhelm as an "
                "ordinary user, or set DATABASE_URL and MQTT_URL"
            ) from None
    return ServiceUser(owner.pw_name, owner.pw_uid, owner.pw_gid)


def is_reachable(path: Path, user: ServiceUser | None) -> bool:
    """Whether `user` may enter every directory above `path` (by the permission bits; None is ourselves: yes)."""
    return user is None or all(_may_enter(directory.stat(), user) for directory in path.resolve().parents)


def _may_enter(status: os.stat_result, user: ServiceUser) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def settle(place: Path, user: ServiceUser | None, announce: Announce) -> Path:
    """The real directory behind `place`, made if need be, private (0700) to `user` or ourselves.

    Raises CannotStart: not writable, somebody else's, out of `user`'s reach.
    """
    place = place.absolute()  # not resolved: it may be a link to the lodging
    owner = user.uid if user else os.geteuid()
    try:
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            if is_reachable(place, user):
                _make_private(place, user)
            else:
                _lodge(place, user, announce)
        real = place.resolve(strict=True)
        status = real.stat()
        if user and status.st_uid == 0 and not any(real.iterdir()):
            os.chown(real, *user.ids)
            status = real.stat()
    except OSError as cause:
        raise unusable(place, cause) from cause
    if not stat.S_ISDIR(status.st_mode):
        raise unusable(place, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if status.st_uid != owner:
        raise CannotStart(
            f"{real} belongs to {_name(status.st_uid)}: expected {_name(owner)}; start cityhelm as the one who made "
            "it, or set CITYHELM_HOME to a directory of your own"
        )
    if not is_reachable(real, user):
        raise CannotStart(
            f"{real} lies below a directory that is closed to the user '{_name(owner)}': expected a place that this user "
            "can reach, because the private services do not run as root; set CITYHELM_HOME to one, such as /srv/cityhelm"
        )
    real.chmod(0o700)
    return real


def unusable(place: Path, cause: OSError) -> CannotStart:
    """The sentence for a directory that cannot be made, read or written."""
    if cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(place)
    return CannotStart(
        f"{cause.filename or place} cannot be used ({cause.strerror}): expected a directory that user "
        f"{_name(os.geteuid())} may write; set CITYHELM_HOME to one, such as ~/cityhelm"
    )


def free_bytes(place: Path) -> int:
    """What is free on the disk that holds `place`, which need not exist yet."""
    return shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free


def disk_full(place: Path) -> CannotStart:
    """The sentence for a full disk."""
    free_mb = free_bytes(place) // 1_000_000
    return CannotStart(
        f"the disk that holds {place} is full ({free_mb} MB free): expected at least 500 MB for the private database; "
        "free some space, or set CITYHELM_HOME to a directory on another disk"
    )


def _lodge(place: Path, user: ServiceUser | None, announce: Announce) -> None:
    LODGINGS.mkdir(parents=True, exist_ok=True)
    LODGINGS.chmod(0o755)  # whatever the umask took away
    # A fresh name each time: what a checkout of the same path left behind is not taken for this one's data.
    lodging = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=LODGINGS))
    if user:
        os.chown(lodging, *user.ids)
    place.symlink_to(lodging)
    announce(
        f"{place.parent} is out of reach for user {user.name if user else ''}, as whom the private services of root "
        f"run: the data are in {lodging}, and {place} leads there."
    )


def _make_private(place: Path, user: ServiceUser | None) -> None:
    place.mkdir(mode=0o700)
    if user:
        os.chown(place, *user.ids)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only the directory's owner may read: whole or not at all, through no link that waits there."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600, O_EXCL
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            _give_to_owner(file.fileno(), path.parent)
        Path(temporary).replace(path)
    except OSError as cause:
        raise unusable(path.parent, cause) from cause


def _give_to_owner(handle: int, directory: Path) -> None:
    if os.geteuid() == 0:
        status = directory.stat()
        os.fchown(handle, status.st_uid, status.st_gid)


def open_log(path: Path, *, keep_bytes: int = 1_000_000) -> int:
    """A descriptor for appending to `path`; what is longer than `keep_bytes` first becomes `path`.1, one is kept."""
    try:
        if path.exists() and path.stat().st_size > keep_bytes:
            path.replace(path.with_name(path.name + ".1"))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        _give_to_owner(handle, path.parent)
        return handle
    except OSError as cause:
        raise unusable(path.parent, cause) from cause


def text_since(path: Path, since: int) -> str:
    """What was written to `path` after byte `since`, or all of it when it has been begun anew."""
    with path.open("rb") as file:
        file.seek(since if path.stat().st_size >= since else 0)
        return file.read().decode("utf-8", "replace")


def kept_password(path: Path) -> str:
    """The password in `path`, made at random the first time."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


@contextlib.contextmanager
def held(place: Path) -> Iterator[None]:
    """Holds `place` for this process while inside. The kernel lets go of it when the process ends, in whatever way.

    Raises CannotStart naming the process that holds it already.
    """
    path = place / _LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        _give_to_owner(handle, place)
    except OSError as cause:
        raise unusable(place, cause) from cause
    try:
        if not _locked(handle):
            raise CannotStart(
                f"{place} is in use by process {holder(place) or 'unknown'}: expected one supervisor per directory; "
                "stop that one first, or set CITYHELM_HOME to another directory"
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    for _ in range(3):  # `holder` takes the lock for an instant, to ask
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False


def holder(place: Path) -> int | None:
    """The process that holds `place`; None when nobody does, 0 when it has not said yet who it is."""
    if not _is_locked(place / _LOCK):
        return None
    text = (place / _LOCK).read_text().strip()
    return int(text) if text.isdigit() else 0


def _is_locked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


@contextlib.contextmanager
def throwaway(*, in_memory: bool = True) -> Iterator[Path]:
    """A directory that everyone may enter, deleted on leaving with whatever was lodged elsewhere for it: for tests.

    In memory where the system has a directory there with room for a few databases (containers give it 64 MB); that
    one may forbid running programs.
    """
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 3_000_000_000
    directory = Path(tempfile.mkdtemp(prefix="cityhelm-test-", dir=shared if in_memory and roomy else None))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        for entry in directory.iterdir():
            if entry.is_symlink():
                shutil.rmtree(entry.resolve(), ignore_errors=True)
        shutil.rmtree(directory)


def free_port() -> int:
    """A loopback port that was free a moment ago; whoever uses it must be ready to be beaten to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_service(
    argv: Sequence[str],
    place: Path,
    user: ServiceUser | None,
    *,
    at_parents_death: Signals,
    log: Path,
    environ: Mapping[str, str],
    cwd: Path,
) -> subprocess.Popen[bytes]:
    """Starts a service that lives at `place`, bound to our life, its output appended to `log`.

    It and all its children inherit a lock on `place`/service, so that the kernel can say whether any of them is left:
    a pid file may be stale, and /proc does not show root another user's working directory in every container.
    """
    with contextlib.ExitStack() as stack:
        output = open_log(log)
        stack.callback(os.close, output)
        mark = os.open(place / _MARK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, mark)
        _give_to_owner(mark, place)
        if not _locked(mark):
            raise CannotStart(f"a process of the service that lived in {place} is still there: expected none; start again later")
        process = subprocess.Popen(
            deathbound.command(argv, at_parents_death=at_parents_death, user=user.ids if user else None),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, cwd=cwd, pass_fds=[mark],
            start_new_session=True,
        )  # fmt: skip
        os.ftruncate(mark, 0)
        os.pwrite(mark, f"{process.pid} {_born(process.pid)}\n".encode(), 0)
        return process


def is_inhabited(place: Path) -> bool:
    """Whether any process of a service that was started at `place` is left."""
    return _is_locked(place / _MARK)


def stop_service(process: subprocess.Popen[bytes], place: Path, orders: StopOrders) -> None:
    """Ends `process` by the first of `orders` that it obeys, and waits for its children."""
    for number, patience_s in orders:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            break
    _is_deserted(place, within_s=5)  # the children of one that was killed notice by themselves


def await_predecessors(place: Path, what: str, orders: StopOrders, announce: Announce) -> None:
    """Waits until no process of an earlier run is left at `place`, and orders it to stop when that takes too long.

    The caller holds the place, so whoever is still there has lost its supervisor. Raises CannotStart when it does not end.
    """
    if not is_inhabited(place):
        return
    pid, born = map(int, (place / _MARK).read_text().split() or (0, 0))
    announce(f"Waiting for process {pid}, {what} of the last run, to end.")
    if _is_deserted(place, PATIENCE_WITH_PREDECESSORS_S):
        return
    for number, patience_s in orders:
        if pid and _born(pid) == born:  # by now the number may be anybody's
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if _is_deserted(place, patience_s):
            return
    raise CannotStart(
        f"process {pid}, {what} of an earlier run, or a child of it does not end and holds {place}: expected it gone after "
        "SIGKILL; see what it waits for (a disk that does not answer?) and start again"
    )


def _is_deserted(place: Path, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while is_inhabited(place):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _born(pid: int) -> int:
    """When a process began, in clock ticks since boot; 0: there is none. Field 22 of /proc/PID/stat, counted after the
    name, which may contain anything: proc(5).
    """
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0
