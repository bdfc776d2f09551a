"""What became of lesions over time, as a table for a tumor board; 100 columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tumorcast_platform.render.problems import sentence, style_of
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped
from tumorcast_platform.render.words import listed, signed

Entry = Mapping[str, Any]
Cell = Callable[[Entry, bool], str]

_MOST_VISITS = 5
_LABEL = 24
_REASONS = {
    "ALL_TARGETS_GONE": "all targets are gone",
    "NORMAL_NODES_REMAIN": "only lymph nodes of normal size remain",
    "SUM_SHRANK": "the sum is 30 % or more below baseline",
    "SUM_GREW": "the sum is 20 % and 5 mm or more above its nadir",
    "SUM_STABLE": "the sum is neither 30 % below baseline nor 20 % above nadir",
    "GREW_LESS_THAN_5_MM": "the sum is 20 % above nadir, but by less than 5 mm",
    "TARGET_NOT_EVALUATED": "a target was not evaluated",
    "PROVEN_BY_MEASURED_TARGETS": "the targets that were measured prove it",
    "TOO_SMALL_COUNTED_5_MM": "a target too small to measure counts 5 mm",
    "NON_TARGETS_GONE": "the non-targets are gone",
    "NON_TARGET_PERSISTS": "a non-target persists",
    "NON_TARGET_NOT_EVALUATED": "a non-target was not evaluated",
    "NON_TARGET_WORSE": "a non-target is unequivocally worse",
    "MARKERS_ELEVATED": "markers are elevated",
    "NEW_LESION": "there is a new lesion",
    "NEW_LESION_NOT_RE_EVALUATED": "a new lesion was not seen again, nor refuted",
    "EQUIVOCAL_NEW_LESION": "there may be a new lesion",
    "DATED_BY_EQUIVOCAL_LESION": "it is dated by a lesion first seen in doubt",
    "TARGET_AFTER_CR": "a target came back after complete response",
    "NON_TARGET_AFTER_CR": "a non-target came back after complete response",
}
_STATUSES = {
    "NOT_DRAWN": "gone",
    "NOT_COVERED": "not covered",
    "NOT_COMPARED": "not compared",
    "NOT_EXAMINED": "not made",
    "AMBIGUOUS_MATCH": "ambiguous",
}
_RESPONSE_STYLES = {"PD": Style.ALARM, "CR": Style.GOOD, "PR": Style.GOOD, "NE": Style.CAUTION}


def change_page(found: Mapping[str, Any]) -> list[Line]:
    """The document of ``tumorcast imaging change``."""
    shown = _shown(len(found["visits"]))
    lines = _sections(found, shown)
    lines += _responses(found["sum_of_diameters"], found["visits"])
    lines += _alignments(found["alignments"])
    lines += _doubts(found["problems"])
    return [line.within(WIDTH) for line in lines]


def _shown(count: int) -> list[int]:
    """The visits that fit: the baseline and the last ones."""
    return list(range(count)) if count <= _MOST_VISITS else [0, *range(count - _MOST_VISITS + 1, count)]


def _sections(found: Mapping[str, Any], shown: Sequence[int]) -> list[Line]:
    by_role = {
        role: [x for x in found["lesions"] if x["role"] == role] for role in ("TARGET", "NON-TARGET", "NEW", None)
    }
    lines = _table("Target lesions, mm", by_role["TARGET"], found, shown, _diameter, sums=True)
    for title, role in (("Non-target lesions, mm", "NON-TARGET"), ("New lesions, mm", "NEW"), ("Other, mm", None)):
        lines += _table(title, by_role[role], found, shown, _diameter)
    lines += _table("Volume, mL", found["lesions"], found, shown, _value("volume_ml", 2))
    lines += _table("Growth, % of volume a day", found["lesions"], found, shown, _growth)
    taken_up = [x for x in found["lesions"] if x["dicom_modality"] == "PT"]
    lines += _table("SUVmax", taken_up, found, shown, _value("suv_max", 2))
    lines += _table("TLG, g", taken_up, found, shown, _value("tlg_g", 1))
    if len(shown) < len(found["visits"]):
        lines += [Line(f"{len(found['visits']) - len(shown)} visits between are in --json", Style.QUIET), Line()]
    return lines


def _table(
    title: str,
    lesions: Sequence[Entry],
    found: Mapping[str, Any],
    shown: Sequence[int],
    cell: Cell,
    *,
    sums: bool = False,
) -> list[Line]:
    rows = [[_name(x), *(_cell(x["visits"][i], cell, node=x["lymph_node"]) for i in shown)] for x in lesions]
    if not any(any(row[1:]) for row in rows):
        return []
    styles = [Style.PLAIN] * len(rows)
    if sums and found["sum_of_diameters"]:
        rows.append(["sum of diameters", *(_sum(found["sum_of_diameters"]["visits"][i]) for i in shown)])
        styles.append(Style.HEADING)
    days = [found["visits"][i] for i in shown]
    heads = [[title, *(visit["day"] for visit in days)], ["", *(_since(visit) for visit in days)]]
    text = columns([*heads, *rows], align="<" + ">" * len(shown), indent=0, gap=2)
    return [*map(Line, text, [Style.HEADING, Style.QUIET, *styles]), Line()]


def _name(lesion: Entry) -> str:
    text = " ".join(lesion["label"].split())
    return Line(f"{lesion['lesion_id']} {lesion['dicom_modality']} {text}").within(_LABEL).text


def _since(visit: Entry) -> str:
    days = visit["days_from_baseline"]
    return f"day {days}" if days else "baseline"


def _cell(visit: Entry | None, cell: Cell, *, node: bool) -> str:
    if visit is None:
        return ""
    if visit["status"] == "MERGED":
        return f"in {visit['merged_into']}"
    return _STATUSES.get(visit["status"]) or cell(visit, node)


def _diameter(visit: Entry, node: bool) -> str:
    text = _value("short_axis_mm" if node else "longest_diameter_mm", 1)(visit, node)
    return f"{text}, {len(visit['parts'])} parts" if visit["status"] == "SPLIT" else text


def _value(name: str, digits: int) -> Cell:
    def cell(visit: Entry, _: bool) -> str:
        values = visit["values"]
        if not values or name not in values:
            return ""
        return f"{values[name]:.{digits}f}{_percent(visit['from_baseline'].get(name))}"

    return cell


def _growth(visit: Entry, _: bool) -> str:
    rate, doubling = visit["growth_percent_per_day"], visit["doubling_days"]
    if rate is None:
        return ""
    return f"{signed(rate, 2)}{f' (×2 in {doubling:.0f} d)' if doubling and doubling < 3650 else ''}"


def _percent(change: Entry | None) -> str:
    return "" if change is None or change["percent"] is None else f" ({_whole(change['percent'])} %)"


def _whole(percent: float) -> str:
    """A signed percentage without digits; what rounds to zero has no sign.

    >>> _whole(-0.3), _whole(-29.7)
    ('0', '−30')
    """
    return signed(percent, 0) if round(percent) else "0"


def _sum(visit: Entry) -> str:
    if visit["sum_mm"] is None:
        return "incomplete" if "overall" in visit else ""
    percent = visit.get("change_from_baseline_percent")
    return f"{visit['sum_mm']:.1f}{'' if percent is None else f' ({_whole(percent)} %)'}"


def _responses(sums: Entry | None, visits: Sequence[Entry]) -> list[Line]:
    """The response of each follow-up visit, with its numbers and reasons in words."""
    if sums is None:
        return []
    lines = [Line(f"Response (RECIST 1.1, on {sums['dicom_modality']})", Style.HEADING)]
    for visit, answer in zip(visits[1:], sums["visits"][1:], strict=True):
        reasons = listed([_REASONS.get(reason, reason) for reason in answer["reasons"]])
        text = f"{visit['day']}: {answer['overall']}{_numbers(answer)}{f'; {reasons}' if reasons else ''}"
        style = _RESPONSE_STYLES.get(answer["overall"], Style.PLAIN)
        lines += wrapped(text, style, indent=2, hanging=4, width=WIDTH)
    return [*lines, Line()]


def _numbers(answer: Entry) -> str:
    if answer["sum_mm"] is None:
        return ""
    told = [f"sum {answer['sum_mm']:.1f} mm"]
    for name in ("baseline", "nadir"):
        percent = answer[f"change_from_{name}_percent"]
        if percent is not None:
            told.append(f"{_whole(percent)} % from {name} ({answer[f'{name}_mm']:.1f} mm)")
    return f", {', '.join(told)}"


def _alignments(made: Sequence[Entry]) -> list[Line]:
    lines = []
    for one in made:
        name = f"{one['dicom_modality']} of visits {one['visits'][0]} and {one['visits'][1]}"
        if one["failed"]:
            lines += wrapped(f"{name}: not aligned ({one['failed']})", Style.ALARM, indent=2, hanging=4, width=WIDTH)
            continue
        how = "in one frame of reference" if one["method"] == "frame_of_reference" else "registered by their images"
        lines += wrapped(
            f"{name}: {how}, uncertain by {one['uncertainty_mm']:.1f} mm", indent=2, hanging=4, width=WIDTH
        )
    return [Line("How studies were laid over one another", Style.HEADING), *lines, Line()] if lines else []


def _doubts(problems: Sequence[Entry]) -> list[Line]:
    """Each code once, with the places that it holds of."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        key = problem["severity"], problem["message"], problem["code"]
        where.setdefault(key, []).append(problem["location"])
    lines: list[Line] = []
    for (severity, message, code), places in where.items():
        known = list(dict.fromkeys(filter(None, places)))
        text = f"{f'{listed(known)}: ' if known else ''}{sentence(message, code)}"
        lines += wrapped(text, style_of(severity), indent=2, hanging=4, width=WIDTH)
    return [Line("What to know", Style.HEADING), *lines] if lines else []
