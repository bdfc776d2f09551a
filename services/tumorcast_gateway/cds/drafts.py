"""The drafted orders of ``order-select``: which of them are drugs against cancer.

The clinical service knows drugs. It is asked what the selected orders would be if they were active, in a Bundle of
their own; what it says names the treatment and reaches no model, as a draft is no treatment yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import MalformedRequest, PatientMismatch, PayloadTooLarge
from tumorcast_core.snapshot import Coding, Feature, PlannedTherapy
from tumorcast_gateway.cds.request import HookCall, bundle, entries_of, typed
from tumorcast_gateway.model.ports import ClinicalPort

_KEPT = ("resourceType", "id", "medicationCodeableConcept", "medicationReference", "contained")
_TREATMENT = "systemic_therapy"
_CLASSES = ("therapy_class", _TREATMENT)
_LONGEST = 200
MAX_ORDERS, MAX_BYTES = 100, 4 << 20


@dataclass(frozen=True, slots=True, repr=False)
class Drafts:
    """Drugs against cancer among the selected orders: as planned therapies, and the catalog's words for them."""

    planned: tuple[PlannedTherapy, ...] = ()
    features: tuple[Feature, ...] = ()

    def include(self, name: str, category: str) -> bool:
        """Whether the drafts are that treatment."""
        return any(feature.name == name and feature.value == category for feature in self.features)


async def read_drafts(call: HookCall, clinical: ClinicalPort, today: str, deadline: Deadline) -> Drafts:
    """Read them; empty where none of them acts on a cancer.

    Raises ``MalformedRequest``, ``PayloadTooLarge``, ``PatientMismatch`` for an order of somebody else, and what the
    service raises.
    """
    orders, medications = _selected(call)
    if not orders:
        return Drafts()
    entries = [msgspec.json.encode({"resource": _as_if_active(order, call.patient_id)}) for order in orders]
    found = await clinical.extract_features(bundle([*entries, *medications]), today, deadline)
    if not any(feature.name == _TREATMENT for feature in found.features):
        return Drafts()
    classes = {f.name: f.value for f in found.features if f.name in _CLASSES}
    named = next((str(classes[name]) for name in _CLASSES if name in classes), "")
    planned = tuple(PlannedTherapy(_coding(order), named) for order in orders)
    return Drafts(planned, found.features)


def _selected(call: HookCall) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The selected MedicationRequests, and the Medications that stand beside them as entries of a Bundle."""
    if len(call.draft_orders) > MAX_BYTES:
        raise PayloadTooLarge
    if call.draft_orders in (b"", b"null") or typed(call.draft_orders).resource_type != "Bundle":
        raise MalformedRequest("context.draftOrders must be a Bundle.")
    orders, medications = [], []
    for entry in entries_of(call.draft_orders).entry:
        raw = bytes(entry.resource)
        kind = typed(raw)
        if kind.resource_type == "Medication":
            named = {"fullUrl": entry.full_url} if entry.full_url else {}
            medications.append(msgspec.json.encode(named | {"resource": msgspec.Raw(raw)}))
        elif kind.resource_type == "MedicationRequest" and _is_selected(kind.id, call.selections):
            orders.append(_order(raw))
    if len(orders) > MAX_ORDERS:
        raise MalformedRequest(f"More than {MAX_ORDERS} orders are selected.")
    for order in orders:
        _check_subject(order, call.patient_id)
    return orders, medications


def _is_selected(order_id: str, selections: frozenset[str]) -> bool:
    return bool(order_id) and bool({order_id, f"MedicationRequest/{order_id}"} & selections)


def _order(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise MalformedRequest("A drafted order is not JSON.") from e


def _check_subject(order: dict[str, Any], patient_id: str) -> None:
    subject = order.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if isinstance(reference, str) and reference.rpartition("/")[2] != patient_id:
        raise PatientMismatch("A drafted order is for another patient than the context's.")


def _as_if_active(order: dict[str, Any], patient_id: str) -> dict[str, Any]:
    """What says which drug it is, and nothing of when and how much: that is not decided yet."""
    kept = {name: order[name] for name in _KEPT if name in order}
    return kept | {"status": "active", "intent": "order", "subject": {"reference": f"Patient/{patient_id}"}}


def _coding(order: dict[str, Any]) -> Coding | None:
    """The first coding of the drug that has system and code."""
    return next(_codings(order), None)


def _codings(order: dict[str, Any]) -> Iterator[Coding]:
    concept = order.get("medicationCodeableConcept")
    listed = concept.get("coding") if isinstance(concept, dict) else None
    for coding in listed if isinstance(listed, list) else ():
        system, code = (coding.get("system"), coding.get("code")) if isinstance(coding, dict) else (None, None)
        if isinstance(system, str) and isinstance(code, str) and system and code and len(system + code) <= _LONGEST:
            yield Coding(system, code)
