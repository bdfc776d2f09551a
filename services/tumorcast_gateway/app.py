"""The gateway process: REST (uvicorn) and gRPC in one event loop. Run as ``python -m tumorcast_gateway.app``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Generator
from importlib.metadata import version

import grpc
import uvicorn
from grpc_reflection.v1alpha import reflection
from pydantic import ValidationError
from pydantic_settings import SettingsError

from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc, telemetry
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, StoreUnavailable
from tumorcast_core.tls import TlsFiles, server_credentials
from tumorcast_gateway.adapters import Backends
from tumorcast_gateway.adapters.outbound import outbound_of
from tumorcast_gateway.auth import Guard, authenticator_of
from tumorcast_gateway.auth.discovery import Discovery
from tumorcast_gateway.auth.interceptor import GuardInterceptor
from tumorcast_gateway.auth.tls import keep_fresh, tls_files
from tumorcast_gateway.fhir.ehr import ehr_of
from tumorcast_gateway.model import Admission, Context, Desk
from tumorcast_gateway.model.working import Worker, tell_queries
from tumorcast_gateway.rest import Door, make_rest
from tumorcast_gateway.rest.hangup import HangUp
from tumorcast_gateway.rest.protocol import BoundedHttp
from tumorcast_gateway.servicer import PrognosisServicer
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.stores import keep_to_retention, open_stores

SERVICE = "gateway"
SERVICE_NAME = "tumorcast.prognosis.v1.PrognosisService"
PROBES = frozenset({"/healthz", "/readyz"})
WORK = frozenset({"CreatePrognosis", "ReplayPrognosis", "ScoreCohort", "UploadStudy"})
"""Methods that take a place of the admission; beyond it they are refused before their message is read."""
CALLS_PER_PLACE = 4
"""gRPC calls open at once for each place: reads and refusals pass beside the work."""


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
        telemetry.RestTelemetry(HangUp(make_rest(door)), SERVICE, PROBES),
        host=settings.host,
        port=settings.rest_port,
        http=BoundedHttp,
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
async def wired(settings: Settings, stop: asyncio.Event) -> AsyncIterator[Door]:
    """Put everything behind the two doors together, for as long as the context lasts."""
    outbound = outbound_of(settings)
    discovery = Discovery(outbound, settings.oidc_issuers[0]) if settings.auth == "oidc" else None
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(outbound.close)
        backends = await stack.enter_async_context(Backends(settings))
        stores = await stack.enter_async_context(open_stores(settings))
        retention = asyncio.create_task(keep_to_retention(stores, settings.retention_days, stop))
        stack.push_async_callback(_ended, retention)
        context = Context(
            backends.ports,
            backends.imaging,
            stores,
            Admission(settings.max_concurrent_calls),
            version("tumorcast"),
            ehr=ehr_of(settings, outbound),
            ehr_url=settings.fhir_base_url,
        )
        guard = Guard(authenticator_of(settings, outbound), settings)
        yield Door(Desk(context), backends, settings, guard, outbound, discovery)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def run(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Serve both doors until ``stop`` is set (without one: until SIGTERM or SIGINT), then drain both."""
    stop = stop or rpc.stop_signal()
    tls = tls_files(settings)
    async with wired(settings, stop) as door:
        rest = rest_server(door, tls)
        worker = Worker(door.desk, settings.job_concurrency, settings.deadline_s)
        work = [_serve_rest(rest, stop), _drain_rest(rest, door, stop), _serve_grpc(door, tls, stop), worker.run(stop)]
        if settings.metrics_port:
            work.append(tell_queries(door.desk, stop))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
            if tls and rest.config.ssl:
                fresh = group.create_task(keep_fresh(rest.config.ssl, tls))
                await asyncio.wait(tasks)
                fresh.cancel()


async def _serve_rest(rest: RestServer, stop: asyncio.Event) -> None:
    await rest.serve()
    stop.set()  # a REST door that could not open, or fell, takes the process with it


async def _drain_rest(rest: RestServer, door: Door, stop: asyncio.Event) -> None:
    await stop.wait()
    admission = door.desk.context.admission
    admission.close()  # from here on new work is refused, with a reason, while what runs is finished
    until = Deadline.after(door.settings.drain_s)
    with contextlib.suppress(DeadlineExceeded):
        await rpc.within(until, admission.drained())
    rest.config.timeout_graceful_shutdown = max(1, round(until.left_s))
    rest.should_exit = True


async def _serve_grpc(door: Door, tls: TlsFiles | None, stop: asyncio.Event) -> None:
    settings, admission = door.settings, door.desk.context.admission
    reflects = settings.auth == "none" or settings.grpc_reflection

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_PrognosisServiceServicer_to_server(PrognosisServicer(door.desk, settings), server)
        if reflects:
            reflection.enable_server_reflection((SERVICE_NAME, reflection.SERVICE_NAME), server)

    await rpc.serve(
        SERVICE,
        register,
        settings,
        (SERVICE_NAME,),
        stop,
        credentials=server_credentials(tls) if tls else None,
        interceptors=(
            GuardInterceptor(door.guard, reflection=reflects),
            rpc.RefusesEarly(SERVICE, WORK, lambda: admission.refusal),
        ),
        max_calls=CALLS_PER_PLACE * settings.max_concurrent_calls,
        lingers=admission.drained,
    )


def main() -> None:
    """Read the settings and serve."""
    try:
        settings = Settings()
    except ValidationError as e:
        reasons = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'settings'}: {error['msg']}" for error in e.errors())
        sys.exit(f"The gateway does not start: {reasons}")
    except SettingsError as e:
        sys.exit(f"The gateway does not start: {e}")
    logs.configure(SERVICE, settings.log_level)
    with telemetry.running(SERVICE, settings):
        try:
            asyncio.run(run(settings))
        except (StoreUnavailable, ValueError) as e:
            sys.exit(f"The gateway does not start: {e}")


if __name__ == "__main__":
    main()
