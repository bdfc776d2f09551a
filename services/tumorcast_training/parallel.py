"""Work side by side: in processes of this machine, or as tasks of a Ray cluster; the same results in the same order.

Every worker computes on one thread, so that a number does not depend on how many there are.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from tumorcast_core.errors import ServiceUnavailable

T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int, int], None]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
LOCAL = "local"
_ANSWERS_WITHIN_S = 10


class Map(Protocol):
    """Does ``work`` for every item and gives the results in the items' order; raises what ``work`` raises first."""

    def __call__(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]: ...


def in_turn(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """One item after the other, here."""
    return [work(item) for item in items]


def use_one_thread() -> None:
    """Make what this process imports from now on compute on one thread; call it before NumPy is imported."""
    os.environ.update(ONE_THREAD)


@contextmanager
def processes(workers: int = 2, progress: Progress = lambda _done, _total: None) -> Iterator[Map]:
    """Fresh processes that import what they need; they end with the context."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:

            def run(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
                results = []
                for result in pool.map(work, items):
                    results.append(result)
                    progress(len(results), len(items))
                return results

            yield run
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def ray_cluster(address: str, progress: Progress = lambda _done, _total: None) -> Iterator[RayCluster]:
    """A Ray cluster at ``address`` ("host:port" or "auto"), or one of this machine for ``local``.

    Tasks are waited for before the context ends. Raises ``ServiceUnavailable`` where no cluster answers.
    """
    import ray

    _check_address(address)
    how: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "runtime_env": {"env_vars": ONE_THREAD},
    }
    how |= {"include_dashboard": False} if address == LOCAL else {"address": address}
    try:
        ray.init(**how)
    except (ConnectionError, ValueError, RuntimeError) as e:
        raise ServiceUnavailable("No Ray cluster answers at that address.") from e
    try:
        yield RayCluster(progress)
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Raise ``ServiceUnavailable`` where nothing listens: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWERS_WITHIN_S).close()
    except (OSError, OverflowError) as e:
        raise ServiceUnavailable("No Ray cluster answers at that address.") from e


class RayCluster:
    """``tasks`` for folds and recipes, ``rows`` for reading many patients' folders (Ray Data)."""

    def __init__(self, progress: Progress = lambda _done, _total: None) -> None:
        self._progress = progress

    def tasks(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """One task an item."""
        import ray

        @ray.remote(num_cpus=1, max_retries=2)
        def one(item: T) -> R:
            return work(item)

        futures = [one.remote(item) for item in items]
        results = []
        for future in futures:
            results.append(_result(future))
            self._progress(len(results), len(items))
        return results

    def rows(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Blocks of items, each read by a worker of Ray Data; without PyArrow, which that needs, one task an item."""
        if find_spec("pyarrow") is None:
            return self.tasks(work, items)
        import ray.data

        def numbered(row: dict[str, Any]) -> dict[str, Any]:
            return {"at": row["at"], "result": pickle.dumps(work(pickle.loads(row["item"])))}  # noqa: S301 - our own

        ray.data.DataContext.get_current().enable_progress_bars = False
        source = ray.data.from_items([{"at": i, "item": pickle.dumps(item)} for i, item in enumerate(items)])
        found: dict[int, R] = {}
        for row in source.map(numbered).iter_rows():
            found[row["at"]] = pickle.loads(row["result"])  # noqa: S301 - our own
            self._progress(len(found), len(items))
        return [found[i] for i in range(len(items))]


def _result(future: Any) -> Any:
    """What a task returned; its own error where it failed with one."""
    import ray

    try:
        return ray.get(future)
    except ray.exceptions.RayTaskError as e:
        if isinstance(e.cause, Exception):
            raise e.cause from None
        raise
