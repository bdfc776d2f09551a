"""An OpenID provider on loopback: real keys, tokens signed by ``cryptography`` alone, discovery, rotation, outages.

with served_issuer() as issuer:
    issuer.token(scope="patient/*.rs", patient="p1")
"""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
AUDIENCE = "https://tumorcast.example.org"
_CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}
_HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}

RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
EC384_KEY = ec.generate_private_key(ec.SECP384R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, size: int = 0) -> str:
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8))


def public_jwk(key: PrivateKey, kid: str | None, **others: Any) -> dict[str, Any]:
    """A public JWK (RFC 7518 section 6, RFC 8037)."""
    found: dict[str, Any] = {"use": "sig"} | ({} if kid is None else {"kid": kid})
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        found |= {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        found |= {"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_key().public_bytes_raw())}
    else:
        name, size = _CURVES[key.curve.name]
        point = key.public_key().public_numbers()
        found |= {"kty": "EC", "crv": name, "x": _number(point.x, size), "y": _number(point.y, size)}
    return found | others


def signature(algorithm: str, key: Any, data: bytes) -> bytes:
    """RFC 7518 section 3; of ``none`` there is none, of ``HS256`` the key is the secret's bytes."""
    if algorithm == "none":
        return b""
    if algorithm == "EdDSA":
        return bytes(key.sign(data))
    kind = _HASHES[algorithm[2:]]()
    match algorithm[:2]:
        case "HS":
            return hmac.new(key, data, f"sha{algorithm[2:]}").digest()
        case "RS":
            return bytes(key.sign(data, padding.PKCS1v15(), kind))
        case "PS":
            return bytes(key.sign(data, padding.PSS(padding.MGF1(kind), kind.digest_size), kind))
        case _:
            size = _CURVES[key.curve.name][1]
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(kind)))
            return r.to_bytes(size) + s.to_bytes(size)


def jwt_of(header: Any, claims: Any, key: Any, algorithm: str) -> str:
    """A compact JWS of whatever stands in it."""
    parts = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{parts}.{encoded(signature(algorithm, key, parts.encode()))}"


@dataclass
class Issuer:
    """Who it is, its keys, how it answers; a test changes either at any time."""

    url: str = "https://login.example.org/realms/ward"
    keys: dict[str, tuple[PrivateKey, str]] = field(default_factory=lambda: {"k1": (RSA_KEY, "RS256")})
    """``kid`` → key and algorithm."""
    extra_jwks: list[Any] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    """What discovery says otherwise."""
    down: bool = False
    requests: list[str] = field(default_factory=list)

    def jwks(self) -> dict[str, Any]:
        return {"keys": [*self.extra_jwks, *(public_jwk(key, kid) for kid, (key, _) in self.keys.items())]}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Of a good token; ``None`` takes a claim away."""
        now = int(time.time())
        good = {
            "iss": self.url, "sub": "user-1", "aud": AUDIENCE, "exp": now + 300, "iat": now, "azp": "app-1",
            "scope": "openid user/*.rs",
        }  # fmt: skip
        return {name: value for name, value in (good | changed).items() if value is not None}

    def token(
        self,
        *,
        kid: str | None = "k1",
        header: dict[str, Any] | None = None,
        key: Any = None,
        alg: str = "",
        **claims: Any,
    ) -> str:
        """A token, good unless changed."""
        own, own_alg = self.keys.get(kid or "", (RSA_KEY, "RS256"))
        alg = alg or own_alg
        head = {"alg": alg, "typ": "at+jwt", "kid": kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return jwt_of(head, self.claims(**claims), own if key is None else key, alg)

    def bearer(self, **how: Any) -> dict[str, str]:
        """The header with a token."""
        return {"Authorization": f"Bearer {self.token(**how)}"}


@contextmanager
def served_issuer(**how: Any) -> Iterator[Issuer]:
    """An issuer that answers at ``url`` in a thread."""
    port = _free_port()
    issuer = Issuer(url=f"http://127.0.0.1:{port}/realms/ward", **how)

    async def configuration(request: Request) -> Response:
        issuer.requests.append("configuration")
        told = {
            "issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys", "authorization_endpoint": f"{issuer.url}/auth",
            "token_endpoint": f"{issuer.url}/token", "grant_types_supported": ["authorization_code"],
        }  # fmt: skip
        return JSONResponse(told | issuer.document, 503 if issuer.down else 200)

    async def keys(request: Request) -> Response:
        issuer.requests.append("keys")
        return JSONResponse(issuer.jwks(), 503 if issuer.down else 200)

    routes = [
        Route("/realms/ward/.well-known/openid-configuration", configuration),
        Route("/realms/ward/keys", keys),
    ]
    config = uvicorn.Config(Starlette(routes=routes), port=port, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield issuer
    finally:
        server.should_exit = True
        thread.join()


def hmac_of_public_key(key: rsa.RSAPrivateKey) -> bytes:
    """The public key as the secret of an HMAC, as in the confusion of RS256 with HS256."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
