"""The gateway process: REST (uvicorn) and gRPC in one event loop. Run as ``python -m tumorcast_gateway.app``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Generator

import uvicorn
from pydantic import ValidationError

from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc
from tumorcast_gateway.adapters import Backends
from tumorcast_gateway.rest import Door, make_rest
from tumorcast_gateway.servicer import PrognosisServicer
from tumorcast_gateway.settings import Settings

SERVICE = "gateway"
SERVICE_NAME = "tumorcast.prognosis.v1.PrognosisService"


class RestServer(uvicorn.Server):
    """Uvicorn without its signal handlers: one signal drains both doors."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to ``run``."""
        yield


def rest_server(door: Door) -> RestServer:
    """Make the REST server. No access log: URLs stay out of the logs."""
    settings = door.settings
    config = uvicorn.Config(
        make_rest(door),
        host=settings.host,
        port=settings.rest_port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=max(1, round(settings.drain_s)),
    )
    return RestServer(config)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serve both doors until ``stop`` is set (without one: until SIGTERM or SIGINT), then drain both."""
    stop = stop or rpc.stop_signal()
    async with Backends(settings) as backends:
        servicer = PrognosisServicer(backends.ports, settings.deadline_s)
        rest = rest_server(Door(backends.ports, backends.imaging, backends, settings))

        def register(server: object) -> None:
            pb_grpc.add_PrognosisServiceServicer_to_server(servicer, server)

        async def serve_rest() -> None:
            await rest.serve()
            stop.set()  # a REST door that could not open, or fell, takes the process with it

        async def drain_rest() -> None:
            await stop.wait()
            rest.should_exit = True

        async with asyncio.TaskGroup() as group:
            group.create_task(serve_rest())
            group.create_task(drain_rest())
            group.create_task(rpc.serve(SERVICE, register, settings, (SERVICE_NAME,), stop))


def main() -> None:
    """Read the settings and serve."""
    try:
        settings = Settings()
    except ValidationError as e:
        reasons = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'settings'}: {error['msg']}" for error in e.errors())
        sys.exit(f"The gateway does not start: {reasons}")
    logs.configure(SERVICE, settings.log_level)
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
