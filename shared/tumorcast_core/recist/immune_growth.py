"""What iRECIST watches beside RECIST 1.1: new lesions measured apart, and growth since an unconfirmed progression."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tumorcast_core.recist.course import is_measurable
from tumorcast_core.recist.lesions import Assessment, Measurement, Role, State
from tumorcast_core.recist.overall import new_lesions
from tumorcast_core.recist.rules import TOLERANCE_MM, Rules, at_least
from tumorcast_core.recist.targets import length_mm


@dataclass(slots=True)
class NewLesionRecord:
    """New lesions over the visits so far; the largest measurable ones of a visit become new-lesion targets first."""

    rules: Rules
    targets: dict[str, str] = field(default_factory=dict)  # identifier → organ
    standing: frozenset[str] = frozenset()
    measured_mm: dict[str, float] = field(default_factory=dict)  # at the last visit

    def add(self, visit: Assessment) -> None:
        """Take note of a visit."""
        found = visit.of(Role.NEW)
        self.standing = new_lesions(found, self.standing).standing
        present = {key: m for key, m in found.items() if m.state is State.PRESENT}
        for key, measurement in sorted(present.items(), key=_largest_first):
            if key not in self.targets and self._has_room_for(measurement):
                self.targets[key] = measurement.lesion.site
        self.measured_mm = {key: m.diameter_mm for key, m in present.items() if m.diameter_mm is not None}
        gone = [key for key, m in found.items() if m.state is State.ABSENT]
        self.measured_mm |= dict.fromkeys(gone, 0.0)

    @property
    def target_sum_mm(self) -> float | None:
        """The sum of the new-lesion targets at the last visit; ``None``: there is none, or not all were measured."""
        if not self.targets or not self.targets.keys() <= self.measured_mm.keys():
            return None
        return math.fsum(self.measured_mm[key] for key in self.targets)

    def _has_room_for(self, measurement: Measurement) -> bool:
        site = measurement.lesion.site
        per_site = Counter(self.targets.values())
        has_room = len(self.targets) < self.rules.max_targets
        is_free = not site or per_site[site] < self.rules.max_targets_per_organ
        return has_room and is_free and is_measurable(measurement, self.rules)


def _largest_first(item: tuple[str, Measurement]) -> tuple[float, str]:
    return -(item[1].diameter_mm or 0.0), item[0]


@dataclass(frozen=True, slots=True)
class Burden:
    """What there was at the visit of an iUPD, from which further growth is measured."""

    targets_mm: Mapping[str, float]
    worse: frozenset[str]
    new: frozenset[str]
    new_mm: Mapping[str, float]


def burden(visit: Assessment, record: NewLesionRecord, rules: Rules) -> Burden:
    """The burden of a visit that ``record`` already holds."""
    lengths = {key: length_mm(m, rules) for key, m in visit.of(Role.TARGET).items()}
    return Burden(
        targets_mm={key: length for key, length in lengths.items() if length is not None},
        worse=frozenset(key for key, m in visit.of(Role.NON_TARGET).items() if m.state is State.WORSE),
        new=record.standing,
        new_mm=dict(record.measured_mm),
    )


def targets_grew(before: Burden, now: Burden, rules: Rules) -> bool:
    """Whether the targets measured then are 5 mm longer in sum; one that was not evaluated now counts as gone."""
    return _grew_by(before.targets_mm, now.targets_mm, rules)


def non_targets_grew(before: Burden, now: Burden, seen_growing: frozenset[str], visit: Assessment) -> bool:
    """Whether a non-target was seen to grow since, or another one has become unequivocally worse."""
    return bool(now.worse - before.worse) or any(key in seen_growing for key in visit.of(Role.NON_TARGET))


def new_lesions_grew(
    before: Burden, now: Burden, seen_growing: frozenset[str], record: NewLesionRecord, rules: Rules
) -> bool:
    """Whether new-lesion targets are 5 mm longer in sum, or any other new lesion has grown at all."""
    targets = {key: mm for key, mm in before.new_mm.items() if key in record.targets}
    if _grew_by(targets, now.new_mm, rules):
        return True
    others = before.new & record.standing - record.targets.keys()
    longer = (now.new_mm.get(key, 0.0) > before.new_mm.get(key, math.inf) + TOLERANCE_MM for key in others)
    return bool(others & seen_growing) or any(longer)


def _grew_by(before: Mapping[str, float], now: Mapping[str, float], rules: Rules) -> bool:
    grown = math.fsum(now.get(key, 0.0) for key in before) - math.fsum(before.values())
    return bool(before) and at_least(grown, rules.immune_increase_mm)
