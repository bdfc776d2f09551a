"""Features computed from others; each names its sources and its formula."""

from __future__ import annotations

from collections.abc import Callable

from tumorcast_clinical.model.derived.ratios import neutrophil_lymphocyte_ratios
from tumorcast_clinical.model.derived.therapy import therapy_class
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

Derivation = Callable[[list[Reading], Context, PartialDate | None], list[Feature]]

DERIVATIONS: tuple[Derivation, ...] = (neutrophil_lymphocyte_ratios, therapy_class)


def derive(readings: list[Reading], context: Context, today: PartialDate | None) -> list[Feature]:
    """Compute every derived feature; ``today`` is the index date, else the latest day of the record."""
    return [feature for derivation in DERIVATIONS for feature in derivation(readings, context, today)]
