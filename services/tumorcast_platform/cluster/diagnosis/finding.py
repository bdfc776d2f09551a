"""What a rule of the diagnosis finds: a plain cause, its evidence, the next step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from tumorcast_platform.cluster.reading import Object, label, name_of
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import service_of


class Weight(IntEnum):
    """How bad it is."""

    NOTE = 1
    """Nothing is broken by it now."""
    WORSE = 2
    """It works, but less well or with less in reserve."""
    BROKEN = 3
    """Something that the release needs does not run."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An object and what it says."""

    where: str
    told: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, with the evidence for it, the steps that come next, and the page that says more."""

    code: str
    weight: Weight
    cause: str
    evidence: tuple[Evidence, ...]
    steps: tuple[str, ...]
    """Sentences, and commands; a command begins with ``$ ``."""
    runbook: str = ""
    """Name of a page in charts/runbooks, without ending."""
    about: frozenset[str] = field(default_factory=frozenset)
    """Names of the objects that it explains, pods above all."""


def part_of(item: Object) -> str:
    """What a pod is, for a sentence: ``gateway``, ``imaging's encoder ct-lesion``, ``the migration Job``."""
    service, group = service_of(item), label(item, "ray.io/group")
    if service == "gateway-migration":
        return "the migration of the database"
    if service.endswith("-test"):
        return "the pod of `helm test`"
    if label(item, "ray.io/node-type") == "head" or group == "headgroup":
        return f"{service}'s Ray head"
    if group.startswith("encoder-"):
        return f"{service}'s encoder {group.removeprefix('encoder-')}"
    if group:
        return f"{service}'s {group}"
    return service or name_of(item) or "a pod"


def several(pods: list[Object]) -> str:
    """One pod by its name, or how many there are, for an evidence."""
    first = f"Pod {name_of(pods[0])}" if pods else "Pod"
    return first if len(pods) < 2 else f"{first} and {len(pods) - 1} more"


def names(pods: Iterable[Object]) -> frozenset[str]:
    """The names of objects."""
    return frozenset(filter(None, map(name_of, pods)))


def kubectl(snapshot: ReleaseSnapshot, command: str) -> str:
    """A kubectl command in the release's namespace, as a step."""
    return f"$ kubectl --namespace {snapshot.namespace} {command}"


def upgrade(snapshot: ReleaseSnapshot, setting: str) -> str:
    """A Helm upgrade that changes one value, as a step."""
    return (
        f"$ helm upgrade {snapshot.release} charts/tumorcast --namespace {snapshot.namespace} "
        f"--reset-then-reuse-values --set {setting}"
    )


def rollback(snapshot: ReleaseSnapshot) -> str:
    """Back to the release's last revision, as a step."""
    return f"$ helm rollback {snapshot.release} --namespace {snapshot.namespace} --wait"


def sentence(words: str) -> str:
    """The same with a capital letter first.

    >>> sentence("imaging's Ray head")
    "Imaging's Ray head"
    """
    return words[:1].upper() + words[1:]
