from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExtractFeaturesRequest(_message.Message):
    __slots__ = ("fhir", "index_date", "fhir_server")
    FHIR_FIELD_NUMBER: _ClassVar[int]
    INDEX_DATE_FIELD_NUMBER: _ClassVar[int]
    FHIR_SERVER_FIELD_NUMBER: _ClassVar[int]
    fhir: bytes
    index_date: str
    fhir_server: _snapshot_pb2.FhirPatient
    def __init__(self, fhir: _Optional[bytes] = ..., index_date: _Optional[str] = ..., fhir_server: _Optional[_Union[_snapshot_pb2.FhirPatient, _Mapping]] = ...) -> None: ...

class ExtractFeaturesResponse(_message.Message):
    __slots__ = ("features", "issues", "patient_id", "date")
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Feature]
    issues: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Issue]
    patient_id: str
    date: str
    def __init__(self, features: _Optional[_Iterable[_Union[_snapshot_pb2.Feature, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[_snapshot_pb2.Issue, _Mapping]]] = ..., patient_id: _Optional[str] = ..., date: _Optional[str] = ...) -> None: ...
