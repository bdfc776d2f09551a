"""The token endpoint of SMART Backend Services, with assertions really verified (SMART App Launch 2.x, RFC 7523).

It shares no code with the client under test: JWTs are cut and verified with ``cryptography`` alone.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP384R1())


def write_pem(key: PrivateKey, path: Path) -> Path:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    return path


def jwk(key: PrivateKey, kid: str) -> dict[str, str]:
    """A private JWK (RFC 7518 section 6)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = key.private_numbers()
        point = numbers.public_numbers
        parts = {"x": point.x, "y": point.y, "d": numbers.private_value}
        return {"kty": "EC", "crv": "P-384", "kid": kid} | {k: _encoded(v, 48) for k, v in parts.items()}
    secret = key.private_numbers()
    public = secret.public_numbers
    parts = {"n": public.n, "e": public.e, "d": secret.d, "p": secret.p, "q": secret.q}
    parts |= {"dp": secret.dmp1, "dq": secret.dmq1, "qi": secret.iqmp}
    return {"kty": "RSA", "kid": kid} | {k: _encoded(v, (v.bit_length() + 7) // 8) for k, v in parts.items()}


@dataclass
class Smart:
    """Who may have tokens, which ones there are, and why the last request was refused."""

    keys: dict[str, PrivateKey]
    """Private keys by ``kid``; only their public halves are used."""
    client_id: str = "tumorcast"
    scope: str = "system/*.rs"
    expires_in: int | None = 300
    token_url: str = ""
    """What discovery names; filled in by the server."""
    issued: list[str] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""

    def grant(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and answer to a token request (RFC 6749 sections 5.1 and 5.2)."""
        try:
            self._check(form)
        except (AssertionError, InvalidSignature, LookupError, ValueError) as e:
            self.refusal = str(e) or type(e).__name__
            return 400, {"error": "invalid_client"}
        token = secrets.token_urlsafe(24)
        self.issued.append(token)
        self.good.add(token)
        answer = {"access_token": token, "token_type": "bearer", "scope": self.scope}
        return 200, answer | ({} if self.expires_in is None else {"expires_in": self.expires_in})

    def _check(self, form: dict[str, str]) -> None:
        assert form["grant_type"] == "client_credentials", "grant_type"
        assert form["client_assertion_type"] == _ASSERTION, "client_assertion_type"
        assert form["scope"] == self.scope, "scope"
        header, claims = self._verified(form["client_assertion"])
        assert header.get("typ") == "JWT", "typ"
        assert claims["iss"] == claims["sub"] == self.client_id, "iss and sub"
        assert claims["aud"] == self.token_url, "aud"
        assert time.time() < claims["exp"] <= time.time() + 300, "exp"
        assert claims["jti"] not in {earlier["jti"] for earlier in self.assertions}, "jti"
        self.assertions.append(claims)

    def _verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        signed, _, signature = token.rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        public = self.keys[header["kid"]].public_key()
        if isinstance(public, rsa.RSAPublicKey):
            assert header["alg"] == "RS384", "alg"
            public.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA384())
        else:
            assert header["alg"] == "ES384", "alg"
            raw = _decoded(signature)
            numbers = (int.from_bytes(raw[:48]), int.from_bytes(raw[48:]))
            public.verify(encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA384()))
        return header, claims


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size)).rstrip(b"=").decode()
