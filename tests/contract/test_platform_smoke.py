"""``tumorcast platform smoke`` against the real gateway, behind which the services' own code reads the patient."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import releases
from support.gateway import Fakes
from support.gateway_served import Served, served
from support.kube_api import Answer, KubeApi, kube_api, refusal
from tumorcast_core.errors import InvalidInput
from tumorcast_core.query import Document
from tumorcast_core.snapshot import Extraction
from tumorcast_platform import cli
from tumorcast_platform.cluster.smoke import door, patient, steps
from tumorcast_platform.inputs import FhirCredentials, Question, gather, patient_folder
from tumorcast_platform.local import LocalClinical, LocalFusion, LocalImaging, LocalNotes
from tumorcast_platform.weights import Weights
from tumorcast_training.simulator.cohort import write_patient

SERVICE = "/api/v1/namespaces/ward/services/http:tumorcast-gateway:8080/proxy"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The patient as the simulator writes it."""
    folder = tmp_path_factory.mktemp("simulated")
    write_patient(patient.NUMBER, seed=patient.SEED, out=folder, complete=True)
    [found] = [path for path in folder.iterdir() if path.is_dir()]
    return found


def real(written: Path) -> Fakes:
    """The services' own code behind the ports."""
    weights = Weights.of(None)
    case = gather(Question(patient.MODEL), patient_folder(written))
    fakes = Fakes()
    fakes.imaging = LocalImaging(case.studies, weights)  # type: ignore[assignment]
    fakes.clinical = LocalClinical(FhirCredentials())  # type: ignore[assignment]
    fakes.notes = LocalNotes()  # type: ignore[assignment]
    fakes.fusion = LocalFusion(weights)  # type: ignore[assignment]
    return fakes


def against(fakes: Fakes, work: Callable[[Served], Any], **options: Any) -> Any:
    """Do blocking work while a gateway is served."""

    async def run() -> Any:
        async with served(fakes, **options) as running:
            return await asyncio.to_thread(work, running)

    return asyncio.run(run())


