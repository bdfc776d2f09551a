"""What is kept of a study once its lesions are measured: where they lie, how big they are, and the body around them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from tumorcast_core.errors import InvalidInput
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.model.change.doubts import doubt
from tumorcast_imaging.model.change.overview import Overview, overview
from tumorcast_imaging.model.change.place import Place, place
from tumorcast_imaging.model.lesions.lesion import Lesion

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One measured lesion and where it lies; ``slice_mm`` is the distance between the slices it was drawn on.

    ``place`` holds its mask; that of ``lesion.region`` was let go, since it is as large as the volume.
    """

    lesion: Lesion
    place: Place
    slice_mm: float

    @property
    def order(self) -> tuple[float, ...]:
        """Largest first; then by place, so that the order of files does not matter."""
        size = self.lesion.size
        return (-size.longest_diameter_mm, -size.volume_ml, *map(float, self.place.center))


@dataclass(frozen=True, slots=True, eq=False)
class DrawnSeries:
    """One series with its lesions; the volume itself may be forgotten.

    Not ``complete``: something that was drawn on it could not be used, so a lesion that is missing may not be gone.
    """

    study_instance_uid: str
    series_instance_uid: str
    frame_of_reference_uid: str
    dicom_modality: str
    date: str = field(repr=False)
    patient_id: str = field(repr=False)
    overview: Overview
    findings: tuple[Finding, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """What was drawn on one day: at most one series of each kind of image."""

    day: date = field(repr=False)
    series: tuple[DrawnSeries, ...]

    def of(self, dicom_modality: str) -> DrawnSeries | None:
        """The series of that kind."""
        return next((s for s in self.series if s.dicom_modality == dicom_modality), None)


def drawn(volume: Volume, lesions: Sequence[Lesion], *, complete: bool = True) -> DrawnSeries:
    """Keep of a volume and its lesions what following them over time needs."""
    slice_mm = float(volume.spacing_mm[0])
    findings = [Finding(_without_mask(one), place(one.region.mask, volume.affine_lps), slice_mm) for one in lesions]
    return DrawnSeries(
        study_instance_uid=volume.study_instance_uid,
        series_instance_uid=volume.series_instance_uid,
        frame_of_reference_uid=volume.frame_of_reference_uid,
        dicom_modality=volume.dicom_modality,
        date=volume.date,
        patient_id=volume.patient_id,
        overview=overview(volume),
        findings=tuple(sorted(findings, key=lambda finding: finding.order)),
        complete=complete,
    )


def _without_mask(lesion: Lesion) -> Lesion:
    return replace(lesion, region=replace(lesion.region, mask=np.ones((1, 1, 1), bool), occupancy=None))


def visits(series: Iterable[DrawnSeries]) -> tuple[tuple[Visit, ...], tuple[Issue, ...]]:
    """Series by the day of their study, in order; of several of one kind on a day the one with most lesions.

    Raises ``InvalidInput`` for a series without a date, and where series are of different patients.
    """
    every = list(series)
    if len({s.patient_id for s in every}) > 1:
        raise InvalidInput("The studies are of different patients.")
    by_day: dict[date, list[DrawnSeries]] = defaultdict(list)
    studied = {s.study_instance_uid: _day(every, s.study_instance_uid) for s in every}
    for one in every:
        by_day[studied[one.study_instance_uid]].append(one)
    issues: list[Issue] = []
    found: list[Visit] = []
    for day in sorted(by_day):
        kept, doubts = _one_of_each(by_day[day], f"visit {len(found) + 1}")
        issues += doubts
        found.append(Visit(day, kept))
    return tuple(found), tuple(issues)


def _day(series: Sequence[DrawnSeries], study_instance_uid: str) -> date:
    dates = sorted(s.date for s in series if s.study_instance_uid == study_instance_uid and s.date)
    try:
        return date.fromisoformat(dates[0][:10])
    except (IndexError, ValueError) as e:
        raise InvalidInput("A study has no date, so that change over time cannot be told.") from e


def _one_of_each(series: Sequence[DrawnSeries], where: str) -> tuple[tuple[DrawnSeries, ...], list[Issue]]:
    """One series per kind of image: most lesions, then thinnest slices; whatever else was drawn is told of."""
    issues = []
    drawn_on = [s for s in series if s.findings]
    kinds = Counter(s.dicom_modality for s in drawn_on)
    if any(count > 1 for count in kinds.values()):
        issues.append(doubt("SEVERAL_SERIES", where))
    ranked = sorted(series, key=_rank)
    kept = [next(s for s in ranked if s.dicom_modality == kind) for kind in sorted({s.dicom_modality for s in ranked})]
    return tuple(kept), issues


def _rank(series: DrawnSeries) -> tuple[float, float, str]:
    return -len(series.findings), float(np.linalg.norm(series.overview.affine_lps[:3, 0])), series.series_instance_uid
