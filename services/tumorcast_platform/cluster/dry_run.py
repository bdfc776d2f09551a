"""Lets a cluster check manifests without changing anything: server-side apply as a dry run."""

from __future__ import annotations

from tumorcast_core.errors import (
    ClusterConflict,
    ClusterForbidden,
    ClusterObjectNotFound,
    ClusterRefused,
    InvalidInput,
)  # fmt: skip
from tumorcast_platform.cluster.api import Cluster
from tumorcast_platform.cluster.kinds import KINDS
from tumorcast_platform.cluster.policies import Problem, where
from tumorcast_platform.cluster.reading import Object, text


def refused_by(cluster: Cluster, manifests: list[Object]) -> list[Problem]:
    """What the cluster would refuse, unknown fields, quotas and admission webhooks included.

    Raises ``ClusterUnavailable`` and ``Unauthenticated``; where the role may not ask, that is a problem of its own.
    """
    found = []
    for manifest in manifests:
        if text(manifest, "kind") not in KINDS:
            found.append(
                Problem(where(manifest), "not-asked", "the cluster was not asked about this kind", warning=True)
            )
            continue
        try:
            cluster.apply(manifest, dry_run=True)
        except (
            ClusterConflict
        ) as e:  # another field manager, e.g. Helm, owns what would change: no fault of the manifest
            found.append(Problem(where(manifest), "owned-by-another", e.message, warning=True))
        except ClusterObjectNotFound as e:
            found.append(Problem(where(manifest), "unknown-kind", _unknown(manifest, e)))
        except (ClusterForbidden, ClusterRefused, InvalidInput) as e:
            found.append(Problem(where(manifest), "refused-by-cluster", e.message))
    return found


def _unknown(manifest: Object, e: ClusterObjectNotFound) -> str:
    return (
        f"the cluster does not know {text(manifest, 'apiVersion')} {text(manifest, 'kind')}, or not the namespace ({e})"
    )
