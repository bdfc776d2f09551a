"""What the DICOM gate says of a folder, as text for whoever sent it; 80 columns, as terminals open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tumorcast_imaging.dicom.reasons import issue
from tumorcast_imaging.dicom.split import REPAIRABLE
from tumorcast_platform.render.problems import sentence
from tumorcast_platform.render.text import Line, Style, columns, wrapped
from tumorcast_platform.render.words import plural

WIDTH = 80
_LABEL = 11
_PLANES = ("sagittal", "coronal", "axial")
"""By the axis of LPS that the slices are stacked along."""
_STRAIGHT_DEGREES = 1.0


Entry = Mapping[str, Any]


def inspection_page(found: Mapping[str, Any], *, repair: bool) -> list[Line]:
    """The document of ``tumorcast imaging inspect``: each series, what was left out, and the sum of it."""
    lines = []
    for entry in found["series"]:
        facts = [*_uid(entry), *(_facts(entry) if entry["accepted"] else ())]
        lines += [*_series(entry, "accepted" if entry["accepted"] else "refused", facts, repair=repair), Line()]
    accepted = sum(entry["accepted"] for entry in found["series"])
    return [*lines, *_beside(found), *_sum(accepted, len(found["series"]), "accepted")]


def conversion_page(found: Mapping[str, Any], *, repair: bool) -> list[Line]:
    """The document of ``tumorcast imaging convert``: what was written where, and what was not and why."""
    lines = []
    for entry in found["written"]:
        title, *warnings = _series(entry, "written", [], repair=repair)
        voxels = _fact("voxels", f"{_times(entry['shape'])} of {entry['dtype']}, {entry['unit']}")
        lines += [title, Line(f"  {entry['path']}"), *voxels, *warnings, Line()]
    for entry in found["refused"]:
        lines += [*_series(entry, "refused", _uid(entry), repair=repair), Line()]
    written = len(found["written"])
    return [*lines, *_beside(found), *_sum(written, written + len(found["refused"]), "written")]


def _series(entry: Entry, decision: str, facts: Sequence[tuple[str, str]], *, repair: bool) -> list[Line]:
    errors = [p for p in entry["problems"] if p["severity"] == "error"]
    warnings = [p for p in entry["problems"] if p["severity"] == "warning"]
    style = Style.ALARM if errors else Style.CAUTION if warnings else Style.GOOD
    part = f", part {entry['part']} of its series" if "part" in entry else ""
    lines = [Line(f"{entry['dicom_modality'] or 'unknown kind'}{part}: {decision}", style)]
    for label, value in facts:
        lines += _fact(label, value)
    for label, problems in (("why", errors), ("warning", warnings)):
        for problem in problems:
            lines += _fact(label, sentence(problem["message"], problem["code"]))
    if not repair and any(p["code"] in REPAIRABLE for p in errors):
        lines += _fact("", "--repair tries to correct this by interpolation.")
    return lines


def _fact(label: str, value: str) -> list[Line]:
    return wrapped(f"{label:{_LABEL - 2}}{value}", indent=2, hanging=_LABEL, width=WIDTH)


def _uid(entry: Entry) -> list[tuple[str, str]]:
    return [("series", entry["series_instance_uid"])]


def _facts(entry: Entry) -> list[tuple[str, str]]:
    slices, rows, across = entry["shape"]
    slice_mm, row_mm, column_mm = entry["spacing_mm"]
    unit = "in arbitrary units" if entry["unit"] == "arbitrary" else entry["unit"]
    values = f"{_number(entry['min'])} to {_number(entry['max'])} {unit}, mean {_number(entry['mean'])}"
    return [
        ("volume", f"{plural(slices, 'slice')} of {rows} rows × {across} columns, {_plane(entry['affine_lps'])}"),
        ("spacing", f"{slice_mm:.4g} mm between slices, {row_mm:.4g} between rows, {column_mm:.4g} between columns"),
        ("values", values),
    ]


def _plane(affine_lps: Sequence[Sequence[float]]) -> str:
    """The name of the plane of the slices; degrees are told from one on.

    >>> _plane([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    'axial'
    """
    step = np.array(affine_lps, float)[:3, 0]
    along = np.abs(step) / np.linalg.norm(step)
    axis = int(along.argmax())
    degrees = float(np.degrees(np.arccos(min(along[axis], 1.0))))
    return _PLANES[axis] if degrees < _STRAIGHT_DEGREES else f"oblique, {degrees:.0f}° off {_PLANES[axis]}"


def _beside(found: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    if found["segmentations"]:
        lines += [Line(f"{plural(len(found['segmentations']), 'segmentation')}, not checked here"), Line()]
    kinds = Counter(file["code"] for file in found["ignored"])
    if kinds:
        lines.append(Line("Files left out (--json names each)", Style.HEADING))
        lines += _kinds(kinds)
        lines.append(Line())
    for problem in found["problems"]:
        lines += wrapped(sentence(problem["message"], problem["code"]), Style.ALARM, hanging=2, width=WIDTH)
    return lines


def _kinds(kinds: Counter[str]) -> Iterable[Line]:
    rows = [[str(count), sentence(issue(code).message, code)] for code, count in sorted(kinds.items())]
    return [Line(text) for text in columns(rows, align="><", gap=2)]


def _sum(good: int, total: int, done: str) -> list[Line]:
    style = Style.ALARM if not good else Style.GOOD if good == total else Style.CAUTION
    return [Line(f"{good} of {total} series {done}" if total else "No series found", style)]


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
