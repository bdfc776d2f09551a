"""TLS between the services: who may call whom, real certificates over real sockets, and their renewal under load."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc.experimental import session_cache
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import ValidationError

from support.certificates import Authority, Pair
from support.gateway_served import free_port, served
from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.settings import ServiceSettings
from tumorcast_core.tls import TlsFiles, peer_files
from tumorcast_gateway.adapters.backend import Backend

NAME = "tumorcast.clinical.v1.ClinicalService"
EXPIRED = datetime.timedelta(hours=-1)


@dataclass
class Servicer(pb_grpc.ClinicalServiceServicer):
    """Answers; remembers the certificates that callers showed, by serial number."""

    callers: list[int] = field(default_factory=list)

    @rpc.answers(pb.ExtractFeaturesResponse)
    async def ExtractFeatures(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
        for pem in grpc_context.auth_context().get("x509_pem_cert", [b""]):
            self.callers.append(x509.load_pem_x509_certificate(pem).serial_number if pem else 0)
        return pb.ExtractFeaturesResponse(patient_id="p")


@dataclass
class Service:
    servicer: Servicer
    settings: ServiceSettings
    stop: asyncio.Event

    @property
    def target(self) -> str:
        return f"dns:///localhost:{self.settings.port}"


@asynccontextmanager
async def service(files: TlsFiles | None, **chosen: Any) -> AsyncIterator[Service]:
    of_peers = (
        {"peer_certificate": files.certificate, "peer_key": files.key, "peer_ca": files.client_ca} if files else {}
    )
    ports = {"port": free_port(), "health_port": free_port()}
    # By name, so that every address of it answers: of several that fail, gRPC tells the error of the last.
    settings = ServiceSettings(host="localhost", **ports, drain_s=2, **of_peers, **chosen)
    made = Service(Servicer(), settings, asyncio.Event())

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_ClinicalServiceServicer_to_server(made.servicer, server)

    running = asyncio.create_task(
        rpc.serve_peers("clinical", register, settings, (NAME,), peer_files(settings), made.stop)
    )
    async with probe(settings.health_port) as channel:
        await channel.channel_ready()
    try:
        yield made
    finally:
        made.stop.set()
        await running


@asynccontextmanager
async def probe(port: int) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


@asynccontextmanager
async def gateway(target: str, files: TlsFiles | None) -> AsyncIterator[Backend]:
    made = Backend("clinical", target, 64, files=files)
    try:
        yield made
    finally:
        await made.close()


async def ask(backend: Backend, seconds: float = 10) -> str:
    request = pb.ExtractFeaturesRequest()
    answer = await backend.call(
        lambda channel: pb_grpc.ClinicalServiceStub(channel).ExtractFeatures, request, Deadline.after(seconds)
    )
    return answer.patient_id


def files_of(pair: Pair, authority: Authority) -> TlsFiles:
    return TlsFiles(pair.certificate, pair.key, authority.certificate)


@dataclass
class World:
    """The authority of the release, another one, and the files of a service and of the gateway."""

    ours: Authority
    other: Authority
    service: TlsFiles
    gateway: TlsFiles


@pytest.fixture
def world(tmp_path: Path) -> World:
    ours, other = Authority(tmp_path, "release"), Authority(tmp_path, "elsewhere")
    return World(
        ours,
        other,
        files_of(ours.issue("clinical", ["localhost", "demo-clinical"]), ours),
        files_of(ours.issue("gateway", ["demo-gateway"]), ours),
    )


def test_the_gateway_is_let_in_by_its_certificate(world: World) -> None:
    async def go() -> None:
        async with (
            service(world.service, peer_clients=("demo-gateway",)) as clinical,
            gateway(clinical.target, world.gateway) as backend,
        ):
            assert [await ask(backend) for _ in range(3)] == ["p"] * 3
            assert await backend.health(Deadline.after(5)) == "SERVING"
            assert set(clinical.servicer.callers) == {serial_of(world.gateway)}

    asyncio.run(go())


def stranger(case: str, w: World) -> tuple[TlsFiles | None, TlsFiles | None]:
    """Files of the service and of the gateway, one of which is not as it should be."""
    match case:
        case "the gateway is of another authority":
            return w.service, files_of(w.other.issue("g", ["demo-gateway"]), w.ours)
        case "the gateway's certificate has expired":
            return w.service, files_of(w.ours.issue("g", ["demo-gateway"], until=EXPIRED), w.ours)
        case "the gateway shows no certificate and speaks in clear":
            return w.service, None
        case "the service is of another authority":
            return files_of(w.other.issue("c", ["localhost"]), w.ours), w.gateway
        case "the service's certificate is of another name":
            return files_of(w.ours.issue("c", ["demo-notes"]), w.ours), w.gateway
        case "the service's certificate has expired":
            return files_of(w.ours.issue("c", ["localhost"], until=EXPIRED), w.ours), w.gateway
        case "the service speaks in clear":
            return None, w.gateway
    raise AssertionError(case)


@pytest.mark.parametrize(
    ("case", "logged"),
    [
        ("the gateway is of another authority", "closed the connection"),
        ("the gateway's certificate has expired", "closed the connection"),
        ("the gateway shows no certificate and speaks in clear", "closed the connection"),
        ("the service is of another authority", "of no authority that is trusted"),
        ("the service's certificate is of another name", "is of another name"),
        ("the service's certificate has expired", "has expired"),
        ("the service speaks in clear", "does not speak TLS"),
    ],
)
def test_no_call_passes_where_one_side_cannot_be_trusted_and_the_log_says_why(
    world: World, case: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    of_service, of_gateway = stranger(case, world)

    async def go() -> None:
        async with service(of_service) as clinical, gateway(clinical.target, of_gateway) as backend:
            with pytest.raises(ServiceUnavailable):
                await ask(backend, 5)
            assert clinical.servicer.callers == []

    asyncio.run(go())
    assert logged in caplog.text


def test_a_client_that_shows_no_certificate_is_cut_off(world: World) -> None:
    async def go() -> None:
        async with service(world.service) as clinical:
            trust = grpc.ssl_channel_credentials(world.ours.certificate.read_bytes())
            async with grpc.aio.secure_channel(clinical.target, trust) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await pb_grpc.ClinicalServiceStub(channel).ExtractFeatures(pb.ExtractFeaturesRequest(), timeout=3)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            assert clinical.servicer.callers == []

    asyncio.run(go())


@pytest.mark.parametrize(
    "names",
    [
        ["demo-notes"],
        [],
        ["evil-demo-gateway", "demo-gateway.evil.example"],
        ["*", "*-gateway"],
        ["demo-gateway\0.evil.example"],  # gRPC hands a name over up to its first NUL
        ["demo-notes", "DEMO-gateway\0"],
    ],
    ids=["other", "none", "alike", "any", "cut at NUL", "NUL at the end"],
)
def test_a_service_of_the_same_authority_that_is_not_listed_is_told_so(world: World, names: list[str]) -> None:
    files = files_of(world.ours.issue("demo-gateway", names), world.ours)  # the common name does not count

    async def go() -> None:
        async with service(world.service, peer_clients=("demo-gateway",)) as clinical:
            credentials = grpc.ssl_channel_credentials(
                world.ours.certificate.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
            )
            async with grpc.aio.secure_channel(clinical.target, credentials) as channel:
                calls = [
                    pb_grpc.ClinicalServiceStub(channel).ExtractFeatures(pb.ExtractFeaturesRequest(), timeout=5),
                    health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5),
                    anext(aiter(health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()))),
                    channel.stream_stream("/any.Service/Method")(iter([b""])).read(),
                ]
                for call in calls:
                    with pytest.raises(grpc.aio.AioRpcError) as error:
                        await call
                    assert (error.value.code().name, reason_of(error.value)) == (
                        "PERMISSION_DENIED",
                        "PERMISSION_DENIED",
                    )
            async with gateway(clinical.target, files) as backend:
                with pytest.raises(ServiceUnavailable, match=r"clinical service does not (let this gateway in|answer)"):
                    await ask(backend)
            assert clinical.servicer.callers == []

    asyncio.run(go())


def test_a_tls_session_that_is_taken_up_again_brings_nobody_in_without_a_look_at_the_certificate(world: World) -> None:
    files, cache = world.gateway, session_cache.ssl_session_cache_lru(8)
    options = [("grpc.ssl_session_cache", cache), ("grpc.use_local_subchannel_pool", 1)]

    async def go() -> None:
        async with service(world.service, peer_clients=("demo-gateway",)) as clinical:
            credentials = grpc.ssl_channel_credentials(
                world.ours.certificate.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
            )
            codes = []
            for _ in range(2):
                async with grpc.aio.secure_channel(clinical.target, credentials, options=options) as channel:
                    call = pb_grpc.ClinicalServiceStub(channel).ExtractFeatures(pb.ExtractFeaturesRequest(), timeout=5)
                    codes.append((await call.code()).name)
            assert codes == ["OK", "PERMISSION_DENIED"]
            assert len(clinical.servicer.callers) == 1
            async with gateway(clinical.target, files) as backend:
                assert await ask(backend) == "p"

    asyncio.run(go())


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    info = ErrorInfo()
    status.details[0].Unpack(info)
    return info.reason


def test_certificates_are_renewed_on_both_sides_under_load_without_a_failed_call(world: World) -> None:
    async def go() -> None:
        async with (
            service(world.service, peer_clients=("demo-gateway",)) as clinical,
            gateway(clinical.target, world.gateway) as backend,
        ):
            failed: list[Exception] = []
            ended = asyncio.Event()

            async def load() -> None:
                while not ended.is_set():
                    try:
                        await ask(backend)
                    except Exception as e:
                        failed.append(e)

            callers = [asyncio.create_task(load()) for _ in range(4)]
            await asyncio.sleep(1.0)
            for _ in range(2):
                world.ours.issue("clinical", ["localhost"])
                world.ours.issue("gateway", ["demo-gateway"])
                serial = serial_of(world.gateway)
                async with asyncio.timeout(10):
                    while serial not in clinical.servicer.callers[-1:]:  # noqa: ASYNC110 - as a caller sees it
                        await asyncio.sleep(0.05)
                shown = await asyncio.to_thread(shown_at, clinical.settings.port, world.gateway)
                assert shown == serial_of(world.service)
            ended.set()
            await asyncio.gather(*callers)
            assert failed == []
            assert len(clinical.servicer.callers) > 200

    asyncio.run(go())


def shown_at(port: int, client: TlsFiles) -> int:
    """The serial number of the certificate that a port shows."""
    context = ssl.create_default_context(cafile=client.client_ca)
    context.load_cert_chain(client.certificate, client.key)
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), 5)
    with context.wrap_socket(plain, server_hostname="localhost") as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"").serial_number


def serial_of(files: TlsFiles) -> int:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number


def test_new_files_that_are_off_leave_the_last_ones_in_force(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        async with service(world.service) as clinical, gateway(clinical.target, world.gateway) as backend:
            assert await ask(backend) == "p"
            world.service.certificate.write_bytes(b"broken")
            world.gateway.key.write_bytes(b"broken")
            await asyncio.sleep(2.5)
            assert await ask(backend) == "p"
            async with gateway(clinical.target, files_of(world.ours.issue("again"), world.ours)) as another:
                assert await ask(another) == "p"

    asyncio.run(go())
    assert caplog.text.count("new TLS files cannot be used") == 2


def test_probes_are_answered_in_clear_on_a_port_of_their_own_with_health_alone(world: World) -> None:
    async def go() -> None:
        async with (
            service(world.service, peer_clients=("demo-gateway",)) as clinical,
            probe(clinical.settings.health_port) as channel,
        ):
            health = health_pb2_grpc.HealthStub(channel)
            for name in ("", NAME):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await pb_grpc.ClinicalServiceStub(channel).ExtractFeatures(pb.ExtractFeaturesRequest())
            assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
            watch = health.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            clinical.stop.set()
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert clinical.servicer.callers == []

    asyncio.run(go())


def test_the_gateway_has_a_port_for_probes_too() -> None:
    port = free_port()

    async def go() -> None:
        async with served(health_port=port), probe(port) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING

    asyncio.run(go())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"peer_certificate": "/c", "peer_key": "/k"}, "go together"),
        ({"peer_ca": "/a"}, "go together"),
        ({"peer_clients": ("demo-gateway",)}, "peer_clients needs"),
        ({"port": 50052, "health_port": 50052}, "second port"),
    ],
)
def test_settings_that_would_leave_a_port_open_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ServiceSettings(**given)


@pytest.mark.parametrize("module", ["tumorcast_notes.app", "tumorcast_gateway.app"])
def test_files_that_do_not_fit_together_end_the_process_with_one_line(world: World, module: str) -> None:
    prefix = module.partition(".")[0].upper()
    files = {"CERTIFICATE": world.service.certificate, "KEY": world.gateway.key, "CA": world.ours.certificate}
    variables = {f"{prefix}_PEER_{name}": str(path) for name, path in files.items()}
    environment = {**os.environ, **variables, f"{prefix}_DATA_DIR": str(world.service.key.parent)}
    ended = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, env=environment, timeout=60)
    assert ended.returncode == 1
    assert "peer_certificate, peer_key or peer_ca cannot be read or do not fit together" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["clinical", "notes", "fusion"])
def test_every_service_demands_certificates_as_its_settings_say(world: World, name: str) -> None:
    port, prefix = free_port(), f"TUMORCAST_{name.upper()}_"
    given = {"PORT": str(port), "PEER_CLIENTS": '["demo-gateway"]', "PEER_CA": str(world.ours.certificate)}
    given |= {"PEER_CERTIFICATE": str(world.service.certificate), "PEER_KEY": str(world.service.key)}
    environment = {**os.environ, **{prefix + key: value for key, value in given.items()}}
    process = subprocess.Popen([sys.executable, "-m", f"tumorcast_{name}.app"], env=environment)

    async def state(files: TlsFiles | None, patience_s: float) -> str:
        ends = time.monotonic() + patience_s
        async with gateway(f"localhost:{port}", files) as backend:
            while (found := await backend.health(Deadline.after(5))) != "SERVING" and time.monotonic() < ends:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            return found

    try:
        assert asyncio.run(state(world.gateway, 60)) == "SERVING"
        assert asyncio.run(state(None, 0)) == "UNREACHABLE"
        stranger = files_of(world.ours.issue("stranger", ["demo-notes"]), world.ours)
        assert asyncio.run(state(stranger, 0)) != "SERVING"
    finally:
        process.terminate()
        assert process.wait(30) == 0
