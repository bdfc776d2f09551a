"""What a model says of itself: enough for a stranger to map a table onto it."""

from __future__ import annotations

from tumorcast_core.catalog import entry
from tumorcast_core.prognosis import (
    EndpointDescription,
    EndpointKind,
    InputDescription,
    InputGroup,
    ModelRef,
    ModelSummary,
    OutcomeColumn,
)
from tumorcast_fusion.model.manifest import EndpointSpec, Group, Manifest


def describe(ref: ModelRef, manifest: Manifest) -> ModelSummary:
    """Indication, use, groups, inputs, endpoints and their outcome columns."""
    groups = (
        InputGroup(g.id, g.modality, g.timepoint, g.features, g.embedding.spaces if g.embedding else ())
        for g in manifest.groups
    )
    return ModelSummary(
        ref,
        manifest.indication,
        manifest.intended_use,
        manifest.simulated,
        tuple(groups),
        tuple(
            EndpointDescription(e.id, e.kind, e.definition, e.horizons_days, outcome_columns(e), outcomes=_outcomes(e))
            for e in manifest.endpoints
        ),
        tuple(_input(name, feature, group) for name, (group, feature) in manifest.inputs().items()),
    )


def _outcomes(spec: EndpointSpec) -> tuple[str, ...]:
    return () if spec.kind is EndpointKind.TIME_TO_EVENT else spec.outcomes


def _input(name: str, feature: str, group: Group) -> InputDescription:
    known = entry(feature)
    scaling = group.scaling.get(feature)
    numeric = not known.categories
    return InputDescription(
        name=name,
        feature=feature,
        group=group.id,
        description=known.description,
        coding=known.codings[0],
        timepoint=group.timepoint,
        unit=known.unit,
        categories=known.categories,
        plausible=known.range if numeric else None,
        training=(scaling.low, scaling.high) if scaling and numeric else None,
    )


def outcome_columns(spec: EndpointSpec) -> tuple[OutcomeColumn, ...]:
    """The columns in which an evaluation expects an endpoint's outcome."""
    match spec.kind:
        case EndpointKind.BINARY:
            no, yes = spec.outcomes
            return (OutcomeColumn(spec.id, f"1 or {yes}; 0 or {no}; empty where unknown"),)
        case EndpointKind.ORDINAL:
            return (OutcomeColumn(spec.id, f"one of {', '.join(spec.outcomes)}; empty where unknown"),)
        case EndpointKind.TIME_TO_EVENT:
            causes = "1 the event, 0 censored"
        case EndpointKind.COMPETING_RISKS:
            causes = ", ".join(["0 censored", *(f"{k} {cause}" for k, cause in enumerate(spec.outcomes, 1))])
        case EndpointKind.TRAJECTORY:
            return ()
    return (
        OutcomeColumn(f"{spec.id}_days", "days from the index date to the event or to the end of observation"),
        OutcomeColumn(f"{spec.id}_event", causes),
        OutcomeColumn(
            f"{spec.id}_event_free_days",
            "days to the last visit without the event, where only visits reveal it; default: the day is exact",
            optional=True,
        ),
    )
