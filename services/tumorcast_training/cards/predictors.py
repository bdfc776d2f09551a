"""Every input: what it is, its unit and range, how it is coded, how often it was missing."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast_core.catalog import SYSTEMS, entry
from tumorcast_fusion.model.manifest import Column, Group
from tumorcast_training.cards import prose
from tumorcast_training.cards.markdown import number, share, table, words
from tumorcast_training.cards.reading import Source, mapping

_LONG_GROUP = 20
_MOST_CATEGORIES = 16
_SYSTEM_NAMES = {
    SYSTEMS["loinc"]: "LOINC",
    SYSTEMS["sct"]: "SNOMED CT",
    SYSTEMS["ncit"]: "NCIt",
    SYSTEMS["ucum"]: "UCUM",
}
_UNITS = {"a": "years", "d": "days", "1/1000000{Nucleotide}": "per megabase"}
_HEADER = ("input", "what it is", "unit or categories", "trained on", "becomes", "code", "missing")


def render(source: Source) -> list[str]:
    """Section 4; long groups are listed at the end of the card."""
    lines = [
        "## 4 Inputs and what was missing",
        "",
        *prose.paragraph(prose.told("inputs")[0]),
    ]
    for group in source.manifest.groups:
        when = f", at {group.timepoint}" if group.timepoint else ""
        lines += [f"**{group.id}** ({group.modality}{when})", ""]
        lines += _long(source, group) if len(group.features) > _LONG_GROUP else _table(source, group)
    baseline = ", ".join(source.manifest.baseline_groups)
    return [
        *lines,
        *([f"The clinical baseline is the model with these groups alone: {baseline}.", ""] if baseline else []),
    ]


def appendix(source: Source) -> list[str]:
    """The inputs of long groups."""
    lines = []
    for group in source.manifest.groups:
        if len(group.features) > _LONG_GROUP:
            lines += [f"## Appendix: inputs of {group.id}", "", *_table(source, group)]
    return lines


def _long(source: Source, group: Group) -> list[str]:
    shares = [s for name in _names(group) if (s := _missing(source, name)) is not None]
    missing = f"missing {share(min(shares))} to {share(max(shares))}" if shares else "missing: not computed"
    return [f"{len(group.features)} inputs, {missing}; listed in the appendix.", ""]


def _table(source: Source, group: Group) -> list[str]:
    rows = (_row(source, group, name, feature) for name, feature in zip(_names(group), group.features, strict=True))
    return table(_HEADER, rows)


def _names(group: Group) -> list[str]:
    return [f"{feature}_{group.timepoint}" if group.timepoint else feature for feature in group.features]


def _row(source: Source, group: Group, name: str, feature: str) -> tuple[str, ...]:
    known, scaling = entry(feature), group.scaling.get(feature)
    missing = _missing(source, name)
    coding = known.codings[0]
    system = _SYSTEM_NAMES.get(coding.system)
    return (
        f"`{name}`",
        known.description,
        _categories(known.categories) if known.categories else _UNITS.get(known.unit, known.unit) or "no unit",
        f"{number(scaling.low)} to {number(scaling.high)}" if scaling else "—",
        _becomes(source, name),
        f"{system} {coding.code}" if system else "local",
        "not computed" if missing is None else share(missing),
    )


def _categories(categories: Sequence[str]) -> str:
    return ", ".join(map(words, categories[:_MOST_CATEGORIES])) + (", …" if len(categories) > _MOST_CATEGORIES else "")


def _missing(source: Source, name: str) -> float | None:
    found = mapping(source.cohort, "missing").get(name)
    return float(found) if isinstance(found, int | float) else None


def _becomes(source: Source, name: str) -> str:
    columns = source.manifest.tabular.columns if source.manifest.tabular else ()
    ours = [c for c in columns if c.inputs[0] == name]
    if not ours:
        return "not read: does not vary"
    indicators = sum(c.kind == "category" for c in ours)
    told = [f"{indicators} indicator" + "s" * (indicators > 1)] if indicators else []
    return "; ".join(dict.fromkeys([*told, *(_of_number(c) for c in ours if c.kind != "category")]))


def _of_number(column: Column) -> str:
    plus = f"{number(column.offset)} + " if column.offset else ""
    log = f"log({plus}x), " if column.transform == "log" else ""
    match column.kind:
        case "hinge":
            return f"the part above {column.name.rpartition('>')[2]}"
        case "change":
            return f"change from {words(column.inputs[1])}"
        case "at_most":
            own = "; then with coefficients of its own" if column.splits else ""
            return f"whether at most {number(column.knot)}{own}"
        case _:
            return f"{log}x clipped to {number(column.low)} to {number(column.high)}"
