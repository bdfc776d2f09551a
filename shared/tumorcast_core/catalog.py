"""The feature catalog: the one owner of every input's name, coding, unit, range and categories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_core.errors import ImplausibleValue, UnknownFeature
from tumorcast_core.snapshot import Coding, Feature, Modality

SYSTEMS = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "ucum": "http://unitsofmeasure.org",
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

    def make(self, value: float | str, **where: Any) -> Feature:
        """Build a checked feature in the canonical unit; ``where`` holds source, effective, timepoint and the like."""
        self.check(value, self.unit)
        number = value if isinstance(value, str) else float(value)
        return Feature(self.name, number, self.unit, where.pop("coding", None) or self.codings[0], **where)


def _entry(name: str, raw: Mapping[str, Any]) -> CatalogEntry:
    codings = tuple(Coding(SYSTEMS[s], code, display) for s, code, display in (c.split(" ", 2) for c in raw["codings"]))
    low, high = raw.get("range", (-math.inf, math.inf))
    return CatalogEntry(
        name=name,
        modality=Modality(raw["modality"]),
        description=raw["description"],
        codings=codings,
        unit=raw.get("unit", ""),
        range=(float(low), float(high)),
        categories=tuple(raw.get("categories", ())),
    )


@cache
def catalog() -> Mapping[str, CatalogEntry]:
    """All entries by name.

    >>> catalog()["albumin"].unit
    'g/dL'
    """
    text = files("tumorcast_core").joinpath("catalog.yaml").read_text(encoding="utf-8")
    return {name: _entry(name, raw) for name, raw in yaml.safe_load(text).items()}


@cache
def by_coding() -> Mapping[tuple[str, str], CatalogEntry]:
    """All entries by (system, code) of each of their codings.

    >>> by_coding()[("http://loinc.org", "718-7")].name
    'hemoglobin'
    """
    return {(coding.system, coding.code): entry for entry in catalog().values() for coding in entry.codings}


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
