"""EHRs that call CDS Hooks: each signs a JWT of its own for each call (CDS Hooks 2.0, "Trusting CDS Clients").

``cds_clients`` binds each ``iss`` to the one place its keys come from; a ``jku`` in the header must be that place, and
is never followed by itself. A ``jti`` is taken once: the database remembers it, across restarts and replicas.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import jwt

from tumorcast_core.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidToken,
    MalformedRequest,
    NotFound,
    Unauthenticated,
)
from tumorcast_core.outbound import Outbound
from tumorcast_core.settings import is_loopback
from tumorcast_gateway.auth.keys import FetchedKeys, FileKeys, Keys
from tumorcast_gateway.auth.rates import Rates, digest, network_of
from tumorcast_gateway.auth.tokens import Claims, TokenRules, Tokens
from tumorcast_gateway.model.caller import ANYONE, Caller, Permission
from tumorcast_gateway.model.records import Clock, now
from tumorcast_gateway.model.stores import Stores
from tumorcast_gateway.settings import Settings

LONGEST_LIFE_S = 300.0
_LONGEST_NAME = 512
_USER = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9.-]{1,64}")
_MAY = frozenset({Permission.PREDICT, Permission.WRITE})
_SENT_BEFORE = "The token was sent before."


class CdsClients:
    """Lets EHRs in: by their tokens, or, with ``auth=none`` and no ``cds_clients``, as whoever reaches the port."""

    def __init__(self, settings: Settings, outbound: Outbound, stores: Stores, clock: Clock = now) -> None:
        self._settings, self._stores, self._clock = settings, stores, clock
        self._keys = {iss: _keys(where, settings, outbound) for iss, where in settings.cds_clients.items()}
        self._calls = Rates(settings.rate_per_minute)
        self._failures = Rates(settings.failures_per_minute)

    @property
    def are_checked(self) -> bool:
        """Whether calls need a token."""
        return bool(self._keys)

    async def admit(self, authorization: list[str], endpoints: tuple[str, ...], peer: str) -> Caller:
        """The caller of one of these endpoints (paths below ``public_url``) from ``peer``, of no patient yet.

        Raises ``Unauthenticated``, ``RateLimited``, ``ServiceUnavailable``; ``NotFound`` where nobody may call.
        """
        network = network_of(peer)
        if not self._keys:
            if self._settings.auth != "none":
                raise NotFound("CDS Hooks are not set up here.")
            if not is_loopback(network):
                self._calls.take(digest("address", network))
            return Caller(ANYONE.subject, permissions=_MAY)
        try:
            claims = await self._claims(authorization, endpoints)
        except Unauthenticated:
            self._failures.take(digest(network))
            raise
        issuer = str(claims["iss"])
        self._calls.take(digest("cds", issuer))
        return Caller(issuer, _name(claims.get("tenant")), issuer, _MAY)

    async def _claims(self, authorization: list[str], endpoints: tuple[str, ...]) -> Claims:
        scheme, _, token = (authorization[0] if len(authorization) == 1 else "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Give one signed token: Authorization: Bearer <JWT>.")
        settings = self._settings
        rules = TokenRules(
            tuple(self._keys),
            tuple(settings.public_url + path for path in endpoints),
            settings.oidc_algorithms,
            settings.oidc_skew_s,
            LONGEST_LIFE_S,
        )
        token = token.strip(" ")
        claims = await Tokens(rules, self._keys).claims(token)
        self._check_header(jwt.get_unverified_header(token), str(claims["iss"]))
        await self._use(claims)
        return claims

    def _check_header(self, header: dict[str, Any], issuer: str) -> None:
        if not isinstance(header.get("kid"), str):
            raise InvalidToken("The token does not name its key (kid).")
        where = self._settings.cds_clients[issuer]
        if "jku" in header and header["jku"] != where:
            raise InvalidToken("The token names keys (jku) that are not its issuer's.")

    async def _use(self, claims: Claims) -> None:
        """Take the token, for the first and only time."""
        if not isinstance(claims.get("iat"), int | float) or isinstance(claims["iat"], bool):
            raise InvalidToken("The token does not say when it was made (iat).")
        once = claims.get("jti")
        if not isinstance(once, str) or not 0 < len(once) <= _LONGEST_NAME:
            raise InvalidToken("The token has no id (jti).")
        at = self._clock()
        until = at.fromtimestamp(float(claims["exp"]) + self._settings.oidc_skew_s + 1, tz=at.tzinfo)
        key = hashlib.sha256(once.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            async with self._stores.transaction() as tx:
                await tx.idempotency.begin(f"cds {claims['iss']}", key, "token", until, at)
        except (IdempotencyKeyInUse, IdempotencyKeyReused) as e:
            raise InvalidToken(_SENT_BEFORE) from e


def of_patient(caller: Caller, patient_id: str, user_id: str) -> Caller:
    """The caller of one hook: sees the patient in context only. The audit log names the user whom the EHR names.

    Raises ``MalformedRequest`` where the user is no reference to a person.
    """
    if user_id and not _USER.fullmatch(user_id):
        raise MalformedRequest("context.userId must be a reference to a practitioner or a patient.")
    person = user_id if user_id.startswith("Practitioner") else user_id.partition("/")[0]
    return Caller(person or caller.subject, caller.client_id, caller.issuer, caller.permissions, patient_id)


def _keys(where: str, settings: Settings, outbound: Outbound) -> Keys:
    if "://" in where:
        return FetchedKeys(lambda: outbound.get_json(where), settings.oidc_refetch_s)
    try:
        return FileKeys(Path(where))
    except ValueError as e:
        raise ValueError("a file in cds_clients holds no keys, or cannot be read") from e


def _name(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_NAME else ""
