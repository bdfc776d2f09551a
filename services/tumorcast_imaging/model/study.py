"""One stored study at one timepoint → measurements and embeddings of its lesions.

``prepare_study`` reads and measures (CPU), an encoder turns the crops into vectors wherever it runs, and ``finish``
puts both together. ``encode_study`` does all three in one process.
"""

from __future__ import annotations

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
    Segmentation,
    Series,
    Study,
    StudyVolumes,
    Volume,
    open_study,
    regions_of,
)
from tumorcast_imaging.model.crop import Crop, crop_of
from tumorcast_imaging.model.drawn import Drawn, drawn_lesions
from tumorcast_imaging.model.lesions.enhancement_maps import map_features
from tumorcast_imaging.model.lesions.lesion import measured as wire_lesion
from tumorcast_imaging.model.lesions.study import (
    SeriesLesions,
    asks_radiomics,
    index_region,
    measure_series,
    study_features,
)
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
    if any(issue.code == "MIXED_PATIENTS" and issue.blocks for issue in study.study_issues):
        return PreparedStudy(timepoint, issues=_at(timepoint, study.issues))
    date = min((v.date for v in study.volumes if v.date), default="")
    pairs = regions_of(study, timepoint.segmentation_uid)
    drawn = drawn_lesions(pairs)
    issues = [*study.issues, *_date_doubts(timepoint, date), *drawn.issues]
    crops = tuple(_crops(drawn.for_models, manifests, check, ready, issues))
    measured = _measured(drawn.everywhere, wanted, check, issues)
    clear = {id(volume) for volume, _ in drawn.for_models}
    features, doubts = study_features([m for volume, m in measured if id(volume) in clear], timepoint.role)
    maps, told = _map_features(opened, study, pairs, timepoint.role)
    return PreparedStudy(
        timepoint=timepoint,
        features=(*features, *maps),
        crops=crops,
        issues=_at(timepoint, (*issues, *doubts, *told)),
        patient_id=next((v.patient_id for v in study.volumes if v.patient_id), ""),
        date=date,
        lesions=tuple(wire_lesion(lesion, timepoint.role) for _, series in measured for lesion in series.lesions),
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


def _date_doubts(timepoint: Timepoint, date: str) -> list[Issue]:
    if timepoint.date and date and not date.startswith(timepoint.date):
        return [Issue(Severity.WARNING, "DATE_DIFFERS", _DATE_DIFFERS)]
    return []


def _measured(
    drawn: Iterable[Drawn], wanted: WantedOfImages | None, check: Check, issues: list[Issue]
) -> list[tuple[Volume, SeriesLesions]]:
    """The lesions of every series, measured; a series whose voxels allow none is an issue instead."""
    radiomics = wanted is None or asks_radiomics(wanted.features)
    found = []
    for volume, regions in drawn:
        check()
        try:
            found.append((volume, measure_series(volume, regions, radiomics=radiomics)))
        except TumorcastError as e:
            issues.append(Issue(Severity.ERROR, e.reason, e.message, volume.series_instance_uid))
    return found


def _map_features(
    opened: Study, study: StudyVolumes, drawn: Sequence[tuple[Volume, Segmentation]], role: str
) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """The functional tumor volume, where the study has enhancement maps."""
    try:
        return map_features(opened, study.volumes, drawn, timepoint=role)
    except TumorcastError as e:
        return (), (Issue(Severity.ERROR, e.reason, e.message),)


def _crops(
    drawn: Iterable[Drawn], manifests: Sequence[EncoderManifest], check: Check, ready: Ready, issues: list[Issue]
) -> Iterable[Crop]:
    """One crop for each encoder that takes a volume; where its corrections fail there is an issue instead."""
    for volume, regions in drawn:
        for manifest in (m for m in manifests if volume.dicom_modality in m.crop.windows):
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
