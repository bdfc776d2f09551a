"""The JSON answer of the REST door → the domain; the way back is the gateway's own."""

from __future__ import annotations

import math

from pydantic import ValidationError

from tumorcast_core import prognosis as p
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.prognosis import ModelSummary
from tumorcast_core.snapshot import Issue
from tumorcast_gateway.rest import answer as a


def prognosis_from_json(document: bytes) -> p.Prognosis:
    """Read an answer; raises ``ServiceUnavailable`` where it is none."""
    try:
        found = a.PrognosisAnswer.model_validate_json(document)
    except ValidationError as e:
        raise ServiceUnavailable("The server's answer is not a prognosis.") from e
    return p.Prognosis(
        prognosis_id=found.prognosis_id,
        model=p.ModelRef(found.model.name, found.model.version, found.model.sha256),
        index_date=found.index_date,
        endpoints=tuple(map(_endpoint, found.endpoints)),
        inputs=tuple(map(_input, found.inputs)),
        issues=tuple(Issue(i.severity, i.code, i.message, i.location, i.origin, i.timepoint) for i in found.issues),
        disclaimer=found.disclaimer,
        simulated=found.simulated,
    )


def prognosis_to_json(prognosis: p.Prognosis) -> dict[str, object]:
    """Write the very document that the REST door answers with."""
    return a.PrognosisAnswer.of(prognosis).model_dump(mode="json")


def model_to_json(model: ModelSummary) -> dict[str, object]:
    """Write the very document that the REST door describes a model with."""
    return a.ModelAnswer.of(model).model_dump(mode="json")


def _endpoint(e: a.EndpointAnswer) -> p.Endpoint:
    estimate: p.ProbabilityEstimate | p.SurvivalEstimate | None = None
    if e.probability:
        estimate = _probability(e.probability)
    elif e.survival:
        estimate = _survival(e.survival)
    return p.Endpoint(e.id, e.kind, e.status, tuple(p.Reason(r.code, r.message) for r in e.reasons), estimate)


def _probability(e: a.ProbabilityAnswer) -> p.ProbabilityEstimate:
    return p.ProbabilityEstimate(
        e.probability, _interval(e.interval), tuple(e.prediction_set), e.prediction_set_level, e.clinical_baseline
    )


def _survival(e: a.SurvivalAnswer) -> p.SurvivalEstimate:
    return p.SurvivalEstimate(
        points=tuple(p.SurvivalPoint(x.horizon_days, x.survival, _interval(x.interval)) for x in e.points),
        median_days=e.median_days,
        median_interval=_interval(e.median_interval) if e.median_interval else None,
        clinical_baseline=e.clinical_baseline,
    )


def _interval(i: a.IntervalAnswer) -> p.Interval:
    return p.Interval(i.lower, math.inf if i.upper is None else i.upper, i.level)


def _input(use: a.InputAnswer) -> p.InputUse:
    return p.InputUse(
        modality=use.modality,
        group=use.group,
        status=use.status,
        reason=p.Reason(use.reason.code, use.reason.message) if use.reason else None,
        contributions=tuple(p.Contribution(c.endpoint_id, c.value, c.horizon_days) for c in use.contributions),
    )
