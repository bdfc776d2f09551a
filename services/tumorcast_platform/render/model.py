"""What a model says of itself, as a page: enough to map a table onto it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tumorcast_core.prognosis import EndpointDescription, InputDescription, InputGroup, ModelSummary
from tumorcast_core.snapshot import Coding
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped

_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCIt",
    "http://unitsofmeasure.org": "UCUM",
}
_SHORT = 30
"""Columns of categories that stand beside their input; longer lists stand below it."""


def model_page(model: ModelSummary) -> list[Line]:
    """All lines of the page, of at most 100 columns; the JSON document has definitions in full and training ranges."""
    lines = [Line(f"{model.ref.name} {model.ref.version}", Style.HEADING)]
    if model.simulated:
        lines.append(Line("SIMULATED: trained on simulated patients. Not for the care of anyone.", Style.ALARM))
    lines += [Line(), *wrapped(f"Indication: {model.indication}", hanging=2)]
    lines += wrapped(f"Intended use: {model.intended_use}", hanging=2)
    lines += [Line(), Line("Inputs; any subset will do", Style.HEADING), *_inputs(model)]
    lines += [Line(), Line("Endpoints", Style.HEADING)]
    for endpoint in model.endpoints:
        lines += _endpoint(endpoint)
    lines += [Line(), Line(f"sha256 {model.ref.sha256}", Style.QUIET)]
    return [line.within(WIDTH) for line in lines]


def _inputs(model: ModelSummary) -> list[Line]:
    """One table over all groups, each under its own name; what no input describes is named with its group."""
    header = ["input", "unit or categories", "range", "code"]
    rows = columns([header, *map(_row, model.inputs)], align="<<<<", indent=4)
    table = dict(zip((i.name for i in model.inputs), rows[1:], strict=True))
    lines = [Line(rows[0], Style.QUIET)] if model.inputs else []
    for group in model.groups:
        described = [i for i in model.inputs if i.group == group.id]
        lines += wrapped(_group(group, described), indent=2, hanging=4)
        for found in described:
            lines.append(Line(table[found.name]))
            if _categories(found) and not _beside(found):
                lines += wrapped(_categories(found), Style.QUIET, indent=8)
    return lines


def _group(group: InputGroup, described: Sequence[InputDescription]) -> str:
    told = {found.feature for found in described}
    reads = [f for f in group.features if f not in told] + [f"embedding {space}" for space in group.embedding_spaces]
    return f"{group.id} ({group.modality}){': ' * bool(reads)}{', '.join(reads)}"


def _row(found: InputDescription) -> list[str]:
    return [found.name, found.unit or _beside(found), _range(found), _code(found.coding)]


def _categories(found: InputDescription) -> str:
    return " | ".join(found.categories)


def _beside(found: InputDescription) -> str:
    text = _categories(found)
    return text if len(text) <= _SHORT else ""


def _range(found: InputDescription) -> str:
    if found.plausible is None:
        return ""
    low, high = found.plausible
    match math.isfinite(low), math.isfinite(high):
        case True, True:
            return f"{low:.10g} to {high:.10g}"
        case True, False:
            return f"≥ {low:.10g}"
        case False, True:
            return f"≤ {high:.10g}"
    return "any"


def _code(coding: Coding) -> str:
    """Give the code with the common name of its system.

    >>> _code(Coding("http://loinc.org", "1751-7"))
    'LOINC 1751-7'
    """
    return f"{_SYSTEMS.get(coding.system, coding.system)} {coding.code}" if coding.system else ""


def _endpoint(endpoint: EndpointDescription) -> list[Line]:
    days = ", ".join(f"{horizon:g}" for horizon in endpoint.horizons_days)
    told = f"{endpoint.id} ({endpoint.kind}): {endpoint.definition.rstrip('.')}."
    lines = wrapped(f"{told} Horizons: {days} days." if days else told, indent=2, hanging=4)
    if endpoint.outcomes:
        lines += wrapped(f"outcomes: {', '.join(endpoint.outcomes)}", indent=4, hanging=6)
    for column in endpoint.outcome_columns:
        optional = " (may be left out)" if column.optional else ""
        lines += wrapped(f"column {column.name}: {column.description}{optional}", indent=4, hanging=6)
    return lines
