"""The prognosis, with the training patients it is held against ↔ ``prognosis.proto``."""

from __future__ import annotations

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast_core import prognosis as p
from tumorcast_core.wire.estimates import endpoint_from, endpoint_to
from tumorcast_core.wire.inputs import input_use_from, input_use_to
from tumorcast_core.wire.parts import (
    contribution_from,
    contribution_to,
    interval_from,
    interval_to,
    model_ref_from,
    model_ref_to,
    reason_from,
    reason_to,
)
from tumorcast_core.wire.snapshot import issue_from, issue_to


def prognosis_to(a: p.Prognosis) -> pp.Prognosis:
    """Domain prognosis → message."""
    return pp.Prognosis(
        prognosis_id=a.prognosis_id,
        model=model_ref_to(a.model),
        index_date=a.index_date,
        endpoints=map(endpoint_to, a.endpoints),
        inputs=map(input_use_to, a.inputs),
        issues=map(issue_to, a.issues),
        disclaimer=a.disclaimer,
        simulated=a.simulated,
        typicality=typicality_to(a.typicality) if a.typicality else None,
        similar=map(similar_to, a.similar),
        observed_under=map(observed_under_to, a.observed_under),
    )


def prognosis_from(m: pp.Prognosis) -> p.Prognosis:
    """Message → domain prognosis."""
    return p.Prognosis(
        prognosis_id=m.prognosis_id,
        model=model_ref_from(m.model),
        index_date=m.index_date,
        endpoints=tuple(map(endpoint_from, m.endpoints)),
        inputs=tuple(map(input_use_from, m.inputs)),
        issues=tuple(map(issue_from, m.issues)),
        disclaimer=m.disclaimer,
        simulated=m.simulated,
        typicality=_typicality_from(m.typicality) if m.HasField("typicality") else None,
        similar=tuple(map(_similar_from, m.similar)),
        observed_under=tuple(map(_observed_under_from, m.observed_under)),
    )


def typicality_to(t: p.Typicality) -> pp.Typicality:
    """Domain typicality → message."""
    return pp.Typicality(percentile=t.percentile, unusual_inputs=t.unusual_inputs)


def _typicality_from(m: pp.Typicality) -> p.Typicality:
    return p.Typicality(m.percentile, tuple(m.unusual_inputs))


def similar_to(s: p.SimilarPatients) -> pp.SimilarPatients:
    """Domain group of similar patients → message."""
    return pp.SimilarPatients(
        id=s.id,
        patients=s.patients,
        distance=s.distance,
        description=s.description,
        outcomes=[
            pp.ObservedOutcome(
                endpoint_id=o.endpoint_id,
                share=o.share,
                interval=interval_to(o.interval),
                horizon_days=o.horizon_days,
            )
            for o in s.outcomes
        ],
    )


def _similar_from(m: pp.SimilarPatients) -> p.SimilarPatients:
    return p.SimilarPatients(
        id=m.id,
        patients=m.patients,
        distance=m.distance,
        description=m.description,
        outcomes=tuple(
            p.ObservedOutcome(o.endpoint_id, o.share, interval_from(o.interval), o.horizon_days) for o in m.outcomes
        ),
    )


def observed_under_to(o: p.ObservedUnder) -> pp.ObservedUnder:
    """Domain answer under a treatment → message."""
    return pp.ObservedUnder(
        input=o.input,
        category=o.category,
        patients=o.patients,
        given=o.given,
        predictions=map(contribution_to, o.predictions),
        withheld=reason_to(o.withheld) if o.withheld else None,
    )


def _observed_under_from(m: pp.ObservedUnder) -> p.ObservedUnder:
    return p.ObservedUnder(
        input=m.input,
        category=m.category,
        patients=m.patients,
        given=m.given,
        predictions=tuple(map(contribution_from, m.predictions)),
        withheld=reason_from(m.withheld) if m.HasField("withheld") else None,
    )
