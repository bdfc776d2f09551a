"""Comorbidities → the Charlson index, as a lower bound: a record lists diseases, not their absence."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.terms.diagnoses import comorbidities
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

_PREFIX = "comorbidity_"
_FORMULA = (
    "sum of the weights of Charlson 1987 over the comorbidity groups of Quan 2005 that the record states, without the "
    "two cancer groups; of two grades of one disease the graver counts"
)


def charlson_index(readings: list[Reading], _context: Context, today: PartialDate | None) -> list[Feature]:
    """At least the sum of the weights of the groups that the record states; none if it states none.

    Charlson 1987, J Chronic Dis 40:373; groups of Quan 2005, Med Care 43:1130. The cancer groups are left out, since
    the cancer itself is what the patient is seen for.
    """
    stated = [r for r in readings if r.feature.name.startswith(_PREFIX) and r.feature.value == "present"]
    if not stated:
        return []
    groups = comorbidities()
    found = {reading.feature.name.removeprefix(_PREFIX) for reading in stated}
    counted = [name for name in found if groups[name].get("part_of") not in found]
    names = {_PREFIX + name for name in counted}
    return [
        catalog_entry("charlson_comorbidity_index").make(
            float(sum(groups[name]["weight"] for name in counted)),
            effective=today.text[:10] if today else "",
            comparator=">=",
            sources=tuple(sorted({r.feature.source for r in stated if r.feature.name in names})),
            formula=_FORMULA,
        )
    ]
