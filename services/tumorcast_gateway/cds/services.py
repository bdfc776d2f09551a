"""The services that are offered: for each model, one beside the chart and one beside the order.

A card appears only for patients whose record says that they have a cancer of the model's. The services speak up unasked
whenever a chart is opened, and a prognosis of another disease would be wrong and look right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tumorcast_core.errors import NotFound
from tumorcast_core.prognosis import ModelSummary
from tumorcast_core.snapshot import Feature, Modality
from tumorcast_gateway.cds.documents import CdsServiceDescription

PATIENT_VIEW, ORDER_SELECT = "patient-view", "order-select"

_OF_PATIENT = "patient={{context.patientId}}"
_NEWEST = "_sort=-date&_count=1000"
PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": f"Condition?{_OF_PATIENT}",
    "laboratory": f"Observation?{_OF_PATIENT}&category=laboratory&{_NEWEST}",
    "vitalSigns": f"Observation?{_OF_PATIENT}&category=vital-signs&{_NEWEST}",
    "otherObservations": (
        f"Observation?{_OF_PATIENT}&category=exam,survey,social-history,imaging,procedure,therapy&{_NEWEST}"
    ),
    "medicationRequests": f"MedicationRequest?{_OF_PATIENT}",
    "medicationStatements": f"MedicationStatement?{_OF_PATIENT}",
    "medicationAdministrations": f"MedicationAdministration?{_OF_PATIENT}",
    "procedures": f"Procedure?{_OF_PATIENT}",
    "familyHistory": f"FamilyMemberHistory?{_OF_PATIENT}",
}
"""Reads and searches within CDS Hooks 2.0, "Prefetch query restrictions"; what the clinical service reads of R4."""
_REQUIREMENTS = (
    "FHIR R4. Needs at least the prefetched patient and conditions; where more is missing, answers are narrower "
    "and say so. Research software: not for care."
)
REQUIRED = ("patient", "conditions")
"""Without these nobody can say whose the card would be, and for which disease."""

TREATMENTS = frozenset({"checkpoint_inhibitor_class", "therapy_class"})
"""What the clinical service reads of drugs alone, and models may tell what was observed under."""

INDICATED: dict[str, tuple[str, frozenset[str]]] = {
    "breast-neoadjuvant": ("primary_cancer", frozenset({"breast"})),
    "glioma": ("primary_cancer", frozenset({"brain"})),
    "hepatocellular": ("primary_cancer", frozenset({"liver"})),
    "immunotherapy": ("immunotherapy_cancer_type", frozenset()),
    "simulated": ("primary_cancer", frozenset({"liver"})),
}
"""Model → the feature that tells its patients, and its values (none: any); any primary cancer for models not here."""
_ANY_CANCER: tuple[str, frozenset[str]] = ("primary_cancer", frozenset())


@dataclass(frozen=True, slots=True)
class CdsService:
    """One model at one hook."""

    hook: str
    model: ModelSummary

    @property
    def id(self) -> str:
        """Its id in discovery and in its URL."""
        return f"tumorcast-{self.model.ref.name}-{self.hook}"

    def description(self) -> CdsServiceDescription:
        """What discovery says of it."""
        name = self.model.ref.name
        if self.hook == PATIENT_VIEW:
            does = "Shows the prognosis of one model"
        else:
            does = "Shows what was observed under treatments, for patients like this one, once a cancer drug is drafted"
        simulated = "SIMULATED, not for care. " if self.model.simulated else ""
        return CdsServiceDescription(
            hook=self.hook,
            title=f"Tumorcast {name}",
            description=f"{simulated}{does}. {self.model.indication} {self.model.intended_use}",
            id=self.id,
            prefetch=PREFETCH,
            usage_requirements=_REQUIREMENTS,
        )


def offered(models: Iterable[ModelSummary], only: Iterable[str], *, simulated: bool) -> tuple[CdsService, ...]:
    """Services of the models named in ``only``; of all where none is named, with simulated ones only if wanted.

    Models that read images alone have none, as hooks bring no images; beside orders stand only models that read of a
    treatment that orders tell.
    """
    names = frozenset(only)
    found = []
    for model in models:
        wanted = model.ref.name in names if names else simulated or not model.simulated
        if wanted and any(group.modality is not Modality.IMAGING for group in model.groups):
            found.append(CdsService(PATIENT_VIEW, model))
            if not model.simulated and any(described.feature in TREATMENTS for described in model.inputs):
                found.append(CdsService(ORDER_SELECT, model))
    return tuple(found)


def service_of(services: Iterable[CdsService], service_id: str) -> CdsService:
    """The service of an id; raises ``NotFound``."""
    for service in services:
        if service.id == service_id:
            return service
    raise NotFound("There is no such CDS service.")


def is_about(model: ModelSummary, drafted: Iterable[Feature]) -> bool:
    """Whether a model reads of a treatment that was drafted."""
    read = {described.feature for described in model.inputs} & TREATMENTS
    return any(feature.name in read for feature in drafted)


def is_indicated(model: str, features: Iterable[Feature]) -> bool:
    """Whether a record is of a patient whom the model is for, as far as the kind of cancer tells."""
    name, values = INDICATED.get(model, _ANY_CANCER)
    return any(f.name == name and (f.value in values or (not values and f.value is not None)) for f in features)
