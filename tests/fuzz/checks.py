"""What must hold whatever a file is: nothing raised, nothing leaked, nothing wrong, the neighbor untouched."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import typer

from fuzz.anatomy import ITEM, PIXEL_DATA, Edit
from fuzz.seeds import MARKED, SOUND, Corpus, Seed
from support.adversarial import Found, judge
from tumorcast_core.errors import TumorcastError
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.dicom import Segmentation, StudyVolumes, Volume, read_segmentation, read_study, regions_of
from tumorcast_imaging.dicom.reasons import CODES

PRIVATE = ("Phantom^", "BYSTANDER", "MARKED-1", "19600101", "CompressedSamples", "/")
"""What no message may hold: patients of the seeds, and paths."""
SLACK_MM = 0.25
"""A slice may lie by twice the gate's tolerance beside the grid."""
VALUE_TAGS = frozenset({
    0x7FE00008, 0x7FE00009, PIXEL_DATA, 0x00281052, 0x00281053, 0x00281054, 0x00280120,
    0x00280121, 0x00280100, 0x00280101, 0x00280102, 0x00280103,
    0x00280008, 0x00280010, 0x00280011, 0x00200032, 0x00200037, 0x00280030,
})  # fmt: skip
"""Whatever tells the values or the places of pixels; a damaged one that is plausible can deceive any reader."""
SEG_TAGS = VALUE_TAGS | {
    0x00620001, 0x0062000B, 0x00620002, 0x00620004, 0x0062000E, 0x00620010, 0x52009229, 0x52009230, 0x00180050,
    0x00180088, 0x30060010, 0x30060020, 0x30060022, 0x30060024, 0x30060039, 0x30060040, 0x30060042, 0x30060045,
    0x30060046, 0x30060050, 0x30060084,
}  # fmt: skip


class Broken(AssertionError):  # noqa: N818 - a verdict on the gate
    """The gate did what it never may."""


@dataclass
class Outcome:
    """What came of one damaged file: the codes said of it, ``ACCEPTED``, or what was broken."""

    codes: tuple[str, ...] = ()
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Input:
    """A seed, the bytes made of it, and the edits in the coordinates of ``original`` (none if it was made anew)."""

    seed: Seed
    data: bytes
    edits: tuple[Edit, ...]
    inside: bool
    """It takes the place of its file in a sound series; otherwise it lies alone beside another."""
    together: tuple[tuple[Path, bytes], ...] = ()
    """Files of its series that are damaged in the same way, so that nothing differs between them."""

    def touches(self, tags: frozenset[int]) -> bool:
        """Was anything of those elements damaged, or does the file now say something else of them?"""
        if not self.edits:
            return True
        for place in self.seed.anatomy.places:
            first, last = (place.start, place.end) if place.is_leaf else (place.start, place.value)
            if place.tag in tags or place.depth == -1:
                if any(e.start < max(last, first + 1) and first < max(e.end, e.start + 1) for e in self.edits):
                    return True
            elif place.tag == ITEM and any(e.start <= place.start and place.end <= e.end for e in self.edits):
                return True  # a whole item came or went, with all that is in it
        return self._says_otherwise(tags)

    def _says_otherwise(self, tags: frozenset[int]) -> bool:
        try:
            return _told(self.seed.data, tags) != _told(self.data, tags)
        except Exception:  # nobody can tell; then the gate may not either
            return False


def _told(data: bytes, tags: frozenset[int]) -> list[tuple[int, bytes]]:
    """The tags' values as pydicom reads them, at any depth."""
    d = pydicom.dcmread(io.BytesIO(data), force=True)
    return [(int(e.tag), repr(e.value).encode()) for e in d.iterall() if int(e.tag) in tags]


