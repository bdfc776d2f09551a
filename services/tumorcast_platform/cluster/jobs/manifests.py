"""A job's work as objects of the cluster: a Job or a RayJob, and a NetworkPolicy that shuts it in.

Pods meet the *restricted* Pod Security Standard, as those of the charts: no rights, no token, a read-only root, /tmp.
A Job reads tables of patients, so it gets no network at all; the pods of a RayJob reach one another and DNS.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tumorcast_platform.cluster.jobs.work import Claim, Work

Manifest = dict[str, Any]

RAY_VERSION = "2.60.0"
"""Of the image; a test compares it with constraints.txt."""
JOB, WORK, MODEL = "tumorcast/job", "tumorcast/work", "tumorcast/model"
"""Labels."""
CONTAINER, SUBMITTER = "job", "ray-job-submitter"
_TOLD_OF_FAILURE = (1, 2)
"""Exit statuses of ``tumorcast`` that another try would not change."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms the work is done."""

    name: str
    release: str
    image: str
    pull_secrets: Sequence[str] = ()
    cpus: int = 2
    memory: str = "4Gi"
    scratch: str = "10Gi"
    deadline_s: int = 6 * 3600
    keep_s: int = 7 * 86400
    retries: int = 2
    node_selector: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    """Rule of a NetworkPolicy that lets pods ask for names, as the release has it; none: the usual place of DNS."""


def manifest(work: Work, terms: Terms) -> Manifest:
    """The Job, or with Ray workers the RayJob."""
    return _ray_job(work, terms) if work.ray_workers else _job(work, terms)


def network_policy(work: Work, terms: Terms) -> Manifest:
    """What may reach the job's pods and what they may reach."""
    mine = {"podSelector": {"matchLabels": {JOB: terms.name}}}
    operator = {
        "namespaceSelector": {},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}},
    }
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    names = {"to": [dns], "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    rules: Manifest = {}
    if work.ray_workers:
        rules = {
            "ingress": [{"from": [mine]}, {"from": [operator], "ports": [{"protocol": "TCP", "port": 8265}]}],
            "egress": [{"to": [mine]}, dict(terms.names) or names],
        }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": terms.name, "labels": labels(work, terms)},
        "spec": {
            "podSelector": {"matchLabels": {JOB: terms.name}},
            "policyTypes": ["Ingress", "Egress"],
            **rules,
        },
    }


def labels(work: Work, terms: Terms) -> dict[str, str]:
    """Labels of all objects and pods of the job."""
    return {
        "app.kubernetes.io/name": "training",
        "app.kubernetes.io/instance": terms.release,
        "app.kubernetes.io/component": "job",
        "app.kubernetes.io/part-of": "tumorcast",
        "app.kubernetes.io/managed-by": "tumorcast-platform",
        JOB: terms.name,
        WORK: str(work.task),
        MODEL: work.model,
    }


def selector(release: str) -> str:
    """Selects the jobs of a release."""
    return f"app.kubernetes.io/instance={release},app.kubernetes.io/part-of=tumorcast,{JOB}"


def _job(work: Work, terms: Terms) -> Manifest:
    container = _container(CONTAINER, work, terms) | {"command": list(work.command)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": terms.name, "labels": labels(work, terms)},
        "spec": {
            "backoffLimit": terms.retries,
            "activeDeadlineSeconds": terms.deadline_s,
            "ttlSecondsAfterFinished": terms.keep_s,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [*_TOLD_OF_FAILURE]},
                    },
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": _template(work, terms, [container]),
        },
    }


def _ray_job(work: Work, terms: Terms) -> Manifest:
    """KubeRay makes the Ray cluster, submits the command to its head, and ends the cluster with the work.

    The submitter's pod tells the command's output and stays, so its log can be read afterwards.
    """
    submitter = _container(SUBMITTER, work, terms, mounts=False)
    submitter["resources"] = _resources("500m", "512Mi")
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": terms.name, "labels": labels(work, terms)},
        "spec": {
            "entrypoint": shlex.join(work.command),
            "submissionMode": "K8sJobMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 30,
            "activeDeadlineSeconds": terms.deadline_s,
            "backoffLimit": 0,
            "submitterConfig": {"backoffLimit": terms.retries},
            "submitterPodTemplate": _template(work, terms, [submitter], volumes=False),
            "rayClusterSpec": _ray_cluster(work, terms),
        },
    }


def _ray_cluster(work: Work, terms: Terms) -> Manifest:
    """A head, on which the command itself runs, and its workers; Ray asks for a token, a secret that KubeRay makes."""
    head, worker = _container("ray", work, terms), _container("ray", work, terms)
    count = dict.fromkeys(("replicas", "minReplicas", "maxReplicas"), work.ray_workers)
    return {
        "rayVersion": RAY_VERSION,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {
            "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "0"},  # noqa: S104
            "template": _template(work, terms, [head], restart=None),
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                **count,
                "rayStartParams": {"num-cpus": str(terms.cpus)},
                "template": _template(work, terms, [worker], restart=None),
            }
        ],
    }


def _template(
    work: Work, terms: Terms, containers: list[Manifest], *, volumes: bool = True, restart: str | None = "Never"
) -> Manifest:
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": containers,
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": terms.scratch}}],
    }
    if volumes:
        spec["volumes"] += [
            {"name": name, "persistentVolumeClaim": {"claimName": claim}} for claim, name in _volume_names(work).items()
        ]
    if restart:
        spec["restartPolicy"] = restart
    if terms.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in terms.pull_secrets]
    if terms.node_selector:
        spec["nodeSelector"] = dict(terms.node_selector)
    return {"metadata": {"labels": labels(work, terms)}, "spec": spec}


def _container(name: str, work: Work, terms: Terms, *, mounts: bool = True) -> Manifest:
    names = _volume_names(work)
    mounted = [_mount(claim, names[claim.name]) for claim in work.claims] if mounts else []
    return {
        "name": name,
        "image": terms.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - the one writable folder
            {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"},
            {"name": "OMP_NUM_THREADS", "value": str(terms.cpus)},
        ],
        "resources": _resources(str(terms.cpus), terms.memory),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *mounted],  # noqa: S108
    }


def _mount(claim: Claim, volume: str) -> Manifest:
    mount: Manifest = {"name": volume, "mountPath": claim.path}
    if claim.folder:
        mount["subPath"] = claim.folder
    return mount if claim.writable else mount | {"readOnly": True}


def _volume_names(work: Work) -> dict[str, str]:
    """A volume's name for each claim, of which two folders may be mounted."""
    claims = dict.fromkeys(claim.name for claim in work.claims)
    return {name: f"claim-{number}" for number, name in enumerate(claims)}


def _resources(cpus: str, memory: str) -> Manifest:
    amount = {"cpu": cpus, "memory": memory}
    return {"requests": dict(amount), "limits": dict(amount)}
