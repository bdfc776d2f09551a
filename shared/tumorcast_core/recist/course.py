"""Whether a patient's visits form a course that RECIST 1.1 can assess, checked before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from tumorcast_core.errors import UnsoundAssessments
from tumorcast_core.recist.lesions import Assessment, Lesion, Measurement, Role, State
from tumorcast_core.recist.rules import Rules, at_least


def check_course(visits: Sequence[Assessment], rules: Rules) -> None:
    """Refuse visits that do not form a course; the first one is the baseline.

    Raises ``UnsoundAssessments`` where visits are not in order of their days (so none lies before the baseline), a
    lesion changes its role, organ or kind, the baseline has no lesion or a new one, a target or non-target was not seen
    at baseline, a baseline target has no measurable diameter, and where there are too many targets, in all or in one
    organ.
    """
    if not visits:
        raise UnsoundAssessments("There is no visit.")
    if any(later.day <= earlier.day for earlier, later in pairwise(visits)):
        raise UnsoundAssessments("Visits are out of order, or one lies before the baseline.")
    _check_identities(visits)
    _check_baseline(visits[0], rules)
    for visit in visits[1:]:
        for role in (Role.TARGET, Role.NON_TARGET):
            if not visit.of(role).keys() <= visits[0].of(role).keys():
                raise UnsoundAssessments(f"A {role} lesion was not seen at baseline.")


def _check_identities(visits: Sequence[Assessment]) -> None:
    known: dict[str, Lesion] = {}
    for visit in visits:
        for measurement in visit.measurements:
            lesion = measurement.lesion
            if known.setdefault(lesion.lesion_id, lesion) != lesion:
                raise UnsoundAssessments("A lesion has another role, organ or kind at another visit.")


def _check_baseline(baseline: Assessment, rules: Rules) -> None:
    targets = baseline.of(Role.TARGET)
    if baseline.of(Role.NEW):
        raise UnsoundAssessments("A new lesion stands on the baseline visit.")
    if not targets and not baseline.of(Role.NON_TARGET):
        raise UnsoundAssessments("The baseline has no lesion; RECIST assesses disease that is there at baseline.")
    if len(targets) > rules.max_targets:
        raise UnsoundAssessments(f"There are more than {rules.max_targets} target lesions.")
    per_organ = Counter(m.lesion.site for m in targets.values() if m.lesion.site)
    if any(count > rules.max_targets_per_organ for count in per_organ.values()):
        raise UnsoundAssessments(f"An organ has more than {rules.max_targets_per_organ} target lesions.")
    _check_measurable(targets, rules)


def _check_measurable(targets: Mapping[str, Measurement], rules: Rules) -> None:
    for measurement in targets.values():
        if measurement.diameter_mm is None or measurement.state is not State.PRESENT:
            raise UnsoundAssessments("A target lesion was not measured at baseline.")
        if not is_measurable(measurement, rules):
            raise UnsoundAssessments(
                f"A target lesion is not measurable at baseline: {rules.min_target_mm:g} mm longest diameter,"
                f" {rules.min_target_node_mm:g} mm short axis of a node."
            )


def is_measurable(measurement: Measurement, rules: Rules) -> bool:
    """Whether a lesion is large enough to be measured as a target (section 3.1).

    >>> from tumorcast_core.recist.rules import RECIST_1_1
    >>> is_measurable(Measurement(Lesion("T1", Role.TARGET, "axilla", is_node=True), 14.0), RECIST_1_1)
    False
    """
    least = rules.min_target_node_mm if measurement.lesion.is_node else rules.min_target_mm
    return measurement.diameter_mm is not None and at_least(measurement.diameter_mm, least)
