"""``Authorization`` → ``Caller``."""

from __future__ import annotations

import re
from typing import Any, Protocol

from tumorcast_core.errors import InvalidToken, PermissionDenied, Unauthenticated
from tumorcast_core.outbound import Outbound
from tumorcast_gateway.auth.discovery import Discovery
from tumorcast_gateway.auth.keys import FetchedKeys, FileKeys, Keys
from tumorcast_gateway.auth.scopes import granted
from tumorcast_gateway.auth.tokens import Claims, TokenRules, Tokens
from tumorcast_gateway.model.caller import ANYONE, Caller
from tumorcast_gateway.settings import Settings

_FHIR_ID = re.compile(r"(?:Patient/)?([A-Za-z0-9.-]{1,64})")  # FHIR R4 section 2.24.0.1
_LONGEST_NAME = 512


class Authenticator(Protocol):
    """Establishes who calls."""

    async def caller(self, authorization: str | None) -> Caller:
        """The caller with that ``Authorization`` header.

        Raises ``Unauthenticated``, ``PermissionDenied`` for a token that allows nothing here, and
        ``ServiceUnavailable`` where it cannot be checked now.
        """
        ...


class Everyone:
    """``auth=none``: whoever reaches the port."""

    async def caller(self, authorization: str | None) -> Caller:  # noqa: ARG002
        """The anonymous caller, who may do everything."""
        return ANYONE


class Bearers:
    """``auth=oidc``: bearers of a JWT with SMART scopes."""

    def __init__(self, tokens: Tokens, settings: Settings) -> None:
        self._tokens, self._settings = tokens, settings

    async def caller(self, authorization: str | None) -> Caller:
        """The bearer of the token (RFC 6750 section 2.1)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Give an access token: Authorization: Bearer <token>.")
        return self._caller(await self._tokens.claims(token.strip(" ")))

    def _caller(self, claims: Claims) -> Caller:
        settings = self._settings
        contexts = set(settings.oidc_contexts) - ({"user"} if _is_no_staff(claims.get("fhirUser")) else set())
        may = granted(scopes_of(claims), settings.oidc_admin_scope, contexts)
        patient_id = _patient(claims.get(settings.oidc_patient_claim)) if may.one_patient else None
        if may.one_patient and patient_id is None and not may.all_patients:
            raise PermissionDenied("The token is for one patient and does not say for which.")
        permissions = may.all_patients | (may.one_patient if patient_id is not None else frozenset())
        if not permissions:
            raise PermissionDenied("The token has no scope that counts here.")
        client_id = _name(claims.get("azp")) or _name(claims.get("client_id"))
        subject = _name(claims.get("sub")) or client_id
        if not subject:
            raise InvalidToken("The token does not say whose it is.")
        return Caller(subject, client_id, str(claims["iss"]), permissions, patient_id)


def scopes_of(claims: Claims) -> list[str]:
    """Scopes (RFC 9068 section 2.2.3: ``scope``, words in a string; elsewhere ``scp``, also as a list).

    >>> scopes_of({"scope": "launch/patient patient/*.rs"}), scopes_of({"scp": ["user/*.rs"]}), scopes_of({"scp": 1})
    (['launch/patient', 'patient/*.rs'], ['user/*.rs'], [])
    """
    given = claims.get("scope", claims.get("scp", ""))
    if isinstance(given, str):
        return given.split()
    return [scope for scope in given if isinstance(scope, str)] if isinstance(given, list) else []


def authenticator_of(settings: Settings, outbound: Outbound) -> Authenticator:
    """What the settings say; raises ``ValueError`` for a file of keys that holds none."""
    if settings.auth == "none":
        return Everyone()
    keys = {issuer: _keys(settings, outbound, issuer) for issuer in settings.oidc_issuers}
    rules = TokenRules(
        settings.oidc_issuers,
        settings.oidc_audiences,
        settings.oidc_algorithms,
        settings.oidc_skew_s,
        settings.oidc_longest_life_s,
        settings.oidc_strict_type,
    )
    return Bearers(Tokens(rules, keys), settings)


def _keys(settings: Settings, outbound: Outbound, issuer: str) -> Keys:
    if settings.oidc_jwks_file:
        return FileKeys(settings.oidc_jwks_file)
    if url := settings.oidc_jwks_url:
        return FetchedKeys(lambda: outbound.get_json(url), settings.oidc_refetch_s)
    return FetchedKeys(Discovery(outbound, issuer).keys, settings.oidc_refetch_s)


def _name(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_NAME else ""


def _patient(value: Any) -> str | None:
    """The patient's FHIR id; a claim that is none counts as absent."""
    found = _FHIR_ID.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def _is_no_staff(user: Any) -> bool:
    """Whether a user is a patient or a relative, who may not see all that ``user/`` scopes say here.

    >>> _is_no_staff("https://ehr.example.org/fhir/Patient/7"), _is_no_staff("Practitioner/1"), _is_no_staff(None)
    (True, False, False)
    """
    parts = user.split("/") if isinstance(user, str) else []
    return not {"Patient", "RelatedPerson"}.isdisjoint(parts)
