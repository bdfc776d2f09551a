"""Which EHRs are let in (CDS Hooks 2.0, "Trusting CDS Clients"): by a signed token for this endpoint, once."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from support.cds import AT_ORDER, PUBLIC, Ehr, ehr_of, view
from support.gateway import Clinical, Fakes
from support.issuer import (
    EC384_KEY,
    OTHER_RSA_KEY,
    RSA_KEY,
    Issuer,
    hmac_of_public_key,
    jwt_of,
    public_jwk,
    served_issuer,
)
from tumorcast_core.snapshot import Extraction
from tumorcast_gateway.auth.cds_clients import of_patient
from tumorcast_gateway.model.caller import Caller
from tumorcast_gateway.settings import Settings

EHR, OTHER = "https://ehr.example.org", "https://other.example.net"
JKU = f"{EHR}/jwks.json"
SERVICE = "tumorcast-simulated-patient-view"
ENDPOINT = f"{PUBLIC}/cds-services/{SERVICE}"
OIDC = {
    "auth": "oidc", "oidc_issuers": ("https://login.example.org",), "oidc_audiences": (PUBLIC,), "tls_elsewhere": True,
    "cds_models": ("simulated",),
}  # fmt: skip


class Web:
    """What is fetched, by URL; remembers each request."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages, self.asked = pages, []

    async def get_json(self, url: str, *_: Any) -> Any:
        self.asked.append(url)
        return self.pages[url]

    async def close(self) -> None: ...


def quiet() -> Fakes:
    """Services that find nothing, so that a hook let in gets no card: 200."""
    return Fakes(clinical=Clinical(Extraction(patient_id="p1")))


def signed(
    alg: str = "ES384", key: Any = EC384_KEY, header: dict[str, Any] | None = None, **claims: Any
) -> dict[str, str]:
    """The headers of a good call unless changed; ``None`` takes away."""
    now = int(time.time())
    head = {"alg": alg, "typ": "JWT", "kid": "k1", "jku": JKU} | (header or {})
    good = {"iss": EHR, "aud": ENDPOINT, "exp": now + 300, "iat": now, "jti": str(uuid.uuid4()), "tenant": "ward-7"}
    parts = ({k: v for k, v in part.items() if v is not None} for part in (head, good | claims))
    return {"Authorization": f"Bearer {jwt_of(*parts, key, alg)}"}


@pytest.fixture
def at(tmp_path: Path) -> Callable[..., Any]:
    """Run a coroutine function with a client of a gateway that trusts ``EHR`` by URL and ``OTHER`` by file."""
    keys = tmp_path / "other.json"
    keys.write_text(json.dumps({"keys": [public_jwk(OTHER_RSA_KEY, "o1", alg="RS384")]}))
    jwks = {"keys": [public_jwk(EC384_KEY, "k1"), public_jwk(RSA_KEY, "r1")]}
    web = Web({JKU: jwks})

    def run(work: Callable[[Ehr], Awaitable[Any]], fakes: Fakes | None = None, **how: Any) -> Any:
        trust = {"public_url": PUBLIC, "cds_clients": {EHR: JKU, OTHER: str(keys)}}

        async def main() -> Any:
            async with ehr_of(tmp_path, fakes or quiet(), web, **OIDC | trust | how) as ehr:  # type: ignore[arg-type]
                return await work(ehr)

        return asyncio.run(main())

    run.web = web  # type: ignore[attr-defined]
    return run


@pytest.mark.parametrize(
    "headers",
    [
        lambda: signed(),
        lambda: signed("RS384", RSA_KEY, {"kid": "r1"}),
        lambda: signed(header={"jku": None}),
        lambda: signed(aud=[ENDPOINT]),
        lambda: signed(tenant=None),
        lambda: signed("RS384", OTHER_RSA_KEY, {"kid": "o1", "jku": None}, iss=OTHER),
    ],
)
def test_a_sound_token_is_let_in(at: Callable[..., Any], headers: Callable[[], dict[str, str]]):
    answer = at(lambda ehr: ehr.call(view(), SERVICE, **headers()))
    assert (answer.status_code, answer.json()) == (200, {"cards": []})


