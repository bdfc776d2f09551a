"""The volumes of a folder with what is drawn on them, for commands that look at lesions."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import Region, StudyVolumes, Volume

_FIRST = {"CT": 0, "MR": 1, "PT": 2}
"""Anatomical series before functional ones: the first one decides where to look."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A sound volume and the regions on its voxels, numbered from 1 in this order."""

    volume: Volume
    regions: tuple[Region, ...] = ()
    issues: tuple[Issue, ...] = ()

    def region(self, wanted: str = "") -> tuple[int, Region] | None:
        """Number and region of that label (case does not matter) or number; the largest lesion if none is asked for."""
        from tumorcast_imaging.model.lesions.lesion import is_lesion

        numbered = list(enumerate(self.regions, start=1))
        if not wanted:
            lesions = [pair for pair in numbered if is_lesion(pair[1])]
            return max(lesions or numbered, key=lambda pair: pair[1].volume_ml, default=None)
        text = wanted.strip().casefold()
        named = [pair for pair in numbered if pair[1].label.strip().casefold() == text]
        return next(iter(named or [pair for pair in numbered if str(pair[0]) == text]), None)


def read_drawn(folder: Path, seg: Path | None, series: Sequence[str] = ()) -> list[Drawn]:
    """Every sound volume below ``folder``, or of these series, CT first; raises ``UnsoundSeries`` if there is none."""
    from dataclasses import replace

    from tumorcast_core.errors import StudyNotFound, UnsoundSegmentation, UnsoundSeries
    from tumorcast_imaging.dicom import open_study

    study = open_study(folder)
    chosen = tuple(one for one in study.series if not series or one.series_instance_uid in series)
    if missing := {*series} - {one.series_instance_uid for one in chosen}:
        raise StudyNotFound(f"{len(missing)} of the series asked for are not in the folder.")
    files = study.segmentations if seg is None else open_study(seg).segmentations
    if seg is not None and not files:
        raise UnsoundSegmentation("The file given with --seg is neither a SEG nor an RTSTRUCT.")
    volumes = replace(study, series=chosen, segmentations=files).read()
    if not volumes.volumes:
        raise UnsoundSeries("No series of the folder is sound; tumorcast imaging inspect says why.")
    return sorted(_on_each(volumes), key=lambda one: (_rank(one.volume), one.volume.series_instance_uid))


def _on_each(study: StudyVolumes) -> list[Drawn]:
    """Each volume with what is drawn on it by the files that name its series or none."""
    from dataclasses import replace

    from tumorcast_imaging.dicom import regions_of

    here = {volume.series_instance_uid for volume in study.volumes}
    about = tuple(f for f in study.segmentations if not f.referenced_series_uids or here & {*f.referenced_series_uids})
    pairs = regions_of(replace(study, segmentations=about)) if about else ()
    found = []
    for volume in study.volumes:
        drawn = [segmentation for on, segmentation in pairs if on is volume]
        regions = tuple(region for one in drawn for region in one.regions)
        found.append(Drawn(volume, regions, tuple(issue for one in drawn for issue in one.issues)))
    return found


def _rank(volume: Volume) -> int:
    return _FIRST.get(volume.dicom_modality, len(_FIRST))


@contextmanager
def writing() -> Iterator[None]:
    """Tell what the disk says in one safe sentence."""
    from tumorcast_core.errors import InvalidInput, ResourceExhausted

    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceExhausted("The disk is full.") from e
        raise InvalidInput("The output cannot be made or written to.") from e


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; what was there before is replaced."""
    part = path.with_name(f".{path.name}.part")
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
