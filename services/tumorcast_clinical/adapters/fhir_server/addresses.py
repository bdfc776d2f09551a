"""Where a request may go: allowed hosts, TLS, and the patient's id as part of a path."""

from __future__ import annotations

import re
from collections.abc import Collection

import httpx

from tumorcast_core.errors import FhirServerNotAllowed, HostNotAllowed, MalformedRequest
from tumorcast_core.outbound import Destinations, default_port

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 section 2.24.0.1, data type id


def checked_id(patient_id: str) -> str:
    """The id if it is one and no step up in a path; raises ``MalformedRequest``."""
    if not _ID.fullmatch(patient_id) or patient_id in (".", ".."):
        raise MalformedRequest("fhir_server.patient_id must be a FHIR id.")
    return patient_id


def checked_base(base_url: str, allowed_hosts: Collection[str]) -> httpx.URL:
    """The base URL with a slash at its end; raises ``MalformedRequest`` or ``FhirServerNotAllowed``."""
    try:
        url = httpx.URL(base_url.rstrip("/") + "/")
    except (httpx.InvalidURL, ValueError) as e:
        raise MalformedRequest("fhir_server.base_url must be an http(s) URL.") from e
    if not default_port(url.scheme) or not url.host or url.userinfo or "?" in base_url or "#" in base_url:
        raise MalformedRequest("fhir_server.base_url must be an http(s) URL without user, query and fragment.")
    check_host(url, allowed_hosts)
    return url


def check_host(url: httpx.URL, allowed_hosts: Collection[str]) -> None:
    """Raise ``FhirServerNotAllowed`` unless the host is allowed and nobody on the way can read along.

    A host without a port allows the scheme's standard port alone: the caller chooses the URL, and with it a service on
    that host.

    >>> check_host(httpx.URL("https://ehr.example.org/fhir"), ["ehr.example.org:443"])
    """
    try:
        Destinations(tuple(allowed_hosts)).check_url(url)
    except HostNotAllowed as e:
        raise not_allowed(e) from e


def not_allowed(error: HostNotAllowed) -> FhirServerNotAllowed:
    """The same said of a FHIR server."""
    return FhirServerNotAllowed(error.message if error.message != HostNotAllowed.default_message else None)


def next_page(base: httpx.URL, link: str) -> httpx.URL | None:
    """The URL of a next link, which may be relative to the base; none if it leads to another origin.

    >>> next_page(httpx.URL("https://ehr.example.org/fhir/"), "https://ehr.example.org@evil.example/fhir?page=2")
    >>> str(next_page(httpx.URL("https://ehr.example.org/fhir/"), "?page=2"))
    'https://ehr.example.org/fhir/?page=2'
    """
    try:
        url = base.join(link).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        return None
    return url if _origin(url) == _origin(base) and not url.userinfo else None


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or default_port(url.scheme)