class Checker:
    """Reads damaged files from its own copies of the seeds' folders."""

    def __init__(self, corpus: Corpus, root: Path, read: Callable[..., StudyVolumes] = read_study) -> None:
        self.corpus, self._stray, self._store_root = corpus, root / "stray", root / "store"
        self._out, self._read = root / "converted", read
        self._stray.mkdir()

    def check(self, given: Input, *, number: int) -> Outcome:
        """Everything that must hold; never raises but for interrupts."""
        outcome = Outcome()
        with self._placed(given) as (folders, path):
            try:
                study = self._read(folders, repair=number % 7 == 0)
                outcome.codes = self._account(study, path, given)
                self._bystander(study)
                self._company(study, given, outcome)
                self._segmentation(study, folders, given, outcome)
                if number % 11 == 0:
                    self._stored(path)
                if number % 13 == 0:
                    self._command(folders[-1], convert=number % 2 == 0)
            except Broken as e:
                outcome.broken.append(str(e))
            except Exception as e:
                outcome.broken.append(f"raised {type(e).__name__}: {e} at {_where(e)}")
        return outcome

    @contextmanager
    def _placed(self, given: Input) -> Iterator[tuple[list[Path], Path]]:
        """The folders to read, and the damaged file in one of them."""
        home = given.seed.home if given.inside or given.seed.is_segmentation else None
        replaced = home is not None and given.inside
        path = given.seed.path if replaced else self._stray / "damaged.dcm"
        folders = [self.corpus.beside, *([home] if home else []), *([] if replaced else [self._stray])]
        before = [(p, p.read_bytes()) for p, _ in given.together]
        try:
            path.write_bytes(given.data)
            for other, data in given.together:
                other.write_bytes(data)
            yield folders, path
        finally:
            path.write_bytes(given.seed.data) if replaced else path.unlink(missing_ok=True)
            for other, data in before:
                other.write_bytes(data)

    def _account(self, study: StudyVolumes, path: Path, given: Input) -> tuple[str, ...]:
        """Codes of the file or of its series; all that is said is in the table and holds nothing private."""
        for issue in study.issues:
            _know(issue.code)
            _private(issue.message)
        for file in study.ignored:
            _know(file.code)
        found = [f.code for f in study.ignored if f.path == path]
        for series in study.refused:
            found += [p.code for p in series.problems]
        for named in (*study.refused, *study.volumes):
            _modality(named.dicom_modality)
        for series in (*study.refused, *study.volumes):
            _modality(series.dicom_modality)
        if found:
            return tuple(dict.fromkeys(found))
        return ("SEGMENTATION",) if any(s.path == path for s in study.segmentations) else ("ACCEPTED",)

    def _bystander(self, study: StudyVolumes) -> None:
        """The sound series beside is as it always was."""
        own = [v for v in study.volumes if v.series_instance_uid == SOUND.series]
        if len(own) != 1 or own[0].problems:
            raise Broken("the sound series beside was not read as it is")
        if not np.array_equal(own[0].array, self.corpus.expected) or not _near(own[0].affine_lps, SOUND.affine_lps):
            raise Broken("the sound series beside has other voxels")

    def _company(self, study: StudyVolumes, given: Input, outcome: Outcome) -> None:
        """A volume that holds the damaged file is true wherever damage can be seen at all."""
        seed, others = (
            given.seed,
            [v for v in study.volumes if v.series_instance_uid not in (SOUND.series, MARKED.series)],
        )
        for volume in others:
            if not np.isfinite(volume.array).all() or not np.isfinite(volume.affine_lps).all():
                raise Broken("a volume holds what is no number")
        if seed.case is None or seed.truth is None or not given.inside or given.together:
            return
        series = [v for v in others if v.array.shape[0] > 1 or all(p.shape[0] == 1 for p in seed.truth.parts)]
        truth = replace(seed.truth, slack_mm=max(seed.truth.slack_mm, SLACK_MM))
        case = replace(seed.case, kind="unsound")
        found = [Found(v.array, v.affine_lps, v.unit) for v in series if not _is_interpolated(v)]
        verdict, detail = judge(case, found, truth)
        if verdict == "wrong" and not given.touches(VALUE_TAGS):
            outcome.broken.append(f"WRONG: {detail}")

    def _segmentation(self, study: StudyVolumes, folders: Sequence[Path], given: Input, outcome: Outcome) -> None:
        if not study.segmentations and not given.seed.is_segmentation:
            return
        for volume in study.volumes[:2]:
            found = read_segmentation(list(folders), volume)
            for issue in found.issues:
                _know(issue.code)
                _private(issue.message)
            _sound(found, volume)
            if volume.series_instance_uid == MARKED.series and given.seed.is_segmentation:
                outcome.codes = tuple(i.code for i in found.issues) or ("MASK",)
                self._mask(found, volume, given, outcome)
        regions_of(study)

    def _mask(self, found: Segmentation, volume: Volume, given: Input, outcome: Outcome) -> None:
        if not np.array_equal(volume.array, MARKED.array):
            raise Broken("the marked series has other voxels")
        masks = [region.mask for region in found.regions if region.number == 1]
        if masks and not np.array_equal(masks[0], MARKED.mask) and not given.touches(SEG_TAGS):
            outcome.broken.append("WRONG: another mask")

    def _stored(self, path: Path) -> None:
        """The study store takes the file or says why not."""
        try:
            stored = FolderStudyStore(self._store_root).add(path)
            if not all(f.resolve().is_relative_to(self._store_root.resolve()) for f in self._store_root.rglob("*")):
                raise Broken(f"a stored file left the store: {stored.instance.sop_instance_uid!r}")
        except TumorcastError as e:
            _private(e.message)
        finally:
            shutil.rmtree(self._store_root, ignore_errors=True)

    def _command(self, folder: Path, *, convert: bool) -> None:
        """``tumorcast imaging inspect`` or ``convert``, as text or JSON, of the folder."""
        from tumorcast_platform.commands.imaging.series import convert_folder, inspect_folder

        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                if convert:
                    convert_folder(folder, self._out, as_json=True)
                else:
                    inspect_folder(folder, as_json=True)
        except typer.Exit:
            pass
        except TumorcastError as e:
            _private(e.message)
        finally:
            shutil.rmtree(self._out, ignore_errors=True)
        _document(said.getvalue())