def smoke(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = cli.run(["platform", "smoke", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["step"]: step for step in document["steps"]}


def test_the_shipped_patient_is_the_one_that_the_simulator_draws(written: Path) -> None:
    shipped = json.loads(Path(patient.__file__).with_name("patient.json").read_text(encoding="utf-8"))
    [note] = (written / "notes").iterdir()
    assert shipped["fhir"] == json.loads((written / "fhir.json").read_text(encoding="utf-8"))
    assert (shipped["note_date"], shipped["note"]) == (note.name[:10], note.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_whole_release_passes_with_images_at_both_doors(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(gateway: Served) -> tuple[int, dict[str, Any]]:
        grpc = f"127.0.0.1:{gateway.grpc_port}"
        return smoke(capsys, "--url", f"http://127.0.0.1:{gateway.rest_port}", "--grpc", grpc, "--imaging")

    status, found = against(real(written), work)
    assert (status, found["ok"]) == (0, True), found
    assert [step["step"] for step in found["steps"]] == ["health", "models", "upload", "prognosis", "gRPC"]
    assert set(by_name(found)["prognosis"]["used"]) == set(patient.SERVICES_OF_GROUPS)
    assert all(step["ms"] > 0 for step in found["steps"])


def test_without_images_record_and_note_are_used(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(gateway: Served) -> int:
        return cli.run(["platform", "smoke", "--url", f"http://127.0.0.1:{gateway.rest_port}"])

    assert against(real(written), work) == 0
    told = capsys.readouterr().out
    assert "used clinical, genomics, labs, notes, therapy" in told
    assert told.endswith("The release answers.\n")


def test_a_service_that_is_down_is_named_and_its_inputs_too(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(gateway: Served) -> tuple[Any, Any]:
        url = f"http://127.0.0.1:{gateway.rest_port}"
        return smoke(capsys, "--url", url), smoke(capsys, "--url", url, "--without", "notes")

    (status, found), (known_status, known) = against(real(written), work, down=("notes",))
    assert (status, found["ok"]) == (1, False)
    assert by_name(found)["health"]["told"].startswith("notes is ")
    assert by_name(found)["prognosis"]["told"].startswith("The answer did without notes, which notes read")
    assert (known_status, known["ok"]) == (0, True)


def test_a_service_that_answers_nonsense_is_seen_though_it_is_healthy(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Silent:
        async def encode_notes(self, documents: tuple[Document, ...], index_date: str, deadline: Any) -> Any:
            return Extraction()

    fakes = real(written)
    fakes.notes = Silent()  # type: ignore[assignment]
    status, found = against(fakes, lambda g: smoke(capsys, "--url", f"http://127.0.0.1:{g.rest_port}"))
    assert status == 1
    assert by_name(found)["health"]["ok"]
    assert "did without notes" in by_name(found)["prognosis"]["told"]


def test_without_the_model_that_it_asks_the_release_is_told_so(
    written: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fakes = real(written)
    (tmp_path / "models").mkdir()
    fakes.fusion = LocalFusion(Weights(tmp_path, tmp_path / "models"))  # type: ignore[assignment]
    status, found = against(fakes, lambda g: smoke(capsys, "--url", f"http://127.0.0.1:{g.rest_port}"))
    assert status == 1
    assert "no model simulated" in by_name(found)["models"]["told"]
    assert by_name(found)["prognosis"]["code"] == "UNKNOWN_MODEL"


@pytest.mark.parametrize("more", [(), ("--grpc", "127.0.0.1:9")])
def test_where_nothing_answers_one_step_says_it(capsys: pytest.CaptureFixture[str], more: tuple[str, ...]) -> None:
    status, found = smoke(capsys, "--url", "http://127.0.0.1:9", *more)
    assert status == 1
    assert [step["code"] for step in found["steps"]] == ["SERVICE_UNAVAILABLE"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--url", "http://gateway.example.org"), "INVALID_INPUT"),  # with a token, below
        (("--without", "fusion"), "USAGE"),
        (("--imaging", "--without", "imaging"), "USAGE"),
        (("--url", "http://[", "--without", "notes"), "INVALID_INPUT"),
    ],
)
def test_what_contradicts_itself_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: str
) -> None:
    monkeypatch.setenv("TUMORCAST_TOKEN", "secret-token")
    status, found = smoke(capsys, *arguments)
    assert status in (1, 2)
    assert found["error"]["code"] == code
    assert "secret-token" not in json.dumps(found)


def test_grpc_elsewhere_is_never_in_clear() -> None:
    with pytest.raises(InvalidInput, match="--ca"):
        door.grpc_ca("gateway.example.org:50050", None)
    assert door.grpc_ca("[::1]:50050", None) is None


def test_what_is_no_gateway_is_recognized() -> None:
    page = httpx.MockTransport(lambda _r: httpx.Response(200, text="<html>nginx</html>"))
    with httpx.Client(base_url="http://x", transport=page) as http:
        assert "no Tumorcast gateway (HTTP status 200)" in steps.taken("health", lambda: steps.ready(http, ())).told


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    with kube_api() as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        running.put(releases.deployment("gateway"))
        yield running


def answer(response: httpx.Response) -> Answer:
    kind = {"Content-Type": response.headers["content-type"]}
    return Answer(response.status_code, response.json(), kind)


def test_through_the_api_server_the_same_is_asked(
    written: Path, api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(gateway: Served) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.rest_port}", timeout=60) as http:
            api.script("GET", f"{SERVICE}/readyz", answer(http.get("/readyz")))
            api.script("GET", f"{SERVICE}/v1/models", answer(http.get("/v1/models")))
            body = patient.without_images().inquiry.json()
            json_body = {"content-type": "application/json"}
            api.script(
                "POST", f"{SERVICE}/v1/prognoses", answer(http.post("/v1/prognoses", content=body, headers=json_body))
            )

    against(real(written), work)
    status, found = smoke(capsys)
    assert (status, found["ok"]) == (0, True), found
    assert found["door"] == "service tumorcast-gateway in namespace ward, through the API server"
    [sent] = [body for method, path, _, body in api.asked if method == "POST"]
    assert sent["model"] == patient.MODEL
    assert sent["fhir"]["resourceType"] == "Bundle"


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (
            refusal(403, "Forbidden", 'services is forbidden: User "me" cannot get'),
            "CLUSTER_FORBIDDEN",
            "services/proxy",
        ),
        (refusal(404, "NotFound", 'services "tumorcast-gateway" not found'), "CLUSTER_OBJECT_NOT_FOUND", "no gateway"),
        (refusal(503, "ServiceUnavailable", "no endpoints available"), "CLUSTER_UNAVAILABLE", "no endpoints"),
    ],
)
def test_what_the_api_server_itself_says_is_told(
    api: KubeApi, capsys: pytest.CaptureFixture[str], answer: Answer, code: str, told: str
) -> None:
    api.script("GET", f"{SERVICE}/readyz", answer)
    status, found = smoke(capsys)
    [step] = found["steps"]
    assert (status, step["code"]) == (1, code)
    assert told in step["told"]


def test_a_token_is_not_sent_through_the_api_server(
    api: KubeApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUMORCAST_TOKEN", "secret-token")
    status, found = smoke(capsys)
    assert (status, found["error"]["code"]) == (1, "INVALID_INPUT")
    assert "port-forward" in found["error"]["message"]
    assert api.asked == []
