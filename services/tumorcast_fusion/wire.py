"""What shadows were found to be ↔ ``fusion_service.proto``."""

from __future__ import annotations

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.errors import MalformedRequest
from tumorcast_fusion.model.shadow import BINS, Comparison, ShadowReport

_COUNTS = ("scored", "failed", "dropped", "active_seconds", "shadow_seconds")
_OF_ENDPOINT = (
    *("compared", "active_abstained", "shadow_abstained", "both_abstained", "incomparable", "flips", "sets"),
    *("set_changes", "active_mean", "shadow_mean", "active_squares", "shadow_squares", "products"),
    *("concordant", "discordant", "differences"),
)


def shadow_report_to(report: ShadowReport) -> pb.GetShadowResponse:
    """Domain report → message."""
    return pb.GetShadowResponse(
        active=wire.model_ref_to(report.active),
        shadow=wire.model_ref_to(report.shadow) if report.shadow else None,
        generation=report.generation,
        comparisons=[_comparison_to(name, found) for name, found in report.comparisons.items()],
        **{name: getattr(report, name) for name in _COUNTS},
    )


def shadow_report_from(m: pb.GetShadowResponse) -> ShadowReport:
    """Message → domain report; raises ``MalformedRequest``."""
    return ShadowReport(
        active=wire.model_ref_from(m.active),
        shadow=wire.model_ref_from(m.shadow) if m.HasField("shadow") else None,
        generation=m.generation,
        comparisons={found.endpoint_id: _comparison_from(found) for found in m.comparisons},
        **{name: getattr(m, name) for name in _COUNTS},
    )


def _comparison_to(name: str, found: Comparison) -> pb.ShadowComparison:
    return pb.ShadowComparison(endpoint_id=name, **{field: getattr(found, field) for field in _OF_ENDPOINT})


def _comparison_from(m: pb.ShadowComparison) -> Comparison:
    if len(m.differences) != BINS:
        raise MalformedRequest(f"A comparison must have {BINS} bins of differences.")
    return Comparison(**{field: getattr(m, field) for field in _OF_ENDPOINT} | {"differences": list(m.differences)})
