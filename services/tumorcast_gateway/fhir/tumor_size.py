"""Measured lesions as Observations in the shape of mCODE 4's TumorSize, one for each lesion in each series.

The profile itself is not claimed: its focus is a BodyStructure resource, and here the tracking UID stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tumorcast_core.snapshot import MeasuredLesion
from tumorcast_gateway.fhir import codes
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.course import LONGEST, SHORT, size_mm
from tumorcast_gateway.fhir.narrative import narrative, paragraph
from tumorcast_gateway.fhir.subject import Place, fhir_date
from tumorcast_gateway.model.records import PredictionRecord


def tumor_sizes(record: PredictionRecord, place: Place) -> list[Json]:
    """All of them, in the order of the snapshot's lesions."""
    return [_observation(record, place, i, lesion) for i, lesion in enumerate(record.snapshot.lesions, 1)]


def tumor_size_id(record: PredictionRecord, number: int) -> str:
    """The id of the Observation of the ``number``-th lesion, from 1 on."""
    return f"{record.prognosis_id}-tumorsize-{number}"


def words(lesion: MeasuredLesion) -> str:
    """One line for a reader, e.g. ``Lesion 1, liver: 32.1 x 20 mm on CT, 2026-03-04``."""
    longest, short = size_mm(lesion, LONGEST), size_mm(lesion, SHORT)
    size = " x ".join(f"{mm:.3g}" for mm in (longest, short) if mm is not None)
    name = ", ".join(filter(None, (lesion.label or "lesion", "lymph node" if lesion.lymph_node else lesion.organ)))
    measured = f"{size} mm" if longest is not None else "size not known"
    return ", ".join(filter(None, (f"{name}: {measured} on {lesion.dicom_modality}", lesion.date)))


def _observation(record: PredictionRecord, place: Place, number: int, lesion: MeasuredLesion) -> Json:
    id_ = tumor_size_id(record, number)
    return codes.filled(
        {
            "resourceType": "Observation",
            "id": id_,
            "meta": {"security": [codes.TEST_DATA]} if record.prognosis.simulated else None,
            "text": narrative(paragraph(words(lesion)), paragraph(_HOW)),
            "contained": [
                {
                    "resourceType": "Device",
                    "id": "measuring",
                    "deviceName": [{"name": "Tumorcast imaging", "type": "model-name"}],
                    "version": [{"value": codes.plain(record.code_version) or "unknown"}],
                }
            ],
            "identifier": [codes.identifier(id_)],
            "status": "preliminary",
            "category": [codes.IMAGING_CATEGORY],
            "code": codes.TUMOR_SIZE,
            "subject": place.patient(record.snapshot.patient_id),
            "focus": _focus(lesion),
            "effectiveDateTime": fhir_date(lesion.date),
            "bodySite": _site(lesion),
            "method": codes.MODALITIES.get(lesion.dicom_modality),
            "device": {"reference": "#measuring"},
            "derivedFrom": list(_images(record, lesion)),
            "note": [{"text": _HOW}],
            "component": list(_components(lesion)),
        }
    )


_HOW = "Measured by software on a drawn region; no person has verified it."


def _focus(lesion: MeasuredLesion) -> list[Json]:
    name = codes.plain(lesion.label)
    if not lesion.tracking_uid:
        return [{"type": "BodyStructure", "display": name}] if name else []
    tracked = {"type": "BodyStructure", "identifier": codes.dicom_uid(lesion.tracking_uid)}
    return [codes.filled(tracked | {"display": name})]


def _site(lesion: MeasuredLesion) -> Json | None:
    """The code of the drawing where it is SNOMED CT, and what it says in words."""
    site = lesion.site
    text = codes.plain((site.display if site else "") or ("lymph node" if lesion.lymph_node else lesion.organ))
    if site and site.system == codes.SNOMED and site.code.isdecimal():
        coding = codes.filled({"system": site.system, "code": site.code, "display": codes.plain(site.display)})
        return codes.filled({"coding": [coding], "text": text})
    return {"text": text} if text else None


def _images(record: PredictionRecord, lesion: MeasuredLesion) -> Iterator[Json]:
    """The study, by its UID; the series and the drawn object in words, as ImagingStudy is what FHIR lets name here."""
    studies = {t.role: t.study_instance_uid for t in record.snapshot.timepoints}
    told = f"series {lesion.series_instance_uid}, drawn in {lesion.source}"
    reference: Json = {"type": "ImagingStudy", "display": codes.plain(told)}
    if study := studies.get(lesion.timepoint):
        reference["identifier"] = codes.dicom_uid(study)
    yield reference


def _components(lesion: MeasuredLesion) -> Iterator[Json]:
    longest = size_mm(lesion, LONGEST)
    if longest is None:
        absent = codes.concept(codes.DATA_ABSENT, "unknown", "Unknown", "not measured, or outside the plausible range")
        yield {"code": codes.LONGEST_DIAMETER, "dataAbsentReason": absent}
    else:
        yield {"code": codes.LONGEST_DIAMETER, "valueQuantity": codes.quantity(longest, "mm")}
    if (short := size_mm(lesion, SHORT)) is not None:
        yield {"code": codes.SHORT_AXIS, "valueQuantity": codes.quantity(short, "mm")}
    if (volume := size_mm(lesion, "tumor_volume")) is not None:
        yield {"code": codes.VOLUME, "valueQuantity": codes.quantity(volume, "mL")}
