"""One stored study at one timepoint → measurements and embeddings of its lesions.

``prepare_study`` reads and measures (CPU), an encoder turns the crops into vectors wherever it runs, and ``finish``
puts both together. ``encode_study`` does all three in one process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tumorcast_core.errors import TumorcastError
from tumorcast_core.snapshot import (
    Embedding,
    Extraction,
    Feature,
    Issue,
    MeasuredLesion,
    Modality,
    Severity,
    Timepoint,
    WantedOfImages,
)
from tumorcast_imaging.dicom import (
    RefusedSeries,
    Region,
    Segmentation,
    Series,
    Study,
    StudyVolumes,
    Volume,
    open_study,
    reasons,
    regions_of,
)
from tumorcast_imaging.model.crop import Crop, crop_of
from tumorcast_imaging.model.lesions.enhancement_maps import map_features
from tumorcast_imaging.model.lesions.lesion import is_lesion
from tumorcast_imaging.model.lesions.lesion import measured as wire_lesion
from tumorcast_imaging.model.lesions.study import asks_radiomics, index_region, measure_series, study_features
from tumorcast_imaging.model.manifest import EncoderManifest
from tumorcast_imaging.model.ports import Encoded, StudyReader

if TYPE_CHECKING:
    from tumorcast_imaging.model.encoder import Encoder

Check = Callable[[], None]
"""Raises when the work is no longer wanted; called between two stages, since none can be interrupted."""
Ready = Callable[[Crop], None]
Drawn = tuple[Volume, tuple[Region, ...]]
"""A volume with the lesions that were drawn on it."""

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
    lesions: tuple[MeasuredLesion, ...] = ()


def prepare_study(
    store: StudyReader,
    timepoint: Timepoint,
    manifests: Sequence[EncoderManifest],
    check: Check = lambda: None,
    ready: Ready = lambda _: None,
    wanted: WantedOfImages | None = None,
) -> PreparedStudy:
    """Read the study, find its lesions, cut one crop per series and encoder that takes it, and measure.

    Each crop is told to ``ready`` at once, so that its encoder may work while lesions are measured. Every lesion of
    every series is measured; the largest of a series, its index lesion, gives crops and features, radiomics only where
    some of them are ``wanted``. What could not be used stands in ``issues`` at the timepoint; raises only
    ``StudyNotFound`` and what ``check`` raises.
    """
    opened, study = _read(store, timepoint.study_instance_uid, check)
    issues = list(study.issues)
    if any(issue.code == "MIXED_PATIENTS" and issue.blocks for issue in study.study_issues):
        return PreparedStudy(timepoint, issues=_at(timepoint, issues))
    date = min((v.date for v in study.volumes if v.date), default="")
    patient_id = next((v.patient_id for v in study.volumes if v.patient_id), "")
    if timepoint.date and date and not date.startswith(timepoint.date):
        issues.append(Issue(Severity.WARNING, "DATE_DIFFERS", _DATE_DIFFERS))
    drawn = regions_of(study, timepoint.segmentation_uid)
    issues += (issue for _, segmentation in drawn for issue in segmentation.issues)
    found, others = _lesions_by_volume(drawn)
    issues += others
    clear, unclear = _one_of_each(found)
    issues += unclear
    crops = tuple(
        crop for volume, regions in clear for crop in _crops(volume, regions, manifests, check, ready, issues)
    )
    measured = []
    for volume, regions in found:
        check()
        measured.append(measure_series(volume, regions, radiomics=wanted is None or asks_radiomics(wanted.features)))
    read = {id(volume) for volume, _ in clear}
    of_models = [m for (volume, _), m in zip(found, measured, strict=True) if id(volume) in read]
    features, doubts = study_features(of_models, timepoint.role)
    maps, told = _map_features(opened, study, drawn, timepoint.role)
    lesions = tuple(wire_lesion(lesion, timepoint.role) for series in measured for lesion in series.lesions)
    return PreparedStudy(
        timepoint=timepoint,
        features=(*features, *maps),
        crops=crops,
        issues=_at(timepoint, (*issues, *doubts, *told)),
        patient_id=patient_id,
        date=date,
        lesions=lesions,
    )


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
            preparation=crop.preparation,
        )
        for crop, vector in zip(prepared.crops, encoded, strict=True)
    )
    return Extraction(
        prepared.features, embeddings, prepared.issues, prepared.patient_id, prepared.date, prepared.lesions
    )


def encode_study(
    store: StudyReader, timepoint: Timepoint, encoders: Sequence[Encoder], wanted: WantedOfImages | None = None
) -> Extraction:
    """Prepare, encode and finish in this process; raises only ``StudyNotFound``."""
    prepared = prepare_study(store, timepoint, [encoder.manifest for encoder in encoders], wanted=wanted)
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


def _read(store: StudyReader, study_instance_uid: str, check: Check) -> tuple[Study, StudyVolumes]:
    check()
    paths = store.files(study_instance_uid)
    check()
    opened = open_study(paths)
    awaited = tuple(_Awaited(series.headers, series.limits, series.repair, check) for series in opened.series)
    study = replace(opened, series=awaited).read()
    check()
    return opened, study


def _lesions_by_volume(
    drawn: Iterable[tuple[Volume, Segmentation]],
) -> tuple[list[Drawn], list[Issue]]:
    """Each volume with the lesions of all its segmentations, and what is said of regions that are none."""
    found: dict[int, Drawn] = {}
    issues = []
    for volume, segmentation in drawn:
        _, before = found.get(id(volume), (volume, ()))
        lesions = tuple(region for region in segmentation.regions if is_lesion(region))
        if len(lesions) < len(segmentation.regions):
            issues.append(reasons.issue("NOT_A_LESION", segmentation.sop_instance_uid))
        found[id(volume)] = volume, (*before, *lesions)
    return [(volume, regions) for volume, regions in found.values() if regions], issues


def _one_of_each(found: Sequence[Drawn]) -> tuple[list[Drawn], list[Issue]]:
    """What models may read: lesions of a DICOM modality with one series, since two phases or sequences differ."""
    of_modality = Counter(volume.dicom_modality for volume, _ in found)
    clear = [(volume, regions) for volume, regions in found if of_modality[volume.dicom_modality] == 1]
    unclear = [volume for volume, _ in found if of_modality[volume.dicom_modality] > 1]
    return clear, [reasons.issue("SEVERAL_SERIES_DRAWN", v.series_instance_uid) for v in unclear]


def _map_features(
    opened: Study, study: StudyVolumes, drawn: Sequence[tuple[Volume, Segmentation]], role: str
) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """The functional tumor volume, where the study has enhancement maps."""
    try:
        return map_features(opened, study.volumes, drawn, timepoint=role)
    except TumorcastError as e:
        return (), (Issue(Severity.ERROR, e.reason, e.message),)


def _crops(
    volume: Volume,
    regions: Sequence[Region],
    manifests: Sequence[EncoderManifest],
    check: Check,
    ready: Ready,
    issues: list[Issue],
) -> Iterable[Crop]:
    """One crop for each encoder that takes this volume; where its corrections fail there is an issue instead."""
    for manifest in manifests:
        if volume.dicom_modality in manifest.crop.windows:
            check()
            try:
                crop = crop_of(volume, index_region(regions).mask, manifest)
            except TumorcastError as e:
                issues.append(Issue(Severity.ERROR, e.reason, e.message, volume.series_instance_uid))
                continue
            ready(crop)
            yield crop


def _at(timepoint: Timepoint, issues: Iterable[Issue]) -> tuple[Issue, ...]:
    return tuple(replace(issue, origin=_ORIGIN, timepoint=timepoint.role) for issue in issues)
