"""What to say before a number changes: quotas that are too small for it, disruption budgets that it makes rigid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import TumorcastError
from tumorcast_platform.cluster.scaling.plan import Object, Plan

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster


def warnings_of(cluster: Cluster, plan: Plan, pod: Mapping[str, Any]) -> tuple[str, ...]:
    """Doubts about a plan; what may not be read gives none."""
    wanted = plan.after if plan.pods is None else plan.pods
    if wanted is None:
        return ()
    more = wanted - (plan.before or 0) if plan.before is not None else 0
    found: list[str] = []
    if more > 0:
        found += [text for quota in _readable(cluster, "ResourceQuota") for text in over_quota(quota, pod, more)]
    labels = {"ray.io/group": plan.group} if plan.group else {"app.kubernetes.io/name": plan.target.service}
    found += [text for budget in _readable(cluster, "PodDisruptionBudget") for text in rigid(budget, labels, wanted)]
    return tuple(found)


def over_quota(quota: Object, pod: Mapping[str, Any], more: int) -> Iterator[str]:
    """What a ResourceQuota lacks for so many more pods; those with scopes are left out, as they may not count these."""
    if quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"):
        return
    status = quota.get("status") or {}
    used, needs = status.get("used") or {}, _needs(pod)
    for resource, hard in (status.get("hard") or {}).items():
        need = needs.get(resource)
        if need and quantity(used.get(resource, "0")) + more * need > quantity(hard):
            yield (
                f"ResourceQuota {quota['metadata']['name']} allows {hard} of {resource}, of which "
                f"{used.get(resource, '0')} are taken: not all {more} new pods fit in."
            )


def rigid(budget: Object, labels: Mapping[str, str], wanted: int) -> Iterator[str]:
    """Whether a PodDisruptionBudget would let none of so many pods go, so that no node can be drained."""
    selected = ((budget["spec"].get("selector") or {}).get("matchLabels") or {}).items()
    least = budget["spec"].get("minAvailable")
    if not labels.items() <= selected or not isinstance(least, int):
        return
    if 0 < wanted <= least:
        name = budget["metadata"]["name"]
        yield f"PodDisruptionBudget {name} keeps {least} pods: with {wanted} no node under them can be drained."


def quantity(text: object) -> Decimal:
    """A Kubernetes quantity as a number; 0 for what is none.

    >>> quantity("500m"), quantity("2Gi"), quantity(3)
    (Decimal('0.500'), Decimal('2147483648'), Decimal('3'))
    """
    from kubernetes.utils.quantity import parse_quantity

    try:
        return Decimal(parse_quantity(str(text)))
    except (ValueError, ArithmeticError):
        return Decimal(0)


def _needs(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    """What one pod takes of a quota's resources: ``requests.cpu``, ``limits.memory``, ``pods``."""
    found: dict[str, Decimal] = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for container in pod.get("containers") or ():
        resources = container.get("resources") or {}
        for kind in ("requests", "limits"):
            for name, amount in (resources.get(kind) or {}).items():
                for key in (f"{kind}.{name}", *((name,) if kind == "requests" else ())):
                    found[key] = found.get(key, Decimal(0)) + quantity(amount)
    return found


def _readable(cluster: Cluster, kind: str) -> list[Object]:
    try:
        return list(cluster.list(kind))
    except TumorcastError:
        return []
