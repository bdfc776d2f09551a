"""Access tokens as JWT (RFC 7519, RFC 9068), checked as RFC 8725 says."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from tumorcast_core.errors import InvalidToken, TokenExpired
from tumorcast_gateway.auth.keys import Keys

MAX_TOKEN_BYTES = 16 << 10
_COMPACT = re.compile(r"[A-Za-z0-9_-]{1,4096}\.[A-Za-z0-9_-]{2,16384}\.[A-Za-z0-9_-]{20,2048}")
_ACCESS_TYPES = ("at+jwt", "application/at+jwt")  # RFC 9068 section 2.1
_TYPES = (*_ACCESS_TYPES, "jwt", "")
_OTHER_KINDS = ("ID", "Refresh", "Offline", "Logout")  # Keycloak's claim `typ` of tokens that are no access tokens
_NO_JWT = "The token is not a signed JWT."
_UNVOUCHED = "Nobody whom this service knows vouches for the token."

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are taken."""

    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256", "RS384", "ES256", "ES384")
    skew_s: float = 30.0
    longest_life_s: float = 86_400.0
    strict_type: bool = False


class Tokens:
    """Checks tokens by the keys of their issuers."""

    def __init__(self, rules: TokenRules, keys: Mapping[str, Keys]) -> None:
        self._rules, self._keys = rules, keys

    async def claims(self, token: str) -> Claims:
        """The claims of a good token.

        Raises ``InvalidToken`` or ``TokenExpired``, and ``ServiceUnavailable`` where its issuer's keys cannot be had.
        """
        if len(token) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(token):
            raise InvalidToken(_NO_JWT)
        header, unverified = map(_part, token.split(".")[:2])
        algorithm = self._algorithm(header)
        issuer = unverified.get("iss")
        if not isinstance(issuer, str) or issuer not in self._rules.issuers:
            raise InvalidToken(_UNVOUCHED)
        key_id = header.get("kid")
        if not (key_id is None or isinstance(key_id, str)):
            raise InvalidToken(_NO_JWT)
        key = await self._keys[issuer].find(key_id, algorithm)
        if key is None:
            raise InvalidToken(_UNVOUCHED)
        claims = self._verified(token, key.key, algorithm, issuer)
        self._check_kind(header, claims)
        return claims

    def _algorithm(self, header: Claims) -> str:
        algorithm, kind = header.get("alg"), header.get("typ", "")
        if algorithm not in self._rules.algorithms or not isinstance(algorithm, str):
            raise InvalidToken("The token is signed in a way that is not taken.")
        if "crit" in header or "b64" in header:  # RFC 7515 section 4.1.11: nothing critical is understood here
            raise InvalidToken(_NO_JWT)
        if not isinstance(kind, str) or kind.lower() not in (_ACCESS_TYPES if self._rules.strict_type else _TYPES):
            raise InvalidToken("The token is no access token.")
        return algorithm

    def _verified(self, token: str, key: Any, algorithm: str, issuer: str) -> Claims:
        rules = self._rules
        try:
            claims: Claims = jwt.decode(
                token,
                key,
                [algorithm],
                audience=list(rules.audiences),
                issuer=issuer,
                leeway=rules.skew_s,
                options={"require": ["exp", "iss", "aud"]},
            )
            life_s = float(claims["exp"]) - time.time()
        except jwt.ExpiredSignatureError as e:
            raise TokenExpired from e
        except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as e:
            raise InvalidToken("The token is not for this service.") from e
        except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError) as e:
            raise InvalidToken("The token is not good yet.") from e
        except jwt.InvalidSignatureError as e:
            raise InvalidToken(_UNVOUCHED) from e
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as e:
            raise InvalidToken(_NO_JWT) from e
        if not life_s <= rules.longest_life_s + rules.skew_s:
            raise InvalidToken("The token is good for too long.")
        return claims

    def _check_kind(self, header: Claims, claims: Claims) -> None:
        """Refuse ID tokens and their like (RFC 8725 section 3.12), which OpenID providers sign with the same keys."""
        if str(header.get("typ", "")).lower() in _ACCESS_TYPES:
            return
        if claims.get("typ") in _OTHER_KINDS or {"nonce", "at_hash", "c_hash"} & claims.keys():
            raise InvalidToken("The token is no access token.")


def _part(text: str) -> Claims:
    """A part of the token as a JSON object; raises ``InvalidToken``."""
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as e:
        raise InvalidToken(_NO_JWT) from e
    if not isinstance(found, dict):
        raise InvalidToken(_NO_JWT)
    return found
