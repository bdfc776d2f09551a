"""What was written for the PACS, as text for whoever sends it; 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorcast_platform.render.problems import problem_lines, sentence
from tumorcast_platform.render.text import Line, Style, wrapped

WIDTH = 80
_LABEL = 11

Entry = Mapping[str, Any]


def export_page(found: Mapping[str, Any]) -> list[Line]:
    """The document of ``tumorcast imaging export``: each object, where it lies, what was refused, what was sent."""
    lines: list[Line] = []
    for entry in found["segmentations"]:
        lines += _object(f"Segmentation of {_series(entry)}", entry)
    for entry in found["reports"]:
        lines += _object("Measurement report of the study", entry)
    for entry in found["refused"]:
        lines += [Line(f"{_series(entry)}: not written", Style.ALARM), *_problems(entry), Line()]
    lines += problem_lines(found["problems"], indent=0, width=WIDTH)
    return [*lines, *_sum(found)]


def _series(entry: Entry) -> str:
    part = f", part {entry['part']} of its series" if "part" in entry else ""
    return f"{entry['dicom_modality'] or 'unknown kind'}{part}"


def _object(title: str, entry: Entry) -> list[Line]:
    written = "path" in entry
    done = ("written" if entry["new"] else "was there already") if written else "not written"
    bad = not written or any(problem["severity"] == "error" for problem in entry["problems"])
    style = Style.ALARM if bad else Style.CAUTION if entry["problems"] else Style.GOOD
    lines = [Line(f"{title}: {done}", style)]
    if written:
        lines.append(Line(f"  {entry['path']}"))
    lines += _fact("lesions", str(entry["lesions"]))
    return [*lines, *_problems(entry), Line()]


def _problems(entry: Entry) -> list[Line]:
    said = dict.fromkeys(
        (problem["severity"], sentence(problem["message"], problem["code"])) for problem in entry["problems"]
    )
    return [line for severity, text in said for line in _fact("why" if severity == "error" else severity, text)]


def _fact(label: str, value: str) -> list[Line]:
    return wrapped(f"{label:{_LABEL - 2}}{value}", indent=2, hanging=_LABEL, width=WIDTH)


def _sum(found: Mapping[str, Any]) -> list[Line]:
    objects: Sequence[Entry] = [*found["segmentations"], *found["reports"]]
    written = sum("path" in entry for entry in objects)
    everything = written == len(objects) and not found["refused"]
    style = Style.ALARM if not written else Style.GOOD if everything else Style.CAUTION
    files = f"{written} {'file' if written == 1 else 'files'}"
    if "sent" not in found:
        return [Line(f"{files} written" if written else "Nothing was written", style)]
    new = sum(entry["new"] for entry in found["sent"])
    return [Line(f"{files} written; {len(found['sent'])} on the PACS, {new} of them new", style)]
