from tumorcast.common.v1 import prognosis_pb2 as _prognosis_pb2
from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PredictPrognosisRequest(_message.Message):
    __slots__ = ("model", "snapshot", "horizons_days")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    HORIZONS_DAYS_FIELD_NUMBER: _ClassVar[int]
    model: str
    snapshot: _snapshot_pb2.PatientSnapshot
    horizons_days: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, model: _Optional[str] = ..., snapshot: _Optional[_Union[_snapshot_pb2.PatientSnapshot, _Mapping]] = ..., horizons_days: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictPrognosisResponse(_message.Message):
    __slots__ = ("prognosis",)
    PROGNOSIS_FIELD_NUMBER: _ClassVar[int]
    prognosis: _prognosis_pb2.Prognosis
    def __init__(self, prognosis: _Optional[_Union[_prognosis_pb2.Prognosis, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelSummary]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelSummary, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelSummary
    def __init__(self, model: _Optional[_Union[ModelSummary, _Mapping]] = ...) -> None: ...

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

class GetShadowRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetShadowResponse(_message.Message):
    __slots__ = ("active", "shadow", "generation", "scored", "failed", "dropped", "active_seconds", "shadow_seconds", "comparisons")
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SCORED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COMPARISONS_FIELD_NUMBER: _ClassVar[int]
    active: _prognosis_pb2.ModelRef
    shadow: _prognosis_pb2.ModelRef
    generation: int
    scored: int
    failed: int
    dropped: int
    active_seconds: float
    shadow_seconds: float
    comparisons: _containers.RepeatedCompositeFieldContainer[ShadowComparison]
    def __init__(self, active: _Optional[_Union[_prognosis_pb2.ModelRef, _Mapping]] = ..., shadow: _Optional[_Union[_prognosis_pb2.ModelRef, _Mapping]] = ..., generation: _Optional[int] = ..., scored: _Optional[int] = ..., failed: _Optional[int] = ..., dropped: _Optional[int] = ..., active_seconds: _Optional[float] = ..., shadow_seconds: _Optional[float] = ..., comparisons: _Optional[_Iterable[_Union[ShadowComparison, _Mapping]]] = ...) -> None: ...

class ShadowComparison(_message.Message):
    __slots__ = ("endpoint_id", "compared", "active_abstained", "shadow_abstained", "both_abstained", "incomparable", "flips", "sets", "set_changes", "active_mean", "shadow_mean", "active_squares", "shadow_squares", "products", "differences", "concordant", "discordant")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    SHADOW_ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    BOTH_ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    INCOMPARABLE_FIELD_NUMBER: _ClassVar[int]
    FLIPS_FIELD_NUMBER: _ClassVar[int]
    SETS_FIELD_NUMBER: _ClassVar[int]
    SET_CHANGES_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_MEAN_FIELD_NUMBER: _ClassVar[int]
    SHADOW_MEAN_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SQUARES_FIELD_NUMBER: _ClassVar[int]
    SHADOW_SQUARES_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    CONCORDANT_FIELD_NUMBER: _ClassVar[int]
    DISCORDANT_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    compared: int
    active_abstained: int
    shadow_abstained: int
    both_abstained: int
    incomparable: int
    flips: int
    sets: int
    set_changes: int
    active_mean: float
    shadow_mean: float
    active_squares: float
    shadow_squares: float
    products: float
    differences: _containers.RepeatedScalarFieldContainer[int]
    concordant: int
    discordant: int
    def __init__(self, endpoint_id: _Optional[str] = ..., compared: _Optional[int] = ..., active_abstained: _Optional[int] = ..., shadow_abstained: _Optional[int] = ..., both_abstained: _Optional[int] = ..., incomparable: _Optional[int] = ..., flips: _Optional[int] = ..., sets: _Optional[int] = ..., set_changes: _Optional[int] = ..., active_mean: _Optional[float] = ..., shadow_mean: _Optional[float] = ..., active_squares: _Optional[float] = ..., shadow_squares: _Optional[float] = ..., products: _Optional[float] = ..., differences: _Optional[_Iterable[int]] = ..., concordant: _Optional[int] = ..., discordant: _Optional[int] = ...) -> None: ...

class ModelSummary(_message.Message):
    __slots__ = ("ref", "indication", "intended_use", "simulated", "groups", "endpoints", "inputs")
    REF_FIELD_NUMBER: _ClassVar[int]
    INDICATION_FIELD_NUMBER: _ClassVar[int]
    INTENDED_USE_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    ref: _prognosis_pb2.ModelRef
    indication: str
    intended_use: str
    simulated: bool
    groups: _containers.RepeatedCompositeFieldContainer[InputGroup]
    endpoints: _containers.RepeatedCompositeFieldContainer[EndpointDescription]
    inputs: _containers.RepeatedCompositeFieldContainer[InputDescription]
    def __init__(self, ref: _Optional[_Union[_prognosis_pb2.ModelRef, _Mapping]] = ..., indication: _Optional[str] = ..., intended_use: _Optional[str] = ..., simulated: _Optional[bool] = ..., groups: _Optional[_Iterable[_Union[InputGroup, _Mapping]]] = ..., endpoints: _Optional[_Iterable[_Union[EndpointDescription, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[InputDescription, _Mapping]]] = ...) -> None: ...

class InputDescription(_message.Message):
    __slots__ = ("name", "feature", "group", "timepoint", "description", "unit", "coding", "categories", "plausible_low", "plausible_high", "training_low", "training_high")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CODING_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    PLAUSIBLE_LOW_FIELD_NUMBER: _ClassVar[int]
    PLAUSIBLE_HIGH_FIELD_NUMBER: _ClassVar[int]
    TRAINING_LOW_FIELD_NUMBER: _ClassVar[int]
    TRAINING_HIGH_FIELD_NUMBER: _ClassVar[int]
    name: str
    feature: str
    group: str
    timepoint: str
    description: str
    unit: str
    coding: _snapshot_pb2.Coding
    categories: _containers.RepeatedScalarFieldContainer[str]
    plausible_low: float
    plausible_high: float
    training_low: float
    training_high: float
    def __init__(self, name: _Optional[str] = ..., feature: _Optional[str] = ..., group: _Optional[str] = ..., timepoint: _Optional[str] = ..., description: _Optional[str] = ..., unit: _Optional[str] = ..., coding: _Optional[_Union[_snapshot_pb2.Coding, _Mapping]] = ..., categories: _Optional[_Iterable[str]] = ..., plausible_low: _Optional[float] = ..., plausible_high: _Optional[float] = ..., training_low: _Optional[float] = ..., training_high: _Optional[float] = ...) -> None: ...

class OutcomeColumn(_message.Message):
    __slots__ = ("name", "description", "optional")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    optional: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., optional: _Optional[bool] = ...) -> None: ...

class InputGroup(_message.Message):
    __slots__ = ("id", "modality", "timepoint", "features", "embedding_spaces")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    TIMEPOINT_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_SPACES_FIELD_NUMBER: _ClassVar[int]
    id: str
    modality: _snapshot_pb2.Modality
    timepoint: str
    features: _containers.RepeatedScalarFieldContainer[str]
    embedding_spaces: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., modality: _Optional[_Union[_snapshot_pb2.Modality, str]] = ..., timepoint: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., embedding_spaces: _Optional[_Iterable[str]] = ...) -> None: ...

class EndpointDescription(_message.Message):
    __slots__ = ("id", "kind", "definition", "horizons_days", "outcome_columns", "outcomes")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    HORIZONS_DAYS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: _prognosis_pb2.EndpointKind
    definition: str
    horizons_days: _containers.RepeatedScalarFieldContainer[float]
    outcome_columns: _containers.RepeatedCompositeFieldContainer[OutcomeColumn]
    outcomes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[_prognosis_pb2.EndpointKind, str]] = ..., definition: _Optional[str] = ..., horizons_days: _Optional[_Iterable[float]] = ..., outcome_columns: _Optional[_Iterable[_Union[OutcomeColumn, _Mapping]]] = ..., outcomes: _Optional[_Iterable[str]] = ...) -> None: ...
