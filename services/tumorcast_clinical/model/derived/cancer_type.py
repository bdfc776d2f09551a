"""Primary cancer and histology → the cancer type in the 16 groups of Chowell 2022 (Nat Biotechnol 40:499).

The site decides, and the histology must be one that the site's group has: a carcinoid of the lung or a sarcoma of the
uterus is in none. The lung needs a histology to tell small-cell from non-small-cell cancer; without one nothing is
derived, as it would be wrong for one patient in seven. "Carcinoma, not specified" says no more than no histology.

A cancer in remission gives way to one that is not. Cancers of several sites, or histologies of different groups, give
nothing. A histology counts for the cancers of its own Condition; one that an Observation states, for the only site.
"""

from __future__ import annotations

from tumorcast_clinical.model.derived.formulas import joint_status, sources_of
from tumorcast_clinical.model.derived.tumor_findings import is_of_one_value
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate, moment
from tumorcast_core.snapshot import Feature

_FORMULA = "group of the primary cancer's site, by its histology where the site has several"
_UNSPECIFIED = "carcinoma_not_specified"
_ANY = ""
"""Stands for: no histology is known."""

_GLANDULAR = frozenset({_ANY, "adenocarcinoma", "mucinous_adenocarcinoma", "signet_ring_cell_carcinoma"})
_MIXED = frozenset({"squamous_cell_carcinoma", "adenosquamous_carcinoma", "undifferentiated_carcinoma"})
_GYNECOLOGIC = frozenset(
    {
        "endometrioid_carcinoma",
        "serous_carcinoma",
        "clear_cell_carcinoma",
        "carcinosarcoma",
        "undifferentiated_carcinoma",
    }
)
_NON_SMALL_CELL = frozenset(
    {"non_small_cell_carcinoma", "squamous_cell_carcinoma", "adenosquamous_carcinoma", "large_cell_carcinoma"}
    | {"sarcomatoid_carcinoma", "papillary_carcinoma", "clear_cell_carcinoma"}
    | (_GLANDULAR - {_ANY})
)
_RENAL = frozenset(
    {_ANY, "renal_cell_carcinoma", "clear_cell_carcinoma", "papillary_carcinoma", "chromophobe_renal_cell_carcinoma"}
    | {"adenocarcinoma", "sarcomatoid_carcinoma", "medullary_carcinoma"}
)
_BREAST = frozenset(
    {"ductal_carcinoma", "lobular_carcinoma", "ductal_and_lobular_carcinoma", "medullary_carcinoma"}
    | {"papillary_carcinoma", "sarcomatoid_carcinoma", "adenoid_cystic_carcinoma"}
)
_HEPATOBILIARY = frozenset({"hepatocellular_carcinoma", "cholangiocarcinoma", "papillary_carcinoma"})

_GROUPS: dict[str, dict[str, frozenset[str]]] = {
    "lung": {"non_small_cell_lung": _NON_SMALL_CELL, "small_cell_lung": frozenset({"small_cell_carcinoma"})},
    "melanoma": {"melanoma": frozenset({_ANY, "melanoma"})},
    "kidney": {"renal": _RENAL},
    "bladder_urothelial": {
        "bladder": frozenset({"urothelial_carcinoma", "papillary_carcinoma", "sarcomatoid_carcinoma"})
        | _GLANDULAR
        | _MIXED
    },
    "head_and_neck": {"head_and_neck": frozenset({_ANY, "squamous_cell_carcinoma", "undifferentiated_carcinoma"})},
    "stomach": {"gastric": _GLANDULAR | _MIXED | {"papillary_carcinoma", "medullary_carcinoma"}},
    "liver": {"hepatobiliary": _HEPATOBILIARY | _GLANDULAR},
    "biliary_tract": {"hepatobiliary": _HEPATOBILIARY | _GLANDULAR | _MIXED},
    "sarcoma_soft_tissue": {"sarcoma": frozenset({_ANY, "sarcoma"})},
    "bone": {"sarcoma": frozenset({"sarcoma"})},
    "colorectal": {"colorectal": _GLANDULAR | _MIXED | {"medullary_carcinoma"}},
    "uterus": {"endometrial": _GYNECOLOGIC | _GLANDULAR},
    "esophagus": {"esophageal": _GLANDULAR | _MIXED},
    "ovary": {"ovarian": _GYNECOLOGIC | _GLANDULAR | {"papillary_carcinoma"}},
    "mesothelioma": {"mesothelioma": frozenset({_ANY, "mesothelioma"})},
    "pancreas": {"pancreatic": _GLANDULAR | _MIXED | {"ductal_carcinoma"}},
    "breast": {"breast": _BREAST | _GLANDULAR | _MIXED},
}
"""Site → group → histologies that belong to it. Sites without a line are of none of the 16."""


