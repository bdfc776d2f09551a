"""An evaluation of the sum-of-diameters forecast as a page of text: every figure with its 95 % interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tumorcast_platform.render.text import Line, Style, columns, wrapped

Document = Mapping[str, Any]
_TARGETS = {"last_scan": "Last scan", "next_scan": "Next scan", "every_later_scan": "Every later scan"}
_METHODS = {
    "growth": "growth forecast",
    "last_value": "last value",
    "linear": "linear",
    "exponential": "exponential",
}
_GROUPS = {"by_horizon_days": "days ahead", "by_past_scans": "past scans"}


def growth_page(found: Document) -> list[Line]:
    """The whole evaluation: errors and coverage by target, then the chance of progression."""
    model = found["model"]
    rows = f", {found['rows']} rows" if "rows" in found else ""
    lines = [Line(f"{model['name']} {model['version']} on {found['patients']} patients{rows}", Style.HEADING)]
    lines += wrapped(f"{found['design']}; 95 % intervals by patient", Style.QUIET, indent=2)
    for warning in found["warnings"]:
        lines += wrapped(f"{warning['code']}: {warning['message']}", Style.CAUTION, indent=2, hanging=4)
    lines += _left_out(found)
    for key, title in _TARGETS.items():
        if key in found:
            lines += [Line(), *_target(found, key, title)]
    for key, title in _TARGETS.items():
        if of := found.get(f"progression_at_{key}"):
            lines += [Line(), *_progression(of, title.lower())]
    return lines


def _left_out(found: Document) -> Iterator[Line]:
    for name, reasons in found.get("columns", {}).get("refused", {}).items():
        if reasons:
            told = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
            yield from wrapped(f"Not used in {name}: {told}", Style.CAUTION, indent=2, hanging=4)
    if found.get("not_forecast", {}).get("patients"):
        told = ", ".join(f"{reason} {count}" for reason, count in found["not_forecast"]["reasons"].items())
        yield from wrapped(f"Not forecast: {found['not_forecast']['patients']} patients ({told})", indent=2, hanging=4)


def _target(found: Document, key: str, title: str) -> Iterator[Line]:
    scores = found[key]
    yield Line(f"{title}: {scores['scans']} scans of {scores['patients']} patients", Style.HEADING)
    rows = [["", "mean error, mm", "RMSE, mm", "mean error, log", "forecast less it, mm"]]
    for method, name in _METHODS.items():
        errors, beside = scores["errors"][method], scores["difference_to"].get(method)
        less = _signed(beside["mae_mm"]) if beside else ""
        rows.append([name, f"{errors['mae_mm']:.1f}", f"{errors['rmse_mm']:.1f}", f"{errors['mae_log']:.3f}", less])
    yield from _table(rows)
    held = ", ".join(f"{level} % band {_share(scores[f'coverage_{level}'])}" for level in (50, 90))
    yield Line(f"    Scans inside: {held}; the 90 % band is {scores['median_width_90_mm']:.0f} mm wide (median)")
    for suffix, unit in _GROUPS.items():
        if groups := found.get(f"{key}_{suffix}"):
            yield from _table(_grouped(groups, unit))


def _grouped(groups: Document, unit: str) -> list[list[str]]:
    rows = [[unit, "scans", "error, mm", "less the last value's", "in 50 % band", "in 90 % band"]]
    for label, of in groups.items():
        error = f"{of['errors']['growth']['mae_mm']:.1f}"
        held = (_share(of["coverage_50"]), _share(of["coverage_90"]))
        rows.append([label, str(of["scans"]), error, _signed(of["difference_to"]["last_value"]["mae_mm"]), *held])
    return rows


def _progression(of: Document, title: str) -> Iterator[Line]:
    yield Line(f"Progression at the {title}, by the sum alone", Style.HEADING)
    auc = of["auc"]
    told = f"{auc['value']:.3f} ({auc['interval'][0]:.3f} to {auc['interval'][1]:.3f})" if auc else "not known"
    low, high = of["brier_difference_interval"]
    gain = of["brier"] - of["brier_of_base_rate"]
    yield Line(
        f"    seen in {100 * of['share']:.0f} %, said {100 * of['mean_probability']:.0f} % on average; AUC {told}"
    )
    yield Line(
        f"    Brier score {of['brier']:.3f}, less that of one rate for all: {gain:+.3f} ({low:+.3f} to {high:+.3f})"
    )
    rows = [["said", "seen", "patients"]]
    for group in of["observed"]:
        low, high = (100 * x for x in group["interval"])
        seen = f"{100 * group['share']:.0f} % ({low:.0f} to {high:.0f})"
        rows.append([f"{100 * group['probability']:.0f} %", seen, str(group["patients"])])
    if len(rows) > 1:
        yield from _table(rows)


def _signed(of: Document) -> str:
    low, high = of["interval"]
    return f"{of['value']:+.2f} ({low:+.2f} to {high:+.2f})"


def _share(of: Document) -> str:
    low, high = of["interval"]
    return f"{100 * of['value']:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _table(rows: Sequence[Sequence[str]]) -> list[Line]:
    return [Line(text) for text in columns(rows, align="<" + ">" * (len(rows[0]) - 1), indent=4)]
