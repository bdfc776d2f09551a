"""What is said of a prognosis later."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat

from tumorcast_api.bodies.strict import Strict

Decision = Literal["accepted", "overridden", "deferred", "noted"]

FEEDBACK_EXAMPLE: dict[str, Any] = {
    "decision": "overridden",
    "reason_code": "patient-preference",
    "comment": "The board prefers a biopsy first.",
}
OUTCOME_EXAMPLE: dict[str, Any] = {"endpoint_id": "progression_free_survival", "occurred": True, "time_days": 143}


class FeedbackBody(Strict):
    """What the reader of a prognosis decided."""

    model_config = ConfigDict(json_schema_extra={"examples": [FEEDBACK_EXAMPLE]})

    decision: Decision = Field(
        description="accepted: it was followed; overridden: something else was decided, `reason_code` says why; "
        "deferred: the decision was put off; noted: it was read, and nothing was decided by it"
    )
    reason_code: str = Field(
        default="",
        description="why, as a code of yours or an override reason of CDS Hooks; empty: not told",
        json_schema_extra={"maxLength": 200},
    )
    comment: str = Field(
        default="",
        description="in the reader's words; may hold patient data and is stored encrypted; empty: none",
        json_schema_extra={"maxLength": 10_000},
    )


class OutcomeBody(Strict):
    """What became of the patient, for one endpoint: what is stated depends on the kind of the endpoint.

    binary: `occurred`. time-to-event: `occurred` (false: censored) and `time_days`. competing-risks: the same, and
    the cause as `category` where it occurred. ordinal: `category`. trajectory: `time_days` and `value`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [OUTCOME_EXAMPLE]})

    endpoint_id: str = Field(description="endpoint of the prognosis")
    occurred: bool | None = Field(
        default=None, description="whether the event was seen; false: censored at `time_days`"
    )
    category: str = Field(
        default="", description="outcome of an ordinal endpoint, or the cause that came first; else empty"
    )
    time_days: FiniteFloat | None = Field(
        default=None, description="days from the index date to the event, the censoring or the measurement", ge=0
    )
    value: FiniteFloat | None = Field(default=None, description="the quantity of a trajectory, in the endpoint's unit")


class PatientSearchBody(Strict):
    """Which patient to look for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"patient_id": "SIM-000017"}]})

    patient_id: str = Field(description="the id under which you asked for prognoses; never logged", min_length=1)
