"""Answers of the Kubernetes API → plain dicts, or one of our errors that says what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tumorcast_core.errors import (
    ClusterConflict,
    ClusterForbidden,
    ClusterKindNotFound,
    ClusterObjectNotFound,
    ClusterRefused,
    ClusterUnavailable,
    PayloadTooLarge,
    ResourceExhausted,
    TumorcastError,
    Unauthenticated,
)
from tumorcast_platform.cluster.kinds import Kind


class Gone(Exception):  # noqa: N818
    """The answer 410: a continue token or a resource version is too old; list again."""


def document_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; raises ``ClusterUnavailable`` for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise ClusterUnavailable("The Kubernetes API gave an answer that is not JSON.") from e
    if not isinstance(document, dict):
        raise ClusterUnavailable("The Kubernetes API gave an answer that is no object.")
    return document


def reason_in(body: bytes) -> str:
    """The message of a ``Status`` (or of a plain text), in one line of at most 300 characters; may be empty."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
        if isinstance(document, dict):
            text = str(document.get("message") or document.get("reason") or "")
    except (ValueError, RecursionError):
        pass
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"


def failure(status: int, body: bytes, *, verb: str, kind: Kind, name: str, namespace: str) -> TumorcastError:
    """The error of an answer that is no success; ``verb`` as in a Role (get, list, patch …)."""
    told = reason_in(body)
    what = f"{kind.full_name} {name}".strip()
    where = f"namespace {namespace}" if kind.namespaced else "the cluster"
    match status:
        case 401:
            return Unauthenticated("The cluster does not know who you are: the kubeconfig's credentials have expired.")
        case 403:
            return ClusterForbidden(_forbidden(verb, kind, namespace, told))
        case 404 if name:
            return ClusterObjectNotFound(f"There is no {what} in {where}.")
        case 404:
            return ClusterKindNotFound(f"The cluster has no {kind.full_name}: what brings them is not installed.")
        case 409:
            return ClusterConflict(f"{what} was changed by somebody else, or exists: {told}")
        case 413:
            return PayloadTooLarge(f"The Kubernetes API takes no object of that size: {what}.")
        case 429:
            return ResourceExhausted("The Kubernetes API asks for patience (429), and still did at the last try.")
        case _ if 400 <= status < 500:
            return ClusterRefused(f"The Kubernetes API refuses to {verb} {what}: {told or f'status {status}'}")
    return ClusterUnavailable(f"The Kubernetes API failed with status {status}: {told or 'no reason given'}")


def _forbidden(verb: str, kind: Kind, namespace: str, told: str) -> str:
    """What would allow it; for a change also what the API says, since quotas and admission policies answer 403, too."""
    if verb in ("create", "patch", "delete") and told and " cannot " not in told:
        return f"The cluster refuses to {verb} it: {told}"
    role = "Role" if kind.namespaced else "ClusterRole"
    where = f" in namespace {namespace}" if kind.namespaced else ""
    rule = f'{{apiGroups: ["{kind.group}"], resources: ["{kind.plural}"], verbs: ["{verb}"]}}'
    return f"You may not {verb} {kind.full_name}{where}. A {role} with the rule {rule} would allow it."


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header; none where there is none or it is a date."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None
