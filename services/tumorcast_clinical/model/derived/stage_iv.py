"""Stage group, M category and metastases → whether the cancer is of stage IV.

The latest stage group decides. Only where the record gives none, distant spread makes it stage IV: M1, or a metastasis
at a site that is distant for each of the record's primary cancers. Nothing says that it is absent but a stage group.

What the record contradicts is left open: stage groups of one moment that differ in it, a stage group of I to III beside
distant spread (the stage of a diagnosis long ago, the spread found since), M0 beside distant spread.
"""

from __future__ import annotations

from tumorcast_clinical.model.derived.formulas import joint_status, sources_of
from tumorcast_clinical.model.derived.tumor_findings import is_of_one_value, latest_of
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate, moment
from tumorcast_core.snapshot import Feature

_BY_GROUP = "present if the stage group is IV, absent if it is I, II or III"
_BY_SPREAD = "present since a distant metastasis or M1 is stated; no stage group is"
_PATHOLOGIC = "pathologic_m_category"
_M = (_PATHOLOGIC, "clinical_m_category", "m_category")

_SITES = frozenset(
    f"metastasis_{s}" for s in ("lung", "pleura", "liver", "peritoneum", "brain", "bone", "adrenal", "skin")
)
"""Without lymph nodes, which may be regional, and ``other``, which may be any site."""

_NEARBY = {
    "lung": {"lung"},
    "mesothelioma": {"pleura", "peritoneum"},
    "liver": {"liver"},
    "biliary_tract": {"liver"},
    "ovary": {"peritoneum"},
    "uterus": {"peritoneum"},
    "bone": {"bone"},
    "melanoma": {"skin"},
    "skin_other": {"skin"},
    "head_and_neck": {"skin"},
    "breast": {"skin"},
    "vulva_vagina": {"skin"},
    "other": {"peritoneum", "adrenal"},
}
"""Sites where what is coded as secondary may be the primary itself or local spread (AJCC 8: T or N, or M0)."""

_WITHOUT = frozenset({"testis", "thyroid", "brain", "hodgkin_lymphoma", "non_hodgkin_lymphoma", "myeloma", "leukemia"})
"""Cancers without an M category, or whose M1 is not stage IV in AJCC 8: III of testis, II of thyroid under 55 years."""


def stage_iv(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Derive whether it is stage IV; at most one feature, and the reason where evidence leaves it open."""
    groups = latest_of(readings, {"stage_group"}).get("stage_group", [])
    spread, denied = _spread(readings)
    if not groups:
        if spread and denied:
            _tell(spread[0], "states a spread that an M category of M0 contradicts", context)
        return [_feature("present", _BY_SPREAD, spread)] if spread and not denied else []
    found = {"present" if group.feature.value == "IV" else "absent" for group in groups}
    if len(found) > 1:
        _tell(groups[0], "is one of several stages of the same time", context)
        return []
    if found == {"absent"} and spread:
        _tell(groups[0], "states a stage below IV beside a distant spread", context)
        return []
    return [_feature(found.pop(), _BY_GROUP, groups)]


def _spread(readings: list[Reading]) -> tuple[list[Reading], bool]:
    """What states distant spread, and whether an M category denies it.

    M1 of pathology stands against a clinical M0; a clinical M1 does not stand against M0 of pathology.
    """
    primaries = {str(reading.feature.value) for reading in readings if reading.feature.name == "primary_cancer"}
    if primaries & _WITHOUT:
        return [], False
    near = {f"metastasis_{site}" for primary in primaries for site in _NEARBY.get(primary, ())}
    sites = latest_of(readings, _SITES - near)
    categories = latest_of(readings, _M)
    if any(reading.feature.value == "M1" for reading in categories.get(_PATHOLOGIC, ())):
        categories = {_PATHOLOGIC: categories[_PATHOLOGIC]}
    stated = [reading for same in categories.values() for reading in same]
    found = [reading for reading in stated if reading.feature.value == "M1"]
    found += [r for same in sites.values() if is_of_one_value(same) for r in same if r.feature.value == "present"]
    return _best(found), any(reading.feature.value == "M0" for reading in stated)


def _best(found: list[Reading]) -> list[Reading]:
    """Those that are final and of a disease that lasts, if there are any: each alone is enough."""
    weak = {*NOT_FINAL, "remission"}
    return [reading for reading in found if reading.feature.status not in weak] or found


def _feature(value: str, formula: str, inputs: list[Reading]) -> Feature:
    statuses = {reading.feature.status for reading in inputs}
    return catalog_entry("stage_iv").make(
        value,
        effective=max((reading.feature.effective for reading in inputs), key=moment),
        status=joint_status(statuses) or (statuses.pop() if len(statuses) == 1 else ""),
        sources=tuple(sorted(sources_of(inputs))),
        formula=formula,
    )


def _tell(reading: Reading, why: str, context: Context) -> None:
    context.report.inform(reading.entry, "NOT_DERIVED", f"{why}; not derived: stage_iv.")
