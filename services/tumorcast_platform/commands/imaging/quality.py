"""``tumorcast imaging quality``: noise, coverage and artifacts of every series, and of the lesions drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import RefusedSeries, Region, Segmentation, SegmentationFile, Series, Volume
    from tumorcast_imaging.model.quality import Figure, LesionQuality


@imaging_app.command("quality")
def quality_of_folder(folder: Folder, seg: Seg = None, as_json: AsJson = False) -> None:
    """Measure the quality of every sound series: noise, coverage, truncation, motion, contrast.

    Nothing is refused here: a doubt is a reason code beside its figures. Lesions are those of --seg, or of the
    segmentations in DIR. Exit status: 0 if a series was measured (with --seg, with its lesion), else 1.
    """
    from tumorcast_core.errors import UnsoundSegmentation
    from tumorcast_imaging.dicom import open_study
    from tumorcast_platform.render.quality import quality_page

    study = open_study(folder)
    files = study.segmentations if seg is None else open_study(seg).segmentations
    if seg is not None and not files:
        raise UnsoundSegmentation("The file given with --seg is neither a SEG nor an RTSTRUCT.")
    entries: list[dict[str, Any]] = []
    with console.progress("Measuring series", as_json=as_json) as progress:
        for done, series in enumerate(study.series):
            progress(done, len(study.series))
            entries += _series(series, files)
    measured = any(entry["measured"] for entry in entries)
    document = {"series": entries, "problems": [_issue(one) for one in study.issues_when_read(accepted=measured)]}
    console.answer(document, quality_page(document), as_json=as_json)
    if not measured or (seg is not None and not any(entry["lesions"] for entry in entries)):
        raise typer.Exit(1)


def _series(series: Series, files: Sequence[SegmentationFile]) -> list[dict[str, Any]]:
    """One entry per volume and per refusal of a series; nothing holds the pixels when it returns."""
    from tumorcast_imaging.dicom import Volume

    return [
        _measured(series, found, files) if isinstance(found, Volume) else _refused(found) for found in series.read()
    ]


def _measured(series: Series, volume: Volume, files: Sequence[SegmentationFile]) -> dict[str, Any]:
    from tumorcast_imaging.dicom.acquisition import acquisition
    from tumorcast_imaging.model.quality import assess

    drawn = _drawn_on(volume, files)
    regions = [region for one in drawn for region in one.regions]
    quality = assess(volume, acquisition(series.headers, volume.sop_instance_uids), regions)
    issues = [*volume.problems, *(issue for one in drawn for issue in one.issues), *quality.issues]
    return {
        **_named(volume),
        "measured": True,
        "figures": [_figure(one) for one in quality.figures],
        "lesions": [_lesion(region, lesion) for region, lesion in zip(regions, quality.lesions, strict=True)],
        "issues": [_issue(one) for one in issues],
    }


def _drawn_on(volume: Volume, files: Sequence[SegmentationFile]) -> list[Segmentation]:
    """What each file that names this series, or no series and fits, drew on it."""
    from tumorcast_imaging.dicom import read_segmentation

    found = []
    for file in files:
        named = volume.series_instance_uid in file.referenced_series_uids
        if named or not file.referenced_series_uids:
            segmentation = read_segmentation([file.path], volume)
            found += [segmentation] if named or segmentation.regions else []
    return found


def _refused(found: RefusedSeries) -> dict[str, Any]:
    issues = [_issue(one) for one in found.problems]
    return {**_named(found), "measured": False, "figures": [], "lesions": [], "issues": issues}


def _named(found: Volume | RefusedSeries) -> dict[str, Any]:
    part = {"part": found.part} if found.part else {}
    return {"series_instance_uid": found.series_instance_uid, **part, "dicom_modality": found.dicom_modality}


def _lesion(region: Region, lesion: LesionQuality) -> dict[str, Any]:
    return {
        "source": lesion.source,
        "number": region.number,
        "figures": [_figure(one) for one in lesion.figures],
        "issues": [_issue(one) for one in lesion.issues],
    }


def _figure(one: Figure) -> dict[str, Any]:
    return {
        "name": one.name,
        "value": one.value,
        "unit": one.unit,
        "basis": one.basis.value,
        "definition": one.definition,
    }


def _issue(one: Issue) -> dict[str, str]:
    return {"code": one.code, "severity": one.severity.value, "message": one.message}
