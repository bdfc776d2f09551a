"""``tumorcast predict``: one patient's prognosis, in this process or by a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.weights import Trained, Weights

_Existing = {"exists": True, "readable": True}


def predict(
    model: Annotated[str, typer.Option("--model", "-m", help="Model to ask; tumorcast models list shows all.")],
    patient: Annotated[
        Path | None, typer.Option(help="A patient's folder: dicom/, fhir.json, notes/*.", file_okay=False, **_Existing)
    ] = None,
    dicom: Annotated[
        list[str] | None,
        typer.Option(help="Folder of DICOM files, as DIR or ROLE=DIR; without roles by date: baseline, follow_up."),
    ] = None,
    fhir: Annotated[Path | None, typer.Option(help="FHIR R4 Bundle, JSON.", dir_okay=False, **_Existing)] = None,
    note: Annotated[list[Path] | None, typer.Option(help="A clinical note.", dir_okay=False, **_Existing)] = None,
    features: Annotated[
        Path | None, typer.Option(help="Features you already have, JSON or CSV.", dir_okay=False, **_Existing)
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
    from tumorcast_platform.inputs import Question, Sources, gather, patient_folder
    from tumorcast_platform.render import prognosis_page

    found = patient_folder(patient) if patient else Sources()
    sources = Sources(
        dicom=[*found.dicom, *(dicom or ())],
        fhir=fhir or found.fhir,
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
            prognosis = local.predict(case, Weights.of(trained))
        document = prognosis_to_json(prognosis)
    console.answer(document, prognosis_page(prognosis), as_json=as_json)
