"""The workshop: jobs done elsewhere, by processes that may die, and by workers of Dask."""

from __future__ import annotations

import logging
import operator
import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from forecasting.workshop import Job, Workshop
from tests.forecasting.test_contest import a_question


def done(job: Job, within_s: float = 60) -> Job:
    deadline = time.monotonic() + within_s
    while not job.done():
        assert time.monotonic() < deadline, "the job was never done"
        time.sleep(0.05)
    return job


def test_without_workers_the_work_is_done_at_once(caplog: pytest.LogCaptureFixture) -> None:
    workshop = Workshop(workers=0)
    assert workshop.collect(workshop.submit(operator.add, 1, 2)) == 3
    assert workshop.collect(workshop.submit(operator.truediv, 1, 0)) is None
    assert "a fit failed (ZeroDivisionError: division by zero)" in caplog.text


def test_a_process_that_dies_is_noticed_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    workshop = Workshop(workers=1)
    try:
        elsewhere = workshop.collect(done(workshop.submit(os.getpid)))
        assert elsewhere != os.getpid()
        assert workshop.collect(done(workshop.submit(os._exit, 3))) is None
        assert workshop.n_lost == 1
        assert "has died" in caplog.text
        assert workshop.collect(done(workshop.submit(operator.add, 1, 2))) == 3
    finally:
        workshop.close()


def test_processes_end_with_the_workshop() -> None:
    workshop = Workshop(workers=1)
    worker = workshop.collect(done(workshop.submit(os.getpid)))
    workshop.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.long
def test_processes_end_when_the_service_is_killed() -> None:
    """Nothing is told to them: they look for themselves."""
    started, told = os.pipe()
    parent = os.fork()
    if parent == 0:  # a service that starts a worker, says its number and is killed
        os.write(told, str(Workshop(workers=1).submit(os.getpid).result()).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    worker = int(os.read(started, 20))
    deadline = time.monotonic() + 10
    while _is_alive(worker):
        assert time.monotonic() < deadline, "the worker outlived its service"
        time.sleep(0.1)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_dask_that_is_not_installed_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"DASK_SCHEDULER is tcp://10.0.0.5:8786.*pip install cityhelm\[dask\]"):
        Workshop(scheduler="tcp://10.0.0.5:8786")


@pytest.mark.long
@pytest.mark.filterwarnings("default")  # of Dask's own threads and sockets, not of ours
def test_the_same_fits_are_made_by_workers_of_dask() -> None:
    if find_spec("distributed") is None:
        pytest.skip("Dask is not installed: pip install cityhelm[dask]")
    from distributed import LocalCluster

    from forecasting.contest import medians

    question = a_question()
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, host="tcp://127.0.0.1"
    ) as cluster:
        workshop = Workshop(scheduler=cluster.scheduler_address)
        try:
            found = workshop.collect(done(workshop.submit(medians, question, ["profile"])))
        finally:
            workshop.close()
    assert (found["profile"] == medians(question, ["profile"])["profile"]).all()