HEADERS = {
    "none at all": dict,
    "no bearer": lambda: {"Authorization": "Basic eDp5"},
    "unsigned": lambda: signed("none", None),
    "a symmetric signature with the public key": lambda: signed("HS256", hmac_of_public_key(RSA_KEY), {"kid": "r1"}),
    "another key under the same id": lambda: signed("RS384", OTHER_RSA_KEY, {"kid": "r1"}),
    "another EHR's key": lambda: signed("RS384", OTHER_RSA_KEY, {"kid": "o1"}),
    "another EHR's name": lambda: signed(iss=OTHER),
    "an unknown EHR": lambda: signed(iss="https://evil.example"),
    "keys of elsewhere": lambda: signed(header={"jku": "https://evil.example/jwks.json"}),
    "keys of the other EHR's jku": lambda: signed(header={"jku": f"{OTHER}/jwks.json"}),
    "keys within": lambda: signed(header={"jku": None, "kid": None, "jwk": public_jwk(EC384_KEY, None)}),
    "no key id": lambda: signed(header={"kid": None}),
    "another endpoint": lambda: signed(aud=f"{PUBLIC}/cds-services/{AT_ORDER}"),
    "the whole server": lambda: signed(aud=PUBLIC),
    "discovery": lambda: signed(aud=f"{PUBLIC}/cds-services"),
    "the feedback of it": lambda: signed(aud=f"{ENDPOINT}/feedback"),
    "an endpoint with more after it": lambda: signed(aud=f"{ENDPOINT}/"),
    "no audience": lambda: signed(aud=None),
    "an expired one": lambda: signed(exp=int(time.time()) - 60),
    "no end": lambda: signed(exp=None),
    "good for too long": lambda: signed(exp=int(time.time()) + 3600),
    "not yet made": lambda: signed(iat=int(time.time()) + 3600),
    "never made": lambda: signed(iat=None),
    "no jti": lambda: signed(jti=None),
    "an empty jti": lambda: signed(jti=""),
    "a jti that is no text": lambda: signed(jti=7),
    "a jti without end": lambda: signed(jti="x" * 513),
    "an access token": lambda: Issuer(url=EHR, keys={"k1": (EC384_KEY, "ES384")}).bearer(aud=PUBLIC, jti="x"),
    "an ID token": lambda: signed(nonce="x"),
    "critical extensions": lambda: signed(header={"crit": ["b64"], "b64": False}),
    "two tokens in one": lambda: {"Authorization": signed()["Authorization"] + ", " + signed()["Authorization"]},
}


@pytest.mark.parametrize("which", HEADERS)
def test_an_unsound_token_is_not(at: Callable[..., Any], which: str):
    answer = at(lambda ehr: ehr.call(view(), SERVICE, **HEADERS[which]()))
    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] in ("UNAUTHENTICATED", "INVALID_TOKEN", "TOKEN_EXPIRED")
    assert "evil" not in answer.text
    assert set(at.web.asked) <= {JKU}  # type: ignore[attr-defined]


def test_keys_are_fetched_where_the_settings_say_and_follow_their_rotation(tmp_path: Path):
    """Over sockets: the allow-list of what goes out knows the hosts in ``cds_clients``."""

    async def work(ehr: Ehr, issuer: Issuer) -> None:
        def headers(kid: str, key: Any) -> dict[str, str]:
            return signed(key=key, header={"kid": kid, "jku": f"{issuer.url}/keys"}, iss=issuer.url)

        assert (await ehr.call(view(), SERVICE, **headers("k1", EC384_KEY))).status_code == 200
        rotated = ec.generate_private_key(ec.SECP384R1())
        issuer.keys = {"k2": (rotated, "ES384")}
        await asyncio.sleep(1.1)
        assert (await ehr.call(view(), SERVICE, **headers("k2", rotated))).status_code == 200
        assert (await ehr.call(view(), SERVICE, **headers("k1", EC384_KEY))).status_code == 401

    async def main() -> None:
        trust = {"public_url": PUBLIC, "cds_clients": {issuer.url: f"{issuer.url}/keys"}, "oidc_refetch_s": 1.0}
        async with ehr_of(tmp_path, quiet(), **OIDC | trust) as ehr:  # type: ignore[arg-type]
            await work(ehr, issuer)

    with served_issuer(keys={"k1": (EC384_KEY, "ES384")}) as issuer:
        asyncio.run(main())


def test_a_token_counts_once_also_after_a_restart(at: Callable[..., Any]):
    headers = signed()

    async def twice(ehr: Ehr) -> list[int]:
        return [(await ehr.call(view(), SERVICE, **headers)).status_code for _ in range(2)]

    assert at(twice) == [200, 401]
    assert at(twice) == [401, 401]


def test_of_many_at_once_one_token_counts_once(at: Callable[..., Any]):
    headers = signed()

    async def many(ehr: Ehr) -> list[int]:
        answers = await asyncio.gather(*(ehr.call(view(), SERVICE, **headers) for _ in range(8)))
        return sorted(answer.status_code for answer in answers)

    assert at(many) == [200] + [401] * 7


def test_the_same_jti_of_two_ehrs_is_two_tokens(at: Callable[..., Any]):
    async def both(ehr: Ehr) -> list[int]:
        ours = signed(jti="1")
        theirs = signed("RS384", OTHER_RSA_KEY, {"kid": "o1", "jku": None}, iss=OTHER, jti="1")
        return [(await ehr.call(view(), SERVICE, **headers)).status_code for headers in (ours, theirs)]

    assert at(both) == [200, 200]


def test_a_forged_token_does_not_use_up_the_jti_of_a_sound_one(at: Callable[..., Any]):
    async def forged_first(ehr: Ehr) -> list[int]:
        forged = signed("RS384", OTHER_RSA_KEY, {"kid": "r1"}, jti="1")
        return [(await ehr.call(view(), SERVICE, **headers)).status_code for headers in (forged, signed(jti="1"))]

    assert at(forged_first) == [401, 200]


