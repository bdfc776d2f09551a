"""Response of the target lesions: the sum of diameters against baseline and nadir (RECIST 1.1, section 4.3.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tumorcast_core.recist.lesions import Measurement, State
from tumorcast_core.recist.response import Reason, Response
from tumorcast_core.recist.rules import Rules, at_least


@dataclass(frozen=True, slots=True)
class TargetSum:
    """What the targets of one visit add up to; ``measured_mm`` is ``None`` where not one was evaluated."""

    measured_mm: float | None
    is_complete: bool
    all_normal: bool  # of those evaluated
    counted_too_small: bool

    @property
    def sum_mm(self) -> float | None:
        """The sum of diameters, where every target was evaluated."""
        return self.measured_mm if self.is_complete else None


def length_mm(measurement: Measurement, rules: Rules) -> float | None:
    """What a target adds to the sum; ``None``: it was not evaluated."""
    if measurement.state is State.NOT_EVALUABLE:
        return None
    if measurement.state in (State.ABSENT, State.MERGED):
        return 0.0
    if measurement.diameter_mm is None and measurement.state is State.TOO_SMALL:
        return rules.too_small_mm
    return measurement.diameter_mm


def is_normal(measurement: Measurement, rules: Rules) -> bool:
    """Whether an evaluated lesion is no longer disease: a node below 10 mm, another lesion gone.

    A merged lesion is counted within its host, which decides.
    """
    length = length_mm(measurement, rules)
    if length is None:
        return False
    if measurement.lesion.is_node:
        return not at_least(length, rules.normal_node_below_mm)
    return length == 0


def add_up(targets: Iterable[str], found: Mapping[str, Measurement], rules: Rules) -> TargetSum:
    """Add the diameters of ``targets`` (identifiers) as ``found`` at a visit; the order does not matter."""
    evaluated: list[Measurement] = []
    is_complete = True
    for lesion_id in targets:
        if lesion_id in found and length_mm(found[lesion_id], rules) is not None:
            evaluated.append(found[lesion_id])
        else:
            is_complete = False
    lengths = [length for m in evaluated if (length := length_mm(m, rules)) is not None]
    return TargetSum(
        measured_mm=math.fsum(lengths) if lengths else None,
        is_complete=is_complete,
        all_normal=all(is_normal(m, rules) for m in evaluated),
        counted_too_small=any(m.state is State.TOO_SMALL and m.diameter_mm is None for m in evaluated),
    )


def target_response(
    found: TargetSum, baseline_mm: float, nadir_mm: float, rules: Rules
) -> tuple[Response, tuple[Reason, ...]]:
    """Response of the targets at one visit, and why.

    CR comes first: nodes below 10 mm are normal, however their sum moved. PD comes before PR: it is measured from the
    nadir. Where a target was not evaluated only PD can be concluded, and only if the others alone prove it.
    """
    small = (Reason.TOO_SMALL_COUNTED_5_MM,) if found.counted_too_small else ()
    measured = found.measured_mm
    if measured is None:
        return Response.NE, (Reason.TARGET_NOT_EVALUATED,)
    if not found.is_complete:
        if has_grown(measured, nadir_mm, rules):
            return Response.PD, (Reason.PROVEN_BY_MEASURED_TARGETS, Reason.TARGET_NOT_EVALUATED, *small)
        return Response.NE, (Reason.TARGET_NOT_EVALUATED, *small)
    if found.all_normal:
        return Response.CR, (Reason.NORMAL_NODES_REMAIN if measured > 0 else Reason.ALL_TARGETS_GONE,)
    if has_grown(measured, nadir_mm, rules):
        return Response.PD, (Reason.SUM_GREW, *small)
    if at_least(baseline_mm * (1 - rules.partial_response_fraction), measured):
        return Response.PR, (Reason.SUM_SHRANK, *small)
    if measured > nadir_mm and at_least(measured, nadir_mm * (1 + rules.progression_fraction)):
        return Response.SD, (Reason.GREW_LESS_THAN_5_MM, *small)
    return Response.SD, (Reason.SUM_STABLE, *small)


def has_grown(now_mm: float, nadir_mm: float, rules: Rules) -> bool:
    """Whether a sum is 20 % and 5 mm over its nadir.

    >>> from tumorcast_core.recist.rules import RECIST_1_1
    >>> has_grown(60.0, 50.0, RECIST_1_1), has_grown(24.0, 20.0, RECIST_1_1), has_grown(59.0, 50.0, RECIST_1_1)
    (True, False, False)
    """
    relative = at_least(now_mm, nadir_mm * (1 + rules.progression_fraction))
    return relative and at_least(now_mm - nadir_mm, rules.progression_mm)
