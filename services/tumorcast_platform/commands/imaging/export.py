"""``tumorcast imaging export``: lesions as DICOM objects, written to a folder and sent to a PACS."""

from __future__ import annotations

import datetime
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.commands.imaging.drawn import writing
from tumorcast_platform.commands.imaging.pacs import Pacs, send
from tumorcast_platform.commands.imaging.series import problem_entry
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import RefusedSeries, Region, SegmentationFile, Series, Study, StudyVolumes, Volume
    from tumorcast_imaging.model.lesions.lesion import Lesion
    from tumorcast_imaging.model.objects import Measured, ObjectFile, SegmentationType

Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="OUT",
        help="Folder to write to; it is made if needed.",
        file_okay=False,
        show_default=False,
    ),
]
Fractional = Annotated[bool, typer.Option("--fractional", help="SEG of type FRACTIONAL: how much of each voxel.")]
LabelMap = Annotated[bool, typer.Option("--labelmap", help="SEG as label map; lesions must not overlap.")]
TimePoint = Annotated[str, typer.Option("--timepoint", metavar="ROLE", help="Role of the study, such as baseline.")]
Stow = Annotated[
    str, typer.Option("--stow", metavar="URL", help="DICOMweb server to send what was written to (STOW-RS).")
]
User = Annotated[
    str, typer.Option("--user", envvar="TUMORCAST_IMAGING_DICOMWEB_USER", help="User; without it, a bearer token.")
]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        envvar="TUMORCAST_IMAGING_DICOMWEB_SECRET_FILE",
        help="File with the password or token; or TUMORCAST_IMAGING_DICOMWEB_SECRET.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]


@imaging_app.command("export")
def export_folder(
    folder: Folder,
    out: Out,
    seg: Seg = None,
    fractional: Fractional = False,
    labelmap: LabelMap = False,
    timepoint: TimePoint = "",
    stow: Stow = "",
    user: User = "",
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure every lesion that is drawn on a series; write SEG and SR files, and send them.

    One segmentation (SEG) for each series with lesions, with the lesions' tracking UIDs; one measurement report (SR,
    TID 1500) for each study, which refers to them. The same input gives the same UIDs, so that writing or sending again
    changes nothing; another file of that name is never replaced. Exit status: 0 if every lesion was written (and
    sent), 1 if any was not, or there was none.
    """
    from tumorcast_imaging.dicom import open_study
    from tumorcast_platform.render.export import export_page

    if fractional and labelmap:
        raise typer.BadParameter("Give --fractional or --labelmap, not both.")
    pacs = Pacs(stow, user, os.environ.get("TUMORCAST_IMAGING_DICOMWEB_SECRET", ""), secret_file) if stow else None
    kind: SegmentationType = "FRACTIONAL" if fractional else "LABELMAP" if labelmap else "BINARY"
    study = open_study(folder)
    with writing():
        out.mkdir(parents=True, exist_ok=True)
    work = _Export(_files(study, seg), out, kind, timepoint, datetime.datetime.now().replace(microsecond=0))
    work.run(study, as_json=as_json)
    document = work.document(study)
    if pacs:
        document["sent"] = send(work.paths, pacs, as_json=as_json)
    console.answer(document, export_page(document), as_json=as_json)
    if work.failed or not work.paths:
        raise typer.Exit(1)


def _files(study: Study, seg: Path | None) -> tuple[SegmentationFile, ...]:
    from tumorcast_core.errors import UnsoundSegmentation
    from tumorcast_imaging.dicom import open_study

    if seg is None:
        return study.segmentations
    if found := open_study(seg).segmentations:
        return found
    raise UnsoundSegmentation("The file given with --seg is neither a SEG nor an RTSTRUCT.")


@dataclass
class _Export:
    """What was written so far; ``measured`` waits for the report of its study."""

    files: Sequence[SegmentationFile]
    out: Path
    kind: SegmentationType
    timepoint: str
    made: datetime.datetime
    segmentations: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    measured: dict[str, list[Measured]] = field(default_factory=lambda: defaultdict(list))
    accepted: bool = False

    @property
    def failed(self) -> bool:
        """Whether a lesion that is drawn was not written."""
        entries = (*self.segmentations, *self.reports, *self.refused)
        return any(problem["severity"] == "error" for entry in entries for problem in entry["problems"])

    def run(self, study: Study, *, as_json: bool) -> None:
        """Write the segmentations, then the reports."""
        from tumorcast_imaging.model.objects import measurement_report

        read = _read(study, self.files)
        self.accepted = bool(read.volumes)
        self.refused += [_about(one, one.problems) for one in read.refused if self.files]
        by_uid = {series.series_instance_uid: series for series in study.series}
        drawn = _drawn(read) if self.files else []
        with console.progress("Writing", as_json=as_json) as progress:
            for done, (volume, regions, issues) in enumerate(drawn):
                progress(done, len(drawn))
                self._volume(by_uid[volume.series_instance_uid], volume, regions, issues)
        for uid, measured in sorted(self.measured.items()):
            report = measurement_report(measured, made=self.made, timepoint=self.timepoint)
            lesions = sum(len(one.lesions) for one in measured)
            self.reports.append(self._written(report, {"study_instance_uid": uid, "lesions": lesions}))

    def document(self, study: Study) -> dict[str, Any]:
        """The answer as JSON."""
        from tumorcast_imaging.dicom.reasons import issue

        problems = [*study.issues_when_read(accepted=self.accepted)]
        if not self.files:
            problems.append(issue("SEGMENTATION_MISSING"))
        return {
            "segmentations": self.segmentations,
            "reports": self.reports,
            "refused": self.refused,
            "problems": [problem_entry(problem) for problem in problems],
        }

    def _volume(self, series: Series, volume: Volume, regions: Sequence[Region], issues: Sequence[Issue]) -> None:
        from tumorcast_core.snapshot import Issue
        from tumorcast_imaging.model.objects import Measured, read_source, segmentation_object

        lesions, problems = _lesions(volume, regions)
        about = _about(volume, (*issues, *problems))
        if not lesions:
            if about["problems"]:
                self.refused.append(about)
            return
        source = read_source(series, volume)
        if isinstance(source, Issue):
            self.refused.append({**about, "problems": [*about["problems"], problem_entry(source)]})
            return
        made = segmentation_object(
            source,
            [lesion.region for lesion in lesions],
            made=self.made,
            segmentation_type=self.kind,
            algorithms=self._algorithms(lesions),
        )
        entry = self._written(made, {**about, "lesions": len(lesions)})
        self.segmentations.append(entry)
        if not isinstance(made, Issue) and "path" in entry:
            self.measured[volume.study_instance_uid].append(Measured(source, _light(made), tuple(lesions)))

    def _algorithms(self, lesions: Sequence[Lesion]) -> list[Any]:
        from tumorcast_imaging.model.objects import Algorithm, how_drawn

        known = {file.sop_instance_uid: how_drawn(file.path) for file in self.files}
        return [known.get(lesion.region.source_uid, {}).get(lesion.region.number, Algorithm()) for lesion in lesions]

    def _written(self, made: Dataset | Issue, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry of an object, with the file it was written to or the problem why it was not."""
        from tumorcast_core.snapshot import Issue
        from tumorcast_imaging.model.objects import write_object

        problems = entry.pop("problems", [])
        if not isinstance(made, Issue):
            with writing():
                made = write_object(made, self.out)  # type: ignore[assignment]
        if isinstance(made, Issue):
            return {**entry, "problems": [*problems, problem_entry(made)]}
        return {**entry, **self._file(made), "problems": problems}  # type: ignore[arg-type]

    def _file(self, file: ObjectFile) -> dict[str, Any]:
        self.paths.append(file.path)
        return {"path": file.path.name, "sop_instance_uid": file.sop_instance_uid, "new": file.new}