def immunotherapy_cancer_type(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Derive the group; at most one feature. What contradicts it is told; what is of none of the 16 is not."""
    primaries = _lasting([reading for reading in readings if reading.feature.name == "primary_cancer"])
    sites = {str(reading.feature.value) for reading in primaries}
    if not sites & _GROUPS.keys():
        return []
    told = _histologies(readings, primaries, only_site=len(sites) == 1)
    groups = {_group_of(site, [h for h in told if _is_of(h, site, primaries)]) for site in sites}
    if len(groups) == 1 and "" not in groups:
        return [_feature(groups.pop(), primaries, told)]
    if len(sites) > 1 or not is_of_one_value(told or primaries):
        _tell(primaries, context)
    return []


def _lasting(primaries: list[Reading]) -> list[Reading]:
    return [reading for reading in primaries if reading.feature.status != "remission"] or primaries


def _histologies(readings: list[Reading], primaries: list[Reading], *, only_site: bool) -> list[Reading]:
    """Histologies that say what the cancers are; final ones alone if there are any."""
    conditions = {id(reading.entry) for reading in primaries}
    found = [
        reading
        for reading in readings
        if reading.feature.name == "histology"
        and reading.feature.value != _UNSPECIFIED
        and (id(reading.entry) in conditions or (only_site and reading.entry.type != "Condition"))
    ]
    return [reading for reading in found if reading.feature.status not in NOT_FINAL] or found


def _is_of(histology: Reading, site: str, primaries: list[Reading]) -> bool:
    """Whether it may be the histology of the cancer of that site: not if its own Condition is of another."""
    own = {str(reading.feature.value) for reading in primaries if reading.entry is histology.entry}
    return not own or site in own


def _group_of(site: str, histologies: list[Reading]) -> str:
    """The one group that the site and all its histologies belong to; empty if there is none."""
    stated = {str(reading.feature.value) for reading in histologies} or {_ANY}
    return next((group for group, members in _GROUPS.get(site, {}).items() if stated <= members), "")


def _feature(group: str, primaries: list[Reading], histologies: list[Reading]) -> Feature:
    """The group, from the latest statement of the cancer and the latest of its histology."""
    inputs = [max(found, key=_order) for found in (primaries, histologies) if found]
    return catalog_entry("immunotherapy_cancer_type").make(
        group,
        effective=max((reading.feature.effective for reading in inputs), key=moment),
        status=joint_status(reading.feature.status for reading in inputs) or inputs[0].feature.status,
        sources=sources_of(inputs),
        formula=_FORMULA,
    )


def _order(reading: Reading) -> tuple[str, str]:
    return moment(reading.feature.effective), reading.feature.source


def _tell(primaries: list[Reading], context: Context) -> None:
    message = "is one of several cancers, or has several histologies; not derived: immunotherapy_cancer_type."
    first = min(primaries, key=lambda reading: (reading.feature.source, reading.entry.location))
    context.report.inform(first.entry, "NOT_DERIVED", message)
