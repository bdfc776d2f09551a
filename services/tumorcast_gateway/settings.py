"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tumorcast_core.secret_files import SecretFiles
from tumorcast_core.settings import ServiceSettings, data_home, is_loopback

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ScopeContext = Literal["patient", "user", "system"]


def default_data_dir() -> Path:
    """Where records are kept unless told otherwise; ``tumorcast up`` keeps them there, too."""
    return data_home() / "gateway"


class Settings(ServiceSettings):
    """Read from environment variables ``TUMORCAST_GATEWAY_<NAME>``; frozen once read."""

    model_config = SettingsConfigDict(env_prefix="TUMORCAST_GATEWAY_")

    rest_port: int = Field(default=8080, ge=0, le=65535, description="REST port; 0 takes a free one")
    imaging_target: str = Field(default="127.0.0.1:50051", description="gRPC target of the imaging service")
    clinical_target: str = Field(default="127.0.0.1:50052", description="gRPC target of the clinical service")
    notes_target: str = Field(default="127.0.0.1:50053", description="gRPC target of the notes service")
    fusion_target: str = Field(default="127.0.0.1:50054", description="gRPC target of the fusion service")
    deadline_s: float = Field(
        default=30.0, gt=0, description="longest time for one query, in seconds; a caller may ask for less"
    )
    upload_deadline_s: float = Field(default=600.0, gt=0, description="longest time for one upload, in seconds")
    max_body_mib: int = Field(default=32, ge=1, description="largest REST body of a query, in MiB")
    max_upload_mib: int = Field(default=2048, ge=1, description="largest REST upload of DICOM files, in MiB")
    job_concurrency: int = Field(default=2, ge=0, description="queries of jobs answered at once; 0: by other gateways")
    auth: Literal["none", "oidc"] = Field(
        default="none", description="who may call; none: everyone who reaches the port; oidc: bearers of a JWT"
    )
    insecure_demo: bool = Field(
        default=False, description="say true to serve without authentication beyond this machine"
    )
    oidc_issuers: tuple[str, ...] = Field((), description="`iss` of tokens that are taken, each an https URL")
    oidc_audiences: tuple[str, ...] = Field((), description="a token is for this service if its `aud` is one of these")
    oidc_jwks_url: str = Field("", description="keys of the one issuer; empty: where its OpenID discovery says")
    oidc_jwks_file: Path | None = Field(None, description="keys of the one issuer as a file, read anew as it changes")
    oidc_algorithms: tuple[Algorithm, ...] = Field(
        ("RS256", "RS384", "ES256", "ES384"), min_length=1, description="signatures that are taken"
    )
    oidc_skew_s: float = Field(30.0, ge=0, le=120, description="how far an issuer's clock may be off")
    oidc_longest_life_s: float = Field(86_400.0, gt=0, description="a token that is good for longer is not taken")
    oidc_strict_type: bool = Field(False, description="take only tokens of type at+jwt (RFC 9068)")
    oidc_patient_claim: str = Field("patient", min_length=1, description="claim with the patient in context (SMART)")
    oidc_contexts: tuple[ScopeContext, ...] = Field(
        ("patient", "user", "system"), description="SMART scopes that count; user and system ones see every patient"
    )
    oidc_admin_scope: str = Field("tumorcast/admin", min_length=1, description="scope that allows erasure and audit")
    oidc_refetch_s: float = Field(30.0, ge=1, description="keys are fetched at most this often, whatever tokens say")

    outbound_hosts: tuple[str, ...] = Field((), description="host or host:port that the gateway itself may ask")
    outbound_networks: tuple[str, ...] = Field(
        (), description="networks (CIDR) beside the public ones where those hosts and issuers may lie"
    )
    outbound_ca_file: Path | None = Field(None, description="certificate authorities to trust, as PEM")
    outbound_timeout_s: float = Field(10.0, gt=0, description="longest time for one outbound request")
    outbound_max_mib: int = Field(8, ge=1, description="largest outbound answer, in MiB")

    tls_certificate: Path | None = Field(None, description="certificate chain of both doors, as PEM")
    tls_key: Path | None = Field(None, description="its private key, as PEM without a password")
    tls_client_ca: Path | None = Field(None, description="clients must show a certificate of these authorities")
    tls_elsewhere: bool = Field(False, description="say true where a proxy before this process ends TLS")

    rate_per_minute: int = Field(6_000, ge=1, description="calls of one caller a minute; not for auth=none on loopback")
    failures_per_minute: int = Field(30, ge=1, description="refused credentials told a minute, for each address")
    cors_origins: tuple[str, ...] = Field((), description="origins whose pages may call; empty: CORS is off")
    served_hosts: tuple[str, ...] = Field((), description="Host headers that are answered; empty: any")
    grpc_reflection: bool = Field(False, description="gRPC reflection with authentication on; without, it is always on")

    breaker_failures: int = Field(5, ge=1, description="calls to a service that break in a row before it is left alone")
    breaker_open_s: float = Field(2.0, gt=0, description="seconds until it is asked again whether it is there")

    data_dir: Path = Field(
        default_factory=default_data_dir, description="folder of the database and the master key, where none is named"
    )
    database_url: SecretStr = Field(
        SecretStr(""), description="sqlite:///<file> or postgresql://…; empty: gateway.db in data_dir"
    )
    master_key: SecretStr = Field(
        SecretStr(""), description="32 bytes in base64, several: the current one first; empty: master.key in data_dir"
    )
    database_connections: int = Field(10, ge=1, le=200, description="connections to PostgreSQL; SQLite takes one")
    database_timeout_s: float = Field(10.0, gt=0, le=300, description="longest wait for the database, a lock included")
    retention_days: float = Field(0.0, ge=0, description="prognoses are made unreadable after this time; 0: never")

    public_url: str = Field("", description="where clients reach the REST door, https://host; CDS Hooks need it")
    cds_clients: dict[str, str] = Field(
        {}, description="EHRs that may call CDS Hooks: `iss` of their tokens → URL of their JWK Set, or a file"
    )
    cds_models: tuple[str, ...] = Field(
        (), description="models with CDS services; empty: all, those of simulated patients with auth=none only"
    )
    cds_deadline_s: float = Field(5.0, gt=0, le=60, description="longest time for one hook")
    cds_fetch: bool = Field(False, description="fetch records that were not prefetched, as `fhir_server` of a query")
    cds_smart_url: str = Field("", description="launch URL of a SMART app that cards link to")

    fhir_base_url: str = Field(
        "", description="base URL of the EHR's FHIR API, of which patient ids and Type/id sources are; empty: none"
    )
    fhir_public_url: str = Field("", description="URL of /fhir as clients see it; empty: as each request names it")
    fhir_write_back: bool = Field(False, description="write prognoses to the EHR when asked; needs fhir_base_url")
    fhir_token: SecretStr = Field(SecretStr(""), description="bearer token for write-backs")
    fhir_token_file: Path | None = Field(None, description="file with that token, read anew for each write-back")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a caller passes, then the environment, then files (``<NAME>_FILE``, ``/run/secrets``)."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @field_validator("oidc_issuers")
    @classmethod
    def _are_issuers(cls, issuers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(checked_issuer, issuers))

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(checked_origin, origins))

    @field_validator("public_url", "cds_smart_url")
    @classmethod
    def _are_public(cls, url: str) -> str:
        return checked_public_url(url) if url else url

    @field_validator("cds_clients")
    @classmethod
    def _have_keys(cls, clients: dict[str, str]) -> dict[str, str]:
        return {issuer: checked_public_url(where) if "://" in where else where for issuer, where in clients.items()}

    @model_validator(mode="after")
    def _cds_clients_can_be_checked(self) -> Self:
        if self.cds_clients and not self.public_url:
            raise ValueError("cds_clients needs public_url, which the tokens of EHRs must name as `aud`")
        if self.cds_fetch and len(self.cds_clients) > 1:
            raise ValueError("cds_fetch is for one EHR: any other of cds_clients could have its records fetched")
        return self

    @model_validator(mode="after")
    def _tokens_can_be_checked(self) -> Self:
        if self.auth == "oidc" and not (self.oidc_issuers and self.oidc_audiences):
            raise ValueError("auth=oidc needs oidc_issuers and oidc_audiences")
        if self.oidc_jwks_url and self.oidc_jwks_file:
            raise ValueError("oidc_jwks_url and oidc_jwks_file exclude each other")
        if (self.oidc_jwks_url or self.oidc_jwks_file) and len(self.oidc_issuers) != 1:
            raise ValueError("oidc_jwks_url and oidc_jwks_file are of one issuer: give exactly one in oidc_issuers")
        return self

    @model_validator(mode="after")
    def _tokens_are_not_overheard(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        if self.auth == "oidc" and not (self.tls_certificate or self.tls_elsewhere or is_loopback(self.host)):
            raise ValueError("tokens must not travel in clear: give tls_certificate, or say tls_elsewhere=true")
        return self

    @model_validator(mode="after")
    def _ehr_can_be_reached(self) -> Self:
        for name in ("fhir_base_url", "fhir_public_url"):
            if (url := getattr(self, name)) and not _is_plain_url(url):
                raise ValueError(f"{name} is an http(s) URL without user, query and fragment")
        if self.fhir_write_back and not self.fhir_base_url:
            raise ValueError("fhir_write_back needs fhir_base_url")
        if self.fhir_token.get_secret_value() and self.fhir_token_file:
            raise ValueError("fhir_token and fhir_token_file exclude each other")
        return self

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.auth == "none" and not is_loopback(self.host) and not self.insecure_demo:
            raise ValueError("without authentication the gateway binds loopback only; insecure_demo=true overrides it")
        if self.max_body_mib >= self.max_message_mib:
            raise ValueError("max_body_mib must be smaller than max_message_mib, or a record could not be forwarded")
        return self


def checked_issuer(url: str) -> str:
    """The URL as it is, if it can be an issuer (OpenID Connect Discovery section 3); raises ``ValueError``.

    >>> checked_issuer("https://login.example.org/realms/ward")
    'https://login.example.org/realms/ward'
    """
    parts = urlsplit(url)
    if not _is_secure(parts) or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("an issuer is an https URL without query and fragment")
    return url


def checked_public_url(url: str) -> str:
    """The URL as it is, if it is an absolute https one without user, fragment and last slash; raises ``ValueError``.

    >>> checked_public_url("https://tumorcast.example.org")
    'https://tumorcast.example.org'
    """
    parts = urlsplit(url)
    if not _is_secure(parts) or parts.fragment or "@" in parts.netloc or url.endswith("/"):
        raise ValueError("the URL must be https://host… without user, fragment and last slash")
    return url


def checked_origin(origin: str) -> str:
    """The origin as it is (RFC 6454 section 6.2); raises ``ValueError`` for ``*``, ``null`` and whatever has a path.

    >>> checked_origin("https://sandbox.cds-hooks.org")
    'https://sandbox.cds-hooks.org'
    """
    parts = urlsplit(origin)
    if not _is_secure(parts) or origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError("an origin is https://host or https://host:port; * is not taken")
    return origin


def _is_secure(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _is_plain_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and "@" not in parts.netloc and not set("?# ") & set(url)
