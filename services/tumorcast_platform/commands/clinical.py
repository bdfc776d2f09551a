"""``tumorcast clinical``: what is read from a FHIR record, and the analytes that are known."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from tumorcast_core.snapshot import Extraction
    from tumorcast_platform.inputs.records import FhirCredentials

clinical_app = typer.Typer(help="Read FHIR R4 records.", no_args_is_help=True)

_FETCH_S = 300.0

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE|URL",
        help="FHIR R4 as JSON or newline-delimited JSON, or a patient on a server: https://HOST/BASE/Patient/ID.",
        show_default=False,
    ),
]
_File = {"dir_okay": False, "exists": True, "readable": True}


@clinical_app.command("extract")
def extract(
    source: Source,
    index_date: Annotated[str, typer.Option(help="Nothing dated after this day is used, YYYY-MM-DD.")] = "",
    patient: Annotated[str, typer.Option(metavar="ID", help="The patient to read, where there are several.")] = "",
    fhir_token_file: Annotated[
        Path | None, typer.Option(help="File with a bearer token for the FHIR server.", **_File)
    ] = None,
    smart_client_id: Annotated[str, typer.Option(help="Client id for SMART Backend Services.")] = "",
    smart_key: Annotated[Path | None, typer.Option(help="Private key of that client, PEM or JWK.", **_File)] = None,
    smart_token_url: Annotated[str, typer.Option(help="Token URL; the one that the FHIR server names.")] = "",
    as_json: AsJson = False,
) -> None:
    """Read one patient's record: features in the catalog's units, and an issue for whatever is not used.

    Exit status: 0 if the record was read, even if parts of it were not used; 1 if it could not be read.
    """
    from tumorcast_core.errors import TumorcastError
    from tumorcast_platform.inputs.records import FhirCredentials
    from tumorcast_platform.render.record import record_document, record_page, unreadable_document

    credentials = FhirCredentials(fhir_token_file, smart_client_id, smart_key, smart_token_url)
    try:
        document, readable = record_document(_extraction(source, index_date, patient, credentials)), True
    except TumorcastError as e:
        document, readable = unreadable_document(e), False
    console.answer(document, record_page(document), as_json=as_json)
    if not readable:
        raise typer.Exit(1)


@clinical_app.command("analytes")
def analytes(as_json: AsJson = False) -> None:
    """List every quantity and finding that an Observation may state: codes, canonical unit, plausible range."""
    from tumorcast_clinical.model import analyte_table
    from tumorcast_platform.render.record import analyte_document, analytes_page

    documents = [analyte_document(entry, units) for entry, units in analyte_table()]
    console.answer({"analytes": documents}, analytes_page(documents), as_json=as_json)


def _extraction(source: str, index_date: str, patient: str, credentials: FhirCredentials) -> Extraction:
    from tumorcast_clinical.model import extract_file
    from tumorcast_core.errors import InvalidInput
    from tumorcast_platform.inputs.records import is_url

    if is_url(source):
        return asyncio.run(_fetched(source, index_date, credentials))
    try:
        return extract_file(Path(source), index_date, patient_id=patient)
    except OSError as e:
        raise InvalidInput(f"The file cannot be read: {(e.strerror or 'no reason given').lower()}.") from e


async def _fetched(url: str, index_date: str, credentials: FhirCredentials) -> Extraction:
    from tumorcast_core.deadline import Deadline
    from tumorcast_platform.inputs.records import fhir_patient
    from tumorcast_platform.local import LocalClinical

    return await LocalClinical(credentials).extract_features(fhir_patient(url), index_date, Deadline.after(_FETCH_S))
