from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Assertion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSERTION_UNSPECIFIED: _ClassVar[Assertion]
    ASSERTION_AFFIRMED: _ClassVar[Assertion]
    ASSERTION_NEGATED: _ClassVar[Assertion]
    ASSERTION_UNCERTAIN: _ClassVar[Assertion]
ASSERTION_UNSPECIFIED: Assertion
ASSERTION_AFFIRMED: Assertion
ASSERTION_NEGATED: Assertion
ASSERTION_UNCERTAIN: Assertion

class Document(_message.Message):
    __slots__ = ("id", "date", "content_type", "content", "timepoint")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    id: str
    date: str
    content_type: str
    content: bytes
    timepoint: str
    def __init__(self, id: _Optional[str] = ..., date: _Optional[str] = ..., content_type: _Optional[str] = ..., content: _Optional[bytes] = ..., timepoint: _Optional[str] = ...) -> None: ...

class EncodeNotesRequest(_message.Message):
    __slots__ = ("documents", "index_date")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    INDEX_DATE_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    index_date: str
    def __init__(self, documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ..., index_date: _Optional[str] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("name", "document_id", "start", "end", "assertion", "section")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ASSERTION_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    document_id: str
    start: int
    end: int
    assertion: Assertion
    section: str
    def __init__(self, name: _Optional[str] = ..., document_id: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., assertion: _Optional[_Union[Assertion, str]] = ..., section: _Optional[str] = ...) -> None: ...

class EncodeNotesResponse(_message.Message):
    __slots__ = ("features", "findings", "embeddings", "issues", "date")
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Feature]
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    embeddings: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Embedding]
    issues: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Issue]
    date: str
    def __init__(self, features: _Optional[_Iterable[_Union[_snapshot_pb2.Feature, _Mapping]]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., embeddings: _Optional[_Iterable[_Union[_snapshot_pb2.Embedding, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[_snapshot_pb2.Issue, _Mapping]]] = ..., date: _Optional[str] = ...) -> None: ...
