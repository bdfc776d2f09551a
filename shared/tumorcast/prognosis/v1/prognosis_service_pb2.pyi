from tumorcast.common.v1 import prognosis_pb2 as _prognosis_pb2
from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from tumorcast.fusion.v1 import fusion_service_pb2 as _fusion_service_pb2
from tumorcast.imaging.v1 import imaging_service_pb2 as _imaging_service_pb2
from tumorcast.notes.v1 import notes_service_pb2 as _notes_service_pb2
from tumorcast.prognosis.v1 import jobs_pb2 as _jobs_pb2
from tumorcast.prognosis.v1 import records_pb2 as _records_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreatePrognosisRequest(_message.Message):
    __slots__ = ("model", "patient_id", "index_date", "horizons_days", "fhir", "documents", "timepoints", "features", "planned_therapies", "fhir_server", "idempotency_key")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_DATE_FIELD_NUMBER: _ClassVar[int]
    HORIZONS_DAYS_FIELD_NUMBER: _ClassVar[int]
    FHIR_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINTS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    PLANNED_THERAPIES_FIELD_NUMBER: _ClassVar[int]
    FHIR_SERVER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    model: str
    patient_id: str
    index_date: str
    horizons_days: _containers.RepeatedScalarFieldContainer[float]
    fhir: bytes
    documents: _containers.RepeatedCompositeFieldContainer[_notes_service_pb2.Document]
    timepoints: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Timepoint]
    features: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Feature]
    planned_therapies: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.PlannedTherapy]
    fhir_server: _snapshot_pb2.FhirPatient
    idempotency_key: str
    def __init__(self, model: _Optional[str] = ..., patient_id: _Optional[str] = ..., index_date: _Optional[str] = ..., horizons_days: _Optional[_Iterable[float]] = ..., fhir: _Optional[bytes] = ..., documents: _Optional[_Iterable[_Union[_notes_service_pb2.Document, _Mapping]]] = ..., timepoints: _Optional[_Iterable[_Union[_snapshot_pb2.Timepoint, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[_snapshot_pb2.Feature, _Mapping]]] = ..., planned_therapies: _Optional[_Iterable[_Union[_snapshot_pb2.PlannedTherapy, _Mapping]]] = ..., fhir_server: _Optional[_Union[_snapshot_pb2.FhirPatient, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreatePrognosisResponse(_message.Message):
    __slots__ = ("prognosis",)
    PROGNOSIS_FIELD_NUMBER: _ClassVar[int]
    prognosis: _prognosis_pb2.Prognosis
    def __init__(self, prognosis: _Optional[_Union[_prognosis_pb2.Prognosis, _Mapping]] = ...) -> None: ...

class ScoreCohortRequest(_message.Message):
    __slots__ = ("queries",)
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[CreatePrognosisRequest]
    def __init__(self, queries: _Optional[_Iterable[_Union[CreatePrognosisRequest, _Mapping]]] = ...) -> None: ...

class ScoreCohortResponse(_message.Message):
    __slots__ = ("position", "done", "total", "prognosis", "error")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PROGNOSIS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    position: int
    done: int
    total: int
    prognosis: _prognosis_pb2.Prognosis
    error: _prognosis_pb2.Reason
    def __init__(self, position: _Optional[int] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., prognosis: _Optional[_Union[_prognosis_pb2.Prognosis, _Mapping]] = ..., error: _Optional[_Union[_prognosis_pb2.Reason, _Mapping]] = ...) -> None: ...

class GetPrognosisRequest(_message.Message):
    __slots__ = ("prognosis_id",)
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    def __init__(self, prognosis_id: _Optional[str] = ...) -> None: ...

class GetPrognosisResponse(_message.Message):
    __slots__ = ("prognosis",)
    PROGNOSIS_FIELD_NUMBER: _ClassVar[int]
    prognosis: _prognosis_pb2.Prognosis
    def __init__(self, prognosis: _Optional[_Union[_prognosis_pb2.Prognosis, _Mapping]] = ...) -> None: ...

class ListPrognosesRequest(_message.Message):
    __slots__ = ("patient", "model", "page_size", "page_token")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    patient: str
    model: str
    page_size: int
    page_token: str
    def __init__(self, patient: _Optional[str] = ..., model: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPrognosesResponse(_message.Message):
    __slots__ = ("prognoses", "next_page_token")
    PROGNOSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    prognoses: _containers.RepeatedCompositeFieldContainer[_records_pb2.PrognosisSummary]
    next_page_token: str
    def __init__(self, prognoses: _Optional[_Iterable[_Union[_records_pb2.PrognosisSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReplayPrognosisRequest(_message.Message):
    __slots__ = ("prognosis_id",)
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    def __init__(self, prognosis_id: _Optional[str] = ...) -> None: ...

class ReplayPrognosisResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: _records_pb2.Replay
    def __init__(self, replay: _Optional[_Union[_records_pb2.Replay, _Mapping]] = ...) -> None: ...

class WriteBackPrognosisRequest(_message.Message):
    __slots__ = ("prognosis_id",)
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    def __init__(self, prognosis_id: _Optional[str] = ...) -> None: ...

class WriteBackPrognosisResponse(_message.Message):
    __slots__ = ("write_back",)
    WRITE_BACK_FIELD_NUMBER: _ClassVar[int]
    write_back: _records_pb2.WriteBack
    def __init__(self, write_back: _Optional[_Union[_records_pb2.WriteBack, _Mapping]] = ...) -> None: ...

class ExplainPrognosisRequest(_message.Message):
    __slots__ = ("prognosis_id",)
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    def __init__(self, prognosis_id: _Optional[str] = ...) -> None: ...

class ExplainPrognosisResponse(_message.Message):
    __slots__ = ("explanation",)
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    explanation: _records_pb2.Explanation
    def __init__(self, explanation: _Optional[_Union[_records_pb2.Explanation, _Mapping]] = ...) -> None: ...

class CreateFeedbackRequest(_message.Message):
    __slots__ = ("feedback", "idempotency_key")
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    feedback: _records_pb2.Feedback
    idempotency_key: str
    def __init__(self, feedback: _Optional[_Union[_records_pb2.Feedback, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateFeedbackResponse(_message.Message):
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: _records_pb2.Feedback
    def __init__(self, feedback: _Optional[_Union[_records_pb2.Feedback, _Mapping]] = ...) -> None: ...

class ListFeedbackRequest(_message.Message):
    __slots__ = ("prognosis_id",)
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    def __init__(self, prognosis_id: _Optional[str] = ...) -> None: ...

class ListFeedbackResponse(_message.Message):
    __slots__ = ("feedback",)
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    feedback: _containers.RepeatedCompositeFieldContainer[_records_pb2.Feedback]
    def __init__(self, feedback: _Optional[_Iterable[_Union[_records_pb2.Feedback, _Mapping]]] = ...) -> None: ...

class CreateOutcomeRequest(_message.Message):
    __slots__ = ("outcome", "idempotency_key")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    outcome: _records_pb2.Outcome
    idempotency_key: str
    def __init__(self, outcome: _Optional[_Union[_records_pb2.Outcome, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateOutcomeResponse(_message.Message):
    __slots__ = ("outcome",)
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: _records_pb2.Outcome
    def __init__(self, outcome: _Optional[_Union[_records_pb2.Outcome, _Mapping]] = ...) -> None: ...

class ListOutcomesRequest(_message.Message):
    __slots__ = ("prognosis_id",)
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    def __init__(self, prognosis_id: _Optional[str] = ...) -> None: ...

class ListOutcomesResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[_records_pb2.Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[_records_pb2.Outcome, _Mapping]]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_fusion_service_pb2.ModelSummary]
    def __init__(self, models: _Optional[_Iterable[_Union[_fusion_service_pb2.ModelSummary, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _fusion_service_pb2.ModelSummary
    def __init__(self, model: _Optional[_Union[_fusion_service_pb2.ModelSummary, _Mapping]] = ...) -> None: ...

class GetModelCardRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelCardResponse(_message.Message):
    __slots__ = ("ref", "markdown")
    REF_FIELD_NUMBER: _ClassVar[int]
    MARKDOWN_FIELD_NUMBER: _ClassVar[int]
    ref: _prognosis_pb2.ModelRef
    markdown: str
    def __init__(self, ref: _Optional[_Union[_prognosis_pb2.ModelRef, _Mapping]] = ..., markdown: _Optional[str] = ...) -> None: ...

class UploadStudyRequest(_message.Message):
    __slots__ = ("piece",)
    PIECE_FIELD_NUMBER: _ClassVar[int]
    piece: _imaging_service_pb2.UploadStudyRequest
    def __init__(self, piece: _Optional[_Union[_imaging_service_pb2.UploadStudyRequest, _Mapping]] = ...) -> None: ...

class UploadStudyResponse(_message.Message):
    __slots__ = ("studies", "refusals")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[StoredStudy]
    refusals: _containers.RepeatedCompositeFieldContainer[_imaging_service_pb2.UploadRefusal]
    def __init__(self, studies: _Optional[_Iterable[_Union[StoredStudy, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[_imaging_service_pb2.UploadRefusal, _Mapping]]] = ...) -> None: ...

class StoredStudy(_message.Message):
    __slots__ = ("study_id", "study")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    study: _imaging_service_pb2.UploadedStudy
    def __init__(self, study_id: _Optional[str] = ..., study: _Optional[_Union[_imaging_service_pb2.UploadedStudy, _Mapping]] = ...) -> None: ...

class GetStudyRequest(_message.Message):
    __slots__ = ("study_id",)
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    def __init__(self, study_id: _Optional[str] = ...) -> None: ...

class GetStudyResponse(_message.Message):
    __slots__ = ("study",)
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study: _records_pb2.Study
    def __init__(self, study: _Optional[_Union[_records_pb2.Study, _Mapping]] = ...) -> None: ...

class CreateJobRequest(_message.Message):
    __slots__ = ("queries", "idempotency_key")
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[CreatePrognosisRequest]
    idempotency_key: str
    def __init__(self, queries: _Optional[_Iterable[_Union[CreatePrognosisRequest, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _jobs_pb2.Job
    def __init__(self, job: _Optional[_Union[_jobs_pb2.Job, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[_jobs_pb2.Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[_jobs_pb2.Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _jobs_pb2.Job
    def __init__(self, job: _Optional[_Union[_jobs_pb2.Job, _Mapping]] = ...) -> None: ...

class ListJobResultsRequest(_message.Message):
    __slots__ = ("job_id", "page_size", "page_token")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    page_size: int
    page_token: str
    def __init__(self, job_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobResultsResponse(_message.Message):
    __slots__ = ("results", "next_page_token")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_jobs_pb2.JobResult]
    next_page_token: str
    def __init__(self, results: _Optional[_Iterable[_Union[_jobs_pb2.JobResult, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _jobs_pb2.Job
    def __init__(self, job: _Optional[_Union[_jobs_pb2.Job, _Mapping]] = ...) -> None: ...

class FindPatientRequest(_message.Message):
    __slots__ = ("patient_id",)
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    patient_id: str
    def __init__(self, patient_id: _Optional[str] = ...) -> None: ...

class FindPatientResponse(_message.Message):
    __slots__ = ("patient",)
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    patient: _records_pb2.PatientRef
    def __init__(self, patient: _Optional[_Union[_records_pb2.PatientRef, _Mapping]] = ...) -> None: ...

class ErasePatientRequest(_message.Message):
    __slots__ = ("patient",)
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    patient: str
    def __init__(self, patient: _Optional[str] = ...) -> None: ...

class ErasePatientResponse(_message.Message):
    __slots__ = ("prognoses",)
    PROGNOSES_FIELD_NUMBER: _ClassVar[int]
    prognoses: int
    def __init__(self, prognoses: _Optional[int] = ...) -> None: ...
