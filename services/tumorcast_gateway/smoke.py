"""Ask a running gateway whether it answers: ``python -m tumorcast_gateway.smoke URL``, what ``helm test`` runs.

It waits until the services that are needed are there (``GET /readyz``), then asks for the prognosis of a patient who
never lived: a lab of a FHIR record (clinical), a note (notes), labs given as features, the simulated model (fusion).
Images are left out, so that imaging is asked for its health only. The answer is kept as of an anonymous patient.
Where callers sign in and no token is given, it is tried instead whether a stranger is refused.
"""

from __future__ import annotations

import argparse
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

WAIT_S, AGAIN_S, CALL_S = 120.0, 1.0, 30.0
SERVING = "SERVING"
ALBUMIN = {"system": "http://loinc.org", "code": "1751-7"}
DAY = "2026-01-05"


class SmokeError(Exception):
    """The release does not do what it should; the text says what."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to ask, and of whom."""

    url: str
    needs: tuple[str, ...] = ()
    callers: str = "anyone"
    token: Path | None = None
    certificate: Path | None = None
    host: str = ""
    model: str = "simulated"
    wait_s: float = WAIT_S
    tell: Callable[[str], object] = field(default=lambda line: sys.stdout.write(f"{line}\n"))


def query(needs: tuple[str, ...], model: str) -> dict[str, Any]:
    """A query that needs each of the services, as far as that takes no images."""
    body: dict[str, Any] = {
        "model": model,
        "features": [
            {"name": "lactate_dehydrogenase", "number": 250.0, "unit": "U/L", "effective": DAY},
            {"name": "hemoglobin", "number": 12.5, "unit": "g/dL", "effective": DAY},
        ],
    }
    if "clinical" in needs:
        lab = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [ALBUMIN]},
            "effectiveDateTime": DAY,
            "valueQuantity": {"value": 3.8, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
        }
        body["fhir"] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": lab}]}
    if "notes" in needs:
        text = "HISTORY: Free of pain. EXAM: No evidence of ascites."
        body["documents"] = [{"id": "visit", "date": DAY, "text": text}]
    return body


def smoke(asked: Asked) -> None:
    """Ask, and tell what was found; raises ``SmokeError``."""
    headers = {"host": asked.host} if asked.host else {}
    if asked.token:
        headers["authorization"] = f"Bearer {asked.token.read_text(encoding='utf-8').strip()}"
    trust = pinned(asked.certificate) if asked.certificate else True
    with httpx.Client(base_url=asked.url, verify=trust, trust_env=False, headers=headers, timeout=CALL_S) as http:
        if asked.callers == "certificate":
            _refuses_who_shows_no_certificate(http, asked)
            return
        _wait(http, asked)
        if asked.callers == "sign-in" and not asked.token:
            _refuses_a_stranger(http, asked)
        else:
            _answers(http, asked)


def pinned(certificate: Path) -> ssl.SSLContext:
    """Trust the server that has this very certificate, under whatever name it is reached."""
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _wait(http: httpx.Client, asked: Asked) -> None:
    """Until every service that is needed serves."""
    until = time.monotonic() + asked.wait_s
    while True:
        found = _services(http)
        missing = [name for name in ("store", "fusion", *asked.needs) if found.get(name) != SERVING]
        if not missing or time.monotonic() > until:
            break
        time.sleep(AGAIN_S)
    for name, state in sorted(found.items()):
        asked.tell(f"{name:<10}{state}")
    if missing:
        raise SmokeError(f"{', '.join(dict.fromkeys(missing))}: not serving after {asked.wait_s:.0f} s")


def _services(http: httpx.Client) -> dict[str, str]:
    try:
        return dict(http.get("/readyz").json()["services"])
    except httpx.TransportError as e:
        return {"gateway": f"UNREACHABLE ({type(e).__name__})"}
    except (ValueError, KeyError, TypeError):
        return {"gateway": "does not answer as a gateway does"}


def _answers(http: httpx.Client, asked: Asked) -> None:
    began = time.monotonic()
    answer = _post(http, query(asked.needs, asked.model))
    document = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
    if answer.status_code not in (200, 201):
        raise SmokeError(f"a prognosis was refused: {answer.status_code} {document.get('code', '')}".rstrip())
    errors = [issue["code"] for issue in document["issues"] if issue["severity"] == "error"]
    if errors:
        raise SmokeError(f"the answer is narrower than it should be: {', '.join(errors)}")
    used = [group["group"] for group in document["inputs"] if group["status"] == "used"]
    name = f"{document['model']['name']} {document['model']['version']}"
    asked.tell(f"prognosis of {name} from {', '.join(used)} in {1000 * (time.monotonic() - began):.0f} ms")


def _refuses_a_stranger(http: httpx.Client, asked: Asked) -> None:
    status = _post(http, query((), asked.model)).status_code
    if status != httpx.codes.UNAUTHORIZED:
        raise SmokeError(f"a caller without a token was answered {status}, not 401")
    asked.tell("a caller without a token is refused; without one of ours, no prognosis was asked for")


def _refuses_who_shows_no_certificate(http: httpx.Client, asked: Asked) -> None:
    until = time.monotonic() + asked.wait_s
    while True:
        try:
            raise SmokeError(f"a caller without a certificate was answered {http.get('/readyz').status_code}")
        except httpx.ConnectError as e:
            if isinstance(e.__cause__.__cause__ if e.__cause__ else None, ssl.SSLError):
                break
            if time.monotonic() > until:
                raise SmokeError(f"no connection after {asked.wait_s:.0f} s") from e
        except (httpx.ReadError, httpx.RemoteProtocolError):  # TLS 1.3: refused after the handshake
            break
        time.sleep(AGAIN_S)
    asked.tell("a caller without a certificate is refused; no more was asked")


def _post(http: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    try:
        return http.post("/v1/prognoses", json=body)
    except httpx.TransportError as e:
        raise SmokeError(f"the connection broke off ({type(e).__name__})") from e


def main() -> None:
    """Read the command line and ask; the exit status is 1 where something is amiss."""
    parser = argparse.ArgumentParser(prog="tumorcast_gateway.smoke", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="the REST door, e.g. http://tumorcast-gateway:8080")
    parser.add_argument("--needs", action="append", default=[], help="a service that must be there; may be repeated")
    parser.add_argument("--callers", choices=("anyone", "sign-in", "certificate"), default="anyone")
    parser.add_argument("--token", type=Path, help="file with a bearer token")
    parser.add_argument("--certificate", type=Path, help="the door's own certificate, PEM, by which it is known")
    parser.add_argument("--host", default="", help="Host header, where the gateway answers under certain names only")
    parser.add_argument("--model", default="simulated")
    parser.add_argument("--wait-s", type=float, default=WAIT_S, help="how long services may take to be there")
    told = vars(parser.parse_args())
    try:
        smoke(Asked(**{**told, "needs": tuple(told["needs"])}))
    except SmokeError as e:
        sys.exit(f"FAILED: {e}")
    except OSError as e:
        sys.exit(f"FAILED: a file cannot be read ({type(e).__name__})")
    sys.stdout.write("PASSED\n")


if __name__ == "__main__":
    main()
