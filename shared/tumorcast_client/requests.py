"""Every request that the client knows, as data; how it is sent stands in ``aio`` and ``sync``."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from tumorcast_api.answers import (
    ErasureAnswer,
    ExplanationAnswer,
    FeedbackAnswer,
    FeedbackListAnswer,
    JobAnswer,
    JobResultsAnswer,
    JobsAnswer,
    ModelAnswer,
    ModelCardAnswer,
    ModelsAnswer,
    OutcomeAnswer,
    OutcomesAnswer,
    PatientAnswer,
    PrognosesAnswer,
    PrognosisAnswer,
    ReplayAnswer,
    StudyAnswer,
    UploadAnswer,
)
from tumorcast_api.answers.write_backs import WriteBackAnswer
from tumorcast_api.bodies import Decision, FeedbackBody, OutcomeBody, PatientSearchBody
from tumorcast_client.inquiry import Inquiry
from tumorcast_client.telling import malformed
from tumorcast_core.errors import InvalidInput, MalformedRequest

_Answer = TypeVar("_Answer", bound=BaseModel)
_OPAQUE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_KEY = "Idempotency-Key"
_JSON = {"Content-Type": "application/json"}
_CHUNK_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Told how many of how many files are sent."""


@dataclass(frozen=True, slots=True, repr=False)
class Request(Generic[_Answer]):
    """One request and the kind of its answer; ``repeatable``: sending it twice does what sending it once does."""

    method: str
    path: str
    answer: type[_Answer]
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Callable[[], Iterator[bytes]] = b""
    also_good: tuple[int, ...] = ()
    repeatable: bool = True


def get(path: str, answer: type[_Answer], **params: str | int) -> Request[_Answer]:
    """Read something; empty parameters are left out."""
    return Request("GET", path, answer, {name: value for name, value in params.items() if value})


def post(path: str, answer: type[_Answer], content: bytes = b"", key: str | None = None) -> Request[_Answer]:
    """Send JSON; with ``key`` under an idempotency key, made here where it is empty."""
    headers = dict(_JSON) if content else {}
    if key is not None:
        headers[_KEY] = key or uuid.uuid4().hex
    return Request("POST", path, answer, headers=headers, content=content)


def prognosis(inquiry: Inquiry, key: str, wait_s: float | None) -> Request[PrognosisAnswer]:
    """Ask for a prognosis, answered within ``wait_s`` where that is given."""
    request = post("/v1/prognoses", PrognosisAnswer, inquiry.json(), key)
    if wait_s is None:
        return request
    return replace(request, headers={**request.headers, "Prefer": f"wait={max(1, round(wait_s))}"})


def stored_prognosis(prognosis_id: str) -> Request[PrognosisAnswer]:
    """Read a stored prognosis."""
    return get(_prognosis(prognosis_id), PrognosisAnswer)


def prognoses(patient: str, model: str, page_size: int, page_token: str) -> Request[PrognosesAnswer]:
    """Read one page of stored prognoses."""
    return get(
        "/v1/prognoses", PrognosesAnswer, patient=patient, model=model, page_size=page_size, page_token=page_token
    )


def replay(prognosis_id: str) -> Request[ReplayAnswer]:
    """Ask the model again with a stored snapshot."""
    return post(f"{_prognosis(prognosis_id)}/replay", ReplayAnswer)


def explanation(prognosis_id: str) -> Request[ExplanationAnswer]:
    """Read why a prognosis is as it is."""
    return get(f"{_prognosis(prognosis_id)}/explanation", ExplanationAnswer)


def write_back(prognosis_id: str) -> Request[WriteBackAnswer]:
    """Have a prognosis written to the EHR; repeatable, as it stands there once."""
    return post(f"{_prognosis(prognosis_id)}/write-back", WriteBackAnswer)


def feedback(
    prognosis_id: str, decision: Decision, reason_code: str, comment: str, key: str
) -> Request[FeedbackAnswer]:
    """Say what was decided on a prognosis."""
    body = _body(FeedbackBody, decision=decision, reason_code=reason_code, comment=comment)
    return post(f"{_prognosis(prognosis_id)}/feedback", FeedbackAnswer, body, key)


def feedback_list(prognosis_id: str) -> Request[FeedbackListAnswer]:
    """Read all feedback on a prognosis."""
    return get(f"{_prognosis(prognosis_id)}/feedback", FeedbackListAnswer)


