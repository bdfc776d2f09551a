"""Every error that a caller may see.

::

    TumorcastError
    ├── InvalidInput                what was sent cannot be read or makes no sense
    │   ├── NoInput                 nothing was sent to predict from
    │   ├── MalformedRequest        the request itself does not follow its schema
    │   ├── MalformedFhir           not JSON, or not FHIR R4
    │   ├── HostNotAllowed          the operator does not allow that host, or its address
    │   │   └── FhirServerNotAllowed   the operator does not allow that FHIR server
    │   ├── PatientMismatch         a record is of another patient than the one that was asked for
    │   ├── MalformedDocument       a note is not decodable text
    │   ├── NotDicom                a file is not DICOM
    │   ├── InstanceConflict        another file is stored under the same SOP instance UID
    │   ├── StudyMismatch           a file belongs to another study than the one it was sent to
    │   ├── UnsoundSeries           slices do not form one volume
    │   ├── UnsoundSegmentation     the segmentation does not fit its series
    │   ├── UnsoundAssessments      lesions and visits do not form a course that RECIST can assess
    │   ├── UnknownFeature          a name is not in the feature catalog
    │   ├── ImplausibleValue        a value lies outside the catalog's range, unit or categories
    │   ├── UnknownEmbeddingSpace   the model was not trained on this encoder
    │   ├── HorizonOutOfRange       a horizon lies beyond the model's follow-up
    │   ├── UnsoundOutcome          an outcome does not fit the endpoint that it is of
    │   ├── UnsoundModel            a model's files are not those that were published, or it does not answer
    │   ├── PrefetchMissing         a CDS Hooks request lacks data that it must bring along
    │   ├── IdempotencyKeyReused    the key was sent before with another request
    │   ├── NoCluster               no Kubernetes cluster is configured that may be talked to
    │   └── ClusterRefused          the Kubernetes API takes the object or the change for wrong
    ├── Unauthenticated             who asks could not be established
    │   └── InvalidToken            the token is none, is not for this service, or nobody known vouches for it
    │       └── TokenExpired        the token was good and no longer is; get another
    ├── PermissionDenied            who asks may not do this
    │   └── ClusterForbidden        the role on the Kubernetes cluster does not allow it
    ├── NotFound
    │   ├── UnknownModel            no model of that name
    │   ├── StudyNotFound           no study of that UID
    │   ├── PatientNotFound         no patient of that id, here or on the FHIR server
    │   ├── PrognosisNotFound       no prognosis of that id
    │   ├── JobNotFound             no job of that id
    │   └── ClusterObjectNotFound   no object of that name on the Kubernetes cluster
    │       └── ClusterKindNotFound    the cluster does not know that kind: its operator is not installed
    ├── RecordErased                it was here and is erased; nobody can read it again
    ├── Conflict                    it does not go with what is there or under way
    │   ├── IdempotencyKeyInUse     a request with the same key is under way
    │   ├── ModelConflict           somebody else changed meanwhile which version of a model answers
    │   ├── PromotionRefused        too little is known of a model's version, or it differs too much, to promote it
    │   ├── WriteBackRefused        no FHIR server takes what was to be written back
    │   └── ClusterConflict         somebody else changed the object on the Kubernetes cluster, or it exists
    ├── PayloadTooLarge             over a size limit; sending it again does not help
    ├── ResourceExhausted           a queue or a disk is full; try again later
    │   └── RateLimited             this caller asks too often; try again later
    ├── ServiceUnavailable          a service that is needed does not answer
    │   ├── FhirAccessDenied        a FHIR server does not take this service's credentials
    │   ├── ModelStoreUnavailable   the store of model versions does not answer
    │   ├── StoreUnavailable        the gateway's database does not answer
    │   └── ClusterUnavailable      the Kubernetes API does not answer, or fails
    ├── DeadlineExceeded            the answer would come too late
    └── Incident                    unexpected; the log has the text under this id

Each has a reason code and a message that is safe to show: no patient data, no paths.
Every argument goes to ``super().__init__``, or the error would not unpickle in another process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, NamedTuple


class TumorcastError(Exception):
    """Base of all errors that reach a caller; ``message`` is safe to show."""

    reason: ClassVar[str] = "ERROR"
    default_message: ClassVar[str] = "Something went wrong."
    retry_after_s: float | None = None
    """Seconds after which it may go better, for who tries again; none: trying again alone does not help."""
    request_id: str = ""
    """Id of the request in the log of the server that told the error, on the client's side; empty: not known."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.message = message or self.default_message

    def __init_subclass__(cls) -> None:
        cls.reason = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).upper()

    def __str__(self) -> str:
        return self.message


class InvalidInput(TumorcastError):
    default_message = "The input cannot be used."


class NoInput(InvalidInput):
    default_message = "Give at least one of fhir, fhir_server, documents, timepoints and features."


class Violation(NamedTuple):
    """What is wrong with one part of a request; ``location`` is a path into it, e.g. ``timepoints[0].role``."""

    location: str
    message: str


class MalformedRequest(InvalidInput):
    default_message = "The request does not follow its schema."
    violations: tuple[Violation, ...] = ()
    """What is wrong where, as far as it is known."""

    @classmethod
    def at(cls, location: str, message: str) -> MalformedRequest:
        """Make the error of one part of a request.

        >>> MalformedRequest.at("index_date", "index_date must be a day.").violations[0].location
        'index_date'
        """
        error = cls(message)
        error.violations = (Violation(location, message),)
        return error

    def inside(self, location: str) -> MalformedRequest:
        """The same error as one of the part of a larger request that stands there.

        >>> MalformedRequest.at("model", "model is required.").inside("queries[2]").violations[0].location
        'queries[2].model'
        """
        error = type(self)(f"{location}: {self.message}")
        inner = self.violations or (Violation("", self.message),)
        error.violations = tuple(Violation(f"{location}.{v.location}".removesuffix("."), v.message) for v in inner)
        return error


