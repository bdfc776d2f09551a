"""The steps of a smoke test, each with what it found and how long it took; a step that fails ends no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tumorcast_client.telling import http_errors
from tumorcast_core.errors import ServiceUnavailable, TumorcastError
from tumorcast_platform.cluster.smoke.patient import MODEL, SERVICES_OF_GROUPS, SmokePatient

if TYPE_CHECKING:
    from tumorcast_client import Tumorcast

SERVICES = ("fusion", "store", "imaging", "clinical", "notes")


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one step."""

    name: str
    ok: bool
    took_ms: float
    told: str
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {"step": self.name, "ok": self.ok, "ms": round(self.took_ms, 1), "told": self.told, **self.facts}


class Failed(Exception):  # noqa: N818
    """A step went through and found something wrong; the text says what."""

    def __init__(self, told: str, **facts: Any) -> None:
        super().__init__(told)
        self.told, self.facts = told, facts


Found = tuple[str, dict[str, Any]]
Work = Callable[[], Found]


def taken(name: str, work: Work) -> Step:
    """Take one step."""
    begin = time.perf_counter()
    try:
        told, facts = work()
        ok = True
    except Failed as e:
        told, facts, ok = e.told, e.facts, False
    except TumorcastError as e:
        told, facts, ok = f"{e.reason}: {e.message}", {"code": e.reason}, False
    return Step(name, ok, (time.perf_counter() - begin) * 1000, told, facts)


def ready(http: httpx.Client, without: Collection[str]) -> Found:
    """Whether all services serve, as the gateway's ``/readyz`` sees them; those in ``without`` may be missing."""
    with http_errors():
        response = http.get("/readyz")
    try:
        document = response.json()
        services = {str(name): str(state) for name, state in document["services"].items()}
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Failed(f"What answers there is no Tumorcast gateway (HTTP status {response.status_code}).") from None
    down = {name: state for name, state in services.items() if state != "SERVING" and name not in without}
    facts = {"status": document.get("status"), "services": services}
    if down:
        raise Failed("; ".join(f"{name} is {state}" for name, state in sorted(down.items())), **facts)
    return f"{', '.join(sorted(services))} serve", facts


def models(gateway: Tumorcast) -> Found:
    """Whether fusion answers, and has the model that is asked next."""
    names = sorted(model.ref.name for model in gateway.models.list())
    if MODEL not in names:
        raise Failed(f"Fusion has no model {MODEL}, which this test asks; it has {', '.join(names) or 'none'}.")
    return f"{len(names)} models", {"models": names}


def uploaded(gateway: Tumorcast, patient: SmokePatient) -> Found:
    """The images sent."""
    answer = gateway.studies.upload(patient.files)
    if answer.refusals:
        first = answer.refusals[0]
        raise Failed(f"{len(answer.refusals)} of {len(patient.files)} files were refused: {first.code}")
    return f"{len(patient.files)} files", {"files": len(patient.files)}


def answered(gateway: Tumorcast, patient: SmokePatient, without: Collection[str]) -> Found:
    """The prognosis, in which every input that was sent must have been used."""
    answer = gateway.prognoses.ask(patient.inquiry)
    expected = {group for group, service in SERVICES_OF_GROUPS.items() if service in patient.services - set(without)}
    status = {use.group: str(use.status) for use in answer.inputs}
    unused = sorted(group for group in expected if status.get(group) != "used")
    facts = {
        "prognosis_id": answer.prognosis_id,
        "model": answer.model.model_dump(mode="json"),
        "used": sorted(group for group, state in status.items() if state == "used"),
    }
    if unused:
        by = sorted({SERVICES_OF_GROUPS[group] for group in unused})
        issues = sorted({issue.code for issue in answer.issues})
        why = f" (issues: {', '.join(issues)})" if issues else ""
        raise Failed(f"The answer did without {', '.join(unused)}, which {' and '.join(by)} read{why}.", **facts)
    if not any(_has_estimate(endpoint) for endpoint in answer.endpoints):
        raise Failed("The model gave no estimate of any endpoint.", **facts)
    return f"used {', '.join(facts['used'])}", facts


def _has_estimate(endpoint: Any) -> bool:
    from tumorcast_api.answers import ESTIMATES

    return any(getattr(endpoint, name, None) is not None for name in ESTIMATES)


def grpc_door(target: str, token: str, ca: bytes | None, *, timeout_s: float) -> Found:
    """Health and the models at the gRPC door. Raises ``ServiceUnavailable``."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
    from tumorcast.prognosis.v1 import prognosis_service_pb2_grpc as pb_grpc

    credentials = grpc.ssl_channel_credentials(ca) if ca is not None else None
    channel = grpc.secure_channel(target, credentials) if credentials else grpc.insecure_channel(target)
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    try:
        with channel:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
            state = health_pb2.HealthCheckResponse.ServingStatus.Name(health.status)
            stub = pb_grpc.PrognosisServiceStub(channel)
            found = stub.ListModels(pb.ListModelsRequest(), timeout=timeout_s, metadata=metadata)
    except grpc.RpcError as e:
        raise ServiceUnavailable(f"The gRPC door answered {e.code().name}.") from e
    if state != "SERVING":
        raise Failed(f"The gRPC door says {state}.")
    return f"{state}, {len(found.models)} models", {"health": state}


def run(steps: Sequence[tuple[str, Work]], say: Callable[[str], None]) -> list[Step]:
    """Take all steps; where the first fails for want of a connection, the others are not tried."""
    done: list[Step] = []
    for name, work in steps:
        say(name)
        done.append(taken(name, work))
        if len(done) == 1 and not done[0].ok and "services" not in done[0].facts:
            break
    return done


__all__ = ["Failed", "Step", "answered", "grpc_door", "models", "ready", "run", "taken", "uploaded"]
