"""The gateway's door, opened for a smoke test: by its URL, or through the Kubernetes API server."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tumorcast_client import Retries, Tumorcast
from tumorcast_core.errors import InvalidInput, TumorcastError
from tumorcast_core.settings import is_loopback

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

REST_PORT = 8080
_CERTIFICATE = "TUMORCAST_GATEWAY_TLS_CERTIFICATE"


@dataclass(frozen=True, slots=True)
class Door:
    """A client of the gateway, plain HTTP to the same place for its probes, and where that is."""

    gateway: Tumorcast
    http: httpx.Client
    where: str


def token_in(file: Path | None) -> str:
    """The bearer token of a file, or of the environment variable ``TUMORCAST_TOKEN``; empty where there is none."""
    try:
        text = os.environ.get("TUMORCAST_TOKEN", "") if file is None else file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidInput("The token's file cannot be read.") from e
    return text.strip()


@contextmanager
def by_url(url: str, token: str, ca: Path | None, timeout_s: float) -> Iterator[Door]:
    """The door at a URL. Raises ``InvalidInput`` for a URL that is none, or for a token over plain HTTP."""
    verify = trusted(ca)
    local = is_loopback(_host_of(url))
    with (
        Tumorcast(url, token=token or None, timeout_s=timeout_s, retries=Retries(0), verify=verify) as gateway,
        httpx.Client(base_url=url, timeout=timeout_s, verify=verify, trust_env=not local) as http,
    ):
        yield Door(gateway, http, url)


@contextmanager
def through_api_server(
    namespace: str | None, context: str | None, release: str, token: str, timeout_s: float
) -> Iterator[Door]:
    """The gateway's Service through the API server's proxy. Raises ``InvalidInput`` where there is a token."""
    from tumorcast_platform.cluster.api import Cluster
    from tumorcast_platform.cluster.connecting import connect
    from tumorcast_platform.cluster.smoke.through_api import NO_TOKEN, ThroughApiServer

    if token:
        raise InvalidInput(NO_TOKEN)
    client, own = connect(context)
    where, service = namespace or own, f"{release}-gateway"
    with Cluster(client, where) as cluster:
        tls = ends_tls(cluster, service)
        transport = ThroughApiServer(client, where, service, REST_PORT, tls=tls)
        base = f"http://{service}"  # the transport sends it elsewhere
        with (
            Tumorcast(base, timeout_s=timeout_s, retries=Retries(0), transport=transport) as gateway,
            httpx.Client(base_url=base, timeout=timeout_s, transport=transport) as http,
        ):
            yield Door(gateway, http, f"service {service} in namespace {where}, through the API server")


def ends_tls(cluster: Cluster, deployment: str) -> bool:
    """Whether the gateway's own port speaks TLS; not, where its Deployment may not be read."""
    try:
        found = cluster.get("Deployment", deployment)
    except TumorcastError:
        return False
    containers = found["spec"]["template"]["spec"]["containers"]
    return any(entry.get("name") == _CERTIFICATE for one in containers for entry in one.get("env") or ())


def trusted(ca: Path | None) -> ssl.SSLContext | bool:
    """Whose certificates are believed: the system's, or those of a file."""
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ValueError) as e:
        raise InvalidInput("The file of certificates cannot be read; it must be PEM.") from e


def grpc_ca(target: str, ca: Path | None) -> bytes | None:
    """Roots for the gRPC door; none is plain text, which is for this machine alone.

    Raises ``InvalidInput``: without ``ca`` another machine's certificate would be checked by gRPC's own roots, which
    no hospital's authority is among.
    """
    if ca is not None:
        return ca.read_bytes()
    if not is_loopback(target.rpartition(":")[0].strip("[]")):
        raise InvalidInput("--grpc to another machine needs --ca; or kubectl port-forward, and 127.0.0.1.")
    return None


def _host_of(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL as e:
        raise InvalidInput("That is no URL.") from e
