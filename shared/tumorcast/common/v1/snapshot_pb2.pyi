from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Modality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODALITY_UNSPECIFIED: _ClassVar[Modality]
    MODALITY_IMAGING: _ClassVar[Modality]
    MODALITY_LABS: _ClassVar[Modality]
    MODALITY_NOTES: _ClassVar[Modality]
    MODALITY_GENOMICS: _ClassVar[Modality]
    MODALITY_CLINICAL: _ClassVar[Modality]
    MODALITY_THERAPY: _ClassVar[Modality]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFORMATION: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
    SEVERITY_FATAL: _ClassVar[Severity]

class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TYPE_UNSPECIFIED: _ClassVar[DataType]
    DATA_TYPE_FLOAT32: _ClassVar[DataType]
    DATA_TYPE_FLOAT16: _ClassVar[DataType]
MODALITY_UNSPECIFIED: Modality
MODALITY_IMAGING: Modality
MODALITY_LABS: Modality
MODALITY_NOTES: Modality
MODALITY_GENOMICS: Modality
MODALITY_CLINICAL: Modality
MODALITY_THERAPY: Modality
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFORMATION: Severity
SEVERITY_WARNING: Severity
SEVERITY_ERROR: Severity
SEVERITY_FATAL: Severity
DATA_TYPE_UNSPECIFIED: DataType
DATA_TYPE_FLOAT32: DataType
DATA_TYPE_FLOAT16: DataType

class Coding(_message.Message):
    __slots__ = ("system", "code", "display")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    system: str
    code: str
    display: str
    def __init__(self, system: _Optional[str] = ..., code: _Optional[str] = ..., display: _Optional[str] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("name", "coding", "number", "category", "unit", "effective", "source", "timepoint", "comparator", "status", "sources", "formula")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CODING_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    COMPARATOR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    name: str
    coding: Coding
    number: float
    category: str
    unit: str
    effective: str
    source: str
    timepoint: str
    comparator: str
    status: str
    sources: _containers.RepeatedScalarFieldContainer[str]
    formula: str
    def __init__(self, name: _Optional[str] = ..., coding: _Optional[_Union[Coding, _Mapping]] = ..., number: _Optional[float] = ..., category: _Optional[str] = ..., unit: _Optional[str] = ..., effective: _Optional[str] = ..., source: _Optional[str] = ..., timepoint: _Optional[str] = ..., comparator: _Optional[str] = ..., status: _Optional[str] = ..., sources: _Optional[_Iterable[str]] = ..., formula: _Optional[str] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("embedding_space", "data", "data_type", "shape", "modality", "timepoint", "dicom_modality", "source", "effective", "preparation")
    EMBEDDING_SPACE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    DICOM_MODALITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    PREPARATION_FIELD_NUMBER: _ClassVar[int]
    embedding_space: str
    data: bytes
    data_type: DataType
    shape: _containers.RepeatedScalarFieldContainer[int]
    modality: Modality
    timepoint: str
    dicom_modality: str
    source: str
    effective: str
    preparation: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, embedding_space: _Optional[str] = ..., data: _Optional[bytes] = ..., data_type: _Optional[_Union[DataType, str]] = ..., shape: _Optional[_Iterable[int]] = ..., modality: _Optional[_Union[Modality, str]] = ..., timepoint: _Optional[str] = ..., dicom_modality: _Optional[str] = ..., source: _Optional[str] = ..., effective: _Optional[str] = ..., preparation: _Optional[_Iterable[str]] = ...) -> None: ...

class Lesion(_message.Message):
    __slots__ = ("tracking_uid", "label", "series_instance_uid", "dicom_modality", "source", "date", "measurements", "timepoint", "site", "organ", "lymph_node")
    TRACKING_UID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    DICOM_MODALITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    ORGAN_FIELD_NUMBER: _ClassVar[int]
    LYMPH_NODE_FIELD_NUMBER: _ClassVar[int]
    tracking_uid: str
    label: str
    series_instance_uid: str
    dicom_modality: str
    source: str
    date: str
    measurements: _containers.RepeatedCompositeFieldContainer[Feature]
    timepoint: str
    site: Coding
    organ: str
    lymph_node: bool
    def __init__(self, tracking_uid: _Optional[str] = ..., label: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., dicom_modality: _Optional[str] = ..., source: _Optional[str] = ..., date: _Optional[str] = ..., measurements: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., timepoint: _Optional[str] = ..., site: _Optional[_Union[Coding, _Mapping]] = ..., organ: _Optional[str] = ..., lymph_node: _Optional[bool] = ...) -> None: ...

class Issue(_message.Message):
    __slots__ = ("severity", "code", "message", "location", "origin", "timepoint")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    severity: Severity
    code: str
    message: str
    location: str
    origin: str
    timepoint: str
    def __init__(self, severity: _Optional[_Union[Severity, str]] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., location: _Optional[str] = ..., origin: _Optional[str] = ..., timepoint: _Optional[str] = ...) -> None: ...

class Timepoint(_message.Message):
    __slots__ = ("role", "date", "study_instance_uid", "segmentation_uid")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_UID_FIELD_NUMBER: _ClassVar[int]
    role: str
    date: str
    study_instance_uid: str
    segmentation_uid: str
    def __init__(self, role: _Optional[str] = ..., date: _Optional[str] = ..., study_instance_uid: _Optional[str] = ..., segmentation_uid: _Optional[str] = ...) -> None: ...

class PlannedTherapy(_message.Message):
    __slots__ = ("coding", "therapy_class", "start_date")
    CODING_FIELD_NUMBER: _ClassVar[int]
    THERAPY_CLASS_FIELD_NUMBER: _ClassVar[int]
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    coding: Coding
    therapy_class: str
    start_date: str
    def __init__(self, coding: _Optional[_Union[Coding, _Mapping]] = ..., therapy_class: _Optional[str] = ..., start_date: _Optional[str] = ...) -> None: ...

class FhirPatient(_message.Message):
    __slots__ = ("base_url", "patient_id")
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    base_url: str
    patient_id: str
    def __init__(self, base_url: _Optional[str] = ..., patient_id: _Optional[str] = ...) -> None: ...

class PatientSnapshot(_message.Message):
    __slots__ = ("patient_id", "index_date", "features", "embeddings", "issues", "timepoints", "planned_therapies", "lesions")
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_DATE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINTS_FIELD_NUMBER: _ClassVar[int]
    PLANNED_THERAPIES_FIELD_NUMBER: _ClassVar[int]
    LESIONS_FIELD_NUMBER: _ClassVar[int]
    patient_id: str
    index_date: str
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    embeddings: _containers.RepeatedCompositeFieldContainer[Embedding]
    issues: _containers.RepeatedCompositeFieldContainer[Issue]
    timepoints: _containers.RepeatedCompositeFieldContainer[Timepoint]
    planned_therapies: _containers.RepeatedCompositeFieldContainer[PlannedTherapy]
    lesions: _containers.RepeatedCompositeFieldContainer[Lesion]
    def __init__(self, patient_id: _Optional[str] = ..., index_date: _Optional[str] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., embeddings: _Optional[_Iterable[_Union[Embedding, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[Issue, _Mapping]]] = ..., timepoints: _Optional[_Iterable[_Union[Timepoint, _Mapping]]] = ..., planned_therapies: _Optional[_Iterable[_Union[PlannedTherapy, _Mapping]]] = ..., lesions: _Optional[_Iterable[_Union[Lesion, _Mapping]]] = ...) -> None: ...
