"""Domain ↔ protobuf for the messages that several services share. Nothing else in the core knows protobuf.

Reading is strict: what the domain cannot hold raises ``MalformedRequest``, it is never guessed.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast.fusion.v1 import fusion_service_pb2 as fp
from tumorcast_core import prognosis as p
from tumorcast_core import snapshot as s
from tumorcast_core.errors import MalformedRequest

_E = TypeVar("_E", bound=StrEnum)

_DTYPES: dict[int, np.dtype[Any]] = {sp.DATA_TYPE_FLOAT32: np.dtype("<f4"), sp.DATA_TYPE_FLOAT16: np.dtype("<f2")}


def _enum_to(wrapper: Any, prefix: str, value: StrEnum) -> Any:
    return wrapper.Value(f"{prefix}_{value.replace('-', '_').upper()}")


def _enum_from(kind: type[_E], wrapper: Any, prefix: str, number: int) -> _E:
    try:
        return kind(wrapper.Name(number).removeprefix(f"{prefix}_").replace("_", "-").lower())
    except ValueError as e:  # unspecified, unknown to the proto or to the domain
        raise MalformedRequest(f"{prefix.replace('_', ' ').lower()} is not set or not known.") from e


def modality_from(value: sp.Modality) -> s.Modality:
    """Message → domain modality; it must be stated."""
    return _enum_from(s.Modality, sp.Modality, "MODALITY", value)


def modality_to(value: s.Modality) -> sp.Modality:
    """Domain modality → message."""
    message: sp.Modality = _enum_to(sp.Modality, "MODALITY", value)
    return message


def _coding_to(coding: s.Coding | None) -> sp.Coding | None:
    return None if coding is None else sp.Coding(system=coding.system, code=coding.code, display=coding.display)


def _coding_from(coding: sp.Coding) -> s.Coding:
    return s.Coding(coding.system, coding.code, coding.display)


def feature_to(f: s.Feature) -> sp.Feature:
    """Domain feature → message."""
    message = sp.Feature(
        name=f.name,
        coding=_coding_to(f.coding),
        unit=f.unit,
        effective=f.effective,
        source=f.source,
        timepoint=f.timepoint,
        comparator=f.comparator,
        status=f.status,
        derived_from=f.derived_from,
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
        coding=_coding_from(m.coding) if m.HasField("coding") else None,
        effective=m.effective,
        source=m.source,
        timepoint=m.timepoint,
        comparator=m.comparator,
        status=m.status,
        derived_from=tuple(m.derived_from),
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
    )


def issue_to(i: s.Issue) -> sp.Issue:
    """Domain issue → message."""
    return sp.Issue(
        severity=_enum_to(sp.Severity, "SEVERITY", i.severity),
        code=i.code,
        message=i.message,
        location=i.location,
        origin=i.origin,
        timepoint=i.timepoint,
    )


def issue_from(m: sp.Issue) -> s.Issue:
    """Message → domain issue; an unstated severity counts as an error."""
    known = m.severity != sp.SEVERITY_UNSPECIFIED
    severity = _enum_from(s.Severity, sp.Severity, "SEVERITY", m.severity) if known else s.Severity.ERROR
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
    return sp.PlannedTherapy(coding=_coding_to(t.coding), therapy_class=t.therapy_class, start_date=t.start_date)


def planned_therapy_from(m: sp.PlannedTherapy) -> s.PlannedTherapy:
    """Message → domain planned therapy."""
    coding = _coding_from(m.coding) if m.HasField("coding") else None
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
    )


def model_ref_to(r: p.ModelRef) -> pp.ModelRef:
    """Domain model reference → message."""
    return pp.ModelRef(name=r.name, version=r.version, sha256=r.sha256)


def model_ref_from(m: pp.ModelRef) -> p.ModelRef:
    """Message → domain model reference."""
    return p.ModelRef(m.name, m.version, m.sha256)


def _reason_to(r: p.Reason) -> pp.Reason:
    return pp.Reason(code=r.code, message=r.message)


def _reason_from(m: pp.Reason) -> p.Reason:
    return p.Reason(m.code, m.message)


def _interval_to(i: p.Interval) -> pp.Interval:
    return pp.Interval(lower=i.lower, upper=i.upper, level=i.level)


def _interval_from(m: pp.Interval) -> p.Interval:
    return p.Interval(m.lower, m.upper, m.level)


def _probability_to(e: p.ProbabilityEstimate) -> pp.ProbabilityEstimate:
    return pp.ProbabilityEstimate(
        probability=e.probability,
        interval=_interval_to(e.interval),
        prediction_set=e.prediction_set,
        prediction_set_level=e.prediction_set_level,
        clinical_baseline=e.clinical_baseline,
    )


def _probability_from(m: pp.ProbabilityEstimate) -> p.ProbabilityEstimate:
    baseline = m.clinical_baseline if m.HasField("clinical_baseline") else None
    return p.ProbabilityEstimate(
        m.probability, _interval_from(m.interval), tuple(m.prediction_set), m.prediction_set_level, baseline
    )


def _survival_to(e: p.SurvivalEstimate) -> pp.SurvivalEstimate:
    return pp.SurvivalEstimate(
        points=[
            pp.SurvivalPoint(horizon_days=x.horizon_days, survival=x.survival, interval=_interval_to(x.interval))
            for x in e.points
        ],
        median_days=e.median_days,
        median_interval=_interval_to(e.median_interval) if e.median_interval else None,
        clinical_baseline=e.clinical_baseline,
    )


def _survival_from(m: pp.SurvivalEstimate) -> p.SurvivalEstimate:
    return p.SurvivalEstimate(
        points=tuple(p.SurvivalPoint(x.horizon_days, x.survival, _interval_from(x.interval)) for x in m.points),
        median_days=m.median_days if m.HasField("median_days") else None,
        median_interval=_interval_from(m.median_interval) if m.HasField("median_interval") else None,
        clinical_baseline=m.clinical_baseline if m.HasField("clinical_baseline") else None,
    )


def endpoint_kind_to(kind: p.EndpointKind) -> pp.EndpointKind:
    """Domain endpoint kind → message."""
    message: pp.EndpointKind = _enum_to(pp.EndpointKind, "ENDPOINT_KIND", kind)
    return message


def _endpoint_to(e: p.Endpoint) -> pp.Endpoint:
    message = pp.Endpoint(
        id=e.id,
        kind=endpoint_kind_to(e.kind),
        status=_enum_to(pp.EndpointStatus, "ENDPOINT_STATUS", e.status),
        reasons=map(_reason_to, e.reasons),
    )
    match e.estimate:
        case p.ProbabilityEstimate():
            message.probability.CopyFrom(_probability_to(e.estimate))
        case p.SurvivalEstimate():
            message.survival.CopyFrom(_survival_to(e.estimate))
    return message


def endpoint_kind_from(value: pp.EndpointKind) -> p.EndpointKind:
    """Message → domain endpoint kind."""
    return _enum_from(p.EndpointKind, pp.EndpointKind, "ENDPOINT_KIND", value)


def _endpoint_from(m: pp.Endpoint) -> p.Endpoint:
    estimate: p.ProbabilityEstimate | p.SurvivalEstimate | None = None
    match m.WhichOneof("estimate"):
        case "probability":
            estimate = _probability_from(m.probability)
        case "survival":
            estimate = _survival_from(m.survival)
    return p.Endpoint(
        id=m.id,
        kind=endpoint_kind_from(m.kind),
        status=_enum_from(p.EndpointStatus, pp.EndpointStatus, "ENDPOINT_STATUS", m.status),
        reasons=tuple(map(_reason_from, m.reasons)),
        estimate=estimate,
    )


def _input_to(i: p.InputUse) -> pp.InputUse:
    return pp.InputUse(
        modality=modality_to(i.modality),
        group=i.group,
        status=_enum_to(pp.InputStatus, "INPUT_STATUS", i.status),
        reason=_reason_to(i.reason) if i.reason else None,
        contributions=[
            pp.Contribution(endpoint_id=c.endpoint_id, value=c.value, horizon_days=c.horizon_days)
            for c in i.contributions
        ],
    )


def _input_from(m: pp.InputUse) -> p.InputUse:
    return p.InputUse(
        modality=modality_from(m.modality),
        group=m.group,
        status=_enum_from(p.InputStatus, pp.InputStatus, "INPUT_STATUS", m.status),
        reason=_reason_from(m.reason) if m.HasField("reason") else None,
        contributions=tuple(p.Contribution(c.endpoint_id, c.value, c.horizon_days) for c in m.contributions),
    )


def prognosis_to(a: p.Prognosis) -> pp.Prognosis:
    """Domain prognosis → message."""
    return pp.Prognosis(
        prognosis_id=a.prognosis_id,
        model=model_ref_to(a.model),
        index_date=a.index_date,
        endpoints=map(_endpoint_to, a.endpoints),
        inputs=map(_input_to, a.inputs),
        issues=map(issue_to, a.issues),
        disclaimer=a.disclaimer,
        simulated=a.simulated,
    )


def prognosis_from(m: pp.Prognosis) -> p.Prognosis:
    """Message → domain prognosis."""
    return p.Prognosis(
        prognosis_id=m.prognosis_id,
        model=model_ref_from(m.model),
        index_date=m.index_date,
        endpoints=tuple(map(_endpoint_from, m.endpoints)),
        inputs=tuple(map(_input_from, m.inputs)),
        issues=tuple(map(issue_from, m.issues)),
        disclaimer=m.disclaimer,
        simulated=m.simulated,
    )


def model_summary_to(m: p.ModelSummary) -> fp.ModelSummary:
    """Domain model summary → message."""
    return fp.ModelSummary(
        ref=model_ref_to(m.ref),
        indication=m.indication,
        intended_use=m.intended_use,
        simulated=m.simulated,
        groups=[
            fp.InputGroup(
                id=g.id,
                modality=modality_to(g.modality),
                timepoint=g.timepoint,
                features=g.features,
                embedding_spaces=g.embedding_spaces,
            )
            for g in m.groups
        ],
        endpoints=[
            fp.EndpointDescription(
                id=e.id, kind=endpoint_kind_to(e.kind), definition=e.definition, horizons_days=e.horizons_days
            )
            for e in m.endpoints
        ],
    )


def model_summary_from(m: fp.ModelSummary) -> p.ModelSummary:
    """Message → domain model summary."""
    return p.ModelSummary(
        ref=model_ref_from(m.ref),
        indication=m.indication,
        intended_use=m.intended_use,
        simulated=m.simulated,
        groups=tuple(
            p.InputGroup(g.id, modality_from(g.modality), g.timepoint, tuple(g.features), tuple(g.embedding_spaces))
            for g in m.groups
        ),
        endpoints=tuple(
            p.EndpointDescription(e.id, endpoint_kind_from(e.kind), e.definition, tuple(e.horizons_days))
            for e in m.endpoints
        ),
    )
