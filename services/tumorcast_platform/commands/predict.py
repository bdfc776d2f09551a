"""``tumorcast predict``: one patient's prognosis, in this process or by a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.weights import Trained, Weights

if TYPE_CHECKING:
    from tumorcast_core.query import FhirPatient

_Existing = {"exists": True, "readable": True}
_ExistingFile = {"dir_okay": False, **_Existing}


def _file_or_url(value: str) -> str:
    from tumorcast_platform.inputs import is_url

    if value and not is_url(value) and (Path(value).is_dir() or not Path(value).exists()):
        raise typer.BadParameter("There is no such file; a URL begins with https://.")
    return value


def predict(
    model: Annotated[str, typer.Option("--model", "-m", help="Model to ask; tumorcast models list shows all.")],
    patient: Annotated[
        Path | None, typer.Option(help="A patient's folder: dicom/, fhir.json, notes/*.", file_okay=False, **_Existing)
    ] = None,
    dicom: Annotated[
        list[str] | None,
        typer.Option(help="Folder of DICOM files, as DIR or ROLE=DIR; without roles by date: baseline, follow_up."),
    ] = None,
    fhir: Annotated[
        str,
        typer.Option(
            metavar="FILE|URL",
            help="FHIR R4 as JSON or .ndjson, or a patient on a server: https://HOST/BASE/Patient/ID.",
            callback=_file_or_url,
        ),
    ] = "",
    fhir_token_file: Annotated[
        Path | None, typer.Option(help="File with a bearer token for the FHIR server.", **_ExistingFile)
    ] = None,
    smart_client_id: Annotated[str, typer.Option(help="Client id for SMART Backend Services.")] = "",
    smart_key: Annotated[
        Path | None, typer.Option(help="Private key of that client, PEM or JWK.", **_ExistingFile)
    ] = None,
    smart_token_url: Annotated[str, typer.Option(help="Token URL; the one that the FHIR server names.")] = "",
    note: Annotated[list[Path] | None, typer.Option(help="A clinical note.", **_ExistingFile)] = None,
    features: Annotated[
        Path | None, typer.Option(help="Features you already have, JSON or CSV.", **_ExistingFile)
    ] = None,
    index_date: Annotated[str, typer.Option(help="Day of prediction, YYYY-MM-DD; the latest seen by default.")] = "",
    horizon: Annotated[list[float] | None, typer.Option(help="Horizon in days; the model's by default.")] = None,
    patient_id: Annotated[str, typer.Option(help="Your id of the patient, to check it against the inputs.")] = "",
    trained: Trained = None,
    server: Annotated[str, typer.Option(help="REST URL of a running Tumorcast; without it all runs here.")] = "",
    as_json: AsJson = False,
) -> None:
    """Predict from any subset of images, record, notes and features."""
    from tumorcast_platform.answers import prognosis_from_json, prognosis_to_json
    from tumorcast_platform.inputs import FhirCredentials, Question, Sources, gather, is_url, patient_folder
    from tumorcast_platform.render import prognosis_page

    found = patient_folder(patient) if patient else Sources()
    credentials = FhirCredentials(fhir_token_file, smart_client_id, smart_key, smart_token_url)
    if credentials != FhirCredentials() and (server or not is_url(fhir)):
        raise typer.BadParameter("Credentials are for a --fhir URL that is read here; a --server has its own.")
    sources = Sources(
        dicom=[*found.dicom, *(dicom or ())],
        fhir=_source(fhir) or found.fhir,
        notes=[*found.notes, *(note or ())],
        features=features or found.features,
    )
    case = gather(Question(model, patient_id, index_date, tuple(horizon or ())), sources)
    if not as_json and case.studies:
        console.note(case.assignment())
    if left_out := case.left_out():
        console.note(left_out)
    if server:
        from tumorcast_platform.client import Client

        with Client(server) as client, console.progress("Uploading DICOM files", as_json=as_json) as progress:
            answer = client.ask(case, progress)
        prognosis, document = prognosis_from_json(answer), json.loads(answer)
    else:
        from tumorcast_platform import local

        with console.status("Reading and predicting in this process", as_json=as_json):
            prognosis = local.predict(case, Weights.of(trained), credentials)
        document = prognosis_to_json(prognosis)
    console.answer(document, prognosis_page(prognosis), as_json=as_json)


def _source(fhir: str) -> Path | FhirPatient | None:
    from tumorcast_platform.inputs import fhir_patient, is_url

    if is_url(fhir):
        return fhir_patient(fhir)
    return Path(fhir) if fhir else None
