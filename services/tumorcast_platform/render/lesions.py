"""What was measured of the lesions in a folder, as a table for whoever reads images; 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tumorcast_platform.render.problems import sentence
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped
from tumorcast_platform.render.words import plural

Entry = Mapping[str, Any]

_LABEL = 24
_GAP = 2
_HEADINGS = (
    ("Lesion", "Series", "Longest × short", "3-D", "Volume", "SUVmax", "SUVpeak", "MTV", "TLG"),
    ("", "", "mm", "mm", "mL", "g/mL", "g/mL", "mL", "g"),
)
_MAP_HEADINGS = (
    ("Region", "FTV", "persistent", "plateau", "washout"),
    ("", "mL", "mL", "mL", "mL"),
)
_MAP_MEASURES = (
    "functional_tumor_volume",
    "functional_persistent_volume",
    "functional_plateau_volume",
    "functional_washout_volume",
)


def measure_page(found: Mapping[str, Any], *, show_all: bool) -> list[Line]:
    """The document of ``tumorcast imaging measure``: the lesions, what is doubtful of them, and the series."""
    names = _series_names(found["series"])
    measured = [lesion for lesion in found["lesions"] if "size" in lesion]
    lines = _table(measured, names)
    if show_all:
        for lesion in measured:
            lines += _all_measures(lesion, names)
    lines += _functional(found["functional_volumes"])
    lines += _doubts(found, names)
    lines += _series(found["series"], names)
    return [line.within(WIDTH) for line in [*lines, _sum(measured, found)]]


def _series_names(series: Sequence[Entry]) -> dict[tuple[str, int], str]:
    """A short name of each series (and part): the DICOM modality, and a number where there are several of it."""
    kinds = [entry["dicom_modality"] or "?" for entry in series]
    names: dict[tuple[str, int], str] = {}
    for i, entry in enumerate(series):
        number = f" {kinds[: i + 1].count(kinds[i])}" if kinds.count(kinds[i]) > 1 else ""
        names[_key(entry)] = f"{kinds[i]}{number}"
    return names


def _key(entry: Entry) -> tuple[str, int]:
    return entry["series_instance_uid"], entry.get("part", 0)


def _table(lesions: Sequence[Entry], names: Mapping[tuple[str, int], str]) -> list[Line]:
    if not lesions:
        return []
    rows = [_row(lesion, names[_key(lesion)]) for lesion in lesions]
    filled = [i for i in range(len(_HEADINGS[0])) if any(row[i] for row in rows)]
    shown = [[row[i] for i in filled] for row in (*_HEADINGS, *rows)]
    text = columns(shown, align="<<>>>>>>>"[: len(filled)], indent=0, gap=_GAP)
    styles = [Style.HEADING, Style.QUIET, *(_style(lesion["problems"]) for lesion in lesions)]
    return [*map(Line, text, styles), Line()]


def _row(lesion: Entry, series: str) -> list[str]:
    size, uptake = lesion["size"], lesion["uptake"]
    diameters = f"{size['longest_diameter_mm']:.1f} × {size['short_axis_mm']:.1f}"
    row = [_short(lesion["label"]), series, diameters, f"{size['maximum_3d_diameter_mm']:.1f}", _ml(size["volume_ml"])]
    if uptake is None:
        return [*row, "", "", "", ""]
    suv = [f"{uptake[name]:.2f}" for name in ("suv_max", "suv_peak")]
    return [*row, *suv, _ml(uptake["mtv_ml"]), f"{uptake['tlg_g']:.1f}"]


def _all_measures(lesion: Entry, names: Mapping[tuple[str, int], str]) -> list[Line]:
    """Every measure by its name in the catalog."""
    title = Line(f"{_short(lesion['label'])} ({names[_key(lesion)]})", Style.HEADING)
    rows = [[name, f"{m['value']:.6g}", m["unit"]] for name, m in sorted(lesion["measures"].items())]
    return [title, *map(Line, columns(rows, align="<><", gap=_GAP)), Line()]


def _functional(found: Sequence[Entry]) -> list[Line]:
    if not found:
        return []
    rows = [[_short(e["label"]), *(_measure(e, name) for name in _MAP_MEASURES)] for e in found]
    text = columns([*_MAP_HEADINGS, *rows], align="<>>>>", indent=0, gap=_GAP)
    return [*map(Line, text, [Style.HEADING, Style.QUIET, *[Style.PLAIN] * len(rows)]), Line()]


def _measure(entry: Entry, name: str) -> str:
    measure = entry["measures"].get(name)
    return "" if measure is None else _ml(measure["value"])


def _doubts(found: Mapping[str, Any], names: Mapping[tuple[str, int], str]) -> list[Line]:
    """Everything that is doubtful or failed, in words, by lesion, then by series, then of the folder."""
    told = [
        *((f"{_short(x['label'])} ({names[_key(x)]})", p) for x in found["lesions"] for p in x["problems"]),
        *((_short(x["label"]), p) for x in found["functional_volumes"] for p in x["problems"]),
        *((names[_key(entry)], p) for entry in found["series"] for p in entry["problems"]),
        *(("", p) for p in found["problems"]),
    ]
    lines = [line for where, problem in told for line in _told(where, problem)]
    return [Line("What to know", Style.HEADING), *lines, Line()] if lines else []


def _told(where: str, problem: Entry) -> Iterable[Line]:
    text = f"{f'{where}: ' if where else ''}{sentence(problem['message'], problem['code'])}"
    return wrapped(text, _style([problem]), indent=2, hanging=4, width=WIDTH)


def _series(series: Sequence[Entry], names: Mapping[tuple[str, int], str]) -> list[Line]:
    rows = [[names[_key(entry)], entry["series_instance_uid"], _said(entry)] for entry in series]
    return [Line("Series", Style.HEADING), *map(Line, columns(rows, align="<<<", gap=_GAP)), Line()] if rows else []


def _said(entry: Entry) -> str:
    if entry["read"] and not entry["accepted"]:
        return "refused"
    return f"{entry['lesions']} measured" if entry["lesions"] else "no lesion drawn"


def _style(problems: Sequence[Entry]) -> Style:
    severities = {problem["severity"] for problem in problems}
    return Style.ALARM if "error" in severities else Style.CAUTION if severities else Style.PLAIN


def _sum(measured: Sequence[Entry], found: Mapping[str, Any]) -> Line:
    lesions, regions = len(found["lesions"]), len(found["functional_volumes"])
    told = [f"{len(measured)} of {plural(lesions, 'lesion')} measured"] if lesions else []
    told += [f"functional volume of {plural(regions, 'region')}"] if regions else []
    style = Style.ALARM if not told or len(measured) < lesions else Style.GOOD
    return Line(", ".join(told) or "Nothing was measured", style)


def _short(label: str) -> str:
    return Line(" ".join(label.split())).within(_LABEL).text


def _ml(volume: float) -> str:
    """Volumes as readers write them: two digits below 10 mL, one from there on.

    >>> _ml(0.024), _ml(142.13)
    ('0.02', '142.1')
    """
    return f"{volume:.2f}" if volume < 10 else f"{volume:.1f}"