def test_the_body_is_not_read_before_the_token(at: Callable[..., Any]):
    assert at(lambda ehr: ehr.call(b"{", SERVICE)).status_code == 401


@pytest.mark.parametrize("aud", [ENDPOINT, f"{ENDPOINT}/feedback"])
def test_feedback_needs_a_token_too(at: Callable[..., Any], aud: str):
    entry = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-03-04T12:00:00Z"}

    async def work(ehr: Ehr) -> list[int]:
        without = await ehr.feedback(entry, service=SERVICE)
        with_one = await ehr.feedback(entry, service=SERVICE, **signed(aud=aud))
        return [without.status_code, with_one.status_code]

    assert at(work) == [401, 404]


def test_discovery_needs_none(at: Callable[..., Any]):
    assert [s["id"] for s in at(lambda ehr: ehr.discovery())] == [SERVICE]


def test_without_ehrs_an_authenticated_gateway_has_no_hooks(at: Callable[..., Any]):
    assert at(lambda ehr: ehr.discovery(), cds_clients={}) == []
    assert at(lambda ehr: ehr.call(view(), SERVICE, **signed()), cds_clients={}).status_code == 404


def test_guesses_are_told_so_often_and_sound_tokens_go_on(at: Callable[..., Any]):
    async def work(ehr: Ehr) -> None:
        answers = [(await ehr.call(view(), SERVICE, **signed(iss="x"))).status_code for _ in range(4)]
        assert answers == [401, 401, 429, 429]
        assert (await ehr.call(view(), SERVICE, **signed())).status_code == 200

    at(work, failures_per_minute=2)


def test_one_ehr_calls_so_often(at: Callable[..., Any]):
    async def work(ehr: Ehr) -> list[int]:
        return [(await ehr.call(view(), SERVICE, **signed())).status_code for _ in range(3)]

    assert at(work, rate_per_minute=2) == [200, 200, 429]


# The example of CDS Hooks 2.0, "JWT Signing Algorithm": its public key and the claims in its token.
SPEC_KEY = {
    "kty": "EC", "use": "sig", "crv": "P-384", "kid": "example-kid", "alg": "ES384",
    "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
    "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
}  # fmt: skip
SPEC_CLAIMS = (
    "eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIsImF1ZCI6Imh0dHBzOi8vY2RzLmV4YW1wbGUub3JnL2Nkcy1zZXJ2aWNlcy9z"
    "b21lLXNlcnZpY2UiLCJleHAiOjE0MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJhNWItOGVlYzZh"
    "MzNhYzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEyIn0"
)
SPEC_HEADER = (
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9maGlyLWVoci5leGFtcGxlLmNvbS9q"
    "d2tfdXJpIn0"
)
SPEC_SIGNATURE = (
    "d1WfLjGRKlcWB94l9do4cM8REXeYJLL6SGUBO8VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx5p7oPFm2ETYgCicS84vXWEIYTdjooZdooCSD"
    "f2L8-i4awdoUwiEb"
)


def test_the_token_of_the_specification_is_over_and_its_signature_is_known(at: Callable[..., Any]):
    """Its end is looked at after its signature: a flipped bit makes it invalid, not over."""
    issuer, where = "https://fhir-ehr.example.com/", "https://fhir-ehr.example.com/jwk_uri"
    at.web.pages[where] = {"keys": [SPEC_KEY]}  # type: ignore[attr-defined]
    flipped = SPEC_SIGNATURE.replace("d1Wf", "d1We")

    async def work(ehr: Ehr) -> list[str]:
        tokens = (f"{SPEC_HEADER}.{SPEC_CLAIMS}.{signature}" for signature in (SPEC_SIGNATURE, flipped))
        answers = [await ehr.call(view(), SERVICE, Authorization=f"Bearer {token}") for token in tokens]
        return [answer.json()["code"] for answer in answers]

    assert at(work, cds_clients={issuer: where}) == ["TOKEN_EXPIRED", "INVALID_TOKEN"]


@pytest.mark.parametrize(
    ("user", "subject"),
    [("Practitioner/17", "Practitioner/17"), ("PractitionerRole/9", "PractitionerRole/9"), ("Patient/p1", "Patient"),
     ("RelatedPerson/r1", "RelatedPerson"), ("", EHR)],
)  # fmt: skip
def test_the_audit_log_names_practitioners_and_no_patients(user: str, subject: str):
    caller = of_patient(Caller(EHR, "ward-7", EHR), "p1", user)
    assert (caller.subject, caller.client_id, caller.patient_id) == (subject, "ward-7", "p1")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"cds_clients": {EHR: JKU}}, "public_url"),
        ({"cds_clients": {EHR: "http://ehr.example.org/jwks"}, "public_url": PUBLIC}, "https"),
        ({"public_url": "http://tumorcast.example.org"}, "https"),
        ({"public_url": f"{PUBLIC}/"}, "slash"),
        ({"cds_smart_url": "javascript:alert(1)"}, "https"),
    ],
)
def test_settings_that_could_not_work_are_refused(settings: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        Settings(**settings)
