"""The clinical significance of variants, stated by themselves or by implications elsewhere in the record.

In HL7 Genomics Reporting STU3 a variant does not state its significance; a diagnostic implication that is derived from
it does, and may stand anywhere in the record. ``weighed`` therefore decides once all is read.
"""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.variant_parts import TO_BE_CODED, Variant
from tumorcast_clinical.model.record.entry import Entry
from tumorcast_clinical.model.record.tree import items, text
from tumorcast_core.dates import PartialDate

DIAGNOSTIC_IMPLICATION = (TO_BE_CODED, "diagnostic-implication")


def read_implication(entry: Entry, _when: PartialDate | None, context: Context) -> list[Reading]:
    """Remember the significance of the variants that a diagnostic implication is derived from."""
    significance, sources = Variant.of(entry).significance, items(entry.resource, "derivedFrom")
    if not significance or not sources:
        message = "states no clinical significance of a variant of the record; it is not used."
        context.report.inform(entry, "UNUSED_IMPLICATION", message)
        return []
    names = {name for source in sources for name in _names(text(source, "reference"))}
    for name in names:
        context.significances.setdefault(name, set()).add(significance)
    context.implications.append((entry, names))
    return []


def weighed(context: Context) -> list[Reading]:
    """The variants that waited for their significance, without those that are benign or uncertain."""
    kept = []
    for reading in context.unweighed:
        names = filter(None, (reading.entry.source, reading.entry.full_url))
        found = {significance for name in names for significance in context.significances.get(name, ())}
        if counts(reading, found, context):
            kept.append(reading)
    waiting = {name for reading in context.unweighed for name in (reading.entry.source, reading.entry.full_url)}
    for entry, implied in context.implications:
        if not implied & waiting:
            message = "is of no variant of the record that waits for its clinical significance; it is not used."
            context.report.inform(entry, "UNUSED_IMPLICATION", message)
    context.unweighed.clear()
    return kept


def counts(reading: Reading, significances: set[str], context: Context) -> bool:
    """Whether a variant of such significances is read as a mutation; what is doubtful or not read is told."""
    entry, report = reading.entry, context.report
    if {"pathogenic", "benign"} <= significances:
        report.error(entry, "CONFLICTING_CODES", "is called both pathogenic and benign; it is not used.")
    elif "pathogenic" in significances:
        return True
    elif "?" in significances:
        report.error(entry, "UNKNOWN_VALUE", "has a clinical significance that is not known; it is not used.")
    elif significances:
        word = "of uncertain significance" if "uncertain" in significances else "benign"
        report.inform(entry, "VARIANT_NOT_PATHOGENIC", f"is a variant {word}; it is not read as a mutation.")
    else:
        message = "does not state the variant's clinical significance; it is read as pathogenic."
        report.warn(entry, "SIGNIFICANCE_NOT_STATED", message)
        return True
    return False


def _names(reference: str) -> set[str]:
    """What the entry that a reference means may be called: as written, and ``Type/id``."""
    plain = reference.partition("/_history/")[0]
    return {plain, "/".join(plain.split("/")[-2:])} if plain else set()
