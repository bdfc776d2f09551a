"""Signs that a network policy stands between two things; a suspicion, and told as one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl
from tumorcast_platform.cluster.reading import name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

_NAMES = re.compile(
    r"(?i)temporary failure in name resolution|dns resolution failed|could not (?:resolve|contact dns)|"
    r"name or service not known|no such host"
)
_SILENCE = re.compile(r"(?i)connection timed out|connect(?:ion)? timeout|i/o timeout|network is unreachable|errno 110")


def network_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """At most one finding: names that cannot be resolved, or connections that are swallowed."""
    policies = snapshot.of("NetworkPolicy")
    if not policies:
        return
    for pattern, cause, first in (
        (_NAMES, "Names are not resolved. A network policy may keep the pods from the cluster's DNS.",
         "The policies let pods ask what global.networkPolicy.dns names; see whether the cluster's DNS is there:"),
        (_SILENCE, "Connections are swallowed. A network policy may stand between.",
         "What pods may reach beside one another stands in network.allowTo of the values:"),
    ):  # fmt: skip
        for log in snapshot.logs:
            line = next((line for line in reversed(log.lines) if pattern.search(line)), "")
            if line:
                yield Finding(
                    code="network-policy-suspected",
                    weight=Weight.WORSE,
                    cause=cause,
                    evidence=(Evidence(f"Log of {log.pod}", line), Evidence("NetworkPolicies", _some(snapshot))),
                    steps=(first, "$ kubectl get pods --all-namespaces --selector=k8s-app=kube-dns"
                           if pattern is _NAMES else kubectl(snapshot, "describe networkpolicies")),
                    runbook="service-down",
                    about=frozenset({log.pod}),
                )  # fmt: skip
                return


def _some(snapshot: ReleaseSnapshot) -> str:
    egress = [name_of(p) for p in snapshot.of("NetworkPolicy") if "Egress" in str(p.get("spec"))]
    shown = ", ".join(sorted(egress)[:4])
    kinds = text(snapshot.of("NetworkPolicy")[0], "kind")
    return f"{shown or kinds} limit what goes out"
