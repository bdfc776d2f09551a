"""The private key that SMART Backend Services know this client by."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_LIFE_S = 240
"""SMART App Launch 2.x, client-confidential-asymmetric: ``exp`` no more than five minutes ahead."""
_MIN_RSA_BITS = 2048

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key for RS384, or a P-384 key for ES384, with its ``kid`` if it has one."""

    key: PrivateKey = field(repr=False)
    algorithm: str
    key_id: str = ""

    @classmethod
    def load(cls, path: Path, key_id: str = "") -> SigningKey:
        """Read a PEM, JWK or JWK Set file; of a set the key named ``key_id``, or its only private one.

        Raises ``ValueError`` for a file without such a key and ``OSError`` for one that cannot be read.
        """
        data = path.read_bytes()
        try:
            if data.lstrip().startswith(b"{"):
                jwk = _jwk(json.loads(data), key_id)
                algorithm = "ES384" if jwk["kty"] == "EC" else "RS384"
                return cls._of(jwt.PyJWK.from_dict(jwk, algorithm).key, key_id or str(jwk.get("kid") or ""))
            return cls._of(load_pem_private_key(data, None), key_id)
        except (ValueError, TypeError, LookupError, AttributeError, UnsupportedAlgorithm, jwt.PyJWTError) as e:
            raise ValueError("the SMART key file holds no usable private RSA or P-384 key") from e

    @classmethod
    def _of(cls, key: object, key_id: str) -> SigningKey:
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
            return cls(key, "RS384", key_id)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1):
            return cls(key, "ES384", key_id)
        raise ValueError

    def assertion(self, client_id: str, token_url: str) -> str:
        """A JWT that says who asks (SMART App Launch 2.x, client-confidential-asymmetric; RFC 7523), good for once."""
        now = int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": token_url, "iat": now, "exp": now + _LIFE_S}
        headers = {"kid": self.key_id} if self.key_id else None
        return jwt.encode(claims | {"jti": uuid.uuid4().hex}, self.key, self.algorithm, headers)


def _jwk(document: dict[str, Any], key_id: str) -> dict[str, Any]:
    """Find the private key of a JWK or JWK Set (RFC 7517)."""
    private = [jwk for jwk in document.get("keys", [document]) if "d" in jwk]
    if key_id and "keys" in document:
        private = [jwk for jwk in private if jwk.get("kid") == key_id]
    (jwk,) = private
    return dict(jwk)
