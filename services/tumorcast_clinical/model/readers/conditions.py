"""Conditions → the primary cancer, its histology and stage, metastases and comorbidities.

A Condition that the record does not hold to be true, that is a relative's, history or over gives an issue; one in
remission or relapse gives features marked by ``status``. Sites stand in ``terms/conditions``.
"""

from __future__ import annotations

from dataclasses import replace

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.course_of_disease import (
    Dates,
    dates_of,
    is_admitted,
    is_doubted,
    is_former,
    state_at,
)
from tumorcast_clinical.model.readers.staging import names_a_cancer, read_stages
from tumorcast_clinical.model.record.entry import Entry, Refusal, Report
from tumorcast_clinical.model.record.tree import child, items, text
from tumorcast_clinical.model.terms.analytes import keys_of, unmapped
from tumorcast_clinical.model.terms.diagnoses import (
    Diagnosis,
    Kind,
    Morphology,
    comorbidities,
    diagnosis_of,
    is_elsewhere,
    morphology_of,
    site_of,
)
from tumorcast_clinical.model.terms.disclaimers import is_no_primary_cancer, telling_wordings_of
from tumorcast_clinical.model.terms.systems import SNOMED
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.snapshot import Coding, Severity

_MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
_METASTATIC = "128462008"
_TOLD = {
    Kind.IN_SITU: ("IN_SITU_NEOPLASM", "is a neoplasm in situ, which no feature reads."),
    Kind.BENIGN: ("BENIGN_NEOPLASM", "is a benign neoplasm, which no feature reads."),
    Kind.UNCERTAIN: ("UNCERTAIN_NEOPLASM", "is a neoplasm of uncertain or unknown behavior, which no feature reads."),
    Kind.FAMILY_HISTORY: ("FAMILY_HISTORY", "is a relative's disease; it is not used."),
    Kind.PERSONAL_HISTORY: ("PERSONAL_HISTORY", "is history, not a current disease; it is not used."),
    Kind.SCREENING: ("SCREENING", "is a reason for an examination, not a disease; it is not used."),
    Kind.FOLLOW_UP: ("FOLLOW_UP", "is a reason for a visit, not a disease; it is not used."),
}
_NOT_OF_A_PRIMARY = frozenset("0126")
"""ICD-O-3 behaviors: benign, uncertain, in situ, metastatic."""


def read_condition(entry: Entry, context: Context) -> list[Reading]:
    """Read what a Condition that is true and lasts at the index date says of the patient's diseases."""
    report, code = context.report, child(entry.resource, "code")
    wordings = telling_wordings_of(code)
    if is_doubted(entry, wordings, report):
        return []
    diagnosis = _of_category(diagnosis_of(code), entry)
    if isinstance(diagnosis, Diagnosis) and diagnosis.kind in _TOLD:
        report.inform(entry, *_TOLD[diagnosis.kind], "code")
        return []
    counts_past = isinstance(diagnosis, Diagnosis) and bool(comorbidities().get(diagnosis.value, {}).get("history"))
    if is_former(entry, wordings) and not counts_past:
        report.warn(
            entry, "PERSONAL_HISTORY", "is stated as history, not as a current disease; it is not used.", "code"
        )
        return []
    status, over = state_at(entry, wordings, context.landmark, report)
    if over and not counts_past:
        place = "clinicalStatus" if "clinicalStatus" in entry.resource else "abatement"
        report.inform(entry, "CONDITION_NOT_CURRENT", "was over by the index date; it is not used.", place)
        return []
    dates = dates_of(entry)
    if not is_admitted(entry, dates, context.landmark, report):
        return []
    if not isinstance(diagnosis, Refusal):
        diagnosis = _contradiction(entry, diagnosis, wordings) or diagnosis
    if isinstance(diagnosis, Refusal):
        report.refuse(entry, diagnosis)
        return []
    if diagnosis is None:
        _tell_unmapped(entry, report)
    readings = _read_diagnosis(entry, diagnosis, dates, status, report) if diagnosis else []
    return readings + read_stages(entry, diagnosis, dates.staged, status, context)


def _of_category(diagnosis: Diagnosis | Refusal | None, entry: Entry) -> Diagnosis | Refusal | None:
    """The diagnosis as a metastasis where mCODE's category says so of a cancer of no stated origin."""
    categories = [key for category in items(entry.resource, "category") for key in keys_of(category)]
    if (SNOMED, _METASTATIC) not in categories or not isinstance(diagnosis, Diagnosis):
        return diagnosis
    if diagnosis.kind is Kind.PRIMARY:
        return Refusal("CONFLICTING_CODES", "is coded as a primary cancer and as a metastasis; it is not used.", "code")
    return replace(diagnosis, kind=Kind.METASTATIC) if diagnosis.kind is Kind.MALIGNANT else diagnosis


