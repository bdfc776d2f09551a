"""Target lesions of a baseline by RECIST 1.1, and the sum of their diameters (Eisenhauer 2009, Eur J Cancer 45:228).

Measurable (section 3.1.1): 10 mm in longest diameter on slices of up to 5 mm, twice the slice on thicker ones; a lymph
node 15 mm in short axis. Targets (section 4.2): the largest measurable lesions, five at most, two in an organ; all
lymph nodes count as one organ (EORTC RECIST FAQ), and so do all lesions whose organ is not named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tumorcast_core import catalog
from tumorcast_core.recist import RECIST_1_1, Role, Rules
from tumorcast_core.recist.rules import at_least
from tumorcast_core.snapshot import Feature
from tumorcast_imaging.model.change.organ import is_node, organ_of
from tumorcast_imaging.model.lesions.lesion import Lesion

THICK_SLICE_MM = 5.0
ANATOMICAL = ("CT", "MR")
"""Diameters are measured on these, in this order of preference."""
FORMULA = "sum of longest diameters of target lesions, nodes by short axis (RECIST 1.1)"


def lengths_mm(parts: Sequence[Lesion], *, node: bool) -> list[float]:
    """What each part of a lesion adds to the sum: its longest diameter, the short axis of a lymph node."""
    return [part.size.short_axis_mm if node else part.size.longest_diameter_mm for part in parts]


def diameter_mm(parts: Sequence[Lesion]) -> float:
    """What a lesion adds to the sum, its parts added (section 4.3.2)."""
    return math.fsum(lengths_mm(parts, node=is_node(parts[0].region)))


def is_measurable(parts: Sequence[Lesion], slice_mm: float | None, rules: Rules = RECIST_1_1) -> bool:
    """Whether a lesion, by its largest part, may be a target; without ``slice_mm`` its slices are taken to be thin."""
    node = is_node(parts[0].region)
    if node:
        least = rules.min_target_node_mm
    elif slice_mm is not None and slice_mm > THICK_SLICE_MM:
        least = max(rules.min_target_mm, 2 * slice_mm)
    else:
        least = rules.min_target_mm
    return at_least(max(lengths_mm(parts, node=node)), least)


def roles(
    lesions: Sequence[Sequence[Lesion]], slices_mm: Sequence[float | None], rules: Rules = RECIST_1_1
) -> list[Role | None]:
    """Role of each lesion (its parts) of a baseline; ``None`` for a lymph node below 10 mm, which is no disease."""
    order = sorted(range(len(lesions)), key=lambda i: _preference(lesions[i]))
    found: list[Role | None] = [None] * len(lesions)
    per_organ: Counter[str] = Counter()
    for i in order:
        if is_normal_node(lesions[i], rules):
            continue
        organ = organ_of(lesions[i][0].region)
        room = per_organ.total() < rules.max_targets and per_organ[organ] < rules.max_targets_per_organ
        if room and is_measurable(lesions[i], slices_mm[i], rules):
            per_organ[organ] += 1
            found[i] = Role.TARGET
        else:
            found[i] = Role.NON_TARGET
    return found


def is_normal_node(parts: Sequence[Lesion], rules: Rules = RECIST_1_1) -> bool:
    """Whether it is a lymph node too small to be disease."""
    return is_node(parts[0].region) and not at_least(diameter_mm(parts), rules.normal_node_below_mm)


def study_sum(lesions: Sequence[Lesion], slices_mm: Mapping[str, float] | None = None) -> Feature | None:
    """The dated ``sum_of_diameters`` of one study, targets chosen as at a baseline; ``None`` without a target.

    Only lesions of one series count, of CT before MR, so that none counts twice. ``slices_mm`` is the distance between
    slices by series instance UID. Raises ``ImplausibleValue`` where the sum lies outside the catalog's range.
    """
    for modality in ANATOMICAL:
        chosen = as_lesions(_of_one_series([lesion for lesion in lesions if lesion.dicom_modality == modality]))
        found = roles(chosen, [(slices_mm or {}).get(parts[0].series_instance_uid) for parts in chosen])
        targets = [parts for parts, role in zip(chosen, found, strict=True) if role is Role.TARGET]
        if targets:
            return sum_feature(math.fsum(map(diameter_mm, targets)), targets[0][0].date, targets)
    return None


def sum_feature(sum_mm: float, effective: str, targets: Sequence[Sequence[Lesion]]) -> Feature:
    """The sum as a catalogued feature; raises ``ImplausibleValue``."""
    return catalog.entry("sum_of_diameters").make(
        sum_mm,
        effective=effective,
        source=next((part.series_instance_uid for parts in targets for part in parts), ""),
        sources=tuple(part.region.source for parts in targets for part in parts),
        formula=FORMULA,
    )


def as_lesions(lesions: Iterable[Lesion]) -> list[tuple[Lesion, ...]]:
    """Regions of one series as lesions: those with one tracking UID are parts of one."""
    found: dict[str, list[Lesion]] = {}
    for lesion in lesions:
        found.setdefault(lesion.region.tracking_uid or lesion.region.source, []).append(lesion)
    return [tuple(parts) for parts in found.values()]


def _of_one_series(lesions: Sequence[Lesion]) -> list[Lesion]:
    """The lesions of the series that holds most of them."""
    counts = Counter(lesion.series_instance_uid for lesion in lesions)
    best = min(counts, key=lambda uid: (-counts[uid], uid), default="")
    return [lesion for lesion in lesions if lesion.series_instance_uid == best]


def _preference(parts: Sequence[Lesion]) -> tuple[float, float, str, int]:
    region = parts[0].region
    return -diameter_mm(parts), -sum(part.size.volume_ml for part in parts), region.source_uid, region.number
