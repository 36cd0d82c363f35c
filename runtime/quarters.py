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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

Announce = Callable[[str], None]
# How a service is told to end: signals, gentle to hard, each with the seconds it is given.
StopOrders = Sequence[tuple[Signals, float]]

# Root's lodgings. Not /var/tmp: systemd-tmpfiles removes files there that were not touched for a month, and a
# database has such files.
LODGINGS = Path("/var/lib/cityhelm")


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
            f"{real} lies below a directory that user {_name(owner)} may not enter: expected a place that this user "
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


def disk_full(place: Path) -> CannotStart:
    """The sentence for a full disk."""
    there = next(path for path in (place, *place.parents) if path.exists())
    free_mb = shutil.disk_usage(there).free // 1_000_000
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
    """What was written to `path` after byte `since`."""
    with path.open("rb") as file:
        file.seek(since)
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
    path = place / "lock"
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
    """The process that holds `place`; None when nobody does."""
    try:
        handle = os.open(place / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(handle)


def free_port() -> int:
    """A loopback port that was free a moment ago; whoever uses it must be ready to be beaten to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[bytes], directory: Path, orders: StopOrders) -> None:
    """Ends `process`, which works in `directory`, by the first of `orders` that it obeys, and whatever it leaves."""
    for number, patience_s in orders:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            break
    if not _gone(directory, within_s=5):  # children of a server that was killed notice by themselves, mostly
        _signal(processes_in(directory), Signals.SIGKILL)


def await_predecessors(directory: Path, what: str, orders: StopOrders, announce: Announce) -> None:
    """Waits until no process of an earlier run works in `directory`, and orders it to stop when that takes too long.

    The caller holds the directory, so whoever is still there has lost its supervisor. The working directory decides,
    and no pid file: the number in a stale one may by now be anybody's. Raises CannotStart when one does not end.
    """
    if _gone(directory, within_s=0):
        return
    announce(f"Waiting for process {processes_in(directory)[0]}, {what} of the last run, to end.")
    if _gone(directory, within_s=10):
        return
    for number, patience_s in orders:
        # Only the parent of them all takes a signal as an order for the service; force is for all.
        left = processes_in(directory)
        _signal(left if number is Signals.SIGKILL else left[:1], number)
        if _gone(directory, patience_s):
            return
    raise CannotStart(
        f"process {processes_in(directory)[0]}, {what} of an earlier run, does not end and holds {directory}: expected "
        "it gone after SIGKILL; see what it waits for (a disk that does not answer?) and start again"
    )


def processes_in(directory: Path) -> list[int]:
    """The processes whose working directory is `directory`, parents before their children; those we may not look
    at are left out.
    """
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # gone meanwhile, or another user's
                if Path(f"/proc/{entry.name}/cwd").readlink() == directory:
                    # Field 4, counted after the name, which may contain anything: proc(5).
                    status = Path(f"/proc/{entry.name}/stat").read_text().rpartition(")")[2]
                    parents[int(entry.name)] = int(status.split()[1])
    return sorted(parents, key=lambda pid: (parents[pid] in parents, pid))


def _gone(directory: Path, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while processes_in(directory):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(pids: list[int], number: Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