class MalformedFhir(InvalidInput):
    default_message = "The record is not FHIR R4 JSON."


class HostNotAllowed(InvalidInput):
    default_message = "The host is not among those that the operator allows."


class FhirServerNotAllowed(HostNotAllowed):
    default_message = "The FHIR server is not among those that the operator allows."


class PatientMismatch(InvalidInput):
    default_message = "The record is of another patient than the one that was asked for."


class MalformedDocument(InvalidInput):
    default_message = "The document is not readable text."


class NotDicom(InvalidInput):
    default_message = "The file is not DICOM."


class InstanceConflict(InvalidInput):
    default_message = "Another file with the same SOP instance UID is already stored."


class StudyMismatch(InvalidInput):
    default_message = "The file belongs to another study than the one it was sent to."


class UnsoundSeries(InvalidInput):
    default_message = "The slices do not form one volume."


class UnsoundSegmentation(InvalidInput):
    default_message = "The segmentation does not fit its series."


class UnsoundAssessments(InvalidInput):
    default_message = "The lesions and visits do not form a course that RECIST can assess."


class UnknownFeature(InvalidInput):
    default_message = "The feature is not in the catalog."


class ImplausibleValue(InvalidInput):
    default_message = "The value lies outside the catalog's range, unit or categories."


class UnknownEmbeddingSpace(InvalidInput):
    default_message = "The model was not trained on this embedding space."


class HorizonOutOfRange(InvalidInput):
    default_message = "A horizon lies beyond the model's follow-up."


class UnsoundOutcome(InvalidInput):
    default_message = "The outcome does not fit the endpoint that it is of."


class UnsoundModel(InvalidInput):
    default_message = "The model's files are not those that were published."


class PrefetchMissing(InvalidInput):
    default_message = "The request lacks prefetched data."


class IdempotencyKeyReused(InvalidInput):
    default_message = "The idempotency key was sent before with another request."


class NoCluster(InvalidInput):
    default_message = "No Kubernetes cluster is configured."


class ClusterRefused(InvalidInput):
    default_message = "The Kubernetes API refuses this."


class Unauthenticated(TumorcastError):
    default_message = "Give valid credentials."


class InvalidToken(Unauthenticated):
    default_message = "The token is not valid."


class TokenExpired(InvalidToken):
    default_message = "The token has expired."


class PermissionDenied(TumorcastError):
    default_message = "The credentials do not allow this."


class ClusterForbidden(PermissionDenied):
    default_message = "The role on the Kubernetes cluster does not allow this."


class NotFound(TumorcastError):
    default_message = "It was not found."


class UnknownModel(NotFound):
    default_message = "There is no model of that name."


class StudyNotFound(NotFound):
    default_message = "There is no study of that UID."


class PatientNotFound(NotFound):
    default_message = "There is no patient of that id."


class PrognosisNotFound(NotFound):
    default_message = "There is no prognosis of that id."


class JobNotFound(NotFound):
    default_message = "There is no job of that id."


class ClusterObjectNotFound(NotFound):
    default_message = "There is no object of that name on the Kubernetes cluster."


class ClusterKindNotFound(ClusterObjectNotFound):
    default_message = "The Kubernetes cluster does not know this kind of object."


class RecordErased(TumorcastError):
    default_message = "The record was erased; nobody can read it again."


class Conflict(TumorcastError):
    default_message = "This does not go with what is there."


class IdempotencyKeyInUse(Conflict):
    default_message = "A request with the same idempotency key is under way."


class ModelConflict(Conflict):
    default_message = "Somebody else changed meanwhile which version of the model answers."


class PromotionRefused(Conflict):
    default_message = "Too little is known of the version to let it answer."


class WriteBackRefused(Conflict):
    default_message = "The FHIR server does not take the resources."


class ClusterConflict(Conflict):
    default_message = "Somebody else changed the object on the Kubernetes cluster."


class PayloadTooLarge(TumorcastError):
    default_message = "The input is larger than the limit."


class ResourceExhausted(TumorcastError):
    default_message = "The service is at its limit; try again later."
    retry_after_s = 1.0


class RateLimited(ResourceExhausted):
    default_message = "Too many requests; try again later."


class ServiceUnavailable(TumorcastError):
    default_message = "A service that is needed does not answer."
    retry_after_s = 2.0


class FhirAccessDenied(ServiceUnavailable):
    default_message = "The FHIR server refuses this service's credentials."


class ModelStoreUnavailable(ServiceUnavailable):
    default_message = "The store of model versions does not answer."


class StoreUnavailable(ServiceUnavailable):
    default_message = "The store of records does not answer."


class ClusterUnavailable(ServiceUnavailable):
    default_message = "The Kubernetes API does not answer."


class DeadlineExceeded(TumorcastError):
    default_message = "The deadline passed before the answer was ready."


class Incident(TumorcastError):
    default_message = "An unexpected error happened; its text is in the log."


def all_errors(root: type[TumorcastError] = TumorcastError) -> Iterator[type[TumorcastError]]:
    """Yield every error class below ``root``, parents first."""
    for child in root.__subclasses__():
        yield child
        yield from all_errors(child)


def by_reason(reason: str) -> type[TumorcastError] | None:
    """Find the error class of a reason code.

    >>> by_reason("STUDY_NOT_FOUND").__name__
    'StudyNotFound'
    """
    return next((error for error in all_errors() if error.reason == reason), None)
