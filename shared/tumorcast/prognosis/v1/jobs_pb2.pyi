import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tumorcast.common.v1 import prognosis_pb2 as _prognosis_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_RUNNING: _ClassVar[JobState]
    JOB_STATE_COMPLETED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_RUNNING: JobState
JOB_STATE_COMPLETED: JobState
JOB_STATE_CANCELLED: JobState

class Job(_message.Message):
    __slots__ = ("job_id", "created_at", "state", "total", "answered", "failed")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    created_at: _timestamp_pb2.Timestamp
    state: JobState
    total: int
    answered: int
    failed: int
    def __init__(self, job_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[JobState, str]] = ..., total: _Optional[int] = ..., answered: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class JobResult(_message.Message):
    __slots__ = ("position", "prognosis_id", "error")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    position: int
    prognosis_id: str
    error: _prognosis_pb2.Reason
    def __init__(self, position: _Optional[int] = ..., prognosis_id: _Optional[str] = ..., error: _Optional[_Union[_prognosis_pb2.Reason, _Mapping]] = ...) -> None: ...
