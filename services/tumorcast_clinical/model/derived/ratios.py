"""Features computed from others; each names its sources and its formula."""

from __future__ import annotations

from collections import defaultdict

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_clinical.model.record.entry import Report
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.errors import ImplausibleValue
from tumorcast_core.snapshot import Feature


def neutrophil_lymphocyte_ratios(
    readings: list[Reading], context: Context, _today: PartialDate | None
) -> list[Feature]:
    """One ratio for each sample in which both were counted exactly and once.

    One observation's components are one sample; so are readings of one specimen, or of one moment where the record
    names no specimen.
    """
    samples: dict[str, dict[str, list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        if reading.feature.name in ("neutrophil_count", "lymphocyte_count"):
            samples[reading.sample or reading.entry.location][reading.feature.name].append(reading)
    ratios = []
    for counts in samples.values():
        neutrophils, lymphocytes = counts["neutrophil_count"], counts["lymphocyte_count"]
        if len(neutrophils) == len(lymphocytes) == 1:
            ratios += _ratio(neutrophils[0], lymphocytes[0], context.report)
        elif neutrophils and lymphocytes:
            message = "shares its sample with several counts; no neutrophil-lymphocyte ratio is derived."
            context.report.inform(neutrophils[0].entry, "NOT_DERIVED", message)
    return ratios


def _ratio(neutrophils: Reading, lymphocytes: Reading, report: Report) -> list[Feature]:
    above, below = neutrophils.feature, lymphocytes.feature
    if above.comparator or below.comparator:
        message = "gives only a bound; no neutrophil-lymphocyte ratio is derived."
        report.inform(neutrophils.entry, "NOT_DERIVED", message)
        return []
    status = next((f.status for f in (above, below) if f.status in NOT_FINAL), "")
    try:
        return [
            catalog_entry("neutrophil_lymphocyte_ratio").make(
                float(above.value or 0) / float(below.value or 1),
                effective=above.effective,
                status=status or above.status or below.status,
                sources=(above.source, below.source),
                formula="neutrophil_count / lymphocyte_count",
            )
        ]
    except ImplausibleValue:
        report.inform(neutrophils.entry, "NOT_DERIVED", "gives an implausible neutrophil-lymphocyte ratio.")
        return []
