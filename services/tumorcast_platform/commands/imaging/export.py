"""``tumorcast imaging export``: lesions as DICOM objects, written to a folder and sent to a PACS."""

from __future__ import annotations

import datetime
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.commands.imaging.entries import problem_entry, series_entry
from tumorcast_platform.commands.imaging.folder import (
    Drawn,
    drawn_on,
    measured_lesions,
    read_marked,
    segmentation_files,
)
from tumorcast_platform.commands.imaging.output import make_folder, writing
from tumorcast_platform.commands.imaging.pacs import Pacs, send
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import RefusedSeries, SegmentationFile, Series, Study, Volume
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
    files = segmentation_files(study, seg)
    make_folder(out)
    work = _Export(files, out, kind, timepoint, datetime.datetime.now().replace(microsecond=0))
    work.run(study, as_json=as_json)
    document = work.document()
    if pacs:
        document["sent"] = send(work.paths, pacs, as_json=as_json)
    console.answer(document, export_page(document), as_json=as_json)
    if work.failed or not work.paths:
        raise typer.Exit(1)


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
    problems: Sequence[Issue] = ()

    @property
    def failed(self) -> bool:
        """Whether a lesion that is drawn was not written."""
        entries = (*self.segmentations, *self.reports, *self.refused)
        return any(problem["severity"] == "error" for entry in entries for problem in entry["problems"])

    def run(self, study: Study, *, as_json: bool) -> None:
        """Write the segmentations, then the reports."""
        from tumorcast_imaging.model.objects import measurement_report

        read = read_marked(study, self.files)
        self.problems = read.study_issues
        self.refused += [self._about(one, one.problems) for one in read.refused]
        by_uid = {series.series_instance_uid: series for series in study.series}
        drawn = [one for one in drawn_on(read) if one.regions or one.issues]
        with console.progress("Writing", as_json=as_json) as progress:
            for done, one in enumerate(drawn):
                progress(done, len(drawn))
                self._volume(by_uid[one.volume.series_instance_uid], one)
        for uid, measured in sorted(self.measured.items()):
            report = measurement_report(measured, made=self.made, timepoint=self.timepoint)
            lesions = sum(len(one.lesions) for one in measured)
            self.reports.append(self._written(report, {"study_instance_uid": uid, "lesions": lesions}))

    def document(self) -> dict[str, Any]:
        """The answer as JSON."""
        from tumorcast_imaging.dicom.reasons import issue

        problems = [*self.problems, *([] if self.files else [issue("SEGMENTATION_MISSING")])]
        return {
            "segmentations": self.segmentations,
            "reports": self.reports,
            "refused": self.refused,
            "problems": [problem_entry(problem) for problem in problems],
        }

    def _volume(self, series: Series, one: Drawn) -> None:
        from tumorcast_core.snapshot import Issue
        from tumorcast_imaging.model.objects import Measured, algorithm_of, read_source, segmentation_object

        lesions, problems = measured_lesions(one.volume, one.regions)
        about = self._about(one.volume, (*one.issues, *problems))
        if not lesions:
            if about["problems"]:
                self.refused.append(about)
            return
        source = read_source(series, one.volume)
        if isinstance(source, Issue):
            self.refused.append({**about, "problems": [*about["problems"], problem_entry(source)]})
            return
        made = segmentation_object(
            source,
            [lesion.region for lesion in lesions],
            made=self.made,
            segmentation_type=self.kind,
            algorithms=[algorithm_of(lesion.region) for lesion in lesions],
        )
        entry = self._written(made, {**about, "lesions": len(lesions)})
        self.segmentations.append(entry)
        if not isinstance(made, Issue) and "path" in entry:
            self.measured[one.volume.study_instance_uid].append(Measured(source, _light(made), tuple(lesions)))

    def _about(self, found: Volume | RefusedSeries, issues: Sequence[Issue]) -> dict[str, Any]:
        return {**series_entry(found), "problems": [problem_entry(issue) for issue in issues]}

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
