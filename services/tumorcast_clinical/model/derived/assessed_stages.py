"""Stages whose assessment the record names and does not hold: said, since nothing else reads them."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.record.tree import items, text
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature


def tell_lost_stages(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Warn of a Condition's stage if no stage group was read from any Observation that assesses it; no features."""
    staged = {
        r.entry.location: r.entry for r in readings if "stage" in r.entry.resource and r.entry.type == "Condition"
    }
    if not staged:
        return []
    groups = [r.entry for r in readings if r.feature.name == "stage_group" and r.entry.type == "Observation"]
    read = {name for entry in groups for name in (entry.source, entry.full_url) if name}
    for entry in staged.values():
        for i, stage in enumerate(items(entry.resource, "stage")):
            named = {text(reference, "reference") for reference in items(stage, "assessment")} - {""}
            if named and not any(_is_read(name, read) for name in named):
                message = "has a stage whose assessment gave no stage group; it is not used."
                context.report.warn(entry, "STAGE_NOT_READ", message, f"stage[{i}]")
    return []


def _is_read(reference: str, read: set[str]) -> bool:
    return reference in read or "/".join(reference.split("/_history/")[0].rsplit("/", 2)[-2:]) in read
