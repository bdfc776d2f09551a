"""The keys that issuers sign with (RFC 7517): from a file or from the issuer, cached, rotated, rather stale than none.

Keys come from the operator's settings alone; what a token says of keys (``jwk``, ``jku``, ``x5u``) is not read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tumorcast_core.errors import ServiceUnavailable, TumorcastError

log = logging.getLogger(__name__)

FRESH_S, STALE_S = 600.0, 86_400.0
"""Keys are fetched again after the first; an issuer that does not answer is trusted by its last keys for the second."""
_MOST_KEYS, _MIN_RSA_BITS, _LARGEST_FILE = 100, 2048, 1 << 20
_NO_KEYS = "The keys of the issuer of the token cannot be had; try again later."
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_ALGORITHMS = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key and the algorithms (RFC 7518 section 3.1, RFC 8037) that it may verify."""

    key_id: str | None
    algorithms: frozenset[str]
    key: Any = field(repr=False)


KeySet = tuple[VerifyingKey, ...]
Clock = Callable[[], float]


class Keys(Protocol):
    """The keys of one issuer."""

    async def find(self, key_id: str | None, algorithm: str) -> VerifyingKey | None: ...


def read_keys(document: Any) -> KeySet:
    """The usable keys of a JWK Set; others (encryption, symmetric, short, unknown) are left out.

    Raises ``ValueError`` where none is left.
    """
    try:
        listed = document["keys"]
        keys = tuple(key for jwk in listed[:_MOST_KEYS] if (key := _key(jwk)))
    except (KeyError, TypeError) as e:
        raise ValueError("not a JWK Set") from e
    if not keys:
        raise ValueError("the JWK Set has no key that can verify a signature")
    return keys


def _key(jwk: Any) -> VerifyingKey | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return None
    kind = jwk.get("kty"), None if jwk.get("kty") == "RSA" else jwk.get("crv")
    try:
        algorithms = _ALGORITHMS[kind]  # type: ignore[index]  # an unhashable one raises TypeError
        algorithms &= {jwk.get("alg", next(iter(algorithms)))} if "alg" in jwk else algorithms
        public = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
        key = jwt.PyJWK.from_dict(public, min(algorithms)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        return None
    key_id = jwk.get("kid")
    return VerifyingKey(key_id if isinstance(key_id, str) else None, algorithms, key)


def find(keys: KeySet, key_id: str | None, algorithm: str) -> VerifyingKey | None:
    """The key of that id; without an id the only one that fits."""
    fitting = [key for key in keys if algorithm in key.algorithms and key_id in (None, key.key_id)]
    return fitting[0] if fitting and (key_id is not None or len(fitting) == 1) else None


class FileKeys:
    """Keys in a file, read anew when it changes; raises ``ValueError`` where it holds none at the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._state = self._stamp()
            self._keys = self._read()
        except OSError as e:
            raise ValueError("oidc_jwks_file cannot be read") from e

    async def find(self, key_id: str | None, algorithm: str) -> VerifyingKey | None:
        """Look a key up; a file that became unreadable leaves the last keys in force."""
        try:
            state = self._stamp()
            if state != self._state:
                self._state, self._keys = state, self._read()
        except (OSError, ValueError):
            log.warning("the file with the keys of the issuer cannot be read; the last ones stay in force")
        return find(self._keys, key_id, algorithm)

    def _stamp(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> KeySet:
        with self._path.open("rb") as file:
            data = file.read(_LARGEST_FILE)
        try:
            return read_keys(json.loads(data))
        except RecursionError as e:
            raise ValueError("not a JWK Set") from e


class FetchedKeys:
    """Keys that ``fetch`` gets: when they are old, and when a token names one that is not there.

    Never more often than every ``refetch_s``: tokens with made-up key ids must not make this service flood the issuer.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Any]], refetch_s: float, clock: Clock = time.monotonic) -> None:
        self._fetch, self._refetch_s, self._clock = fetch, refetch_s, clock
        self._keys: KeySet = ()
        self._tried_at = self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str | None, algorithm: str) -> VerifyingKey | None:
        """Look a key up; raises ``ServiceUnavailable`` where there are no keys, or only ones of yesterday."""
        if self._age_s > FRESH_S:
            await self._refresh()
        found = find(self._keys, key_id, algorithm)
        if found is None and key_id is not None:
            await self._refresh()
            found = find(self._keys, key_id, algorithm)
        if self._age_s > STALE_S:
            raise ServiceUnavailable(_NO_KEYS)
        return found

    @property
    def _age_s(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self) -> None:
        """Fetch, unless that was tried lately; those who come meanwhile go on with the keys there are, or wait."""
        if self._lock.locked() and self._keys:
            return
        async with self._lock:
            if self._clock() - self._tried_at < self._refetch_s:
                return
            self._tried_at = self._clock()
            try:
                self._keys = read_keys(await self._fetch())
                self._fetched_at = self._clock()
            except (TumorcastError, ValueError) as e:
                log.warning("the keys of an issuer cannot be fetched: %s", e)
