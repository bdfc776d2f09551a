"""The patient snapshot and its parts ↔ ``tumorcast/common/v1/snapshot.proto``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast_core import snapshot as s
from tumorcast_core.errors import MalformedRequest
from tumorcast_core.wire.enums import enum_from, enum_to, modality_from, modality_to

_DTYPES: dict[int, np.dtype[Any]] = {sp.DATA_TYPE_FLOAT32: np.dtype("<f4"), sp.DATA_TYPE_FLOAT16: np.dtype("<f2")}


def coding_to(coding: s.Coding | None) -> sp.Coding | None:
    """Domain coding → message."""
    return None if coding is None else sp.Coding(system=coding.system, code=coding.code, display=coding.display)


def coding_from(coding: sp.Coding) -> s.Coding:
    """Message → domain coding."""
    return s.Coding(coding.system, coding.code, coding.display)


def feature_to(f: s.Feature) -> sp.Feature:
    """Domain feature → message."""
    message = sp.Feature(
        name=f.name,
        coding=coding_to(f.coding),
        unit=f.unit,
        effective=f.effective,
        source=f.source,
        timepoint=f.timepoint,
        comparator=f.comparator,
        status=f.status,
        sources=f.sources,
        formula=f.formula,
    )
    if isinstance(f.value, str):
        message.category = f.value
    elif f.value is not None:
        message.number = f.value
    return message


def feature_from(m: sp.Feature) -> s.Feature:
    """Message → domain feature; a number must be finite."""
    which = m.WhichOneof("value")
    value = m.category if which == "category" else m.number if which == "number" else None
    if isinstance(value, float) and not math.isfinite(value):
        raise MalformedRequest("A feature's number must be finite.")
    return s.Feature(
        name=m.name,
        value=value,
        unit=m.unit,
        coding=coding_from(m.coding) if m.HasField("coding") else None,
        effective=m.effective,
        source=m.source,
        timepoint=m.timepoint,
        comparator=m.comparator,
        status=m.status,
        sources=tuple(m.sources),
        formula=m.formula,
    )


def embedding_to(e: s.Embedding) -> sp.Embedding:
    """Domain embedding → message with little-endian bytes."""
    half = e.vector.dtype == np.float16
    return sp.Embedding(
        embedding_space=e.embedding_space,
        data=np.ascontiguousarray(e.vector, dtype="<f2" if half else "<f4").tobytes(),
        data_type=sp.DATA_TYPE_FLOAT16 if half else sp.DATA_TYPE_FLOAT32,
        shape=e.vector.shape,
        modality=modality_to(e.modality),
        timepoint=e.timepoint,
        dicom_modality=e.dicom_modality,
        source=e.source,
        effective=e.effective,
        preparation=e.preparation,
    )


def embedding_from(m: sp.Embedding) -> s.Embedding:
    """Message → domain embedding; type, shape and length must agree and every element be finite."""
    dtype = _DTYPES.get(m.data_type)
    if dtype is None or math.prod(m.shape) * dtype.itemsize != len(m.data):
        raise MalformedRequest("An embedding's bytes do not fit its shape and data type.")
    vector = np.frombuffer(m.data, dtype).reshape(tuple(m.shape)).astype(dtype.newbyteorder("="))
    if not np.isfinite(vector).all():
        raise MalformedRequest("An embedding's elements must be finite.")
    return s.Embedding(
        embedding_space=m.embedding_space,
        vector=vector,
        modality=modality_from(m.modality),
        timepoint=m.timepoint,
        dicom_modality=m.dicom_modality,
        source=m.source,
        effective=m.effective,
        preparation=tuple(m.preparation),
    )


def lesion_to(x: s.MeasuredLesion) -> sp.Lesion:
    """Domain lesion → message."""
    return sp.Lesion(
        tracking_uid=x.tracking_uid,
        label=x.label,
        series_instance_uid=x.series_instance_uid,
        dicom_modality=x.dicom_modality,
        source=x.source,
        date=x.date,
        measurements=map(feature_to, x.measurements),
        timepoint=x.timepoint,
        site=coding_to(x.site),
        organ=x.organ,
        lymph_node=x.lymph_node,
    )


def lesion_from(m: sp.Lesion) -> s.MeasuredLesion:
    """Message → domain lesion."""
    return s.MeasuredLesion(
        tracking_uid=m.tracking_uid,
        label=m.label,
        series_instance_uid=m.series_instance_uid,
        dicom_modality=m.dicom_modality,
        source=m.source,
        date=m.date,
        measurements=tuple(map(feature_from, m.measurements)),
        timepoint=m.timepoint,
        site=coding_from(m.site) if m.HasField("site") else None,
        organ=m.organ,
        lymph_node=m.lymph_node,
    )


def issue_to(i: s.Issue) -> sp.Issue:
    """Domain issue → message."""
    return sp.Issue(
        severity=enum_to(sp.Severity, "SEVERITY", i.severity),
        code=i.code,
        message=i.message,
        location=i.location,
        origin=i.origin,
        timepoint=i.timepoint,
    )


def issue_from(m: sp.Issue) -> s.Issue:
    """Message → domain issue; an unstated severity counts as an error."""
    known = m.severity != sp.SEVERITY_UNSPECIFIED
    severity = enum_from(s.Severity, sp.Severity, "SEVERITY", m.severity) if known else s.Severity.ERROR
    return s.Issue(severity, m.code, m.message, m.location, m.origin, m.timepoint)


def timepoint_to(t: s.Timepoint) -> sp.Timepoint:
    """Domain timepoint → message."""
    return sp.Timepoint(
        role=t.role, date=t.date, study_instance_uid=t.study_instance_uid, segmentation_uid=t.segmentation_uid
    )


def timepoint_from(m: sp.Timepoint) -> s.Timepoint:
    """Message → domain timepoint."""
    return s.Timepoint(m.role, m.date, m.study_instance_uid, m.segmentation_uid)


def planned_therapy_to(t: s.PlannedTherapy) -> sp.PlannedTherapy:
    """Domain planned therapy → message."""
    return sp.PlannedTherapy(coding=coding_to(t.coding), therapy_class=t.therapy_class, start_date=t.start_date)


def planned_therapy_from(m: sp.PlannedTherapy) -> s.PlannedTherapy:
    """Message → domain planned therapy."""
    coding = coding_from(m.coding) if m.HasField("coding") else None
    return s.PlannedTherapy(coding, m.therapy_class, m.start_date)


def snapshot_to(snapshot: s.PatientSnapshot) -> sp.PatientSnapshot:
    """Domain snapshot → message."""
    return sp.PatientSnapshot(
        patient_id=snapshot.patient_id,
        index_date=snapshot.index_date,
        features=map(feature_to, snapshot.features),
        embeddings=map(embedding_to, snapshot.embeddings),
        issues=map(issue_to, snapshot.issues),
        timepoints=map(timepoint_to, snapshot.timepoints),
        planned_therapies=map(planned_therapy_to, snapshot.planned_therapies),
        lesions=map(lesion_to, snapshot.lesions),
    )


def snapshot_from(m: sp.PatientSnapshot) -> s.PatientSnapshot:
    """Message → domain snapshot."""
    return s.PatientSnapshot(
        patient_id=m.patient_id,
        index_date=m.index_date,
        features=tuple(map(feature_from, m.features)),
        embeddings=tuple(map(embedding_from, m.embeddings)),
        issues=tuple(map(issue_from, m.issues)),
        timepoints=tuple(map(timepoint_from, m.timepoints)),
        planned_therapies=tuple(map(planned_therapy_from, m.planned_therapies)),
        lesions=tuple(map(lesion_from, m.lesions)),
    )
