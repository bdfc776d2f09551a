"""A client of the REST door: uploads DICOM files by STOW-RS, posts queries, tells the server's errors as ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import httpx

from tumorcast_core.errors import Incident, ServiceUnavailable, TumorcastError, by_reason
from tumorcast_core.query import Query
from tumorcast_core.settings import is_loopback
from tumorcast_core.snapshot import Feature
from tumorcast_platform.inputs import Case
from tumorcast_platform.inputs.records import is_json_object

_CHUNK_BYTES = 1 << 20
_TIMEOUT = httpx.Timeout(600, connect=5)
_FORWARDED = ("name", "unit", "effective", "source", "timepoint", "comparator", "status")


class Client:
    """One server. Use as a context manager; every method raises Tumorcast errors only."""

    def __init__(self, server: str, transport: httpx.BaseTransport | None = None) -> None:
        with _told():
            url = httpx.URL(server)
            self._http = httpx.Client(
                base_url=url,
                transport=transport,
                timeout=_TIMEOUT,
                headers={"Accept": "application/json"},
                trust_env=not is_loopback(url.host),  # no proxy between us and ourselves
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def upload(self, files: Sequence[Path], progress: Callable[[int, int], None]) -> None:
        """Store DICOM files, streamed; raises the reason of the first that was refused."""
        boundary = uuid.uuid4().hex
        content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        with _told():
            body = _multipart(files, boundary, progress)
            answer = self._http.post("/dicomweb/studies", content=body, headers={"Content-Type": content_type})
            document = _checked(answer, httpx.codes.CONFLICT)
        for refusal in document["refusals"]:
            error = by_reason(refusal["code"]) or ServiceUnavailable
            raise error(f"The server refused a DICOM file: {refusal['message']}")

    def prognosis(self, query: Query) -> bytes:
        """Post a query; returns the JSON answer as it came."""
        with _told():
            answer = self._http.post(
                "/v1/prognosis", content=query_body(query), headers={"Content-Type": "application/json"}
            )
            _checked(answer)
        return answer.content

    def models(self) -> list[dict[str, Any]]:
        """All models of the server."""
        with _told():
            found: list[dict[str, Any]] = _checked(self._http.get("/v1/models"))["models"]
        return found

    def ask(self, case: Case, progress: Callable[[int, int], None]) -> bytes:
        """Upload the studies of a case, then post its query; returns the JSON answer as it came."""
        files = [file for study in case.studies for file in study.files]
        if files:
            self.upload(files, progress)
        return self.prognosis(case.query)


def query_body(query: Query) -> bytes:
    """The JSON body of a query, with the FHIR record byte for byte: parsed, it would lose ``1.00``.

    A JSON object is spliced in; what is none, as NDJSON or an object with NaN in it, goes as a string.
    """
    body: dict[str, object] = {
        "model": query.model,
        "patient_id": query.patient_id,
        "index_date": query.index_date,
        "horizons_days": query.horizons_days,
        "documents": [
            {"id": d.id, "date": d.date, "content_type": d.content_type, "text": d.content.decode()}
            for d in query.documents
        ],
        "timepoints": [{"role": t.role, "study_instance_uid": t.study_instance_uid} for t in query.timepoints],
        "features": list(map(_feature, query.features)),
    }
    if query.fhir_server:
        body["fhir_server"] = asdict(query.fhir_server)
    text = json.dumps(body).encode()
    return text[:-1] + b', "fhir": ' + _record(query.fhir) + b"}" if query.fhir else text


def _record(fhir: bytes) -> bytes:
    return fhir if is_json_object(fhir, strict=True) else json.dumps(fhir.decode()).encode()


def _feature(feature: Feature) -> dict[str, object]:
    kind = "category" if isinstance(feature.value, str) else "number"
    return {name: getattr(feature, name) for name in _FORWARDED} | {kind: feature.value}


def _multipart(files: Sequence[Path], boundary: str, progress: Callable[[int, int], None]) -> Iterator[bytes]:
    """A ``multipart/related`` body (RFC 2387, PS3.18 section 8.6.1.2.2), read from disk as it is sent."""
    for done, file in enumerate(files):
        progress(done, len(files))
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                yield chunk
        yield b"\r\n"
    progress(len(files), len(files))
    yield f"--{boundary}--\r\n".encode()


def _checked(answer: httpx.Response, *also_good: int) -> Any:
    """The JSON of a good answer; raises the Tumorcast error that a problem document (RFC 9457) tells."""
    try:
        document = answer.json()
        if answer.is_success or (answer.status_code in also_good and "refusals" in document):
            return document
        raise (by_reason(document["code"]) or Incident)(document["detail"])
    except (ValueError, KeyError, TypeError) as e:
        raise ServiceUnavailable(f"The server answered with HTTP status {answer.status_code}.") from e


@contextmanager
def _told() -> Iterator[None]:
    """Tell what httpx raises as a Tumorcast error."""
    try:
        yield
    except TumorcastError:
        raise
    except httpx.TimeoutException as e:
        raise ServiceUnavailable("The server did not answer in time.") from e
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise ServiceUnavailable("The server cannot be reached; is --server right?") from e
