"""Every cut-off of RECIST 1.1 and iRECIST, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass

# Sums are compared with this slack: 0.7 × 90 is 62.99… in floating point, and 63 mm is a partial response.
TOLERANCE_MM = 1e-6


@dataclass(frozen=True, slots=True)
class Rules:
    """The published cut-offs; a protocol that deviates states its own.

    RECIST 1.1: Eisenhauer et al., Eur J Cancer 2009;45:228 (sections 3.1, 4.1–4.6). iRECIST: Seymour et al., Lancet
    Oncol 2017;18:e143.
    """

    min_target_mm: float = 10.0
    min_target_node_mm: float = 15.0
    normal_node_below_mm: float = 10.0
    too_small_mm: float = 5.0
    max_targets: int = 5
    max_targets_per_organ: int = 2
    partial_response_fraction: float = 0.30
    progression_fraction: float = 0.20
    progression_mm: float = 5.0
    # Sections 4.4, 4.6: a response is confirmed 4 weeks later or more; SD lasts "in general not less than 6–8 weeks".
    confirmation_days: int = 28
    stable_days: int = 42
    # Section 4.4: PR, NE, PR may count as confirmed; how many NE may stand between is not said.
    max_not_evaluable_between: int = 1
    # iRECIST: progression is confirmed 4–8 weeks after iUPD by a further increase of 5 mm.
    immune_confirmation_days: int = 28
    immune_confirmation_until_days: int = 56
    immune_increase_mm: float = 5.0


RECIST_1_1 = Rules()


def at_least(value_mm: float, threshold_mm: float) -> bool:
    """Whether a length reaches a threshold, up to rounding.

    >>> at_least(63.0 - 0.7 * 90.0, 0.0), 63.0 <= 0.7 * 90.0
    (True, False)
    """
    return value_mm >= threshold_mm - TOLERANCE_MM
