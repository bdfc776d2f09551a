"""``tumorcast imaging quality``: noise, coverage and artifacts of every series, and of the lesions drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.commands.imaging.entries import series_entry
from tumorcast_platform.commands.imaging.folder import Drawn, drawn_on, segmentation_files, strays
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import RefusedSeries, Region, SegmentationFile, Series
    from tumorcast_imaging.model.quality import Figure, LesionQuality


@imaging_app.command("quality")
def quality_of_folder(folder: Folder, seg: Seg = None, as_json: AsJson = False) -> None:
    """Measure the quality of every sound series: noise, coverage, truncation, motion, contrast.

    Nothing is refused here: a doubt is a reason code beside its figures. Lesions are those of --seg, or of the
    segmentations in DIR. Exit status: 0 if a series was measured (with --seg, with its lesion), else 1.
    """
    from tumorcast_imaging.dicom import open_study
    from tumorcast_platform.render.quality import quality_page

    study = open_study(folder)
    files = segmentation_files(study, seg)
    entries: list[dict[str, Any]] = []
    with console.progress("Measuring series", as_json=as_json) as progress:
        for done, series in enumerate(study.series):
            progress(done, len(study.series))
            entries += _series(series, files)
    measured = any(entry["measured"] for entry in entries)
    problems = (*study.issues_when_read(accepted=measured), *strays(study, files))
    document = {"series": entries, "problems": [_issue(one) for one in problems]}
    console.answer(document, quality_page(document), as_json=as_json)
    if not measured or (seg is not None and not any(entry["lesions"] for entry in entries)):
        raise typer.Exit(1)


def _series(series: Series, files: Sequence[SegmentationFile]) -> list[dict[str, Any]]:
    """One entry per volume and per refusal of a series; nothing holds the pixels when it returns."""
    from tumorcast_imaging.dicom import RefusedSeries, StudyVolumes, Volume

    found = series.read()
    named = [f for f in files if series.series_instance_uid in f.referenced_series_uids]
    unnamed = [f for f in files if not f.referenced_series_uids]
    volumes = tuple(one for one in found if isinstance(one, Volume))
    drawn = drawn_on(StudyVolumes(volumes, segmentations=(*named, *unnamed)))
    told = [one if named or one.regions else Drawn(one.volume) for one in drawn]
    refused = [_refused(one) for one in found if isinstance(one, RefusedSeries)]
    return [*(_measured(series, one) for one in told), *refused]


def _measured(series: Series, drawn: Drawn) -> dict[str, Any]:
    from tumorcast_imaging.dicom.acquisition import acquisition
    from tumorcast_imaging.dicom.reasons import issue
    from tumorcast_imaging.model.lesions.lesion import is_lesion
    from tumorcast_imaging.model.quality import assess

    volume, regions = drawn.volume, list(filter(is_lesion, drawn.regions))
    quality = assess(volume, acquisition(series.headers, volume.sop_instance_uids), regions)
    others = [issue("NOT_A_LESION")] * (len(drawn.regions) - len(regions))
    issues = [*volume.problems, *drawn.issues, *others, *quality.issues]
    return {
        **series_entry(volume),
        "measured": True,
        "figures": [_figure(one) for one in quality.figures],
        "lesions": [_lesion(region, lesion) for region, lesion in zip(regions, quality.lesions, strict=True)],
        "issues": [_issue(one) for one in issues],
    }


def _refused(found: RefusedSeries) -> dict[str, Any]:
    issues = [_issue(one) for one in found.problems]
    return {**series_entry(found), "measured": False, "figures": [], "lesions": [], "issues": issues}


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
