"""Settings of the clinical service, environment prefix ``TUMORCAST_CLINICAL_``."""

from __future__ import annotations

from pydantic import Field, SecretStr

from tumorcast_core.settings import ServiceSettings


class Settings(ServiceSettings, env_prefix="TUMORCAST_CLINICAL_"):
    """What an operator may set; read once, in ``app``."""

    max_fhir_mib: int = Field(default=32, ge=1, le=1024, description="largest record taken, in MiB")
    max_fhir_depth: int = Field(default=100, ge=10, le=200, description="deepest nesting of JSON taken")
    max_fhir_entries: int = Field(default=200_000, ge=1, description="most entries of one Bundle taken")
    max_records_at_once: int = Field(default=2, ge=1, description="records read at one time; the others wait")

    fhir_allowed_hosts: tuple[str, ...] = Field((), description="host or host:port of FHIR servers and token endpoints")
    fhir_networks: tuple[str, ...] = Field((), description="networks (CIDR) beside public ones where they may lie")
    fhir_timeout_s: float = Field(15, gt=0, description="a FHIR server silent for this long does not answer")
    fhir_longest_s: float = Field(120, gt=0, description="time for fetching a whole record")
    fhir_max_pages: int = Field(1000, ge=1, description="most pages of one search")
    fhir_page_size: int = Field(500, ge=1, le=10_000, description="resources that a page is asked to hold")
    fhir_retries: int = Field(2, ge=0, le=10, description="how often a request that may pass is sent again")
    fhir_ca_file: str = Field("", description="certificate authorities to trust, as PEM; empty: those of certifi")
    fhir_token: SecretStr = Field(SecretStr(""), description="bearer token, for exactly one allowed host")
    fhir_token_file: str = Field("", description="file with the bearer token, read anew for every request")
    smart_client_id: str = Field("", description="client id for SMART Backend Services, in place of a bearer token")
    smart_key_file: str = Field("", description="private RSA or P-384 key: PEM, JWK or JWK Set")
    smart_key_id: str = Field("", description="kid of the key; empty: the one that the JWK has")
    smart_scope: str = Field("system/*.rs", description="scope to ask for; system/*.read for SMART 1")
    smart_token_url: str = Field("", description="token endpoint; empty: the one that the FHIR server names")
