"""The five services of one machine: their addresses, settings and the order of their start."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from tumorcast_core.errors import ServiceUnavailable
from tumorcast_platform.runner import health
from tumorcast_platform.runner.service import ServiceSpec

HOST = "127.0.0.1"
INNER = ("imaging", "clinical", "notes", "fusion")
"""Services that the gateway calls; imaging first, since Ray takes longest to start."""
DRAIN_S = 10.0
BEHIND_THE_DOOR = 5
"""Niceness of what the gateway calls: on busy cores the door goes first, and says no at once."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a client reaches Tumorcast."""

    rest: str
    grpc: str


def five_services(rest_port: int, grpc_port: int, more: Mapping[str, str]) -> tuple[list[ServiceSpec], Doors]:
    """Say what to run, the gateway last, and where it will answer; a port of 0 takes a free one.

    ``more`` is added to the environment of each. Raises ``ServiceUnavailable`` where a port is taken.
    """
    rest, grpc_, *inner = _ports(rest_port, grpc_port, *(0 for _ in INNER))
    addresses = {name: f"{HOST}:{port}" for name, port in zip(INNER, inner, strict=True)}
    doors = Doors(f"http://{HOST}:{rest}", f"{HOST}:{grpc_}")
    targets = {f"TUMORCAST_GATEWAY_{name.upper()}_TARGET": address for name, address in addresses.items()}
    gateway = _spec(
        "gateway", grpc_, {"TUMORCAST_GATEWAY_REST_PORT": str(rest), **targets, **more}, rest_url=doors.rest
    )
    return [*(_spec(name, port, more) for name, port in zip(INNER, inner, strict=True)), gateway], doors


def _spec(name: str, port: int, more: Mapping[str, str], rest_url: str = "") -> ServiceSpec:
    """One service on ``port`` with its settings; it is ready when its gRPC door answers, and its REST door if any."""
    prefix = f"TUMORCAST_{name.upper()}"
    env = {f"{prefix}_HOST": HOST, f"{prefix}_PORT": str(port), f"{prefix}_DRAIN_S": f"{DRAIN_S:g}", **more}
    answers = partial(_answers, f"{HOST}:{port}", rest_url)
    return ServiceSpec(name, f"tumorcast_{name}.app", env, answers, BEHIND_THE_DOOR if name in INNER else 0)


def _answers(address: str, rest_url: str) -> bool:
    return health.serves_grpc(address) and (not rest_url or health.serves_rest(rest_url))


def _ports(*wanted: int) -> list[int]:
    """Different ports, each as wanted or, for 0, a free one; all held at once so that none is given twice."""
    with ExitStack() as held:
        ports = []
        for port in wanted:
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError as e:
                raise ServiceUnavailable(f"Port {port} is taken; --port 0 and --grpc-port 0 take free ones.") from e
            ports.append(listener.getsockname()[1])
        return ports
