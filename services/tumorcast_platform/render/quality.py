"""The figures of quality of each series and lesion, as text for whoever asked; 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tumorcast_platform.render.text import Line, Style, columns, wrapped

WIDTH = 80
_STYLES = {"error": Style.ALARM, "fatal": Style.ALARM, "warning": Style.CAUTION}


def quality_page(found: Mapping[str, Any]) -> list[Line]:
    """The document of ``tumorcast imaging quality``: figures, then doubts, series by series."""
    lines: list[Line] = []
    for entry in found["series"]:
        part = f", part {entry['part']} of its series" if "part" in entry else ""
        decision = "measured" if entry["measured"] else "refused"
        lines.append(Line(f"{entry['dicom_modality'] or 'unknown kind'}{part}: {decision}", Style.HEADING))
        lines += wrapped(f"series   {entry['series_instance_uid']}", indent=2, hanging=11, width=WIDTH)
        lines += _figures(entry["figures"], 2)
        lines += _issues(entry["issues"], 2)
        for lesion in entry["lesions"]:
            lines.append(Line(f"  lesion {lesion['number']}"))
            lines += _figures(lesion["figures"], 4)
            lines += _issues(lesion["issues"], 4)
        lines.append(Line())
    lines += _issues(found["problems"], 0)
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


def _issues(issues: Iterable[Mapping[str, str]], indent: int) -> list[Line]:
    lines: list[Line] = []
    for one in issues:
        text = f"{one['message'].rstrip('.')} ({one['code']})"
        lines += wrapped(
            text, _STYLES.get(one["severity"], Style.PLAIN), indent=indent, hanging=indent + 2, width=WIDTH
        )
    return lines
