"""A part that exceeds its whole in one sample: said, since one of the two is in a wrong unit or of something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from tumorcast_clinical.model.derived.formulas import is_exact_and_final, sample_of
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

_CELLS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
_WHOLES = {f"{cell}_count": "leukocyte_count" for cell in _CELLS} | {
    "direct_bilirubin": "total_bilirubin",
    "indirect_bilirubin": "total_bilirubin",
    "albumin": "total_protein",
    "hdl_cholesterol": "cholesterol",
    "free_prostate_specific_antigen": "prostate_specific_antigen",
}
"""What each is a part of; both have one unit in the catalog."""

_NAMES = frozenset(_WHOLES) | frozenset(_WHOLES.values())
_SLACK = 1.2
"""By how much a part may exceed its whole: two assays and rounding."""


def tell_inconsistent(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Warn of each final number that is larger than what it is a part of, in the same sample; no features."""
    samples: dict[Hashable, dict[str, list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        if reading.feature.name in _NAMES and is_exact_and_final(reading.feature):
            samples[sample_of(reading)][reading.feature.name].append(reading)
    for found in samples.values():
        for part, whole in _WHOLES.items():
            if part in found and whole in found:
                largest = max(map(_number, found[whole]))
                message = f"states {part} above {whole} of the same sample; one of them may be in a wrong unit."
                for reading in found[part]:
                    if _number(reading) > _SLACK * largest:
                        context.report.warn(reading.entry, "INCONSISTENT_RESULTS", message)
    return []


def _number(reading: Reading) -> float:
    return float(reading.feature.value or 0)
