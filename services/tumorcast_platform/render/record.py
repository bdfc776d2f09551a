"""What was read from a FHIR record: as the JSON document of ``tumorcast clinical extract``, and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped

if TYPE_CHECKING:
    from tumorcast_core.catalog import CatalogEntry
    from tumorcast_core.errors import TumorcastError
    from tumorcast_core.snapshot import Extraction, Feature, Issue

Document = Mapping[str, Any]

_STYLES = {"fatal": Style.ALARM, "error": Style.ALARM, "warning": Style.CAUTION}
_OPTIONAL = ("comparator", "status", "timepoint", "formula")


def record_document(extraction: Extraction) -> dict[str, Any]:
    """Features and issues of a record, as the service's gRPC answer holds them."""
    return {
        "features": [_feature(feature) for feature in extraction.features],
        "issues": [_issue(issue) for issue in extraction.issues],
    }


def unreadable_document(error: TumorcastError) -> dict[str, Any]:
    """The same document for a record that cannot be read: no features and one fatal issue."""
    issue = {"severity": "fatal", "code": error.reason, "message": error.message, "location": ""}
    return {"features": [], "issues": [issue]}


def analyte_document(entry: CatalogEntry, other_units: Mapping[str, float]) -> dict[str, Any]:
    """What the catalog says of one analyte, and the units that are converted to its own by a factor."""
    bounded = {"range": list(entry.range)} if not entry.categories else {"categories": list(entry.categories)}
    return {
        "name": entry.name,
        "modality": entry.modality.value,
        "group": entry.group,
        "description": entry.description,
        "unit": entry.unit,
        **bounded,
        "codings": [{"system": c.system, "code": c.code, "display": c.display} for c in entry.codings],
        "other_units": [{"unit": unit, "factor": factor} for unit, factor in other_units.items()],
    }


def record_page(document: Document) -> list[Line]:
    """The document as text: a table of features, then each issue with its place."""
    features, issues = document["features"], document["issues"]
    rows = columns([_row(feature) for feature in features], align="<><<<")
    lines = [Line(f"{len(features)} features", Style.HEADING), *map(Line, rows)]
    if issues:
        lines += [Line(), Line(f"{len(issues)} issues", Style.HEADING)]
    for issue in issues:
        style = _STYLES.get(issue["severity"], Style.QUIET)
        place = f" [{issue['location']}]" if issue["location"] else ""
        text = f"{issue['severity']}: {issue['message']} ({issue['code']}){place}"
        lines += wrapped(text, style, indent=2, hanging=4, width=WIDTH)
    return lines


def analytes_page(analytes: Iterable[Document]) -> list[Line]:
    """All analytes as tables, one for each modality and group: name, unit, plausible range or categories, codes."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for analyte in analytes:
        codes = " ".join(coding["code"] for coding in analyte["codings"])
        row = _short(analyte["name"], 42), _short(analyte["unit"], 14), _short(_span(analyte), 20), _short(codes, 18)
        groups.setdefault(f"{analyte['modality']} {analyte['group']}".rstrip(), []).append(row)
    lines = []
    for title, rows in groups.items():
        lines += [Line(title, Style.HEADING), *map(Line, columns(rows, align="<<<<", gap=2)), Line()]
    return lines[:-1]


def _span(analyte: Document) -> str:
    if "categories" in analyte:
        return " ".join(analyte["categories"])
    low, high = analyte["range"]
    return f"{low:g} to {high:g}"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _feature(feature: Feature) -> dict[str, Any]:
    coding = feature.coding
    document: dict[str, Any] = {"name": feature.name}
    document["coding"] = coding and {"system": coding.system, "code": coding.code, "display": coding.display}
    if isinstance(feature.value, str):
        document["category"] = feature.value
    elif feature.value is not None:
        document |= {"value": feature.value, "unit": feature.unit}
    document |= {"effective": feature.effective, "source": feature.source}
    if feature.sources:
        document["sources"] = list(feature.sources)
    return document | {key: getattr(feature, key) for key in _OPTIONAL if getattr(feature, key)}


def _issue(issue: Issue) -> dict[str, str]:
    return {
        "severity": issue.severity.value,
        "code": issue.code,
        "message": issue.message,
        "location": issue.location,
    }


def _row(feature: Document) -> tuple[str, ...]:
    number = f"{feature['value']:.6g} {feature['unit']}".rstrip() if "value" in feature else feature.get("category", "")
    sources = feature.get("sources", ())
    source = feature["source"] or (sources[0] if len(sources) == 1 else f"derived from {len(sources)}")
    said = f"{feature.get('comparator', '')}{number}", feature["effective"][:10], feature.get("status", ""), source
    return feature["name"], *said
