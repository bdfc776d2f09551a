"""The fusion service follows its model store while it answers, and compares shadows without being felt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.fusion import full_snapshot
from support.fusion_process import Served, eventually, fusion_process, under_load
from support.model_versions import published, put
from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1.fusion_service_pb2_grpc import FusionServiceStub
from tumorcast_core import wire
from tumorcast_core.prognosis import ProbabilityEstimate, SurvivalEstimate
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.adapters.model_metrics import read_reports
from tumorcast_fusion.adapters.model_store import VersionStore
from tumorcast_fusion.adapters.model_store.versions import LoadedVersion
from tumorcast_fusion.wire import shadow_report_from
from tumorcast_platform.cli import run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fusion")
    published(folder / "shipped" / "tiny", "0.0.1")
    (folder / "store").mkdir()
    return folder


@pytest.fixture(scope="module")
def store(place: Path) -> VersionStore:
    return VersionStore(place / "store")


@pytest.fixture(scope="module")
def one(place: Path, store: VersionStore) -> LoadedVersion:
    return store.push(published(place / "one", "1.0.0", seed=1))


@pytest.fixture(scope="module")
def two(place: Path, store: VersionStore) -> LoadedVersion:
    return store.push(published(place / "two", "2.0.0", seed=2))


@pytest.fixture(scope="module")
def served(place: Path, store: VersionStore) -> Iterator[Served]:
    with fusion_process(place / "shipped", place / "store", place / "cache") as running:
        yield running


def request_of(snapshot: PatientSnapshot) -> pb.PredictPrognosisRequest:
    return pb.PredictPrognosisRequest(model="tiny", snapshot=wire.snapshot_to(snapshot))


def follows(served: Served, number: int) -> bool:
    return f'tumorcast_model_generation{{model="tiny"}} {float(number)}' in served.metrics()


def patients(count: int) -> list[PatientSnapshot]:
    """Patients who differ, some of whom lack groups, and one in ten everything."""
    rng = np.random.default_rng(11)
    made = []
    for number in range(count):
        if number % 10 == 9:
            made.append(PatientSnapshot(index_date="2024-05-01"))
            continue
        whole = full_snapshot(without=frozenset(rng.choice(["ct", "labs", "notes"], rng.integers(0, 3), replace=False)))
        values = tuple(replace(f, value=round(float(rng.uniform(2, 5)), 2)) if f.unit else f for f in whole.features)
        made.append(replace(whole, features=values))
    return made


def test_promotion_and_rollback_under_load_drop_no_call_and_mix_no_versions(
    served: Served, store: VersionStore, one: LoadedVersion, two: LoadedVersion
) -> None:
    with under_load(served, request_of(full_snapshot())) as seen:
        for version in (one, two, one):
            before, number = len(seen.answers), put(store, version).number
            eventually(lambda number=number: follows(served, number))  # type: ignore[misc]
            eventually(lambda before=before: len(seen.answers) > before + 20)  # type: ignore[misc]
    assert seen.failures == []
    by_version = {v.model.ref.version: v.model.predict(full_snapshot()).endpoints for v in (one, two)}
    named = []
    for answer in seen.answers:
        prognosis = wire.prognosis_from(answer.prognosis)
        named.append(prognosis.model.version)
        if prognosis.model.version in by_version:  # else the shipped one, before the first promotion
            assert prognosis.endpoints == by_version[prognosis.model.version]
    assert set(named) <= {"0.0.1", "1.0.0", "2.0.0"}
    assert {"1.0.0", "2.0.0"} <= set(named)
    assert named[-1] == "1.0.0"


def test_the_version_in_service_is_listed_with_its_card(
    served: Served, store: VersionStore, two: LoadedVersion
) -> None:
    number = put(store, two).number
    eventually(lambda: follows(served, number))
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        stub = FusionServiceStub(channel)
        (model,) = stub.ListModels(pb.ListModelsRequest()).models
        card = stub.GetModelCard(pb.GetModelCardRequest(name="tiny"))
    assert wire.model_ref_from(model.ref) == two.model.ref
    assert (wire.model_ref_from(card.ref), card.markdown) == (two.model.ref, "# tiny 2.0.0\n")


@pytest.fixture(scope="module")
def shadowed(served: Served, store: VersionStore, one: LoadedVersion, two: LoadedVersion) -> list[PatientSnapshot]:
    """Patients who were asked about while ``two`` was the shadow of ``one``, one after the other."""
    number = put(store, one, two).number
    eventually(lambda: follows(served, number))
    asked = patients(60)
    with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
        stub = FusionServiceStub(channel)
        for count, snapshot in enumerate(asked, 1):
            answer = stub.PredictPrognosis(request_of(snapshot), timeout=10)
            assert wire.model_ref_from(answer.prognosis.model) == one.model.ref
            eventually(lambda count=count: served.shadow("tiny").scored == count)  # type: ignore[misc]
    return asked


def headlines(version: LoadedVersion, asked: list[PatientSnapshot]) -> dict[str, list[float | None]]:
    """P(response) and PFS at the last horizon, by patient, as the model says in process."""
    found: dict[str, list[float | None]] = {"response": [], "pfs": []}
    for snapshot in asked:
        for endpoint in version.model.predict(snapshot).endpoints:
            match endpoint.estimate:
                case ProbabilityEstimate(probability=value):
                    found[endpoint.id].append(value)
                case SurvivalEstimate(points=points):
                    found[endpoint.id].append(points[-1].survival)
                case _:
                    found[endpoint.id].append(None)
    return found


@pytest.mark.parametrize("endpoint", ["response", "pfs"])
def test_shadow_figures_are_those_of_numpy_on_the_same_pairs(
    served: Served, shadowed: list[PatientSnapshot], one: LoadedVersion, two: LoadedVersion, endpoint: str
) -> None:
    report = shadow_report_from(served.shadow("tiny"))
    assert (report.active, report.shadow) == (one.model.ref, two.model.ref)
    assert (report.scored, report.failed, report.dropped) == (60, 0, 0)
    found = report.comparisons[endpoint]
    both = [headlines(version, shadowed)[endpoint] for version in (one, two)]
    answered = np.array([pair for pair in zip(*both, strict=True) if None not in pair], float)
    assert found.compared == len(answered)
    assert (found.both_abstained, found.active_abstained, found.shadow_abstained) == (60 - len(answered), 0, 0)
    difference = answered[:, 1] - answered[:, 0]
    assert found.mean_difference == pytest.approx(difference.mean(), abs=1e-12)
    assert found.difference_sd == pytest.approx(difference.std(ddof=1), abs=1e-9)
    assert found.correlation == pytest.approx(np.corrcoef(answered.T)[0, 1], abs=1e-9)
    assert found.flips == ((answered >= 0.5)[:, 0] != (answered >= 0.5)[:, 1]).sum()
    assert np.flatnonzero(found.differences).tolist() == np.unique(np.floor((difference + 1) * 200)).tolist()
    steps = np.diff(answered, axis=0).prod(axis=1)
    assert (found.concordant, found.discordant) == ((steps > 0).sum(), (steps < 0).sum())


def test_metrics_and_rpc_tell_the_same_figures(served: Served, shadowed: list[PatientSnapshot]) -> None:
    text = served.metrics()
    assert read_reports(text) == (shadow_report_from(served.shadow("tiny")),)
    assert "tumorcast_model_store_up 1.0" in text
    told = [row for row in text.splitlines() if "shadow" in row]
    assert len(told) > 50
    assert not any(word in row for row in told for word in ("Observation", "albumin", "2024-05-01"))


def test_a_report_of_replicas_promotes_the_shadow_and_stays_with_the_record(
    served: Served,
    shadowed: list[PatientSnapshot],
    place: Path,
    two: LoadedVersion,
    store: VersionStore,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = ["--address", f"127.0.0.1:{served.metrics_port}"]
    assert run(["platform", "models", "report", "tiny", *address]) == 1
    assert "54 answers were compared; 200 are needed." in capsys.readouterr().out
    promote = ["platform", "models", "promote", "tiny", "2.0.0", "--store", str(place / "store"), *address, "--json"]
    assert run(promote) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "PROMOTION_REFUSED"
    lax = ["--min-comparisons", "50", "--max-flips", "1", "--max-shift", "1", "--max-time-ratio", "100"]
    assert run([*promote, *lax, "--by", "ops"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["active"], record["previous"][:6], record["by"]) == (two.version, "1.0.0-", "ops")
    assert record["evidence"]["endpoints"]["response"]["compared"] == 54
    eventually(lambda: follows(served, record["number"]))
    assert not served.shadow("tiny").HasField("shadow")


def test_a_store_that_goes_away_leaves_the_service_answering(
    served: Served, shadowed: list[PatientSnapshot], place: Path
) -> None:
    (place / "store").rename(place / "away")
    try:
        eventually(lambda: "tumorcast_model_store_up 0.0" in served.metrics())
        with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
            answer = FusionServiceStub(channel).PredictPrognosis(request_of(full_snapshot()), timeout=10)
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert answer.prognosis.model.version in ("1.0.0", "2.0.0")
        assert health.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        (place / "away").rename(place / "store")
