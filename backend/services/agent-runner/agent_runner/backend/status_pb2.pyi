from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportStatusRequest(_message.Message):
    __slots__ = ("workflow_id", "thread_id", "turn_id", "phase", "detail", "progress", "version")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    thread_id: str
    turn_id: str
    phase: str
    detail: str
    progress: Progress
    version: str
    def __init__(self, workflow_id: _Optional[str] = ..., thread_id: _Optional[str] = ..., turn_id: _Optional[str] = ..., phase: _Optional[str] = ..., detail: _Optional[str] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("steps", "tools_started", "current_tool", "text")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TOOLS_STARTED_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TOOL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    steps: int
    tools_started: int
    current_tool: str
    text: str
    def __init__(self, steps: _Optional[int] = ..., tools_started: _Optional[int] = ..., current_tool: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ReportStatusResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
