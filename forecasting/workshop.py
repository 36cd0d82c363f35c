"""Workshop: where slow fits are made, so that the refresh goes on meanwhile: two processes of our own, or workers of Dask.

A process that dies takes the jobs of all with it; that is said, they are given up (the next round asks again), and new processes
stand in. They end with the service, however that ends: each looks once a second whether its parent is still there. A workshop
without workers does the work at once, where it is asked for it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

log = logging.getLogger(__name__)

WORKERS = 2
LOOKS_EVERY_S = 1.0


class Job(Protocol):
    """Work that has been handed over."""

    def done(self) -> bool: ...
    def result(self) -> Any: ...


class Workshop:
    """Does `function(*arguments)` elsewhere. `scheduler`: the address of a Dask scheduler, such as tcp://10.0.0.5:8786."""

    def __init__(self, workers: int = WORKERS, scheduler: str = "") -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._client: Any = _dask(scheduler) if scheduler else None
        self.n_lost = 0
        """Times that a worker died."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Job:
        if self._client is not None:
            job: Job = self._client.submit(function, *arguments, pure=False)
            return job
        if not self._workers:
            return _at_once(function, *arguments)
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # threads of the service do not live on in a fork
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_attend, initargs=(os.getpid(),))
        try:
            return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            self._replace()
            return self.submit(function, *arguments)

    def collect(self, job: Job) -> Any | None:
        """The result of a job that is done; None when a worker died over it, or it failed, which is said."""
        try:
            return job.result()
        except BrokenProcessPool:
            self._replace()
        except Exception as fault:
            log.warning("a fit failed (%s: %s): its series go on with the model they have", type(fault).__name__, fault)
        return None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _replace(self) -> None:
        if self._pool is not None:
            self.n_lost += 1
            log.warning("a process that makes fits has died: its jobs are asked for again, new processes stand in")
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _at_once(function: Callable[..., Any], *arguments: Any) -> Job:
    done: Future[Any] = Future()
    try:
        done.set_result(function(*arguments))
    except Exception as fault:
        done.set_exception(fault)
    return done


def _attend(parent: int) -> None:
    """Ends this process when the service is not there any more."""

    def look() -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(LOOKS_EVERY_S)
        os._exit(0)

    threading.Thread(target=look, daemon=True).start()


def _dask(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ModuleNotFoundError(
            f"DASK_SCHEDULER is {scheduler}, but Dask is not installed: expected the package's extra, pip install cityhelm[dask]"
        ) from None
    client: Any = Client
    return client(scheduler, timeout=10)
