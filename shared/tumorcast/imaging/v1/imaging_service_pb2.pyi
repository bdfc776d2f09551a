from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EncodeStudyRequest(_message.Message):
    __slots__ = ("timepoint", "encoders", "wanted")
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    ENCODERS_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    timepoint: _snapshot_pb2.Timepoint
    encoders: _containers.RepeatedScalarFieldContainer[str]
    wanted: Wanted
    def __init__(self, timepoint: _Optional[_Union[_snapshot_pb2.Timepoint, _Mapping]] = ..., encoders: _Optional[_Iterable[str]] = ..., wanted: _Optional[_Union[Wanted, _Mapping]] = ...) -> None: ...

class Wanted(_message.Message):
    __slots__ = ("features", "encoders")
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ENCODERS_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedScalarFieldContainer[str]
    encoders: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, features: _Optional[_Iterable[str]] = ..., encoders: _Optional[_Iterable[str]] = ...) -> None: ...

class EncodeStudyResponse(_message.Message):
    __slots__ = ("features", "embeddings", "issues", "patient_id", "date", "lesions")
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    LESIONS_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Feature]
    embeddings: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Embedding]
    issues: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Issue]
    patient_id: str
    date: str
    lesions: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Lesion]
    def __init__(self, features: _Optional[_Iterable[_Union[_snapshot_pb2.Feature, _Mapping]]] = ..., embeddings: _Optional[_Iterable[_Union[_snapshot_pb2.Embedding, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[_snapshot_pb2.Issue, _Mapping]]] = ..., patient_id: _Optional[str] = ..., date: _Optional[str] = ..., lesions: _Optional[_Iterable[_Union[_snapshot_pb2.Lesion, _Mapping]]] = ...) -> None: ...

class UploadStudyRequest(_message.Message):
    __slots__ = ("file", "chunk", "end")
    FILE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    file: UploadFile
    chunk: bytes
    end: bool
    def __init__(self, file: _Optional[_Union[UploadFile, _Mapping]] = ..., chunk: _Optional[bytes] = ..., end: _Optional[bool] = ...) -> None: ...

class UploadFile(_message.Message):
    __slots__ = ("label", "size_bytes", "study_instance_uid")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    label: str
    size_bytes: int
    study_instance_uid: str
    def __init__(self, label: _Optional[str] = ..., size_bytes: _Optional[int] = ..., study_instance_uid: _Optional[str] = ...) -> None: ...

class UploadStudyResponse(_message.Message):
    __slots__ = ("studies", "refusals", "uploaded")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    UPLOADED_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[UploadedStudy]
    refusals: _containers.RepeatedCompositeFieldContainer[UploadRefusal]
    uploaded: _containers.RepeatedCompositeFieldContainer[UploadedInstance]
    def __init__(self, studies: _Optional[_Iterable[_Union[UploadedStudy, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[UploadRefusal, _Mapping]]] = ..., uploaded: _Optional[_Iterable[_Union[UploadedInstance, _Mapping]]] = ...) -> None: ...

class UploadedInstance(_message.Message):
    __slots__ = ("sop_class_uid", "sop_instance_uid", "study_instance_uid")
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    def __init__(self, sop_class_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., study_instance_uid: _Optional[str] = ...) -> None: ...

class UploadedStudy(_message.Message):
    __slots__ = ("study_instance_uid", "instances", "segmentation_uids", "date")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_UIDS_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    instances: int
    segmentation_uids: _containers.RepeatedScalarFieldContainer[str]
    date: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., instances: _Optional[int] = ..., segmentation_uids: _Optional[_Iterable[str]] = ..., date: _Optional[str] = ...) -> None: ...

class UploadRefusal(_message.Message):
    __slots__ = ("position", "label", "code", "message", "sop_class_uid", "sop_instance_uid")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    position: int
    label: str
    code: str
    message: str
    sop_class_uid: str
    sop_instance_uid: str
    def __init__(self, position: _Optional[int] = ..., label: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., sop_class_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ...) -> None: ...
