"""Response of non-targets, new lesions and all together at one visit (RECIST 1.1, sections 4.3.3–4.4, tables 1, 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tumorcast_core.recist.lesions import Measurement, State
from tumorcast_core.recist.response import Reason, Response
from tumorcast_core.recist.rules import Rules, at_least


def is_resolved(measurement: Measurement, rules: Rules) -> bool:
    """Whether a non-target is gone, or is a node that was measured below 10 mm."""
    if measurement.state is State.ABSENT:
        return True
    if measurement.state is not State.PRESENT or measurement.diameter_mm is None:
        return False
    if measurement.lesion.is_node:
        return not at_least(measurement.diameter_mm, rules.normal_node_below_mm)
    return measurement.diameter_mm == 0


def non_target_response(
    non_targets: Iterable[str], found: Mapping[str, Measurement], markers_elevated: bool, rules: Rules
) -> tuple[Response | None, tuple[Reason, ...]]:
    """Response of the non-targets (identifiers) as ``found`` at a visit, and why; ``None`` where there are none.

    Elevated markers are disease that persists: without non-targets they are one.
    """
    seen = [found.get(lesion_id) for lesion_id in non_targets]
    evaluated = [m for m in seen if m is not None and m.state is not State.NOT_EVALUABLE]
    if any(m.state is State.WORSE for m in evaluated):
        return Response.PD, (Reason.NON_TARGET_WORSE,)
    if len(evaluated) < len(seen):
        return Response.NE, (Reason.NON_TARGET_NOT_EVALUATED,)
    if not all(is_resolved(m, rules) for m in evaluated):
        return Response.NON_CR_NON_PD, (Reason.NON_TARGET_PERSISTS,)
    if markers_elevated:
        return Response.NON_CR_NON_PD, (Reason.MARKERS_ELEVATED,)
    return (Response.CR, (Reason.NON_TARGETS_GONE,)) if seen else (None, ())


def overall_response(target: Response | None, non_target: Response | None, new_lesion: bool) -> Response:
    """Combine the three by table 1, or by table 2 where there is no target (``None``).

    >>> overall_response(Response.CR, Response.NE, new_lesion=False).value
    'PR'
    >>> overall_response(None, Response.NON_CR_NON_PD, new_lesion=False).value
    'NON-CR/NON-PD'
    """
    if new_lesion or Response.PD in (target, non_target):
        return Response.PD
    if target is None:
        return non_target if non_target is not None else Response.NE
    if target is Response.CR and non_target not in (None, Response.CR):
        return Response.PR
    return target


@dataclass(frozen=True, slots=True)
class NewLesions:
    """Unequivocal new lesions at one visit: those seen, and those seen before that were neither seen nor refuted."""

    seen: frozenset[str]
    carried: frozenset[str]
    equivocal: frozenset[str]

    @property
    def standing(self) -> frozenset[str]:
        """New lesions that count at this visit."""
        return self.seen | self.carried

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why there is, or may be, a new lesion."""
        told = (
            (self.seen, Reason.NEW_LESION),
            (self.carried, Reason.NEW_LESION_NOT_RE_EVALUATED),
            (self.equivocal, Reason.EQUIVOCAL_NEW_LESION),
        )
        return tuple(reason for lesions, reason in told if lesions)


def new_lesions(found: Mapping[str, Measurement], before: frozenset[str]) -> NewLesions:
    """New lesions as ``found`` at a visit; ``before`` stood at the last one."""
    seen = frozenset(key for key, m in found.items() if m.state is State.PRESENT)
    refuted = frozenset(key for key, m in found.items() if m.state is State.ABSENT)
    equivocal = frozenset(key for key, m in found.items() if m.state is State.EQUIVOCAL) - before
    return NewLesions(seen, before - seen - refuted, equivocal)
