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

from dataclasses import replace

from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_clinical.model.readers.indications import Indication, indication_of
from tumorcast_clinical.model.readers.medication_states import Span, span_of, state_of
from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.landmark import Side
from tumorcast_clinical.model.record.references import Referred
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.drug_table import Product, is_local, joined, product_of, same_drug
from tumorcast_clinical.model.terms.mentions import words_of
from tumorcast_clinical.model.terms.systems import SNOMED, system_of
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import read_date
from tumorcast_core.snapshot import Severity

_DOUBTS = frozenset({"CONFLICTING_CODES", "BLINDED_THERAPY", "THERAPY_NOT_GIVEN", "THERAPY_NOT_CERTAIN"})
"""Why a product is not used whatever else names it."""
# SNOMED CT: topical, ophthalmic, intravitreal, intravesical, intradermal route.
_LOCAL_ROUTES = frozenset({"6064005", "54485002", "418401004", "372471009", "372464004"})


def read_medication(entry: Entry, context: Context) -> list[Reading]:
    """Read the treatment that a medication resource states; none, with an issue, if it states none."""
    report = context.report
    if text(entry.resource, "status") == "entered-in-error":
        report.inform(entry, "ENTERED_IN_ERROR", "was entered in error; it is not used.", "status")
        return []
    product = _product(entry, context.referred)
    if isinstance(product, Refusal):
        report.refuse(entry, product)
        return []
    if not product.treatment or _is_put_locally(entry.resource):
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


def _is_put_locally(resource: Json) -> bool:
    """Whether every dosage has a route by which a drug acts only where it is put."""
    doses = [*items(resource, "dosageInstruction"), *items(resource, "dosage")] or [child(resource, "dosage")]
    routes = [child(dose, "route") for dose in doses]
    return all(_is_local_route(route) for route in routes)


def _is_local_route(route: Json) -> bool:
    codings = items(route, "coding")
    if any(system_of(coding) == SNOMED and text(coding, "code") in _LOCAL_ROUTES for coding in codings):
        return True
    return is_local(words_of(" ".join([text(route, "text"), *(text(coding, "display") for coding in codings)])))


def _is_used(entry: Entry, product: Product, span: Span, context: Context) -> bool:
    """Whether dates and indication let it be used; what is left out or doubtful is told."""
    report, begin, last = context.report, span.begin, span.last
    if begin and last and begin.first > last.last:
        report.error(entry, "INVALID_PERIOD", "ends before it begins; it is not used.")
        return False
    if not _is_admitted(entry, span, context):
        return False
    if not _is_of_cancer(entry, product, context):
        return False
    if product.from_text:
        report.warn(entry, "READ_FROM_TEXT", "names in words a drug that its code does not state.")
    return True


def _is_admitted(entry: Entry, span: Span, context: Context) -> bool:
    """Whether it had begun, and was stated, by the index date; without a date of its own, by when it was stated."""
    landmark, report = context.landmark, context.report
    asserted = read_date(text(entry.resource, "dateAsserted"))
    if asserted and landmark.side(asserted) is not Side.NOT_AFTER:
        return landmark.admits(entry, asserted, report, "dateAsserted")
    if span.begin is None and span.last and landmark.day and span.last.last <= landmark.day:
        return True
    if span.begin is None and span.last is None and asserted:
        report.inform(entry, "DATE_FROM_ASSERTION", "has no date but the day on which it was stated.", "dateAsserted")
        return True
    return landmark.admits(entry, span.begin, report)


