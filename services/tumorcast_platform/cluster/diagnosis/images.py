"""Images that cannot be pulled: unknown tag, no permission, too many pulls, a registry that does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import events, note_of, one_line
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    kubectl,
    names,
    part_of,
    rollback,
    sentence,
    several,
    upgrade,
)  # fmt: skip
from tumorcast_platform.cluster.reading import Object, name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import containers, service_of, tag_of

WAITING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "RegistryUnavailable", "ErrImageNeverPull")
RUNBOOK = "image-pull-failure"

_KINDS = (
    ("limit", r"\b429\b|toomanyrequests|too many requests|rate limit"),
    ("auth", r"\b401\b|\b403\b|unauthorized|forbidden|authorization failed|no basic auth|access denied|authentication"),
    ("name", r"invalidimagename|invalid reference|couldn't parse image"),
    ("missing", r"not found|notfound|manifest unknown|\b404\b|no match for platform"),
    ("silent", r"no such host|i/o timeout|connection refused|tls:|x509|deadline exceeded|network is unreachable"),
)


def image_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each image that cannot be pulled."""
    stuck: dict[str, list[Object]] = {}
    for pod in snapshot.of("Pod"):
        for status in containers(pod):
            if text(status, "state", "waiting", "reason") in WAITING:
                stuck.setdefault(text(status, "image"), []).append(pod)
    for image, pods in sorted(stuck.items()):
        told = _told(snapshot, pods, image)
        yield _finding(snapshot, image, pods, told)


def why(told: str) -> str:
    """Why a pull failed: limit, auth, name, missing, silent, or unknown.

    >>> why('failed to resolve reference "r/notes:9": r/notes:9: not found'), why("401 Unauthorized")
    ('missing', 'auth')
    """
    return next((kind for kind, pattern in _KINDS if re.search(pattern, told.lower())), "unknown")


def _told(snapshot: ReleaseSnapshot, pods: list[Object], image: str) -> str:
    """What the kubelet says: the event has the registry's answer, the container's state at times only a back-off."""
    for pod in pods:
        for event in events(snapshot, kind="Pod", name=name_of(pod), reason="Failed"):
            if "pull image" in note_of(event):
                return note_of(event)
    for pod in pods:
        for status in containers(pod):
            waiting = text(status, "state", "waiting", "message")
            if text(status, "image") == image and waiting:
                return one_line(waiting)
    return "the kubelet gives no reason"


def _finding(snapshot: ReleaseSnapshot, image: str, pods: list[Object], told: str) -> Finding:
    what, service, kind = part_of(pods[0]), service_of(pods[0]).partition("-")[0] or "SERVICE", why(told)
    cause = {
        "missing": f"The registry has no image {image}, so {what} cannot start.",
        "auth": f"The registry does not let this cluster pull {image}, so {what} cannot start.",
        "limit": f"The registry refuses {image} for now: too many pulls. {sentence(what)} waits for it.",
        "silent": f"The nodes cannot reach the registry of {image}, so {what} cannot start.",
        "name": f"{image or 'An image'} is not the name of an image, so {what} cannot start.",
        "unknown": f"The image {image} cannot be pulled, so {what} cannot start.",
    }[kind]
    return Finding(
        code=f"image-{kind}",
        weight=Weight.BROKEN,
        cause=cause,
        evidence=(Evidence(several(pods), told),),
        steps=_steps(snapshot, kind, image, service),
        runbook=RUNBOOK,
        about=names(pods),
    )


def _steps(snapshot: ReleaseSnapshot, kind: str, image: str, service: str) -> tuple[str, ...]:
    match kind:
        case "missing" | "name":
            return (
                f"Push {tag_of(image)} to that registry, or name a tag that is there:",
                upgrade(snapshot, f"{service}.image.tag=TAG"),
                "or go back to the revision before:",
                rollback(snapshot),
            )
        case "auth":
            return (
                "Make a pull secret for that registry, and name it in the values:",
                kubectl(snapshot, "create secret docker-registry registry --docker-server=HOST --docker-username=NAME"),
                upgrade(snapshot, "'global.imagePullSecrets={registry}'"),
            )
        case "limit":
            return (
                "The kubelet tries again by itself. For good, copy the images to a registry of yours:",
                upgrade(snapshot, "global.imageRegistry=HOST/PATH"),
            )
    return ("See what the node says, then try the same pull from it:", kubectl(snapshot, "get events --types=Warning"))