def _sound(found: Segmentation, volume: Volume) -> None:
    """Whatever a region is, it lies on its volume's voxels and marks one, and its numbers are numbers."""
    if not found.regions and not found.issues:
        raise Broken("neither a region nor an issue")
    for region in found.regions:
        if region.mask.shape != volume.array.shape or not region.mask.any():
            raise Broken("a mask of another shape than its volume, or an empty one")
        if not np.isfinite(region.volume_ml) or region.volume_ml < 0:
            raise Broken("a region's volume is no volume")
        if region.occupancy is not None and not (0 <= region.occupancy.min() <= region.occupancy.max() <= 1):
            raise Broken("an occupancy outside 0 to 1")


def _is_interpolated(volume: Volume) -> bool:
    """As was asked for: then no voxel is the phantom's."""
    return any(problem.code in ("RESAMPLED", "TILT_CORRECTED") for problem in volume.problems)


def _document(text: str) -> None:
    document = json.loads(text)
    entries = [*document.get("series", []), *document.get("written", []), *document.get("refused", [])]
    for problem in [p for e in entries for p in e["problems"]] + document["problems"]:
        _know(problem["code"])
        _private(problem["message"])
    for entry in entries:
        _modality(entry["dicom_modality"])


def _modality(text: str) -> None:
    """It goes onto the wire and to the terminal, so it is a code string and nobody's name."""
    if not re.fullmatch(r"[A-Z0-9_ ]{0,16}", text):
        raise Broken(f"a modality that is none: {text!r}")


def _know(code: str) -> None:
    if code not in CODES:
        raise Broken(f"unknown code {code}")


def _private(message: str) -> None:
    if any(word in message for word in PRIVATE):
        raise Broken(f"private: {message}")


def _near(one: Any, other: Any) -> bool:
    return bool(np.abs(np.asarray(one) - np.asarray(other)).max() < 1e-6)


def _where(error: BaseException) -> str:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else "?"
