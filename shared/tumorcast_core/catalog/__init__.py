"""The feature catalog: the one owner of every input's name, coding, unit, range and categories.

One YAML file or folder per modality (``notes.yaml``, ``labs/``), one entry per feature::

    description  what it is, in a clinician's words
    unit         canonical UCUM unit; absent for dimensionless numbers and categories
    range        plausible [lowest, highest] in that unit, both included; outside it a value is rejected
    integer      true: only whole numbers are values
    categories   allowed values of a categorical feature, in order where there is one
    answers      the clinical service's value set that maps coded answers to the categories or numbers
    codings      codes that a source may state it under, "<system> <code> <display>"; the first is the canonical one
    observed     false: no Observation states it; it is derived, or read from another resource
    group        the panel it is listed under: "blood count", "liver", ...
    each         kinds of images; the entry then stands for one of each of them (``each.py``)

Numeric labs get entries for their trends as well (``trends.py``).

Systems: ``loinc``, ``sct``, ``ucum``, ``ncit``, ``dcm``; ``local`` where no public code is known (such a code is
matched by no record).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_core.catalog.each import expanded
from tumorcast_core.catalog.trends import trends_of
from tumorcast_core.errors import ImplausibleValue, UnknownFeature
from tumorcast_core.snapshot import Coding, Feature, Modality

SYSTEMS = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "ucum": "http://unitsofmeasure.org",
    "ncit": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "dcm": "http://dicom.nema.org/resources/ontology/DCM",
    "local": "",
}


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One feature: a number in ``unit`` within ``range``, or one of ``categories``."""

    name: str
    modality: Modality
    description: str
    codings: tuple[Coding, ...]
    unit: str = ""
    range: tuple[float, float] = (-math.inf, math.inf)
    categories: tuple[str, ...] = ()
    answers: str = ""
    integer: bool = False
    observed: bool = True
    group: str = ""

    def __post_init__(self) -> None:
        if not self.codings or self.range[0] > self.range[1] or (self.categories and self.unit):
            raise ValueError(f"catalog entry {self.name} is inconsistent")

    def check(self, value: float | str, unit: str = "") -> None:
        """Raise ``ImplausibleValue`` unless the value fits; the message never quotes the value."""
        if self.categories:
            if value not in self.categories:
                raise ImplausibleValue(f"{self.name} must be one of {', '.join(self.categories)}.")
            return
        if isinstance(value, str):
            raise ImplausibleValue(f"{self.name} must be a number.")
        if unit != self.unit:
            raise ImplausibleValue(f"{self.name} must be given in {self.unit or 'no unit'}.")
        low, high = self.range
        if not low <= value <= high:  # also false for NaN
            raise ImplausibleValue(f"{self.name} must lie between {low:g} and {high:g} {self.unit}".rstrip() + ".")
        if self.integer and value != int(value):
            raise ImplausibleValue(f"{self.name} must be a whole number.")

    def make(
        self,
        value: float | str,
        coding: Coding | None = None,
        *,
        effective: str = "",
        source: str = "",
        timepoint: str = "",
        comparator: str = "",
        status: str = "",
        sources: tuple[str, ...] = (),
        formula: str = "",
    ) -> Feature:
        """Build a checked feature in the canonical unit, under its first coding if no other is given."""
        self.check(value, self.unit)
        number = value if isinstance(value, str) else float(value)
        told = effective, source, timepoint, comparator, status, sources, formula
        return Feature(self.name, number, self.unit, coding or self.codings[0], *told)


def _entry(name: str, modality: Modality, raw: Mapping[str, Any]) -> CatalogEntry:
    codings = tuple(Coding(SYSTEMS[s], code, display) for s, code, display in (c.split(" ", 2) for c in raw["codings"]))
    low, high = raw.get("range", (-math.inf, math.inf))
    return CatalogEntry(
        name=name,
        modality=modality,
        description=raw["description"],
        codings=codings,
        unit=raw.get("unit", ""),
        range=(float(low), float(high)),
        categories=tuple(raw.get("categories", ())),
        answers=raw.get("answers", ""),
        integer=raw.get("integer", False),
        observed=raw.get("observed", True),
        group=raw.get("group", ""),
    )


@cache
def catalog() -> Mapping[str, CatalogEntry]:
    """All entries by name, with those of trends.

    >>> catalog()["albumin"].unit, catalog()["albumin_slope"].unit
    ('g/dL', 'g/dL/d')
    """
    read = {name: _entry(name, modality, raw) for modality in Modality for name, raw in _load(modality.value).items()}
    return trends_of(read.values()) | read


def _load(modality: str) -> Mapping[str, Any]:
    """Read ``<modality>.yaml``, or every file of the folder of that name; raises ``ValueError`` if a name recurs."""
    root = files(__name__)
    folder = root.joinpath(modality)
    parts = (
        sorted(folder.iterdir(), key=lambda part: part.name) if folder.is_dir() else [root.joinpath(f"{modality}.yaml")]
    )
    found: dict[str, Any] = {}
    for part in parts:
        entries = expanded(yaml.load(part.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {})
        if recurring := found.keys() & entries.keys():
            raise ValueError(f"the catalog has two entries {min(recurring)}")
        found |= entries
    return found


@cache
def by_coding() -> Mapping[tuple[str, str], CatalogEntry]:
    """All entries by (system, code) of each of their codings.

    What the notes service finds in free text may share its code with what observations state: that is the entry then.

    >>> by_coding()[("http://loinc.org", "718-7")].name
    'hemoglobin'
    """
    entries = sorted(catalog().values(), key=lambda entry: entry.modality is not Modality.NOTES)
    return {(coding.system, coding.code): entry for entry in entries for coding in entry.codings}


def entry(name: str) -> CatalogEntry:
    """The entry of that name; raises ``UnknownFeature``."""
    try:
        return catalog()[name]
    except KeyError as e:
        raise UnknownFeature("A feature name is not in the catalog.") from e


def checked(feature: Feature) -> Feature:
    """The same feature if name, unit, range or category fit the catalog, with the canonical coding where it had none.

    Raises ``UnknownFeature`` or ``ImplausibleValue``.
    """
    known = entry(feature.name)
    if feature.value is not None:
        known.check(feature.value, feature.unit)
    return feature if feature.coding else replace(feature, coding=known.codings[0])
