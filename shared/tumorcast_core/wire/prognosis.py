"""The prognosis and a model's description ↔ ``prognosis.proto`` and ``fusion_service.proto``."""

from __future__ import annotations

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast.fusion.v1 import fusion_service_pb2 as fp
from tumorcast_core import prognosis as p
from tumorcast_core.wire.enums import enum_from, enum_to, modality_from, modality_to
from tumorcast_core.wire.snapshot import issue_from, issue_to


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
    message: pp.EndpointKind = enum_to(pp.EndpointKind, "ENDPOINT_KIND", kind)
    return message


def _endpoint_to(e: p.Endpoint) -> pp.Endpoint:
    message = pp.Endpoint(
        id=e.id,
        kind=endpoint_kind_to(e.kind),
        status=enum_to(pp.EndpointStatus, "ENDPOINT_STATUS", e.status),
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
    return enum_from(p.EndpointKind, pp.EndpointKind, "ENDPOINT_KIND", value)


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
        status=enum_from(p.EndpointStatus, pp.EndpointStatus, "ENDPOINT_STATUS", m.status),
        reasons=tuple(map(_reason_from, m.reasons)),
        estimate=estimate,
    )


def _input_to(i: p.InputUse) -> pp.InputUse:
    return pp.InputUse(
        modality=modality_to(i.modality),
        group=i.group,
        status=enum_to(pp.InputStatus, "INPUT_STATUS", i.status),
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
        status=enum_from(p.InputStatus, pp.InputStatus, "INPUT_STATUS", m.status),
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
