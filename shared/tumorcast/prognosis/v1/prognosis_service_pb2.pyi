from tumorcast.common.v1 import prognosis_pb2 as _prognosis_pb2
from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from tumorcast.notes.v1 import notes_service_pb2 as _notes_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreatePrognosisRequest(_message.Message):
    __slots__ = ("model", "patient_id", "index_date", "horizons_days", "fhir", "documents", "timepoints", "features", "planned_therapies", "fhir_server")
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
    def __init__(self, model: _Optional[str] = ..., patient_id: _Optional[str] = ..., index_date: _Optional[str] = ..., horizons_days: _Optional[_Iterable[float]] = ..., fhir: _Optional[bytes] = ..., documents: _Optional[_Iterable[_Union[_notes_service_pb2.Document, _Mapping]]] = ..., timepoints: _Optional[_Iterable[_Union[_snapshot_pb2.Timepoint, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[_snapshot_pb2.Feature, _Mapping]]] = ..., planned_therapies: _Optional[_Iterable[_Union[_snapshot_pb2.PlannedTherapy, _Mapping]]] = ..., fhir_server: _Optional[_Union[_snapshot_pb2.FhirPatient, _Mapping]] = ...) -> None: ...

class CreatePrognosisResponse(_message.Message):
    __slots__ = ("prognosis",)
    PROGNOSIS_FIELD_NUMBER: _ClassVar[int]
    prognosis: _prognosis_pb2.Prognosis
    def __init__(self, prognosis: _Optional[_Union[_prognosis_pb2.Prognosis, _Mapping]] = ...) -> None: ...
