"""A model's description ↔ ``fusion_service.proto``."""

from __future__ import annotations

from tumorcast.fusion.v1 import fusion_service_pb2 as fp
from tumorcast_core import prognosis as p
from tumorcast_core.errors import MalformedRequest
from tumorcast_core.wire.enums import modality_from, modality_to
from tumorcast_core.wire.estimates import endpoint_kind_from, endpoint_kind_to
from tumorcast_core.wire.parts import model_ref_from, model_ref_to
from tumorcast_core.wire.snapshot import coding_from, coding_to


def model_summary_to(m: p.ModelSummary) -> fp.ModelSummary:
    """Domain model summary → message."""
    return fp.ModelSummary(
        ref=model_ref_to(m.ref),
        indication=m.indication,
        intended_use=m.intended_use,
        simulated=m.simulated,
        groups=map(_group_to, m.groups),
        endpoints=map(_endpoint_to, m.endpoints),
        inputs=map(_input_to, m.inputs),
    )


def model_summary_from(m: fp.ModelSummary) -> p.ModelSummary:
    """Message → domain model summary."""
    return p.ModelSummary(
        ref=model_ref_from(m.ref),
        indication=m.indication,
        intended_use=m.intended_use,
        simulated=m.simulated,
        groups=tuple(map(_group_from, m.groups)),
        endpoints=tuple(map(_endpoint_from, m.endpoints)),
        inputs=tuple(map(_input_from, m.inputs)),
    )


def _group_to(g: p.InputGroup) -> fp.InputGroup:
    return fp.InputGroup(
        id=g.id,
        modality=modality_to(g.modality),
        timepoint=g.timepoint,
        features=g.features,
        embedding_spaces=g.embedding_spaces,
    )


def _group_from(m: fp.InputGroup) -> p.InputGroup:
    return p.InputGroup(m.id, modality_from(m.modality), m.timepoint, tuple(m.features), tuple(m.embedding_spaces))


def _endpoint_to(e: p.EndpointDescription) -> fp.EndpointDescription:
    return fp.EndpointDescription(
        id=e.id,
        kind=endpoint_kind_to(e.kind),
        definition=e.definition,
        horizons_days=e.horizons_days,
        outcome_columns=[
            fp.OutcomeColumn(name=c.name, description=c.description, optional=c.optional) for c in e.outcome_columns
        ],
        outcomes=e.outcomes,
    )


def _endpoint_from(m: fp.EndpointDescription) -> p.EndpointDescription:
    return p.EndpointDescription(
        id=m.id,
        kind=endpoint_kind_from(m.kind),
        definition=m.definition,
        horizons_days=tuple(m.horizons_days),
        outcome_columns=tuple(p.OutcomeColumn(c.name, c.description, c.optional) for c in m.outcome_columns),
        outcomes=tuple(m.outcomes),
    )


def _input_to(i: p.InputDescription) -> fp.InputDescription:
    plausible_low, plausible_high = i.plausible or (None, None)
    training_low, training_high = i.training or (None, None)
    return fp.InputDescription(
        name=i.name,
        feature=i.feature,
        group=i.group,
        timepoint=i.timepoint,
        description=i.description,
        unit=i.unit,
        coding=coding_to(i.coding),
        categories=i.categories,
        plausible_low=plausible_low,
        plausible_high=plausible_high,
        training_low=training_low,
        training_high=training_high,
    )


def _input_from(m: fp.InputDescription) -> p.InputDescription:
    return p.InputDescription(
        name=m.name,
        feature=m.feature,
        group=m.group,
        description=m.description,
        coding=coding_from(m.coding),
        timepoint=m.timepoint,
        unit=m.unit,
        categories=tuple(m.categories),
        plausible=_range_from(m, "plausible"),
        training=_range_from(m, "training"),
    )


def _range_from(m: fp.InputDescription, which: str) -> tuple[float, float] | None:
    """The range of that name; raises ``MalformedRequest`` where it has one end only."""
    low, high = f"{which}_low", f"{which}_high"
    if m.HasField(low) != m.HasField(high):
        raise MalformedRequest("An input's range must have both ends or none.")
    return (getattr(m, low), getattr(m, high)) if m.HasField(low) else None
