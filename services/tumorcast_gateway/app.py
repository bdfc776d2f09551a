"""The gateway process: REST (uvicorn) and gRPC in one event loop. Run as ``python -m tumorcast_gateway.app``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Generator
from importlib.metadata import version

import uvicorn
from grpc_reflection.v1alpha import reflection
from pydantic import ValidationError

from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc, telemetry
from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.adapters import Backends
from tumorcast_gateway.adapters.outbound import outbound_of
from tumorcast_gateway.auth import Guard, authenticator_of
from tumorcast_gateway.auth.discovery import Discovery
from tumorcast_gateway.auth.interceptor import GuardInterceptor
from tumorcast_gateway.auth.tls import TlsFiles, grpc_credentials, keep_fresh, tls_files
from tumorcast_gateway.model import Admission, Context, Desk
from tumorcast_gateway.model.working import Worker
from tumorcast_gateway.rest import Door, make_rest
from tumorcast_gateway.servicer import PrognosisServicer
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.stores import open_stores

SERVICE = "gateway"
SERVICE_NAME = "tumorcast.prognosis.v1.PrognosisService"


class RestServer(uvicorn.Server):
    """Uvicorn without its signal handlers: one signal drains both doors."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to ``run``."""
        yield


def rest_server(door: Door, tls: TlsFiles | None) -> RestServer:
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
    config.load()
    if tls:
        config.ssl = tls.context()
    return RestServer(config)


@contextlib.asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[Door]:
    """Put everything behind the two doors together, for as long as the context lasts."""
    outbound = outbound_of(settings)
    discovery = Discovery(outbound, settings.oidc_issuers[0]) if settings.auth == "oidc" else None
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(outbound.close)
        backends = await stack.enter_async_context(Backends(settings))
        stores = await stack.enter_async_context(open_stores(settings))
        context = Context(
            backends.ports,
            backends.imaging,
            stores,
            Admission(settings.max_concurrent_calls),
            version("tumorcast"),
        )
        guard = Guard(authenticator_of(settings, outbound), settings)
        yield Door(Desk(context), backends, settings, guard, outbound, discovery)


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serve both doors until ``stop`` is set (without one: until SIGTERM or SIGINT), then drain both."""
    stop = stop or rpc.stop_signal()
    tls = tls_files(settings)
    async with wired(settings) as door:
        rest = rest_server(door, tls)
        reflects = settings.auth == "none" or settings.grpc_reflection

        def register(server: object) -> None:
            pb_grpc.add_PrognosisServiceServicer_to_server(PrognosisServicer(door.desk, settings), server)
            if reflects:
                reflection.enable_server_reflection((SERVICE_NAME, reflection.SERVICE_NAME), server)

        async def serve_rest() -> None:
            await rest.serve()
            stop.set()  # a REST door that could not open, or fell, takes the process with it

        async def drain_rest() -> None:
            await stop.wait()
            rest.should_exit = True

        async def serve_grpc() -> None:
            await rpc.serve(
                SERVICE,
                register,
                settings,
                (SERVICE_NAME,),
                stop,
                credentials=grpc_credentials(tls) if tls else None,
                interceptors=(GuardInterceptor(door.guard, reflection=reflects),),
            )

        async with asyncio.TaskGroup() as group:
            worker = Worker(door.desk, settings.job_concurrency, settings.deadline_s)
            tasks = [group.create_task(work) for work in (serve_rest(), drain_rest(), serve_grpc(), worker.run(stop))]
            if tls and rest.config.ssl:
                fresh = group.create_task(keep_fresh(rest.config.ssl, tls))
                await asyncio.wait(tasks)
                fresh.cancel()


def main() -> None:
    """Read the settings and serve."""
    try:
        settings = Settings()
    except ValidationError as e:
        reasons = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'settings'}: {error['msg']}" for error in e.errors())
        sys.exit(f"The gateway does not start: {reasons}")
    logs.configure(SERVICE, settings.log_level)
    with telemetry.running(SERVICE, settings):
        try:
            asyncio.run(run(settings))
        except (StoreUnavailable, ValueError) as e:
            sys.exit(f"The gateway does not start: {e}")


if __name__ == "__main__":
    main()
