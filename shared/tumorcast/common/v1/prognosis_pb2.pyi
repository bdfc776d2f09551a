from tumorcast.common.v1 import snapshot_pb2 as _snapshot_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EndpointKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENDPOINT_KIND_UNSPECIFIED: _ClassVar[EndpointKind]
    ENDPOINT_KIND_BINARY: _ClassVar[EndpointKind]
    ENDPOINT_KIND_ORDINAL: _ClassVar[EndpointKind]
    ENDPOINT_KIND_TIME_TO_EVENT: _ClassVar[EndpointKind]
    ENDPOINT_KIND_COMPETING_RISKS: _ClassVar[EndpointKind]
    ENDPOINT_KIND_TRAJECTORY: _ClassVar[EndpointKind]

class EndpointStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENDPOINT_STATUS_UNSPECIFIED: _ClassVar[EndpointStatus]
    ENDPOINT_STATUS_PREDICTED: _ClassVar[EndpointStatus]
    ENDPOINT_STATUS_ABSTAINED: _ClassVar[EndpointStatus]

class InputStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INPUT_STATUS_UNSPECIFIED: _ClassVar[InputStatus]
    INPUT_STATUS_USED: _ClassVar[InputStatus]
    INPUT_STATUS_ABSENT: _ClassVar[InputStatus]
    INPUT_STATUS_REJECTED: _ClassVar[InputStatus]
ENDPOINT_KIND_UNSPECIFIED: EndpointKind
ENDPOINT_KIND_BINARY: EndpointKind
ENDPOINT_KIND_ORDINAL: EndpointKind
ENDPOINT_KIND_TIME_TO_EVENT: EndpointKind
ENDPOINT_KIND_COMPETING_RISKS: EndpointKind
ENDPOINT_KIND_TRAJECTORY: EndpointKind
ENDPOINT_STATUS_UNSPECIFIED: EndpointStatus
ENDPOINT_STATUS_PREDICTED: EndpointStatus
ENDPOINT_STATUS_ABSTAINED: EndpointStatus
INPUT_STATUS_UNSPECIFIED: InputStatus
INPUT_STATUS_USED: InputStatus
INPUT_STATUS_ABSENT: InputStatus
INPUT_STATUS_REJECTED: InputStatus

