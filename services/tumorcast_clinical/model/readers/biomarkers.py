"""Biomarkers whose answers come in other forms than their code says: a percentage, a score, an interpretation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tumorcast_clinical.model.readers.morphology import as_histology
from tumorcast_clinical.model.readers.performance import pack_years, percent_score
from tumorcast_clinical.model.readers.staging import as_stage_group
from tumorcast_clinical.model.readers.values import Value, value_of
from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, child, items, number, text
from tumorcast_clinical.model.terms.answers import Answer, answer_of
from tumorcast_clinical.model.terms.systems import LOINC
from tumorcast_core.catalog import CatalogEntry
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.snapshot import Severity

_POSITIVE_FROM_PERCENT = 1
_POSITIVE, _NEGATIVE = "LA6576-8", "LA6577-6"
_DETECTED, _NOT_DETECTED = "LA9633-4", "LA9634-2"
_SCORES = {0: "LA6111-4", 1: "LA11841-6", 2: "LA11842-4", 3: "LA11843-2"}


def stated(node: Json, analyte: CatalogEntry) -> Value | Refusal:
    """Read what an observation or component states, whatever form its answer has; ``value_of`` for most."""
    prepare = PREPARED.get(analyte.name)
    if prepare and "dataAbsentReason" not in node:
        prepared = prepare(node, analyte)
        if isinstance(prepared, Refusal):
            return prepared
        node = prepared
    if analyte.answers and "dataAbsentReason" not in node:
        node = _spoken(node, analyte)
    found = value_of(node, analyte)
    if isinstance(found, Refusal) and found.code == "UNKNOWN_VALUE":
        return inconclusive(child(node, "valueCodeableConcept"), analyte.name) or found
    return found


def inconclusive(concept: Json, what: str) -> Refusal | None:
    """Why there is no result, where the answer itself says so: indeterminate, no call, not tested."""
    if not isinstance(answer_of(concept, "inconclusive"), Answer):
        return None
    message = f"says that the test for {what} gave no result; it is not used."
    return Refusal("NOT_CONCLUSIVE", message, severity=Severity.WARNING)


def _receptor(node: Json, analyte: CatalogEntry) -> Json | Refusal:
    """Read stained cells in percent as a status: positive from 1 % on (Allison 2020, J Clin Oncol 38:1346)."""
    if "valueQuantity" not in node:
        return node
    percentage = value_of(node, catalog_entry(f"{analyte.name}_percent"))
    if isinstance(percentage, Refusal):
        return percentage
    code = _side(float(percentage.value), percentage.comparator)
    if code is None:
        message = f"gives a bound that does not tell {analyte.name}; it is not used."
        return Refusal("UNKNOWN_VALUE", message, "valueQuantity")
    return {"valueCodeableConcept": _loinc(code)}


def _side(percent: float, comparator: str) -> str | None:
    """On which side of the cut-off a percentage or bound lies for certain.

    >>> _side(1, ">="), _side(1, "<"), _side(10, "<")
    ('LA6576-8', 'LA6577-6', None)
    """
    if percent < _POSITIVE_FROM_PERCENT or (percent == _POSITIVE_FROM_PERCENT and comparator == "<"):
        return None if comparator.startswith(">") else _NEGATIVE
    return None if comparator.startswith("<") else _POSITIVE


def _stain_score(node: Json, analyte: CatalogEntry) -> Json | Refusal:
    """Read an immune stain scored 0 to 3 as its answer."""
    key = next((key for key in ("valueInteger", "valueQuantity") if key in node), None)
    if key is None:
        return node
    found = child(node, key)
    score = number(node, key) if key == "valueInteger" else number(found, "value")
    units = {text(found, "unit").lower(), text(found, "code")} - {"", "1", "{score}", "score"}
    if score is None or score not in _SCORES or units or text(found, "comparator"):
        return Refusal("VALUE_TYPE", f"states {analyte.name} in a form that is not read; it is not used.", key)
    return {"valueCodeableConcept": _loinc(_SCORES[int(score)])}


def _interpreted(node: Json, analyte: CatalogEntry) -> Json | Refusal:
    """Read a measurement by its interpretation, where that is a known answer."""
    if "valueQuantity" not in node:
        return node
    answers = items(node, "interpretation")
    known = [concept for concept in answers if isinstance(answer_of(concept, analyte.answers), Answer)]
    return {"valueCodeableConcept": known[0]} if len(known) == 1 else node


def _worded(node: Json) -> Json:
    """Read a string as the wording of an answer."""
    wording = text(node, "valueString")
    return {"valueCodeableConcept": {"text": wording}} if wording else node


def _spoken(node: Json, analyte: CatalogEntry) -> Json:
    """Read a string as the wording of an answer, true and false as present and absent."""
    if type(node.get("valueBoolean")) is bool and analyte.answers == "presence":
        return {"valueCodeableConcept": _loinc(_DETECTED if node["valueBoolean"] else _NOT_DETECTED)}
    return _worded(node)


def _loinc(code: str) -> Json:
    return {"coding": [{"system": LOINC, "code": code}]}


PREPARED: Mapping[str, Callable[[Json, CatalogEntry], Json | Refusal]] = {
    "histology": as_histology,
    "karnofsky_performance_status": percent_score,
    "estrogen_receptor": _receptor,
    "her2_immune_stain": _stain_score,
    "microsatellite_instability": _interpreted,
    "progesterone_receptor": _receptor,
    "smoking_pack_years": pack_years,
    "stage_group": as_stage_group,
    "tumor_mutational_burden_level": _interpreted,
}
"""By feature, what brings an answer into the form that the catalog asks for."""
