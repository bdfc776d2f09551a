"""Why one answer is as it is: the parts of a prognosis, sorted by endpoint and strength."""

from __future__ import annotations

from dataclasses import dataclass

from tumorcast_core.prognosis import (
    Endpoint,
    EndpointStatus,
    FeatureContribution,
    InputStatus,
    InputUse,
    ModelRef,
    ObservedUnder,
    Prognosis,
    Reason,
    SimilarPatients,
    Typicality,
    Worth,
)
from tumorcast_core.snapshot import Modality


@dataclass(frozen=True, slots=True)
class GroupContribution:
    """What one input group did to one endpoint: an exact Shapley value in probability."""

    group: str
    modality: Modality
    value: float
    horizon_days: float


@dataclass(frozen=True, slots=True)
class MissingGroup:
    """An input group that was not used, why, and what it would be worth."""

    group: str
    modality: Modality
    status: InputStatus
    reason: Reason | None
    worth: Worth | None


@dataclass(frozen=True, slots=True)
class EndpointExplanation:
    """Why one endpoint was answered as it was, the strongest first."""

    endpoint_id: str
    status: EndpointStatus
    reasons: tuple[Reason, ...]
    groups: tuple[GroupContribution, ...]
    inputs: tuple[FeatureContribution, ...]
    missing: tuple[MissingGroup, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one answer is as it is."""

    prognosis_id: str
    model: ModelRef
    endpoints: tuple[EndpointExplanation, ...]
    typicality: Typicality | None
    similar: tuple[SimilarPatients, ...]
    observed_under: tuple[ObservedUnder, ...]


def explain(prognosis: Prognosis) -> Explanation:
    """Sort what a prognosis says of its reasons by endpoint."""
    return Explanation(
        prognosis_id=prognosis.prognosis_id,
        model=prognosis.model,
        endpoints=tuple(_endpoint(endpoint, prognosis.inputs) for endpoint in prognosis.endpoints),
        typicality=prognosis.typicality,
        similar=prognosis.similar,
        observed_under=prognosis.observed_under,
    )


def _endpoint(endpoint: Endpoint, inputs: tuple[InputUse, ...]) -> EndpointExplanation:
    groups = [
        GroupContribution(use.group, use.modality, c.value, c.horizon_days)
        for use in inputs
        for c in use.contributions
        if c.endpoint_id == endpoint.id
    ]
    features = [f for use in inputs for f in use.features if f.endpoint_id == endpoint.id]
    missing = [_missing(use, endpoint.id) for use in inputs if use.status is not InputStatus.USED]
    return EndpointExplanation(
        endpoint_id=endpoint.id,
        status=endpoint.status,
        reasons=endpoint.reasons,
        groups=tuple(sorted(groups, key=lambda c: -abs(c.value))),
        inputs=tuple(sorted(features, key=lambda f: -abs(f.value))),
        missing=tuple(sorted(missing, key=lambda m: -m.worth.gain if m.worth else float("inf"))),
    )


def _missing(use: InputUse, endpoint_id: str) -> MissingGroup:
    worth = next((w for w in use.worth if w.endpoint_id == endpoint_id), None)
    return MissingGroup(use.group, use.modality, use.status, use.reason, worth)
