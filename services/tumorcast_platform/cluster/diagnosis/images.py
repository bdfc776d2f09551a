"""Images that cannot be pulled: unknown tag, no permission, too many pulls, a registry that does not answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import events, left, note_of, one_line, still_serving
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
            found = stuck.setdefault(text(status, "image"), [])
            if text(status, "state", "waiting", "reason") in WAITING and pod not in found:
                found.append(pod)
    for image, pods in sorted((image, pods) for image, pods in stuck.items() if pods):
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
            if "pull image" in text(event, "note"):
                return one_line(_condensed(text(event, "note")))
    for pod in pods:
        for status in containers(pod):
            waiting = text(status, "state", "waiting", "message")
            if text(status, "image") == image and waiting:
                return one_line(_condensed(waiting))
    return "the kubelet gives no reason"


def _condensed(told: str) -> str:
    """The kubelet's message without the layers that it went through.

    >>> _condensed('failed to pull and unpack image "a:1": failed to resolve reference "a:1": a:1: not found')
    'a:1: not found'
    """
    layers = r"failed to (?:pull and unpack image|resolve reference|resolve image) \"[^\"]*\": "
    return re.sub(rf"{layers}|rpc error: code = \w+ desc = |Error response from daemon: ", "", told)


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
        weight=Weight.WORSE if left(snapshot, pods) else Weight.BROKEN,
        cause=f"{cause}{still_serving(snapshot, pods)}",
        evidence=(Evidence(several(pods), told), *_pull_secret(snapshot, pods)),
        steps=_steps(snapshot, kind, image, service),
        runbook=RUNBOOK,
        about=names(pods),
    )


def _pull_secret(snapshot: ReleaseSnapshot, pods: list[Object]) -> tuple[Evidence, ...]:
    """That a pull secret which the pod names is not there, which the kubelet tells in an event of its own."""
    for pod in pods:
        for event in events(snapshot, kind="Pod", name=name_of(pod), reason="FailedToRetrieveImagePullSecret"):
            return (Evidence(f"Pod {name_of(pod)}", note_of(event)),)
    return ()


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
    return ("See what the node says, then try the same pull from it:", kubectl(snapshot, "events --types=Warning"))
