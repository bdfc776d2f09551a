"""The Ray and Serve that this process runs on: quiet, small, loopback only, and gone when it ends."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tumorcast_core.settings import is_loopback
from tumorcast_imaging import haproxy
from tumorcast_imaging.loopback import SWITCH
from tumorcast_imaging.settings import Settings

log = logging.getLogger(__name__)

GRPC_SERVICES = (
    "tumorcast.imaging.v1.imaging_service_pb2_grpc.add_ImagingServiceServicer_to_server",
    "grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server",
)
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",  # else a shutdown takes 30 s and leaves replicas
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "tumorcast_imaging.loopback.bind_to_loopback",
    "RAY_worker_niceness": "0",  # at 15, Ray's own, its daemons go first: 13 ms of 120 a study
    "RAY_DEDUP_LOGS": "0",
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # at 0.1, Serve's own, it takes 3 % of a core to find nothing new
    "RAY_max_direct_call_object_size": str(4 << 20),  # a crop goes with its call, not by the object store
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_LOOPBACK_ONLY = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's own daemons then bind 127.0.0.1, on Linux too
    SWITCH: "1",
}


def free_port() -> int:
    """A TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(settings: Settings) -> Iterator[int]:
    """Start (or join) Ray, start Serve, yield the gRPC port, and end everything that was started here.

    Ray reads its environment when it is imported, so nothing may import it before.
    """
    port = settings.port or free_port()
    with tempfile.TemporaryDirectory(prefix="tumorcast-") as private:
        _prepare_environment(settings, Path(private))
        with _ray(settings), _serve(port):
            yield port


def _prepare_environment(settings: Settings, private: Path) -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["RAY_SERVE_GRPC_MAX_MESSAGE_SIZE"] = str(settings.max_message_mib << 20)
    if settings.ray_address:
        return  # proxies and replicas run on the cluster's machines, which have their own environment
    binary = _haproxy_binary() if settings.haproxy else ""
    if binary:
        os.environ.update(haproxy.environment(private, settings.host, binary))
        os.environ.update({name: str(free_port()) for name in haproxy.PORTS})
    else:
        os.environ["RAY_SERVE_ENABLE_HA_PROXY"] = "0"
    if binary or is_loopback(settings.host):
        os.environ.update(_LOOPBACK_ONLY)


def _haproxy_binary() -> str:
    """HAProxy of ``ray[serve]`` or of this machine; nothing where neither is, as beside Linux."""
    try:
        return haproxy.shipped()
    except (ImportError, FileNotFoundError):
        log.warning("HAProxy is not installed here; Ray Serve's own proxy is used")
        return ""


@contextmanager
def _ray(settings: Settings) -> Iterator[None]:
    import ray

    ray.init(**_init_arguments(settings))
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _serve(port: int) -> Iterator[None]:
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        serve.start(
            http_options={"host": "127.0.0.1", "port": free_port()},
            grpc_options={
                "port": port,
                "grpc_servicer_functions": list(GRPC_SERVICES),
                "enable_reflection": False,
            },
            logging_config={"log_level": "WARNING", "enable_access_log": False},
        )
        yield
    finally:
        log.info("imaging shuts Ray Serve down")
        serve.shutdown()  # type: ignore[no-untyped-call]


def _init_arguments(settings: Settings) -> dict[str, Any]:
    if settings.ray_address:
        return {"address": settings.ray_address, "logging_level": logging.ERROR}
    return {
        "address": "local",
        "num_cpus": settings.ray_num_cpus or None,
        "object_store_memory": settings.ray_object_store_mib << 20,
        "include_dashboard": False,
        "logging_level": logging.ERROR,
    }