def _light(segmentation: Dataset) -> Dataset:
    """What a report says of a segmentation, without its pixels."""
    from pydicom.dataset import Dataset

    light = Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(light, keyword, segmentation[keyword].value)
    return light


def _about(found: Volume | RefusedSeries, issues: Sequence[Issue]) -> dict[str, Any]:
    part = {"part": found.part} if found.part else {}
    named = {"series_instance_uid": found.series_instance_uid, **part, "dicom_modality": found.dicom_modality}
    return {**named, "problems": [problem_entry(issue) for issue in issues]}


def _read(study: Study, files: Sequence[SegmentationFile]) -> StudyVolumes:
    """The series that the files may have been drawn on, read."""
    named = {uid for file in files for uid in file.referenced_series_uids}
    every = not all(file.referenced_series_uids for file in files) or not files
    chosen = [series for series in study.series if every or series.series_instance_uid in named]
    return replace(replace(study, series=tuple(chosen)).read(), segmentations=tuple(files))


def _drawn(read: StudyVolumes) -> list[tuple[Volume, list[Region], list[Issue]]]:
    """Each volume that something is drawn on, or was meant to be, with all of it."""
    from tumorcast_imaging.dicom import regions_of

    found: dict[int, tuple[Volume, list[Region], list[Issue]]] = {}
    for volume, segmentation in regions_of(read):
        _, regions, issues = found.setdefault(id(volume), (volume, [], []))
        regions += segmentation.regions
        issues += segmentation.issues
    return list(found.values())


def _lesions(volume: Volume, regions: Sequence[Region]) -> tuple[list[Lesion], list[Issue]]:
    """The lesions among the regions, measured; one that could not be is a problem."""
    from tumorcast_core.errors import TumorcastError
    from tumorcast_core.snapshot import Issue, Severity
    from tumorcast_imaging.dicom.reasons import issue
    from tumorcast_imaging.model.lesions.lesion import doubts, is_lesion, measure_lesion

    lesions: list[Lesion] = []
    problems: list[Issue] = []
    if not all(map(is_lesion, regions)):
        problems.append(issue("NOT_A_LESION", volume.series_instance_uid))
    for region in filter(is_lesion, regions):
        try:
            lesions.append(measure_lesion(volume, region, radiomics=False))
            problems += doubts(lesions[-1])
        except TumorcastError as e:
            problems.append(Issue(Severity.ERROR, e.reason, e.message))
    return lesions, problems
