"""Who decides how many pods a service has: the values, an HPA, KEDA or Ray Serve; pure."""

from __future__ import annotations

from dataclasses import dataclass

from tumorcast_platform.cluster.reading import Object, at, condition, items, mapping, number, text
from tumorcast_platform.cluster.scaling.plan import BEFORE_HOLD
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot


@dataclass(frozen=True, slots=True)
class Scaler:
    """Who scales a service. ``by`` is ``fixed``, ``HPA``, ``KEDA`` or ``Ray Serve``."""

    by: str = "fixed"
    low: int | None = None
    high: int | None = None
    load: str = ""
    """The metric now and its target, in words."""

    def __str__(self) -> str:
        if self.by == "fixed":
            return self.by
        bounds = f" {_or_unknown(self.low)}–{_or_unknown(self.high)}" if (self.low, self.high) != (None, None) else ""
        return f"{self.by}{bounds}{f', {self.load}' if self.load else ''}"


def _or_unknown(bound: int | None) -> str:
    return "?" if bound is None else str(bound)


def hpa_of(snapshot: ReleaseSnapshot, deployment: str) -> Object:
    """The HPA that scales a Deployment, KEDA's included; empty if none does."""
    return _scaling(snapshot.of("HorizontalPodAutoscaler"), deployment)


def scaled_object_of(snapshot: ReleaseSnapshot, deployment: str) -> Object:
    """KEDA's ScaledObject of a Deployment; empty if there is none."""
    return _scaling(snapshot.of("ScaledObject"), deployment)


def _scaling(found: list[Object], deployment: str) -> Object:
    return next((item for item in found if text(item, "spec", "scaleTargetRef", "name") == deployment), {})


def scaler_of(snapshot: ReleaseSnapshot, deployment: str) -> Scaler:
    """Who scales a Deployment."""
    scaled, hpa = scaled_object_of(snapshot, deployment), hpa_of(snapshot, deployment)
    if scaled:
        paused = "paused" if condition(scaled, "Paused").get("status") == "True" else metrics_of(hpa)
        return Scaler("KEDA", *_bounds(scaled, "minReplicaCount", "maxReplicaCount", 100), paused)
    if hpa and text(hpa, "metadata", "annotations", BEFORE_HOLD):
        return Scaler("HPA", *_bounds(hpa, "minReplicas", "maxReplicas", 0), "held by `platform scale`")
    if hpa:
        return Scaler("HPA", *_bounds(hpa, "minReplicas", "maxReplicas", 0), metrics_of(hpa))
    return Scaler()


def _bounds(item: Object, low: str, high: str, highest: int) -> tuple[int, int]:
    least = 0 if low == "minReplicaCount" else 1  # the APIs' defaults
    return number(item, "spec", low, default=least), number(item, "spec", high, default=highest)


def metrics_of(hpa: Object) -> str:
    """The metrics of an HPA now, each with its target: ``cpu 41 % of 70 %``."""
    current = items(hpa, "status", "currentMetrics")
    shown = []
    for metric in items(hpa, "spec", "metrics"):
        kind = _kind(metric)
        name = text(metric, kind, "name") or text(metric, kind, "metric", "name")
        now = next((m for m in current if _kind(m) == kind and _named(m, kind, name)), {})
        shown.append(f"{_plain_name(name)} {_value(mapping(now, kind, 'current'))} of {_value(_target(metric, kind))}")
    return ", ".join(shown[:2])


def _kind(metric: Object) -> str:
    """The key under which a metric's values stand: its type, first letter small."""
    kind = text(metric, "type")
    return kind[:1].lower() + kind[1:]


def _named(metric: Object, kind: str, name: str) -> bool:
    return name in (text(metric, kind, "name"), text(metric, kind, "metric", "name"))


def _target(metric: Object, kind: str) -> Object:
    return mapping(metric, kind, "target")


def _plain_name(name: str) -> str:
    """KEDA names its metrics ``s0-prometheus``."""
    return "load" if name.startswith("s0-") else name


def _value(values: Object) -> str:
    percent = at(values, "averageUtilization")
    if isinstance(percent, int) and not isinstance(percent, bool):
        return f"{percent} %"
    for key in ("averageValue", "value"):
        found = at(values, key)
        if isinstance(found, str | int) and not isinstance(found, bool):
            return _readable(str(found))
    return "unknown"


def _readable(quantity: str) -> str:
    """A metric's quantity; thousandths are how the API writes fractions.

    >>> _readable("2500m"), _readable("16"), _readable("700M")
    ('2.5', '16', '700M')
    """
    digits = quantity[:-1]
    return f"{int(digits) / 1000:g}" if quantity.endswith("m") and digits.isdigit() else quantity
