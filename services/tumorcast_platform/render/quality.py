"""The figures of quality of each series and lesion, as text for whoever asked; 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorcast_platform.render.problems import problem_lines
from tumorcast_platform.render.text import Line, Style, columns, wrapped

WIDTH = 80


def quality_page(found: Mapping[str, Any]) -> list[Line]:
    """The document of ``tumorcast imaging quality``: figures, then doubts, series by series."""
    lines: list[Line] = []
    for entry in found["series"]:
        part = f", part {entry['part']} of its series" if "part" in entry else ""
        decision = "measured" if entry["measured"] else "refused"
        lines.append(Line(f"{entry['dicom_modality'] or 'unknown kind'}{part}: {decision}", Style.HEADING))
        lines += wrapped(f"series   {entry['series_instance_uid']}", indent=2, hanging=11, width=WIDTH)
        lines += _figures(entry["figures"], 2)
        lines += problem_lines(entry["issues"], width=WIDTH)
        for lesion in entry["lesions"]:
            lines.append(Line(f"  lesion {lesion['number']}"))
            lines += _figures(lesion["figures"], 4)
            lines += problem_lines(lesion["issues"], indent=4, width=WIDTH)
        lines.append(Line())
    lines += problem_lines(found["problems"], indent=0, width=WIDTH)
    measured = sum(entry["measured"] for entry in found["series"])
    total = len(found["series"])
    style = Style.ALARM if not measured else Style.GOOD if measured == total else Style.CAUTION
    return [*lines, Line(f"{measured} of {total} series measured" if total else "No series found", style)]


def _figures(figures: Sequence[Mapping[str, Any]], indent: int) -> list[Line]:
    """Name, value, unit and, unless it is measured, basis; the definitions are in the JSON."""
    rows = [
        [one["name"], _value(one["value"]), "" if one["unit"] == "1" else one["unit"], _basis(one)] for one in figures
    ]
    return [Line(text) for text in columns(rows, align="<><<", indent=indent, gap=2)]


def _value(value: float | str | None) -> str:
    return "unknown" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _basis(one: Mapping[str, Any]) -> str:
    return str(one["basis"]) if one["basis"] in ("stated", "inferred") else ""
