"""Claims of storage that are not bound, or that a pod names and that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import events, note_of
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    kubectl,
    names,
    part_of,
    sentence,
)  # fmt: skip
from tumorcast_platform.cluster.diagnosis.pending import told_by_scheduler
from tumorcast_platform.cluster.reading import Object, items, name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

_ABSENT = re.compile(r"persistentvolumeclaim \"([\w.-]+)\" not found", re.IGNORECASE)


def storage_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each claim that keeps pods from starting."""
    waiting: dict[str, list[Object]] = {}
    for pod in snapshot.of("Pod"):
        if text(pod, "status", "phase") == "Pending" and not text(pod, "spec", "nodeName"):
            for volume in items(pod, "spec", "volumes"):
                if claim := text(volume, "persistentVolumeClaim", "claimName"):
                    waiting.setdefault(claim, []).append(pod)
    for claim, pods in sorted(waiting.items()):
        found = next((c for c in snapshot.of("PersistentVolumeClaim") if name_of(c) == claim), None)
        told = told_by_scheduler(snapshot, pods[0])
        match = _ABSENT.search(told)
        if found is not None and text(found, "status", "phase") in ("Pending", "Lost"):
            yield _unbound(snapshot, found, pods, told)
        elif match and match[1] == claim:
            yield _absent(snapshot, claim, pods, told)
        elif "volume node affinity" in told:
            yield _elsewhere(snapshot, claim, pods, told)


def _unbound(snapshot: ReleaseSnapshot, claim: Object, pods: list[Object], told: str) -> Finding:
    name, storage_class = name_of(claim), text(claim, "spec", "storageClassName")
    said = [e for e in events(snapshot, kind="PersistentVolumeClaim", name=name) if text(e, "type") == "Warning"]
    said = said or events(snapshot, kind="PersistentVolumeClaim", name=name)
    message = note_of(said[0]) if said else told or "no event says why"
    of_class = f"storage class {storage_class}" if storage_class else "the default storage class"
    return Finding(
        code="claim-pending",
        weight=Weight.BROKEN,
        cause=f"{sentence(part_of(pods[0]))} waits for the storage {name}, which {of_class} has not given.",
        evidence=(Evidence(f"PersistentVolumeClaim {name}", f"{text(claim, 'status', 'phase')}: {message}"),),
        steps=("See which storage classes there are, and what this one needs:",
               "$ kubectl get storageclasses", kubectl(snapshot, f"describe persistentvolumeclaim {name}")),
        runbook="gpu-pods-pending",
        about=names(pods),
    )  # fmt: skip


def _absent(snapshot: ReleaseSnapshot, claim: str, pods: list[Object], told: str) -> Finding:
    return Finding(
        code="claim-absent",
        weight=Weight.BROKEN,
        cause=f"{sentence(part_of(pods[0]))} names the storage {claim}, and there is no such claim.",
        evidence=(Evidence(f"Pod {name_of(pods[0])}", told),),
        steps=("See which claims there are, then make it, or name another in the values:",
               kubectl(snapshot, "get persistentvolumeclaims")),
        runbook="gpu-pods-pending",
        about=names(pods),
    )  # fmt: skip


def _elsewhere(snapshot: ReleaseSnapshot, claim: str, pods: list[Object], told: str) -> Finding:
    return Finding(
        code="claim-elsewhere",
        weight=Weight.BROKEN,
        cause=f"{sentence(part_of(pods[0]))} finds no node: its storage {claim} lies in another zone.",
        evidence=(Evidence(f"Pod {name_of(pods[0])}", told),),
        steps=("See where the volume is, then let the pods run there:",
               kubectl(snapshot, f"describe persistentvolumeclaim {claim}")),
        runbook="gpu-pods-pending",
        about=names(pods),
    )  # fmt: skip
