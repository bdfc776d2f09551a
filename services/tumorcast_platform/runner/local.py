"""All of Tumorcast on this machine, for as long as a context lasts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tumorcast_platform.runner.supervisor import StopSignal, Supervisor
from tumorcast_platform.runner.topology import DRAIN_S, Doors, five_services
from tumorcast_platform.weights import Weights

START_TIMEOUT_S = 240.0
_KILL_AFTER_S = DRAIN_S + 10.0
"""A service gets its own time to drain, and then some to end."""
_ON_ONE_MACHINE = {
    "TUMORCAST_IMAGING_ENCODER_PLACEMENT": "ingress",
    "TUMORCAST_IMAGING_INGRESS_REPLICAS": str(min(4, os.cpu_count() or 1)),
    "TUMORCAST_IMAGING_STUDIES_AT_ONCE": "1",
    "RAY_worker_niceness": "10",
    "TUMORCAST_GATEWAY_MAX_CONCURRENT_CALLS": str(3 * (os.cpu_count() or 1)),
}
"""One process per core that reads, measures and encodes whole studies, after the doors and what needs no images; and no
more queries at once than keep all cores busy: what is let in beyond that only waits. The environment's own settings go
first."""


@dataclass(frozen=True, slots=True)
class LocalTumorcast:
    """The running services and where they answer."""

    doors: Doors
    supervisor: Supervisor


@dataclass(frozen=True, slots=True)
class Options:
    """Folder of studies, records and logs, ports (0: a free one), and the weights to use (none: the shipped)."""

    data: Path
    rest_port: int = 0
    grpc_port: int = 0
    weights: Weights | None = None


@contextmanager
def running(
    options: Options, report: Callable[[str], None], progress: Callable[[str], None], stop: StopSignal
) -> Iterator[LocalTumorcast]:
    """Start all five services, yield once they answer, end them all and what they started.

    Raises ``ServiceUnavailable`` where one does not come up, ``Stopped`` when asked to end before.
    """
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    more = {
        "TUMORCAST_GATEWAY_DATA_DIR": str(options.data / "gateway"),
        "TUMORCAST_IMAGING_STUDY_STORE": str(options.data / "studies"),
        "TUMORCAST_IMAGING_CACHE_ROOT": str(options.data / "embeddings"),
    }
    more |= options.weights.environment() if options.weights else {}
    more |= {name: value for name, value in _ON_ONE_MACHINE.items() if name not in os.environ}
    specs, doors = five_services(options.rest_port, options.grpc_port, more)
    supervisor = Supervisor(specs, options.data / "logs", stop, report, _KILL_AFTER_S)
    with supervisor.running():
        supervisor.wait_until_ready(START_TIMEOUT_S, progress)
        yield LocalTumorcast(doors, supervisor)
