"""What a click found, and where a PET may hold lesions; 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorcast_platform.render.problems import problem_lines
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped

Entry = Mapping[str, Any]


def segment_page(found: Entry) -> list[Line]:
    """The document of ``tumorcast imaging segment``."""
    lines = [Line(f"{found['dicom_modality']} {found['series_instance_uid']}", Style.QUIET)]
    if found["size"] is not None:
        lines += [Line("Lesion at the point", Style.HEADING), *_measures(found), Line()]
        lines += [Line("How sure", Style.HEADING), *_sureness(found), Line()]
    problems = [*found["problems"], *([found["refused"]] if "refused" in found else [])]
    lines += problem_lines(problems)
    if "path" in found:
        lines.append(Line(f"Mask: {found['path']}", Style.GOOD))
    lines.append(Line(f"Drawn by {found['segmenter']}; a reader must confirm it.", Style.QUIET))
    return lines


def candidates_page(found: Entry) -> list[Line]:
    """The document of ``tumorcast imaging candidates``."""
    lines: list[Line] = []
    for series in found["series"]:
        lines.append(Line(f"PT {series['series_instance_uid']}", Style.HEADING))
        lines += _table(series["candidates"])
        if not series["normal_uptake_told"]:
            text = "The scan does not go from the head to the thighs, so normal uptake was not told from lesions."
            lines += wrapped(text, Style.CAUTION, indent=0, hanging=0, width=WIDTH)
        lines.append(Line())
    lines += problem_lines(found["problems"])
    if not found["series"]:
        lines.append(Line("No PET with SUV was found.", Style.ALARM))
    return lines


def _measures(found: Entry) -> list[Line]:
    size, uptake = found["size"], found["uptake"]
    rows = [
        ["Longest × short", f"{size['longest_diameter_mm']:.1f} × {size['short_axis_mm']:.1f}", "mm"],
        ["Volume", f"{size['volume_ml']:.1f}", "mL"],
    ]
    if uptake is not None:
        rows += [["SUVmax", f"{uptake['suv_max']:.2f}", "g/mL"], ["SUVmean", f"{uptake['suv_mean']:.2f}", "g/mL"]]
    return list(map(Line, columns(rows, align="<><")))


def _sureness(found: Entry) -> list[Line]:
    low, high = found["volume_range_ml"]
    rows = [
        ["Mean probability", f"{found['mean_probability']:.2f}", ""],
        ["Doubt at the border (0–1)", f"{found['border_entropy_bits']:.2f}", "bit"],
        ["Volume at probability 0.7 and 0.3", f"{low:.1f} – {high:.1f}", "mL"],
    ]
    return list(map(Line, columns(rows, align="<><")))


def _table(found: Sequence[Entry]) -> list[Line]:
    if not found:
        return [Line("  Nothing is hot.", Style.GOOD)]
    head = ["", "score", "SUVmax", "contrast", "mL", "center LPS mm", "box mm", "looks like normal"]
    rows = [head, *(_row(one) for one in found)]
    styles = [Style.QUIET, *(Style.QUIET if one["physiologic"] else Style.PLAIN for one in found)]
    return [line.within(WIDTH) for line in map(Line, columns(rows, align=">>>>>>><"), styles)]


def _row(one: Entry) -> list[str]:
    low, high = one["box_lps_mm"]
    return [
        f"{one['rank']}",
        f"{one['score']:.2f}",
        f"{one['suv_max']:.1f}",
        f"{one['contrast']:.1f}",
        f"{one['volume_ml']:.1f}",
        ", ".join(f"{x:.0f}" for x in one["center_lps_mm"]),
        " × ".join(f"{b - a:.0f}" for a, b in zip(low, high, strict=True)),
        one["physiologic"],
    ]
