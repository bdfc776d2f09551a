"""Blood counts of one sample → counts from percentages, ratios and indices of inflammation."""

from __future__ import annotations

from tumorcast_clinical.model.derived.formulas import Formula

_COUNT, _PERCENT = "10*9/L", "%"
_CELLS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")


def _count(percentage: float, leukocytes: float) -> float:
    return percentage * leukocytes / 100


def _ratio(above: float, below: float) -> float:
    return above / below


def _immune_inflammation(platelets: float, neutrophils: float, lymphocytes: float) -> float:
    return platelets * neutrophils / lymphocytes


def _remainder_ratio(neutrophils: float, leukocytes: float) -> float:
    return neutrophils / (leukocytes - neutrophils)


def _ratio_formula(name: str, above: str, below: str) -> Formula:
    return Formula(name, {above: _COUNT, below: _COUNT}, _ratio, f"{above} / {below}")


COUNTS = tuple(
    Formula(
        f"{cell}_count",
        {f"{cell}_percentage": _PERCENT, "leukocyte_count": _COUNT},
        _count,
        f"{cell}_percentage / 100 * leukocyte_count",
    )
    for cell in _CELLS
)
"""Absolute counts, where a sample states only the percentage of its leukocytes."""

RATIOS = (
    _ratio_formula("neutrophil_lymphocyte_ratio", "neutrophil_count", "lymphocyte_count"),
    _ratio_formula("platelet_lymphocyte_ratio", "platelet_count", "lymphocyte_count"),
    _ratio_formula("lymphocyte_monocyte_ratio", "lymphocyte_count", "monocyte_count"),
    # Hu 2014, Clin Cancer Res 20:6212
    Formula(
        "systemic_immune_inflammation_index",
        {"platelet_count": _COUNT, "neutrophil_count": _COUNT, "lymphocyte_count": _COUNT},
        _immune_inflammation,
        "platelet_count * neutrophil_count / lymphocyte_count",
    ),
    # Proctor 2012, Br J Cancer 107:695
    Formula(
        "derived_neutrophil_lymphocyte_ratio",
        {"neutrophil_count": _COUNT, "leukocyte_count": _COUNT},
        _remainder_ratio,
        "neutrophil_count / (leukocyte_count - neutrophil_count)",
    ),
)
