"""What an operator may set about FHIR servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """Which FHIR servers may be asked, with what credentials, and how much they may take; the same for each of them.

    Either a bearer token (or a file with one, read anew for every request), or SMART Backend Services: a client id with
    a private key, as PEM, JWK or JWK Set. Raises ``ValueError`` where these do not fit together.
    """

    allowed_hosts: tuple[str, ...] = ()
    """``host`` (standard port) or ``host:port`` of FHIR servers and their token endpoints; empty: none may be asked."""
    networks: tuple[str, ...] = ()
    """Networks (CIDR) beside the public ones where those hosts may lie; none for a host that is an address."""
    timeout_s: float = 15
    """A server that is silent for this long does not answer."""
    longest_s: float = 120
    """Time for a whole record; what is not there by then is told as missing."""
    max_bytes: int = 32 << 20
    """Decoded bytes of a whole record."""
    max_pages: int = 1000
    """Pages of one search, or of ``$everything``."""
    page_size: int = 500
    retries: int = 2
    """How often a request is sent again after a broken connection, 429, 500, 502, 503 or 504."""
    ca_file: Path | None = None
    """Certificate authorities to trust, as PEM; none: those of ``certifi``."""
    bearer_token: str = field(default="", repr=False)
    bearer_token_file: Path | None = None
    smart_client_id: str = ""
    smart_key: Path | None = None
    smart_key_id: str = ""
    """``kid`` of the key; empty: the one in the JWK, or none."""
    smart_scope: str = "system/*.rs"
    smart_token_url: str = ""
    """Empty: the one that ``[base]/.well-known/smart-configuration`` names."""

    def __post_init__(self) -> None:
        has_token = bool(self.bearer_token or self.bearer_token_file)
        if has_token and self.smart_client_id:
            raise ValueError("a bearer token and SMART Backend Services exclude each other")
        if bool(self.smart_client_id) != bool(self.smart_key):
            raise ValueError("SMART Backend Services need both a client id and a private key")
        if has_token and len(self.allowed_hosts) != 1:
            raise ValueError("a bearer token is for one server: allow exactly one host with it")
