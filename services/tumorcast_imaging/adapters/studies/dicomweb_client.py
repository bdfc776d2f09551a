"""HTTP to one DICOMweb server: QIDO-RS, WADO-RS and STOW-RS (DICOM PS3.18 sections 10.6, 10.4, 10.5), streamed.

Only to the host that the operator allows, without redirects, proxies or content encodings; URLs and credentials are
never logged. Raises Tumorcast errors and nothing else.
"""

from __future__ import annotations

import base64
import json
import logging
import ssl
import time
import uuid
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tumorcast_core.errors import PayloadTooLarge, ServiceUnavailable, StudyNotFound
from tumorcast_imaging.adapters.studies.dicomweb_answers import instance_and_series, raise_failures, raise_status
from tumorcast_imaging.adapters.studies.multipart import DICOM, Parts, Unreadable, boundary_of

for _name in ("httpx", "httpcore"):  # they log URLs and headers
    logging.getLogger(_name).setLevel(logging.WARNING)

_JSON = "application/dicom+json"
_CHUNK = 1 << 20
_MAX_JSON_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bearer token or, with a user, a password; from a file it is read anew for every request, so it may rotate."""

    user: str = ""
    secret: str = field(default="", repr=False)
    secret_file: Path | None = None

    def header(self) -> dict[str, str]:
        """The Authorization header (RFC 6750, RFC 7617), if there is a secret."""
        secret = self.secret
        if self.secret_file:
            try:
                secret = self.secret_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as e:
                raise ServiceUnavailable("The secret for the DICOMweb server cannot be read.") from e
        if not secret:
            return {}
        pair = base64.b64encode(f"{self.user}:{secret}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}" if self.user else f"Bearer {secret}"}


def _trusting(ca_file: Path | None) -> ssl.SSLContext | bool:
    """The authorities in ``ca_file`` alone, or those of certifi; raises ``ValueError`` if it holds none."""
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as e:
        raise ValueError("The certificate authorities for the DICOMweb server cannot be read.") from e


class DicomwebClient:
    """One DICOMweb server at ``base_url``; safe to use from many threads.

    A server that is silent for ``timeout_s``, or has not ended an answer after ``longest_s``, is unavailable.
    ``ca_file`` holds the authorities that it is checked against, in place of certifi's.
    """

    def __init__(
        self,
        base_url: str,
        *,
        allowed_hosts: Collection[str],
        credentials: Credentials = Credentials(),
        timeout_s: float = 30,
        longest_s: float = 300,
        ca_file: Path | None = None,
    ) -> None:
        self._base = _checked(base_url, allowed_hosts)
        self._credentials, self._longest_s = credentials, longest_s
        pool = httpx.Limits(max_connections=32, keepalive_expiry=1)
        self._http = httpx.Client(
            headers={"Accept-Encoding": "identity"},
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            transport=httpx.HTTPTransport(retries=1, limits=pool, verify=_trusting(ca_file)),
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def instances(self, study: str, limit: int) -> dict[str, str]:
        """SOP instance UID → series instance UID of everything in the study; raises ``StudyNotFound``.

        Asks page by page until a page brings nothing new: a server may cut pages as short as it likes.
        """
        found: dict[str, str] = {}
        while page := self._page(study, len(found)):
            fresh = {uid: series for uid, series in page.items() if uid not in found}
            if not fresh:
                break
            found |= fresh
            if len(found) > limit:
                raise PayloadTooLarge("The study has more instances than the limit.")
        if not found:
            raise StudyNotFound
        return found

    def retrieve(self, *path: str) -> Generator[bytes | None, None, None]:
        """The files at ``studies/…``, in pieces, of which ``None`` starts a file; raises ``StudyNotFound``."""
        accept = {"Accept": f'multipart/related; type="{DICOM}"; transfer-syntax=*'}
        with self._answer("GET", "/".join(("studies", *path)), accept) as response:
            parts = Parts(boundary_of(response.headers.get("content-type", "")))
            yield from parts.feed(b"")
            for data in self._body(response):
                yield from parts.feed(data)
            parts.finish()

    def store(self, path: Path) -> None:
        """Store one file; returns only when the server says that it did."""
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Accept": _JSON,
            "Content-Type": f'multipart/related; type="{DICOM}"; boundary={boundary}',
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        with self._answer("POST", "studies", headers, _body_of(path, head, tail)) as response:
            raise_failures(response.status_code, self._json(response))

    def _page(self, study: str, offset: int) -> dict[str, str]:
        """The next instances of a study; nothing if there are no more."""
        query = f"?offset={offset}" if offset else ""
        try:
            with self._answer("GET", f"studies/{study}/instances{query}", {"Accept": _JSON}) as response:
                items = self._json(response)
                return dict(map(instance_and_series, items))
        except StudyNotFound:
            return {}

    @contextmanager
    def _answer(
        self, method: str, path: str, headers: dict[str, str], content: Iterator[bytes] | None = None
    ) -> Iterator[httpx.Response]:
        """The answer to one request, its body unread; one that is no success is raised."""
        try:
            headers = headers | self._credentials.header()
            with self._http.stream(method, self._base + path, headers=headers, content=content) as response:
                raise_status(response.status_code, storing=method == "POST")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise Unreadable
                yield response
        except (Unreadable, ValueError, TypeError, AttributeError, LookupError, RecursionError) as e:
            raise ServiceUnavailable("The DICOMweb server gave an answer that cannot be read.") from e
        except httpx.HTTPError as e:
            raise ServiceUnavailable("The DICOMweb server does not answer.") from e

    def _body(self, response: httpx.Response) -> Iterator[bytes]:
        end = time.monotonic() + self._longest_s
        for data in response.iter_raw():
            if time.monotonic() > end:
                raise ServiceUnavailable("The DICOMweb server is too slow.")
            yield data

    def _json(self, response: httpx.Response) -> Any:
        """The body as JSON; nothing if there is none."""
        body = bytearray()
        for data in self._body(response):
            body += data
            if len(body) > _MAX_JSON_BYTES:
                raise Unreadable
        return json.loads(body) if body else {}


def _checked(base_url: str, allowed_hosts: Collection[str]) -> str:
    """The base URL with a slash at its end; raises ``ValueError`` unless it is plain and its host is allowed."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as e:
        raise ValueError("the DICOMweb URL is not a URL") from e
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("the DICOMweb URL must be http(s)://host[:port]/path, without user, query or fragment")
    if not {url.host, url.netloc.decode("ascii")} & set(allowed_hosts):
        raise ValueError("the host of the DICOMweb URL is not among the allowed hosts")
    return base_url.rstrip("/") + "/"


def _body_of(path: Path, head: bytes, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield tail
