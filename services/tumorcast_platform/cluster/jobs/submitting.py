"""A job made on the cluster, with the image of the release and a policy that lives as long as the job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tumorcast_core.errors import (
    ClusterKindNotFound,
    ClusterObjectNotFound,
    ClusterUnavailable,
    InvalidInput,
    TumorcastError,
)
from tumorcast_platform.cluster.jobs.manifests import Terms, manifest, network_policy
from tumorcast_platform.cluster.jobs.work import Work, checked_name, new_name

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

IMAGE = "tumorcast-training"
_AMOUNT = re.compile(r"[1-9][0-9]*([KMGT]i)?")
_IMAGE_OF_FUSION = re.compile(r"(?P<before>(?:.*/)?)tumorcast-fusion(?P<after>[:@].*)?")


def image_of_release(cluster: Cluster, release: str) -> tuple[str, list[str]]:
    """The jobs' image beside that of the release's fusion, of the same version, and the secrets to pull it with.

    Raises ``InvalidInput`` where it cannot be told: give --image.
    """
    try:
        pod = cluster.get("Deployment", f"{release}-fusion")["spec"]["template"]["spec"]
    except ClusterObjectNotFound as e:
        raise InvalidInput(f"There is no release {release} to take the image from: give --image.") from e
    image = jobs_image(str(pod["containers"][0]["image"]))
    return image, [str(secret["name"]) for secret in pod.get("imagePullSecrets") or ()]


def jobs_image(fusion: str) -> str:
    """The jobs' image in the same registry and of the same tag as fusion's; raises ``InvalidInput``.

    >>> jobs_image("registry.example.org:5000/ward/tumorcast-fusion:0.1.0")
    'registry.example.org:5000/ward/tumorcast-training:0.1.0'
    """
    match = _IMAGE_OF_FUSION.fullmatch(fusion)
    if not match or (match["after"] or "").startswith("@"):
        raise InvalidInput(f"Fusion's image does not tell where {IMAGE} lies: give --image.")
    return f"{match['before']}{IMAGE}{match['after'] or ''}"


def submit(cluster: Cluster, work: Work, terms: Terms, *, shut_in: bool = True) -> None:
    """Make the job. The policy is there before it; it belongs to the job, and goes with it.

    Raises ``ClusterConflict`` where the name is taken, ``ClusterForbidden``, ``ClusterRefused``, and
    ``ClusterKindNotFound`` where KubeRay is not installed.
    """
    job = manifest(work, terms)
    if shut_in:
        cluster.create("NetworkPolicy", network_policy(work, terms))
    try:
        made = cluster.create(job["kind"], job)
    except TumorcastError as e:
        if shut_in and not isinstance(e, ClusterUnavailable):  # or the job may be there after all
            with suppress(TumorcastError):
                cluster.delete("NetworkPolicy", terms.name)
        if isinstance(e, ClusterObjectNotFound) and job["kind"] == "RayJob":
            raise ClusterKindNotFound(
                "The cluster has no RayJobs: KubeRay is not installed. --ray-workers 0 trains in one pod."
            ) from e
        raise
    if shut_in:
        owner = {"apiVersion": job["apiVersion"], "kind": job["kind"], "name": terms.name}
        owner["uid"] = made["metadata"].get("uid", "")
        with suppress(TumorcastError):  # the job runs; without an owner the policy goes with `jobs delete` only
            cluster.patch("NetworkPolicy", terms.name, {"metadata": {"ownerReferences": [owner]}})


def with_image(cluster: Cluster, terms: Terms) -> Terms:
    """The same terms with the release's image where none was given, and the secrets to pull it with."""
    if terms.image:
        return terms
    image, secrets = image_of_release(cluster, terms.release)
    return replace(terms, image=image, pull_secrets=tuple(terms.pull_secrets) or tuple(secrets))


def with_names(cluster: Cluster, terms: Terms) -> Terms:
    """The same terms with the release's rule about DNS, which may lie elsewhere or have a cache on each node."""
    try:
        policy = cluster.get("NetworkPolicy", f"{terms.release}-fusion")
    except TumorcastError:
        return terms
    rules = policy["spec"].get("egress") or ()
    found = [rule for rule in rules if any(port.get("protocol") == "UDP" for port in rule.get("ports") or ())]
    return replace(terms, names=found[0]) if found else terms


def terms_of(
    work: Work,
    release: str,
    name: str,
    image: str,
    pull_secrets: Sequence[str],
    *,
    cpus: int,
    memory: str,
    scratch: str,
    hours: float,
    days: float,
    retries: int,
    node_selector: Sequence[str],
) -> Terms:
    """The terms as the command's options say; raises ``InvalidInput``."""
    for amount in (memory, scratch):
        if not _AMOUNT.fullmatch(amount):
            raise InvalidInput("A size is a number with Ki, Mi, Gi or Ti, such as 8Gi.")
    pairs = [pair.partition("=") for pair in node_selector]
    if not all(key and separator for key, separator, _ in pairs):
        raise InvalidInput("A node selector is given as KEY=VALUE.")
    return Terms(
        checked_name(name) if name else new_name(release, work),
        release,
        image,
        tuple(pull_secrets),
        cpus,
        memory,
        scratch,
        int(hours * 3600),
        int(days * 86400),
        retries,
        {key: value for key, _, value in pairs},
    )
