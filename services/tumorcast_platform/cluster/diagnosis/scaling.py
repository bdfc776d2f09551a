"""Autoscalers that cannot read their metric or stand at their bound, and budgets that hold up the drain of a node."""

from __future__ import annotations

from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import one_line
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl, names, upgrade
from tumorcast_platform.cluster.reading import Object, condition, name_of, number, text
from tumorcast_platform.cluster.scalers import metrics_of, scaled_object_of
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import is_ready, pods_of, service_of

RUNBOOK = "overload"


def scaling_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """What is wrong with HPAs, ScaledObjects and PodDisruptionBudgets."""
    for hpa in snapshot.of("HorizontalPodAutoscaler"):
        yield from _blind(snapshot, hpa)
        yield from _at_most(snapshot, hpa)
    for scaled in snapshot.of("ScaledObject"):
        yield from _keda(snapshot, scaled)
    for budget in snapshot.of("PodDisruptionBudget"):
        yield from _no_disruption(snapshot, budget)


def _target(item: Object) -> str:
    return service_of(item) or text(item, "spec", "scaleTargetRef", "name")


def _blind(snapshot: ReleaseSnapshot, hpa: Object) -> Iterator[Finding]:
    for kind in ("ScalingActive", "AbleToScale"):
        told = condition(hpa, kind)
        if told.get("status") != "False" or told.get("reason") == "ScalingDisabled":
            continue
        metric = kind == "ScalingActive"
        yield Finding(
            code="autoscaler-without-metric" if metric else "autoscaler-cannot-scale",
            weight=Weight.WORSE,
            cause=f"The autoscaler of {_target(hpa)} {'cannot read its metric' if metric else 'cannot scale'}, "
            "so the number of pods stays as it is.",
            evidence=(
                Evidence(
                    f"HorizontalPodAutoscaler {name_of(hpa)}",
                    one_line(f"{text(told, 'reason')}: {text(told, 'message')}"),
                ),
            ),
            steps=("See whether the metrics API answers:", "$ kubectl get apiservices v1beta1.metrics.k8s.io",
                   kubectl(snapshot, f"describe horizontalpodautoscaler {name_of(hpa)}")),
            runbook=RUNBOOK,
            about=frozenset({name_of(hpa)}) | names(p for p in pods_of(snapshot, service_of(hpa)) if not is_ready(p)),
        )  # fmt: skip


def _at_most(snapshot: ReleaseSnapshot, hpa: Object) -> Iterator[Finding]:
    limited, most = condition(hpa, "ScalingLimited"), number(hpa, "spec", "maxReplicas")
    if limited.get("status") != "True" or limited.get("reason") != "TooManyReplicas":
        return
    if number(hpa, "status", "currentReplicas") < most:
        return  # on its way there
    target = _target(hpa)
    by_keda = scaled_object_of(snapshot, text(hpa, "spec", "scaleTargetRef", "name"))
    scaler = by_keda or hpa
    yield Finding(
        code="autoscaler-at-maximum",
        weight=Weight.WORSE,
        cause=f"{target.capitalize()} has all the {most} pods that it may have, and would take more.",
        evidence=(Evidence(f"HorizontalPodAutoscaler {name_of(hpa)}", metrics_of(hpa) or "ScalingLimited"),),
        steps=("Let it have more, if the nodes have room:",
               upgrade(snapshot, f"{target}.autoscaling.maxReplicas={2 * most}"),
               "$ tumorcast platform capacity --help"),
        runbook=RUNBOOK,
        about=frozenset({name_of(scaler)}),
    )  # fmt: skip


def _keda(snapshot: ReleaseSnapshot, scaled: Object) -> Iterator[Finding]:
    ready, fallback = condition(scaled, "Ready"), condition(scaled, "Fallback")
    bad = ready if ready.get("status") == "False" else fallback if fallback.get("status") == "True" else {}
    if not bad and text(scaled, "status", "hpaName"):
        return
    if not bad and scaled.get("status"):
        return
    told = one_line(f"{text(bad, 'reason')}: {text(bad, 'message')}") if bad else "it has no status"
    cause = "KEDA cannot ask Prometheus for the load" if bad else "KEDA has not looked at the ScaledObject"
    yield Finding(
        code="keda-blind" if bad else "no-keda",
        weight=Weight.WORSE,
        cause=f"{cause} of {_target(scaled)}, so the number of pods does not follow the load.",
        evidence=(Evidence(f"ScaledObject {name_of(scaled)}", told),),
        steps=("See whether KEDA runs, and what it says:",
               kubectl(snapshot, f"describe scaledobject {name_of(scaled)}")),
        runbook=RUNBOOK,
        about=frozenset({name_of(scaled)}),
    )  # fmt: skip


def _no_disruption(snapshot: ReleaseSnapshot, budget: Object) -> Iterator[Finding]:
    expected = number(budget, "status", "expectedPods")
    allowed = number(budget, "status", "disruptionsAllowed", default=1)
    healthy, wanted = number(budget, "status", "currentHealthy"), number(budget, "status", "desiredHealthy")
    if expected < 1 or allowed > 0 or healthy < expected:
        return  # pods that are not ready are told by other rules
    yield Finding(
        code="drain-blocked",
        weight=Weight.NOTE,
        cause=f"No pod of {service_of(budget) or name_of(budget)} may be evicted, so the drain of its node would wait.",
        evidence=(Evidence(f"PodDisruptionBudget {name_of(budget)}", f"{healthy} healthy, {wanted} must stay"),),
        steps=("Before you drain a node, allow one pod to go:",
               upgrade(snapshot, f"{service_of(budget) or 'SERVICE'}.disruption.maxUnavailable=1")),
        runbook="",
        about=frozenset({name_of(budget)}),
    )  # fmt: skip
