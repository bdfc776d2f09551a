"""Asks services whether they answer: ``grpc.health.v1`` and the gateway's REST door."""

from __future__ import annotations

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_S = 2.0


def serves_grpc(address: str) -> bool:
    """Whether the server at ``host:port`` says SERVING for itself as a whole."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def serves_rest(url: str) -> bool:
    """Whether the gateway at ``url`` is ready, with every service behind it serving."""
    try:
        answer = httpx.get(f"{url}/readyz", timeout=_TIMEOUT_S, trust_env=False)
        return bool(answer.is_success and answer.json()["status"] == "ready")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