def _contradiction(entry: Entry, diagnosis: Diagnosis | None, wordings: list[str]) -> Refusal | None:
    """Why a code for a primary cancer cannot be believed: its wording or its morphology is of another behavior."""
    if diagnosis is None or diagnosis.kind not in (Kind.PRIMARY, Kind.MALIGNANT):
        return None
    if is_no_primary_cancer(wordings):
        message = "is coded as a primary cancer and worded as benign, in situ or a metastasis; it is not used."
        return Refusal("CONFLICTING_CODES", message, "code")
    place, morphology = _morphology(entry)
    if morphology and morphology.behavior in _NOT_OF_A_PRIMARY:
        message = "has a diagnosis and a morphology of different behavior; it is not used."
        return Refusal("CONFLICTING_CODES", message, place)
    return None


def _tell_unmapped(entry: Entry, report: Report) -> None:
    refusal = unmapped(keys_of(child(entry.resource, "code")))
    if names_a_cancer(child(entry.resource, "code")) and refusal.severity is Severity.INFORMATION:
        refusal = replace(refusal, severity=Severity.WARNING)
    report.refuse(entry, refusal)


def _read_diagnosis(entry: Entry, diagnosis: Diagnosis, dates: Dates, status: str, report: Report) -> list[Reading]:
    if diagnosis.kind is Kind.COMORBIDITY:
        return [_reading(entry, f"comorbidity_{diagnosis.value}", "present", diagnosis, dates, status)]
    status = status or ("remission" if diagnosis.in_remission else "")
    if diagnosis.kind in (Kind.SECONDARY, Kind.METASTATIC):
        return _read_metastasis(entry, diagnosis, dates, status, report)
    return _read_primary(entry, diagnosis, dates, status, report)


def _read_metastasis(entry: Entry, diagnosis: Diagnosis, dates: Dates, status: str, report: Report) -> list[Reading]:
    site = diagnosis.value
    if site in ("", "other"):
        site = site_of(items(entry.resource, "bodySite"), of_metastasis=True) or site
    _tell_elsewhere(entry, diagnosis, report)
    if any(text(extension, "url") == _MORPHOLOGY for extension in items(entry.resource, "extension")):
        report.inform(
            entry, "UNUSED_ELEMENT", "has the morphology of a metastasis, which no feature reads.", "extension"
        )
    if not site:
        report.warn(
            entry, "SITE_UNKNOWN", "is a metastasis of no known site; it is read as one of another site.", "code"
        )
    return [_reading(entry, f"metastasis_{site or 'other'}", "present", diagnosis, dates, status)]


def _read_primary(entry: Entry, diagnosis: Diagnosis, dates: Dates, status: str, report: Report) -> list[Reading]:
    place, morphology = _morphology(entry)
    if place and morphology is None:
        report.warn(entry, "UNMAPPED_CODE", "has a morphology that is not known; it is not used.", place)
    _tell_elsewhere(entry, diagnosis, report)
    site = diagnosis.value or site_of(items(entry.resource, "bodySite"), of_metastasis=False)
    site = _site(site, diagnosis, morphology)
    readings = []
    if site:
        readings.append(_reading(entry, "primary_cancer", site, diagnosis, dates, status))
    else:
        report.warn(entry, "SITE_UNKNOWN", "is a cancer of no stated or known site; its site is not used.", "code")
    histology = (morphology.histology if morphology else "") or diagnosis.histology
    if morphology and not morphology.histology:
        report.warn(entry, "UNMAPPED_CODE", "has a morphology that histology has no category for.", place)
    elif histology:
        found = _reading(entry, "histology", histology, None, dates, status)
        source = f"{entry.source}#{place}" if morphology else entry.source
        readings.append(found._replace(feature=replace(found.feature, source=source)))
    return readings


def _tell_elsewhere(entry: Entry, diagnosis: Diagnosis, report: Report) -> None:
    """Warn of a body site apart from the one that the diagnosis itself names."""
    is_metastasis = diagnosis.kind in (Kind.SECONDARY, Kind.METASTATIC)
    if is_elsewhere(site_of(items(entry.resource, "bodySite"), is_metastasis), diagnosis.value):
        message = "names a body site apart from that of its diagnosis, which counts."
        report.warn(entry, "CONFLICTING_SITES", message, "bodySite")


def _site(site: str, diagnosis: Diagnosis, morphology: Morphology | None) -> str:
    """The site, which a morphology such as a lymphoma's decides where the code names only a place or none."""
    is_place = diagnosis.kind is Kind.MALIGNANT or diagnosis.coding[0].endswith("icd-o-3")
    return morphology.site if morphology and morphology.site and is_place else site


def _morphology(entry: Entry) -> tuple[str, Morphology | None]:
    """The extension that mCODE 4 states histology, morphology and behavior in, and what it means."""
    for i, extension in enumerate(items(entry.resource, "extension")):
        if text(extension, "url") == _MORPHOLOGY:
            return f"extension[{i}]", morphology_of(child(extension, "valueCodeableConcept"))
    return "", None


def _reading(entry: Entry, name: str, value: str, diagnosis: Diagnosis | None, dates: Dates, status: str) -> Reading:
    """A reading under the diagnosis' own code, else under the catalog's."""
    when = dates.effective
    feature = catalog_entry(name).make(
        value,
        coding=Coding(*diagnosis.coding) if diagnosis else None,
        effective=when.text if when else "",
        source=entry.source,
        status=status,
    )
    return Reading(feature, entry, "", when)