def _is_of_cancer(entry: Entry, product: Product, context: Context) -> bool:
    """Whether it was given for a cancer: not if its reasons are others alone, and its drugs have such uses."""
    drugs, resource = product.treatment, entry.resource
    given_elsewhere = any(drug.sometimes_elsewhere for drug in drugs)
    if not given_elsewhere and "reasonCode" not in resource and "reasonReference" not in resource:
        return True
    indication = indication_of(entry, context)
    if indication is Indication.OTHER and all(drug.sometimes_elsewhere for drug in drugs):
        message = "is given for another disease than a cancer; it is not used."
        context.report.inform(entry, "THERAPY_NOT_OF_CANCER", message)
        return False
    if indication is Indication.OTHER:
        message = "states another disease than a cancer as its reason, but its drug is given for cancers alone."
        context.report.warn(entry, "INDICATION_NOT_CERTAIN", message)
    elif indication is Indication.UNKNOWN and all(drug.elsewhere for drug in drugs):
        message = "does not say that it is given for a cancer, and the drug is used for other diseases, too."
        context.report.warn(entry, "INDICATION_NOT_CERTAIN", message)
    return True


def _product(entry: Entry, referred: Referred) -> Product | Refusal:
    """Find the drug that a medication resource names itself or by the Medication it refers to."""
    concept = child(entry.resource, "medicationCodeableConcept")
    if concept or "medicationReference" not in entry.resource:
        return _at(product_of(concept), "medicationCodeableConcept")
    reference = child(entry.resource, "medicationReference")
    medication = referred.find(text(reference, "reference"), entry)
    named = product_of({"text": text(reference, "display")})
    if medication is None:
        message = "names its drug by a reference to what the record does not hold; it is not used."
        missing = Refusal("REFERENCE_NOT_FOUND", message, "medicationReference")
        denied = isinstance(named, Refusal) and named.code == "THERAPY_NOT_GIVEN"
        found = named if denied or not isinstance(named, Refusal) else missing
        return replace(found, from_text=True) if isinstance(found, Product) else _at(found, "medicationReference")
    if text(medication, "status") == "entered-in-error":
        message = "names a drug that was entered in error; it is not used."
        return Refusal("ENTERED_IN_ERROR", message, "medicationReference", Severity.INFORMATION)
    product = _of_medication(medication, entry, referred)
    if isinstance(product, Product) and isinstance(named, Product) and not same_drug(product, named):
        message = "names another drug in words than the one that it refers to; it is not used."
        return Refusal("CONFLICTING_CODES", message, "medicationReference")
    return _at(product, "medicationReference")


def _at(found: Product | Refusal, path: str) -> Product | Refusal:
    return replace(found, path=path) if isinstance(found, Refusal) else found


def _of_medication(medication: Json, entry: Entry, referred: Referred) -> Product | Refusal:
    """Find the drugs of a Medication by its code and its active ingredients, which must not contradict each other."""
    whole = product_of(child(medication, "code"))
    parts = [product_of(concept) for concept in _ingredients(medication, entry, referred)]
    known = [part for part in parts if isinstance(part, Product)]
    doubts = [part for part in (whole, *parts) if isinstance(part, Refusal) and part.code in _DOUBTS]
    if doubts:
        return doubts[0]
    if isinstance(whole, Refusal):
        return joined(known) if known else _reason(whole, parts)
    if known and not any(same_drug(whole, part) for part in known):
        return Refusal("CONFLICTING_CODES", "is coded as another drug than its ingredients; it is not used.")
    return replace(joined([whole, *known]), coding=whole.coding) if known else whole


def _reason(whole: Refusal, parts: list[Product | Refusal]) -> Refusal:
    """Why nothing is known of a Medication: what is said of its code, else of its first ingredient."""
    if whole.code != "NO_CODE":
        return whole
    return next((part for part in parts if isinstance(part, Refusal)), whole)


def _ingredients(medication: Json, entry: Entry, referred: Referred) -> list[Json]:
    """The codes of its active ingredients, which are stated or those of a Substance or Medication."""
    found = []
    for item in items(medication, "ingredient"):
        if item.get("isActive") is not False:
            part = referred.find(text(child(item, "itemReference"), "reference"), entry, medication) or {}
            found.append(child(item, "itemCodeableConcept") or child(part, "code"))
    return found
