"""What CDS Hooks 2.0 sends: services, cards, feedback. Attributes without a value are left out, as it demands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_FEEDBACK = 100


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def json_bytes(self) -> bytes:
        """The document as JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


class CdsCoding(_Document):
    """A code with the words for it."""

    system: str
    code: str
    display: str | None = None


class CdsSource(_Document):
    """Who says what stands on a card."""

    label: str
    url: str | None = None
    topic: CdsCoding | None = None


class CdsLink(_Document):
    """Where there is more; `smart`: the EHR launches the app with its context."""

    label: str
    url: str
    type: Literal["absolute", "smart"]
    app_context: str | None = None


class CdsCard(_Document):
    """One card. It suggests nothing; `uuid` is the id of the prognosis."""

    uuid: str
    summary: str = Field(max_length=139)
    detail: str
    indicator: Literal["info", "warning"]
    source: CdsSource
    override_reasons: list[CdsCoding]
    links: list[CdsLink] | None = None


class CdsCards(_Document):
    """The answer to a hook; no cards: nothing is known that would help here."""

    cards: list[CdsCard]


class CdsServiceDescription(_Document):
    """One service: when to call it and what to send along."""

    hook: str
    title: str
    description: str
    id: str
    prefetch: dict[str, str]
    usage_requirements: str


class CdsDiscovery(_Document):
    """All services of this place."""

    services: list[CdsServiceDescription]


class CdsContext(_Document):
    """Where in the EHR's work a hook fires."""

    user_id: str = Field(default="", examples=["Practitioner/example"])
    patient_id: str = Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")
    selections: list[str] = Field(default=[], description="order-select: ids of the selected orders")
    draft_orders: Any = Field(None, description="order-select: a Bundle of all unsigned orders")


class CdsCall(_Document):
    """A call of a service, for OpenAPI: ``request`` reads it, leaving FHIR as the bytes that came."""

    hook: str = Field(examples=["patient-view"])
    hook_instance: str = Field(examples=["d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"])
    fhir_server: str | None = None
    fhir_authorization: Any = Field(None, description="is not read: no token of an EHR is used")
    context: CdsContext
    prefetch: dict[str, Any] | None = Field(
        None, description="FHIR R4 resources by the keys of discovery; null: there is none; other keys are not read"
    )


class CdsOverrideReason(_Document):
    """Why a card was overridden."""

    reason: CdsCoding | None = None
    user_comment: str = ""


class CdsCardFeedback(_Document):
    """What became of one card."""

    card: str = Field(max_length=64)
    outcome: Literal["accepted", "overridden"]
    override_reason: CdsOverrideReason | None = None
    outcome_timestamp: datetime


class CdsFeedbackBody(_Document):
    """What became of cards."""

    feedback: list[CdsCardFeedback] = Field(min_length=1, max_length=MAX_FEEDBACK)


class CdsThanks(_Document):
    """An empty object."""