def outcome(prognosis_id: str, key: str, **stated: object) -> Request[OutcomeAnswer]:
    """Say what became of the patient."""
    return post(f"{_prognosis(prognosis_id)}/outcomes", OutcomeAnswer, _body(OutcomeBody, **stated), key)


def outcomes(prognosis_id: str) -> Request[OutcomesAnswer]:
    """Read all outcomes of a prognosis."""
    return get(f"{_prognosis(prognosis_id)}/outcomes", OutcomesAnswer)


def models() -> Request[ModelsAnswer]:
    """Read which models there are."""
    return get("/v1/models", ModelsAnswer)


def model(name: str) -> Request[ModelAnswer]:
    """Read what a model is."""
    return get(_model(name), ModelAnswer)


def model_card(name: str) -> Request[ModelCardAnswer]:
    """Read a model's card."""
    return get(f"{_model(name)}/card", ModelCardAnswer)


def upload(files: Sequence[Path], progress: Progress | None) -> Request[UploadAnswer]:
    """Store DICOM files, streamed from disk; repeatable, as a stored instance is known again by its UID."""
    boundary = uuid.uuid4().hex
    return Request(
        "POST",
        "/v1/studies",
        UploadAnswer,
        headers={"Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}'},
        content=lambda: _multipart(files, boundary, progress or _silent),
        also_good=(409,),
    )


def study(study_id: str) -> Request[StudyAnswer]:
    """Read what imaging reads of a study."""
    return get(f"/v1/studies/{_opaque(study_id)}", StudyAnswer)


def job(inquiries: Sequence[Inquiry], key: str) -> Request[JobAnswer]:
    """Hand in a batch."""
    content = b'{"queries": [' + b", ".join(one.json() for one in inquiries) + b"]}"
    return post("/v1/jobs", JobAnswer, content, key)


def stored_job(job_id: str) -> Request[JobAnswer]:
    """Read how far a job is."""
    return get(_job(job_id), JobAnswer)


def jobs(page_size: int, page_token: str) -> Request[JobsAnswer]:
    """Read one page of jobs."""
    return get("/v1/jobs", JobsAnswer, page_size=page_size, page_token=page_token)


def job_results(job_id: str, page_size: int, page_token: str) -> Request[JobResultsAnswer]:
    """Read one page of a job's results."""
    return get(f"{_job(job_id)}/results", JobResultsAnswer, page_size=page_size, page_token=page_token)


def cancellation(job_id: str) -> Request[JobAnswer]:
    """Cancel what is not begun of a job."""
    return post(f"{_job(job_id)}/cancel", JobAnswer)


def patient_search(patient_id: str) -> Request[PatientAnswer]:
    """Find the opaque id of a patient."""
    return post("/v1/patients/search", PatientAnswer, _body(PatientSearchBody, patient_id=patient_id))


def erasure(patient: str) -> Request[ErasureAnswer]:
    """Erase a patient; not sent twice, for the second answer would be that there is nobody."""
    return Request("DELETE", f"/v1/patients/{_opaque(patient)}", ErasureAnswer, repeatable=False)


def _prognosis(prognosis_id: str) -> str:
    return f"/v1/prognoses/{_opaque(prognosis_id)}"


def _job(job_id: str) -> str:
    return f"/v1/jobs/{_opaque(job_id)}"


def _opaque(identifier: str) -> str:
    """An id that the server made; raises ``MalformedRequest`` for one that would lead elsewhere."""
    if not _OPAQUE_ID.fullmatch(identifier):
        raise MalformedRequest("An id is one that the server made: letters, digits, - and _.")
    return identifier


def _model(name: str) -> str:
    if name in ("", ".", ".."):
        raise MalformedRequest("Give the name of a model.")
    return f"/v1/models/{quote(name, safe='')}"


def _body(kind: type[BaseModel], **fields: object) -> bytes:
    try:
        return kind(**fields).model_dump_json(exclude_none=True).encode()
    except ValidationError as e:
        raise malformed(e) from e


def _silent(_done: int, _total: int) -> None:
    """Nobody is told."""


def _multipart(files: Sequence[Path], boundary: str, progress: Progress) -> Iterator[bytes]:
    """A ``multipart/related`` body (RFC 2387, PS3.18 section 8.6.1.2.2), read from disk as it is sent."""
    for done, file in enumerate(files):
        progress(done, len(files))
        yield f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        yield from _content(file)
        yield b"\r\n"
    progress(len(files), len(files))
    yield f"--{boundary}--\r\n".encode()


def _content(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                yield chunk
    except OSError as e:
        raise InvalidInput("A file that is to be uploaded cannot be read.") from e
