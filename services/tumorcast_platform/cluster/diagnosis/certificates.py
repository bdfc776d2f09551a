"""Certificates of the release that are not issued, have expired, or soon will."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import one_line
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl
from tumorcast_platform.cluster.reading import Object, condition, duration, name_of, seconds_between, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

SOON_S = 7 * 86_400.0
_REFUSED = re.compile(r"(?i)certificate[_ ]verify[_ ]failed|certificate has expired|bad certificate|unknown ca\b")


def certificate_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each Certificate that is not in order, and one for handshakes that fail."""
    for certificate in snapshot.of("Certificate"):
        yield from _certificate(snapshot, certificate)
    for log in snapshot.logs:
        if line := next((line for line in log.lines if _REFUSED.search(line)), ""):
            yield Finding(
                code="certificate-refused",
                weight=Weight.BROKEN,
                cause="A certificate is not accepted between services or towards another host.",
                evidence=(Evidence(f"Log of {log.pod}", line),),
                steps=("See the certificates of the release and until when they are good:",
                       kubectl(snapshot, f"get certificates --selector=app.kubernetes.io/instance={snapshot.release}")),
                runbook="certificates",
                about=frozenset({log.pod}),
            )  # fmt: skip
            return


def _certificate(snapshot: ReleaseSnapshot, certificate: Object) -> Iterator[Finding]:
    name, ready = name_of(certificate), condition(certificate, "Ready")
    left = seconds_between(snapshot.taken_at, text(certificate, "status", "notAfter"))
    if left is not None and left <= 0:
        code, weight, cause = "certificate-expired", Weight.BROKEN, f"The certificate {name} has expired."
        told = f"notAfter {text(certificate, 'status', 'notAfter')}"
    elif ready.get("status") != "True":
        code, weight = "certificate-not-ready", Weight.BROKEN if left is None else Weight.WORSE
        cause = f"The certificate {name} is not issued." if left is None else f"The certificate {name} is not renewed."
        told = text(ready, "message") or "cert-manager has not looked at it"
    elif left is not None and left < SOON_S and _renewal_is_late(snapshot, certificate):
        code, weight = "certificate-expires", Weight.WORSE
        cause = f"The certificate {name} expires in {duration(left)} and was not renewed when it should have been."
        told = f"renewalTime {text(certificate, 'status', 'renewalTime')}"
    else:
        return
    yield Finding(
        code=code,
        weight=weight,
        cause=cause,
        evidence=(Evidence(f"Certificate {name}", one_line(told)),),
        steps=("See what keeps cert-manager from it:", kubectl(snapshot, f"describe certificate {name}"),
               kubectl(snapshot, "get certificaterequests,orders,challenges")),
        runbook="certificates",
        about=frozenset({name}),
    )  # fmt: skip


def _renewal_is_late(snapshot: ReleaseSnapshot, certificate: Object) -> bool:
    late = seconds_between(text(certificate, "status", "renewalTime"), snapshot.taken_at)
    return late is not None and late > 3600
