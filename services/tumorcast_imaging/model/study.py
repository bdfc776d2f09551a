"""One stored study at one timepoint → measurements and embeddings of its lesion.

``prepare_study`` reads and measures (CPU), an encoder turns the crops into vectors wherever it runs, and ``finish``
puts both together. ``encode_study`` does all three in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tumorcast_core.snapshot import Embedding, Extraction, Feature, Issue, Modality, Severity, Timepoint
from tumorcast_imaging.dicom import (
    RefusedSeries,
    Segmentation,
    Series,
    StudyVolumes,
    Volume,
    open_study,
    read_segmentation,
    reasons,
)
from tumorcast_imaging.model.crop import Crop, crop_of
from tumorcast_imaging.model.lesions import size
from tumorcast_imaging.model.manifest import EncoderManifest
from tumorcast_imaging.model.ports import Encoded, StudyReader

if TYPE_CHECKING:
    from tumorcast_imaging.model.encoder import Encoder

Check = Callable[[], None]
"""Raises when the work is no longer wanted; called between two stages, since none can be interrupted."""
Ready = Callable[[Crop], None]

_ORIGIN = "imaging"
_DATE_DIFFERS = "The date given for the study differs from the date of its images; the images' date was used."


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStudy:
    """A study as far as it goes without an encoder; ``crops`` wait to be encoded."""

    timepoint: Timepoint
    features: tuple[Feature, ...] = ()
    crops: tuple[Crop, ...] = ()
    issues: tuple[Issue, ...] = ()
    patient_id: str = field(default="", repr=False)
    date: str = ""


def prepare_study(
    store: StudyReader,
    timepoint: Timepoint,
    manifests: Sequence[EncoderManifest],
    check: Check = lambda: None,
    ready: Ready = lambda _: None,
) -> PreparedStudy:
    """Read the study, find its lesion, cut one crop per encoder of the series' DICOM modality, and measure it.

    Each crop is told to ``ready`` at once, so that its encoder may work while the lesion is measured. What could not be
    used stands in ``issues`` at the timepoint; raises only ``StudyNotFound`` and what ``check`` raises.
    """
    study = _read(store, timepoint.study_instance_uid, check)
    issues = list(study.issues)
    if any(issue.code == "MIXED_PATIENTS" and issue.blocks for issue in study.study_issues):
        return PreparedStudy(timepoint, issues=_at(timepoint, issues))
    date = min((v.date for v in study.volumes if v.date), default="")
    patient_id = next((v.patient_id for v in study.volumes if v.patient_id), "")
    if timepoint.date and date and not date.startswith(timepoint.date):
        issues.append(Issue(Severity.WARNING, "DATE_DIFFERS", _DATE_DIFFERS))
    features: tuple[Feature, ...] = ()
    crops: tuple[Crop, ...] = ()
    found = _segmented(study, timepoint.segmentation_uid, check)
    if found is not None:
        volume, segmentation = found
        issues += segmentation.issues
        if segmentation.regions:
            crops = tuple(_crops(volume, segmentation, manifests, check, ready))
            features, doubts = _measure(volume, segmentation, timepoint)
            issues += doubts
    return PreparedStudy(timepoint, features, crops, _at(timepoint, issues), patient_id, date)


def finish(prepared: PreparedStudy, encoded: Sequence[Encoded]) -> Extraction:
    """Put the vectors of ``prepared.crops``, in the same order, beside the measurements."""
    embeddings = tuple(
        Embedding(
            embedding_space=vector.embedding_space,
            vector=vector.vector,
            modality=Modality.IMAGING,
            timepoint=prepared.timepoint.role,
            dicom_modality=crop.dicom_modality,
            source=crop.source,
            effective=prepared.date,
        )
        for crop, vector in zip(prepared.crops, encoded, strict=True)
    )
    return Extraction(prepared.features, embeddings, prepared.issues, prepared.patient_id, prepared.date)


def encode_study(store: StudyReader, timepoint: Timepoint, encoders: Sequence[Encoder]) -> Extraction:
    """Prepare, encode and finish in this process; raises only ``StudyNotFound``."""
    prepared = prepare_study(store, timepoint, [encoder.manifest for encoder in encoders])
    by_name = {encoder.manifest.name: encoder for encoder in encoders}
    vectors = []
    for crop in prepared.crops:
        encoder = by_name[crop.encoder]
        vectors.append(Encoded(encoder.embedding_space, encoder.encode([crop])[0]))
    return finish(prepared, vectors)


@dataclass(frozen=True, slots=True)
class _Awaited(Series):
    """A series that is read only while its pixels are wanted."""

    check: Check

    def read(self) -> tuple[Volume | RefusedSeries, ...]:
        self.check()
        return Series.read(self)


def _read(store: StudyReader, study_instance_uid: str, check: Check) -> StudyVolumes:
    check()
    paths = store.files(study_instance_uid)
    check()
    opened = open_study(paths)
    awaited = tuple(_Awaited(series.headers, series.limits, series.repair, check) for series in opened.series)
    study = replace(opened, series=awaited).read()
    check()
    return study


def _segmented(study: StudyVolumes, segmentation_uid: str, check: Check) -> tuple[Volume, Segmentation] | None:
    """The volume that the study's segmentation was drawn on, with its mask or the reason why there is none."""
    if not study.volumes:
        return None
    wanted = [s for s in study.segmentations if segmentation_uid in ("", s.sop_instance_uid)]
    drawn_on = {uid for s in wanted for uid in s.referenced_series_uids}
    candidates = [v for v in study.volumes if v.series_instance_uid in drawn_on] or list(study.volumes)
    paths = [s.path for s in study.segmentations]
    read: list[tuple[Volume, Segmentation]] = []
    for volume in candidates:
        check()
        read.append((volume, read_segmentation(paths, volume, segmentation_uid)))
    fitting = [(v, segmentation) for v, segmentation in read if segmentation.regions]
    if len(fitting) > 1:  # two phases on one grid: the mask fits both, the tumor's brightness does not
        uid = fitting[0][1].sop_instance_uid
        return fitting[0][0], Segmentation(issues=(reasons.issue("SEGMENTATION_SERIES_AMBIGUOUS", uid),))
    return (fitting or read)[0]


def _measure(
    volume: Volume, segmentation: Segmentation, timepoint: Timepoint
) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    return size.features(
        size.measure(segmentation.regions[0].mask, volume.spacing_mm),
        source=segmentation.regions[0].source,
        effective=volume.date,
        timepoint=timepoint.role,
        sources=(volume.series_instance_uid,),
    )


def _crops(
    volume: Volume, segmentation: Segmentation, manifests: Sequence[EncoderManifest], check: Check, ready: Ready
) -> Iterable[Crop]:
    for manifest in manifests:
        if volume.dicom_modality in manifest.crop.windows:
            check()
            crop = crop_of(volume, segmentation.regions[0].mask, manifest)
            ready(crop)
            yield crop


def _at(timepoint: Timepoint, issues: Iterable[Issue]) -> tuple[Issue, ...]:
    return tuple(replace(issue, origin=_ORIGIN, timepoint=timepoint.role) for issue in issues)
