import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tumorcast.common.v1 import prognosis_pb2 as _prognosis_pb2
from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_ACCEPTED: _ClassVar[Decision]
    DECISION_OVERRIDDEN: _ClassVar[Decision]
    DECISION_DEFERRED: _ClassVar[Decision]
    DECISION_NOTED: _ClassVar[Decision]
DECISION_UNSPECIFIED: Decision
DECISION_ACCEPTED: Decision
DECISION_OVERRIDDEN: Decision
DECISION_DEFERRED: Decision
DECISION_NOTED: Decision

class PrognosisSummary(_message.Message):
    __slots__ = ("prognosis_id", "patient", "created_at", "model", "simulated", "erased")
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    patient: str
    created_at: _timestamp_pb2.Timestamp
    model: _prognosis_pb2.ModelRef
    simulated: bool
    erased: bool
    def __init__(self, prognosis_id: _Optional[str] = ..., patient: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[_Union[_prognosis_pb2.ModelRef, _Mapping]] = ..., simulated: _Optional[bool] = ..., erased: _Optional[bool] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("prognosis_id", "model", "endpoints", "typicality", "similar", "observed_under")
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    TYPICALITY_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_UNDER_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    model: _prognosis_pb2.ModelRef
    endpoints: _containers.RepeatedCompositeFieldContainer[EndpointExplanation]
    typicality: _prognosis_pb2.Typicality
    similar: _containers.RepeatedCompositeFieldContainer[_prognosis_pb2.SimilarPatients]
    observed_under: _containers.RepeatedCompositeFieldContainer[_prognosis_pb2.ObservedUnder]
    def __init__(self, prognosis_id: _Optional[str] = ..., model: _Optional[_Union[_prognosis_pb2.ModelRef, _Mapping]] = ..., endpoints: _Optional[_Iterable[_Union[EndpointExplanation, _Mapping]]] = ..., typicality: _Optional[_Union[_prognosis_pb2.Typicality, _Mapping]] = ..., similar: _Optional[_Iterable[_Union[_prognosis_pb2.SimilarPatients, _Mapping]]] = ..., observed_under: _Optional[_Iterable[_Union[_prognosis_pb2.ObservedUnder, _Mapping]]] = ...) -> None: ...

class EndpointExplanation(_message.Message):
    __slots__ = ("endpoint_id", "status", "reasons", "groups", "inputs", "missing")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    status: _prognosis_pb2.EndpointStatus
    reasons: _containers.RepeatedCompositeFieldContainer[_prognosis_pb2.Reason]
    groups: _containers.RepeatedCompositeFieldContainer[GroupContribution]
    inputs: _containers.RepeatedCompositeFieldContainer[_prognosis_pb2.FeatureContribution]
    missing: _containers.RepeatedCompositeFieldContainer[MissingGroup]
    def __init__(self, endpoint_id: _Optional[str] = ..., status: _Optional[_Union[_prognosis_pb2.EndpointStatus, str]] = ..., reasons: _Optional[_Iterable[_Union[_prognosis_pb2.Reason, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[GroupContribution, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[_prognosis_pb2.FeatureContribution, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[MissingGroup, _Mapping]]] = ...) -> None: ...

class GroupContribution(_message.Message):
    __slots__ = ("group", "modality", "value", "horizon_days")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HORIZON_DAYS_FIELD_NUMBER: _ClassVar[int]
    group: str
    modality: _snapshot_pb2.Modality
    value: float
    horizon_days: float
    def __init__(self, group: _Optional[str] = ..., modality: _Optional[_Union[_snapshot_pb2.Modality, str]] = ..., value: _Optional[float] = ..., horizon_days: _Optional[float] = ...) -> None: ...

class MissingGroup(_message.Message):
    __slots__ = ("group", "modality", "status", "reason", "worth")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WORTH_FIELD_NUMBER: _ClassVar[int]
    group: str
    modality: _snapshot_pb2.Modality
    status: _prognosis_pb2.InputStatus
    reason: _prognosis_pb2.Reason
    worth: _prognosis_pb2.Worth
    def __init__(self, group: _Optional[str] = ..., modality: _Optional[_Union[_snapshot_pb2.Modality, str]] = ..., status: _Optional[_Union[_prognosis_pb2.InputStatus, str]] = ..., reason: _Optional[_Union[_prognosis_pb2.Reason, _Mapping]] = ..., worth: _Optional[_Union[_prognosis_pb2.Worth, _Mapping]] = ...) -> None: ...

class Replay(_message.Message):
    __slots__ = ("prognosis_id", "same", "model_changed", "differences", "prognosis")
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    SAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_CHANGED_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    PROGNOSIS_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    same: bool
    model_changed: bool
    differences: _containers.RepeatedScalarFieldContainer[str]
    prognosis: _prognosis_pb2.Prognosis
    def __init__(self, prognosis_id: _Optional[str] = ..., same: _Optional[bool] = ..., model_changed: _Optional[bool] = ..., differences: _Optional[_Iterable[str]] = ..., prognosis: _Optional[_Union[_prognosis_pb2.Prognosis, _Mapping]] = ...) -> None: ...

class Feedback(_message.Message):
    __slots__ = ("feedback_id", "prognosis_id", "created_at", "decision", "reason_code", "comment")
    FEEDBACK_ID_FIELD_NUMBER: _ClassVar[int]
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    feedback_id: str
    prognosis_id: str
    created_at: _timestamp_pb2.Timestamp
    decision: Decision
    reason_code: str
    comment: str
    def __init__(self, feedback_id: _Optional[str] = ..., prognosis_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision: _Optional[_Union[Decision, str]] = ..., reason_code: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("outcome_id", "prognosis_id", "created_at", "endpoint_id", "occurred", "category", "time_days", "value")
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TIME_DAYS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    outcome_id: str
    prognosis_id: str
    created_at: _timestamp_pb2.Timestamp
    endpoint_id: str
    occurred: bool
    category: str
    time_days: float
    value: float
    def __init__(self, outcome_id: _Optional[str] = ..., prognosis_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., endpoint_id: _Optional[str] = ..., occurred: _Optional[bool] = ..., category: _Optional[str] = ..., time_days: _Optional[float] = ..., value: _Optional[float] = ...) -> None: ...

class Study(_message.Message):
    __slots__ = ("study_id", "study_instance_uid", "date", "features", "lesions", "issues")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LESIONS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    study_instance_uid: str
    date: str
    features: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Feature]
    lesions: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Lesion]
    issues: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Issue]
    def __init__(self, study_id: _Optional[str] = ..., study_instance_uid: _Optional[str] = ..., date: _Optional[str] = ..., features: _Optional[_Iterable[_Union[_snapshot_pb2.Feature, _Mapping]]] = ..., lesions: _Optional[_Iterable[_Union[_snapshot_pb2.Lesion, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[_snapshot_pb2.Issue, _Mapping]]] = ...) -> None: ...

class PatientRef(_message.Message):
    __slots__ = ("patient", "prognoses")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    PROGNOSES_FIELD_NUMBER: _ClassVar[int]
    patient: str
    prognoses: int
    def __init__(self, patient: _Optional[str] = ..., prognoses: _Optional[int] = ...) -> None: ...

class WriteBack(_message.Message):
    __slots__ = ("prognosis_id", "resources")
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    resources: _containers.RepeatedCompositeFieldContainer[WrittenResource]
    def __init__(self, prognosis_id: _Optional[str] = ..., resources: _Optional[_Iterable[_Union[WrittenResource, _Mapping]]] = ...) -> None: ...

class WrittenResource(_message.Message):
    __slots__ = ("kind", "reference", "created")
    KIND_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    kind: str
    reference: str
    created: bool
    def __init__(self, kind: _Optional[str] = ..., reference: _Optional[str] = ..., created: _Optional[bool] = ...) -> None: ...
