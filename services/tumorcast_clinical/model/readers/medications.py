"""Drugs given or ordered → ``systemic_therapy``, and the courses that lines of therapy and ``therapy_class`` need.

One resource gives one feature, also for a product of several drugs: its class, or ``combination`` where they differ.
``status`` marks what is not plainly given: "ordered" (an active order shows no administration), "stopped", "on-hold",
"unknown". Supportive and local drugs are told and give none. What was not given (cancelled, draft, not done, not
taken, intended, a proposal, "do not perform") gives an issue and never a feature.

A drug counts as current at the reference day (the index date, else the latest day of the record) if

- a MedicationRequest is ``active``, is an order, was written and begun by then and has not run out;
- a MedicationStatement is ``active``, or ``completed`` with a period that ends on that day or later, and had begun;
- a MedicationAdministration is ``in-progress`` or ``completed`` and lies at most 42 days back;
- a Statement or Administration was stopped or paused, but only after the index date, as its period says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_clinical.model.readers.indications import Indication, indication_of
from tumorcast_clinical.model.readers.medication_states import Span, span_of, state_of
from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.drug_table import Drug, Product, product_of
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.snapshot import Coding, Severity

_VERSION = re.compile(r"/_history/[^/]*$")


def read_medication(entry: Entry, context: Context) -> list[Reading]:
    """Read the treatment that a medication resource states; none, with an issue, if it states none."""
    report = context.report
    product = _product(entry, context.referred)
    if isinstance(product, Refusal):
        report.refuse(entry, product)
        return []
    if not product.treatment:
        message = "names a drug that only supports, or acts where it is put only; no feature reads it."
        report.inform(entry, "UNUSED_THERAPY", message)
        return []
    span = span_of(entry)
    state = state_of(entry, span, context.landmark, report)
    if state is None or not _is_used(entry, product, span, context):
        return []
    context.courses.extend(
        Course(drug.name, drug.drug_class, entry, span.begin, span.end, span.last, state.current, state.mark)
        for drug in product.treatment
    )
    classes = {drug.drug_class for drug in product.treatment}
    feature = catalog_entry("systemic_therapy").make(
        classes.pop() if len(classes) == 1 else "combination",
        coding=product.coding,
        effective=span.begin.text if span.begin else "",
        source=entry.source,
        status=state.mark,
    )
    return [Reading(feature, entry, "", span.begin)]


def _is_used(entry: Entry, product: Product, span: Span, context: Context) -> bool:
    """Whether dates and indication let it be used; what is left out or doubtful is told."""
    report, begin, last = context.report, span.begin, span.last
    if begin and last and begin.first > last.last:
        report.error(entry, "INVALID_PERIOD", "ends before it begins; it is not used.")
        return False
    if any(drug.elsewhere for drug in product.treatment) and not _is_of_cancer(entry, context):
        return False
    ended_before = begin is None and context.landmark.day and last is not None and last.last <= context.landmark.day
    if not ended_before and not context.landmark.admits(entry, begin, report):
        return False
    if product.from_text:
        report.warn(entry, "READ_FROM_TEXT", "names in words a drug that its code does not state.")
    return True


def _is_of_cancer(entry: Entry, context: Context) -> bool:
    """Whether a drug that is given for other diseases, too, may be used: not if its reasons are others alone."""
    indication = indication_of(entry, context)
    if indication is Indication.OTHER:
        message = "is given for another disease than a cancer; it is not used."
        context.report.inform(entry, "THERAPY_NOT_OF_CANCER", message)
    elif indication is Indication.UNKNOWN:
        message = "does not say that it is given for a cancer, and the drug is used for other diseases, too."
        context.report.warn(entry, "INDICATION_NOT_CERTAIN", message)
    return indication is not Indication.OTHER


def _product(entry: Entry, referred: Mapping[str, Json]) -> Product | Refusal:
    """Find the drug that a medication resource names itself or by the Medication it refers to."""
    concept = child(entry.resource, "medicationCodeableConcept")
    if concept or "medicationReference" not in entry.resource:
        return _at(product_of(concept), "medicationCodeableConcept")
    reference = child(entry.resource, "medicationReference")
    medication = _medication(entry.resource, text(reference, "reference"), referred)
    if medication is None:
        named = product_of({"text": text(reference, "display")})
        message = "names its drug by a reference to what the record does not hold; it is not used."
        missing = Refusal("REFERENCE_NOT_FOUND", message, "medicationReference")
        return missing if isinstance(named, Refusal) else replace(named, from_text=True)
    if text(medication, "status") == "entered-in-error":
        message = "names a drug that was entered in error; it is not used."
        return Refusal("ENTERED_IN_ERROR", message, "medicationReference", Severity.INFORMATION)
    return _at(_of_medication(medication), "medicationReference")


def _at(found: Product | Refusal, path: str) -> Product | Refusal:
    return replace(found, path=path) if isinstance(found, Refusal) else found


def _medication(resource: Json, reference: str, referred: Mapping[str, Json]) -> Json | None:
    """Resolve a reference: contained, by fullUrl (``urn:uuid`` too), relative, or of a version (FHIR R4 2.3.0.4)."""
    if reference.startswith("#"):
        return next((item for item in items(resource, "contained") if f"#{text(item, 'id')}" == reference), None)
    plain = _VERSION.sub("", reference)
    if plain in referred or not plain.startswith(("http:", "https:")):
        return referred.get(plain)
    if any(name.startswith(("http:", "https:")) for name in referred):
        return None
    return referred.get("/".join(plain.rsplit("/", 2)[1:]))


def _of_medication(medication: Json) -> Product | Refusal:
    """Find the drugs of a Medication by its code, else by its active ingredients."""
    whole = product_of(child(medication, "code"))
    ingredients = [item for item in items(medication, "ingredient") if item.get("isActive") is not False]
    parts = [product_of(child(item, "itemCodeableConcept")) for item in ingredients]
    known = [part for part in parts if isinstance(part, Product)]
    if isinstance(whole, Product) or whole.code == "CONFLICTING_CODES" or not known:
        return whole
    drugs: dict[str, Drug] = {drug.name: drug for part in known for drug in part.drugs}
    every = tuple(drug for _, drug in sorted(drugs.items()))
    if len(known) == 1:
        return known[0]
    label = " / ".join(drug.name for drug in every)
    return Product(every, Coding("", label, label), from_text=any(part.from_text for part in known))