class ModelRef(_message.Message):
    __slots__ = ("name", "version", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    sha256: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("lower", "upper", "level")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    lower: float
    upper: float
    level: float
    def __init__(self, lower: _Optional[float] = ..., upper: _Optional[float] = ..., level: _Optional[float] = ...) -> None: ...

class ProbabilityEstimate(_message.Message):
    __slots__ = ("probability", "interval", "prediction_set", "prediction_set_level", "clinical_baseline")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_BASELINE_FIELD_NUMBER: _ClassVar[int]
    probability: float
    interval: Interval
    prediction_set: _containers.RepeatedScalarFieldContainer[str]
    prediction_set_level: float
    clinical_baseline: float
    def __init__(self, probability: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ..., prediction_set: _Optional[_Iterable[str]] = ..., prediction_set_level: _Optional[float] = ..., clinical_baseline: _Optional[float] = ...) -> None: ...

class SurvivalPoint(_message.Message):
    __slots__ = ("horizon_days", "survival", "interval")
    HORIZON_DAYS_FIELD_NUMBER: _ClassVar[int]
    SURVIVAL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    horizon_days: float
    survival: float
    interval: Interval
    def __init__(self, horizon_days: _Optional[float] = ..., survival: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class SurvivalEstimate(_message.Message):
    __slots__ = ("points", "median_days", "median_interval", "clinical_baseline", "lower_bound_days", "lower_bound_level")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_DAYS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_BASELINE_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_DAYS_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_LEVEL_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[SurvivalPoint]
    median_days: float
    median_interval: Interval
    clinical_baseline: float
    lower_bound_days: float
    lower_bound_level: float
    def __init__(self, points: _Optional[_Iterable[_Union[SurvivalPoint, _Mapping]]] = ..., median_days: _Optional[float] = ..., median_interval: _Optional[_Union[Interval, _Mapping]] = ..., clinical_baseline: _Optional[float] = ..., lower_bound_days: _Optional[float] = ..., lower_bound_level: _Optional[float] = ...) -> None: ...

class CauseIncidence(_message.Message):
    __slots__ = ("cause", "points")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    cause: str
    points: _containers.RepeatedCompositeFieldContainer[SurvivalPoint]
    def __init__(self, cause: _Optional[str] = ..., points: _Optional[_Iterable[_Union[SurvivalPoint, _Mapping]]] = ...) -> None: ...

class CompetingRisksEstimate(_message.Message):
    __slots__ = ("causes", "clinical_baseline")
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_BASELINE_FIELD_NUMBER: _ClassVar[int]
    causes: _containers.RepeatedCompositeFieldContainer[CauseIncidence]
    clinical_baseline: float
    def __init__(self, causes: _Optional[_Iterable[_Union[CauseIncidence, _Mapping]]] = ..., clinical_baseline: _Optional[float] = ...) -> None: ...

class CategoryProbability(_message.Message):
    __slots__ = ("category", "probability")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    category: str
    probability: float
    def __init__(self, category: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class CategoriesEstimate(_message.Message):
    __slots__ = ("categories", "prediction_set", "prediction_set_level")
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_LEVEL_FIELD_NUMBER: _ClassVar[int]
    categories: _containers.RepeatedCompositeFieldContainer[CategoryProbability]
    prediction_set: _containers.RepeatedScalarFieldContainer[str]
    prediction_set_level: float
    def __init__(self, categories: _Optional[_Iterable[_Union[CategoryProbability, _Mapping]]] = ..., prediction_set: _Optional[_Iterable[str]] = ..., prediction_set_level: _Optional[float] = ...) -> None: ...

class TrajectoryPoint(_message.Message):
    __slots__ = ("day", "value", "intervals")
    DAY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    INTERVALS_FIELD_NUMBER: _ClassVar[int]
    day: float
    value: float
    intervals: _containers.RepeatedCompositeFieldContainer[Interval]
    def __init__(self, day: _Optional[float] = ..., value: _Optional[float] = ..., intervals: _Optional[_Iterable[_Union[Interval, _Mapping]]] = ...) -> None: ...

class TrajectoryEstimate(_message.Message):
    __slots__ = ("quantity", "unit", "points", "growth_rate", "criteria")
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    GROWTH_RATE_FIELD_NUMBER: _ClassVar[int]
    CRITERIA_FIELD_NUMBER: _ClassVar[int]
    quantity: str
    unit: str
    points: _containers.RepeatedCompositeFieldContainer[TrajectoryPoint]
    growth_rate: GrowthRate
    criteria: _containers.RepeatedCompositeFieldContainer[CriterionProbability]
    def __init__(self, quantity: _Optional[str] = ..., unit: _Optional[str] = ..., points: _Optional[_Iterable[_Union[TrajectoryPoint, _Mapping]]] = ..., growth_rate: _Optional[_Union[GrowthRate, _Mapping]] = ..., criteria: _Optional[_Iterable[_Union[CriterionProbability, _Mapping]]] = ...) -> None: ...

class GrowthRate(_message.Message):
    __slots__ = ("per_day", "interval")
    PER_DAY_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    per_day: float
    interval: Interval
    def __init__(self, per_day: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class CriterionProbability(_message.Message):
    __slots__ = ("criterion", "day", "probability")
    CRITERION_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    criterion: str
    day: float
    probability: float
    def __init__(self, criterion: _Optional[str] = ..., day: _Optional[float] = ..., probability: _Optional[float] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("id", "kind", "status", "reasons", "probability", "survival", "competing_risks", "categories", "trajectory")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SURVIVAL_FIELD_NUMBER: _ClassVar[int]
    COMPETING_RISKS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    TRAJECTORY_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: EndpointKind
    status: EndpointStatus
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    probability: ProbabilityEstimate
    survival: SurvivalEstimate
    competing_risks: CompetingRisksEstimate
    categories: CategoriesEstimate
    trajectory: TrajectoryEstimate
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[EndpointKind, str]] = ..., status: _Optional[_Union[EndpointStatus, str]] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., probability: _Optional[_Union[ProbabilityEstimate, _Mapping]] = ..., survival: _Optional[_Union[SurvivalEstimate, _Mapping]] = ..., competing_risks: _Optional[_Union[CompetingRisksEstimate, _Mapping]] = ..., categories: _Optional[_Union[CategoriesEstimate, _Mapping]] = ..., trajectory: _Optional[_Union[TrajectoryEstimate, _Mapping]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("endpoint_id", "value", "horizon_days")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HORIZON_DAYS_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    value: float
    horizon_days: float
    def __init__(self, endpoint_id: _Optional[str] = ..., value: _Optional[float] = ..., horizon_days: _Optional[float] = ...) -> None: ...

class InputUse(_message.Message):
    __slots__ = ("modality", "group", "status", "reason", "contributions", "features", "worth")
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    WORTH_FIELD_NUMBER: _ClassVar[int]
    modality: _snapshot_pb2.Modality
    group: str
    status: InputStatus
    reason: Reason
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    features: _containers.RepeatedCompositeFieldContainer[FeatureContribution]
    worth: _containers.RepeatedCompositeFieldContainer[Worth]
    def __init__(self, modality: _Optional[_Union[_snapshot_pb2.Modality, str]] = ..., group: _Optional[str] = ..., status: _Optional[_Union[InputStatus, str]] = ..., reason: _Optional[_Union[Reason, _Mapping]] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[FeatureContribution, _Mapping]]] = ..., worth: _Optional[_Iterable[_Union[Worth, _Mapping]]] = ...) -> None: ...

class FeatureContribution(_message.Message):
    __slots__ = ("endpoint_id", "input", "value", "words")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    input: str
    value: float
    words: str
    def __init__(self, endpoint_id: _Optional[str] = ..., input: _Optional[str] = ..., value: _Optional[float] = ..., words: _Optional[str] = ...) -> None: ...

class Worth(_message.Message):
    __slots__ = ("endpoint_id", "score", "gain", "interval")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    score: str
    gain: float
    interval: Interval
    def __init__(self, endpoint_id: _Optional[str] = ..., score: _Optional[str] = ..., gain: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class Typicality(_message.Message):
    __slots__ = ("percentile", "unusual_inputs")
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    UNUSUAL_INPUTS_FIELD_NUMBER: _ClassVar[int]
    percentile: float
    unusual_inputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, percentile: _Optional[float] = ..., unusual_inputs: _Optional[_Iterable[str]] = ...) -> None: ...

class SimilarPatients(_message.Message):
    __slots__ = ("id", "patients", "distance", "description", "outcomes")
    ID_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    id: str
    patients: int
    distance: float
    description: str
    outcomes: _containers.RepeatedCompositeFieldContainer[ObservedOutcome]
    def __init__(self, id: _Optional[str] = ..., patients: _Optional[int] = ..., distance: _Optional[float] = ..., description: _Optional[str] = ..., outcomes: _Optional[_Iterable[_Union[ObservedOutcome, _Mapping]]] = ...) -> None: ...

class ObservedOutcome(_message.Message):
    __slots__ = ("endpoint_id", "share", "interval", "horizon_days")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_DAYS_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    share: float
    interval: Interval
    horizon_days: float
    def __init__(self, endpoint_id: _Optional[str] = ..., share: _Optional[float] = ..., interval: _Optional[_Union[Interval, _Mapping]] = ..., horizon_days: _Optional[float] = ...) -> None: ...

class ObservedUnder(_message.Message):
    __slots__ = ("input", "category", "patients", "given", "predictions", "withheld")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    input: str
    category: str
    patients: int
    given: bool
    predictions: _containers.RepeatedCompositeFieldContainer[Contribution]
    withheld: Reason
    def __init__(self, input: _Optional[str] = ..., category: _Optional[str] = ..., patients: _Optional[int] = ..., given: _Optional[bool] = ..., predictions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., withheld: _Optional[_Union[Reason, _Mapping]] = ...) -> None: ...

class Prognosis(_message.Message):
    __slots__ = ("prognosis_id", "model", "index_date", "endpoints", "inputs", "issues", "disclaimer", "simulated", "typicality", "similar", "observed_under")
    PROGNOSIS_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INDEX_DATE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    DISCLAIMER_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    TYPICALITY_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_UNDER_FIELD_NUMBER: _ClassVar[int]
    prognosis_id: str
    model: ModelRef
    index_date: str
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    inputs: _containers.RepeatedCompositeFieldContainer[InputUse]
    issues: _containers.RepeatedCompositeFieldContainer[_snapshot_pb2.Issue]
    disclaimer: str
    simulated: bool
    typicality: Typicality
    similar: _containers.RepeatedCompositeFieldContainer[SimilarPatients]
    observed_under: _containers.RepeatedCompositeFieldContainer[ObservedUnder]
    def __init__(self, prognosis_id: _Optional[str] = ..., model: _Optional[_Union[ModelRef, _Mapping]] = ..., index_date: _Optional[str] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[InputUse, _Mapping]]] = ..., issues: _Optional[_Iterable[_Union[_snapshot_pb2.Issue, _Mapping]]] = ..., disclaimer: _Optional[str] = ..., simulated: _Optional[bool] = ..., typicality: _Optional[_Union[Typicality, _Mapping]] = ..., similar: _Optional[_Iterable[_Union[SimilarPatients, _Mapping]]] = ..., observed_under: _Optional[_Iterable[_Union[ObservedUnder, _Mapping]]] = ...) -> None: ...
