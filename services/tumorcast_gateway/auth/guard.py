"""What both doors establish before anything else: who asks, and that it does not ask too often."""

from __future__ import annotations

import logging

from tumorcast_core.errors import PermissionDenied, RateLimited, TumorcastError, Unauthenticated
from tumorcast_core.settings import is_loopback
from tumorcast_gateway.auth.authenticator import Authenticator
from tumorcast_gateway.auth.rates import Rates, digest, network_of
from tumorcast_gateway.model.caller import ANYONE, Caller
from tumorcast_gateway.settings import Settings

log = logging.getLogger(__name__)


class Guard:
    """Lets callers in, each so and so often. Good credentials are never refused for others' bad ones."""

    def __init__(self, authenticator: Authenticator, settings: Settings) -> None:
        self._authenticator = authenticator
        self._calls = Rates(settings.rate_per_minute)
        self._failures = Rates(settings.failures_per_minute)

    async def admit(self, authorization: str | None, peer: str) -> Caller:
        """The caller behind a request from the address ``peer``.

        Raises ``Unauthenticated``, ``PermissionDenied``, ``RateLimited`` or ``ServiceUnavailable``.
        """
        try:
            caller = await self.identify(authorization)
        except TumorcastError as e:
            raise self.refusal(e, peer) from e
        self.count(caller, peer)
        return caller

    async def identify(self, authorization: str | None) -> Caller:
        """Who it is; raises ``Unauthenticated``, ``PermissionDenied`` or ``ServiceUnavailable``."""
        return await self._authenticator.caller(authorization)

    def refusal(self, error: TumorcastError, peer: str) -> TumorcastError:
        """What to tell ``peer``: the error, or after many of them only that there were too many."""
        if isinstance(error, Unauthenticated | PermissionDenied):
            try:
                self._failures.take(digest(network_of(peer)))
            except RateLimited as e:
                return e
            if type(error) is not Unauthenticated:  # as often as it is told, so that guessing floods no log
                log.warning("credentials refused: %s, %s", error.reason, error)
        return error

    def count(self, caller: Caller, peer: str) -> None:
        """Count one call; raises ``RateLimited``. The anonymous of this machine are not counted."""
        if caller is not ANYONE:
            self._calls.take(digest("subject", caller.issuer, caller.subject, caller.client_id))
        elif not is_loopback(network_of(peer)):
            self._calls.take(digest("address", network_of(peer)))


def challenge(error: Exception) -> str:
    """The ``WWW-Authenticate`` header of a refusal (RFC 6750 section 3); empty: none.

    >>> challenge(PermissionDenied())
    'Bearer realm="tumorcast", error="insufficient_scope", error_description="The credentials do not allow this."'
    """
    words = {PermissionDenied: "insufficient_scope", Unauthenticated: "invalid_token"}
    found = next((word for kind, word in words.items() if isinstance(error, kind)), None)
    if found is None:
        return ""
    if type(error) is Unauthenticated:  # nothing was tried: section 3.1 wants no error code
        return 'Bearer realm="tumorcast"'
    return f'Bearer realm="tumorcast", error="{found}", error_description="{error}"'
