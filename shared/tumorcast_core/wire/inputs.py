"""What became of each input group ↔ ``prognosis.proto``."""

from __future__ import annotations

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast_core import prognosis as p
from tumorcast_core.wire.enums import enum_from, enum_to, modality_from, modality_to
from tumorcast_core.wire.parts import (
    contribution_from,
    contribution_to,
    interval_from,
    interval_to,
    reason_from,
    reason_to,
)


def input_use_to(i: p.InputUse) -> pp.InputUse:
    """Domain input use → message."""
    return pp.InputUse(
        modality=modality_to(i.modality),
        group=i.group,
        status=enum_to(pp.InputStatus, "INPUT_STATUS", i.status),
        reason=reason_to(i.reason) if i.reason else None,
        contributions=map(contribution_to, i.contributions),
        features=map(feature_contribution_to, i.features),
        worth=map(worth_to, i.worth),
    )


def feature_contribution_to(f: p.FeatureContribution) -> pp.FeatureContribution:
    """Domain contribution of a single input → message."""
    return pp.FeatureContribution(endpoint_id=f.endpoint_id, input=f.input, value=f.value, words=f.words)


def worth_to(w: p.Worth) -> pp.Worth:
    """Domain worth of a missing group → message."""
    return pp.Worth(endpoint_id=w.endpoint_id, score=w.score, gain=w.gain, interval=interval_to(w.interval))


def input_use_from(m: pp.InputUse) -> p.InputUse:
    """Message → domain input use."""
    return p.InputUse(
        modality=modality_from(m.modality),
        group=m.group,
        status=enum_from(p.InputStatus, pp.InputStatus, "INPUT_STATUS", m.status),
        reason=reason_from(m.reason) if m.HasField("reason") else None,
        contributions=tuple(map(contribution_from, m.contributions)),
        features=tuple(p.FeatureContribution(f.endpoint_id, f.input, f.value, f.words) for f in m.features),
        worth=tuple(p.Worth(w.endpoint_id, w.score, w.gain, interval_from(w.interval)) for w in m.worth),
    )
