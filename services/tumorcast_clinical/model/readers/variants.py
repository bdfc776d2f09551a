"""Variants (HL7 Genomics Reporting, mCODE 4 GenomicVariant) → a feature for each gene; what is not read is told.

A variant that is present gives one feature: of its gene, or of the gene that a fusion makes active. One that is absent
gives a feature for each gene that it names, unless it names one change: that G12C is absent says nothing of G12D.
"""

from __future__ import annotations

from tumorcast_clinical.model.readers.biomarkers import inconclusive
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.significance import counts
from tumorcast_clinical.model.readers.variant_parts import GENE, Variant
from tumorcast_clinical.model.record.entry import Entry, Refusal
from tumorcast_clinical.model.record.tree import Json, child, text
from tumorcast_clinical.model.terms.answers import answer_of
from tumorcast_clinical.model.terms.genes import Gene, gene_of
from tumorcast_clinical.model.terms.systems import LOINC
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Severity

VARIANT, REGION_STUDIED = (LOINC, "69548-6"), (LOINC, "53041-0")

Genes = list[tuple[int, Gene]]
"""Genes with the place of the component that names each."""

_IN_SEQUENCE = frozenset({"sequence", ""})
_ALL_OF = {"ntrk_fusion": frozenset({"NTRK1", "NTRK2", "NTRK3"})}
_NOT_READ = {
    "silent": "leaves the protein as it is",
    "gain": "is a gain of copies, which may be no amplification",
    "copies": "states a number of copies and does not call it an amplification",
    "loss": "is a loss of copies, which may be of one allele",
}


def read_variant(entry: Entry, when: PartialDate | None, context: Context) -> list[Reading]:
    """Read a variant; a present one that states no significance waits in ``context.unweighed``."""
    variant, presence = Variant.of(entry), _presence(entry.resource)
    if isinstance(presence, Refusal):
        context.report.refuse(entry, presence)
        return []
    genes = _genes(variant, context)
    if not genes:
        return []
    if presence == "absent":
        return _absent(variant, genes, when, context)
    found = _present(variant, genes, when)
    if isinstance(found, Refusal):
        context.report.refuse(entry, found)
        return []
    if variant.significance and not counts(found, {variant.significance}, context):
        return []
    if not variant.source_class and any(found.feature.name == gene.tumors_own for _, gene in genes):
        message = "does not say whether the variant is inherited; it is read as the tumor's."
        context.report.warn(entry, "SOURCE_CLASS_NOT_STATED", message)
    if not variant.significance:
        context.unweighed.append(found)
        return []
    return [found]


def read_region_studied(entry: Entry, _when: PartialDate | None, context: Context) -> list[Reading]:
    """Tell that the observation says only what was examined."""
    context.report.inform(entry, "REGION_STUDIED", "says which genes were examined, not what was found.", "code")
    return []


def _presence(resource: Json) -> str | Refusal:
    """Read ``present`` or ``absent``."""
    concept = child(resource, "valueCodeableConcept")
    if "dataAbsentReason" in resource or not concept:
        message = "does not say whether the variant is present; it is not used."
        return Refusal("NO_VALUE", message, severity=Severity.WARNING)
    answer = answer_of(concept, "presence")
    if isinstance(answer, Refusal):
        return inconclusive(concept, "the variant") or answer
    return answer.value


def _genes(variant: Variant, context: Context) -> Genes:
    """The genes that the variant names; none if one is named at odds; what is not known is told."""
    studied = [(i, gene_of(child(part, "valueCodeableConcept"))) for i, part in variant.components.get(GENE, ())]
    if not studied:
        context.report.error(variant.entry, "NO_GENE", "does not say in which gene; it is not used.")
    genes = [(i, gene) for i, gene in studied if isinstance(gene, Gene)]
    in_doubt = False
    for i, gene in studied:
        place = f"component[{i}]"
        if isinstance(gene, Gene):
            if gene.from_text:
                message = "names a gene in words, without a known code."
                context.report.warn(variant.entry, "READ_FROM_TEXT", message, place)
        elif gene.code == "CONFLICTING_CODES" or not genes:
            in_doubt = True
            context.report.refuse(variant.entry, gene, place)
        else:
            message = "names a further gene that no feature reads."
            context.report.inform(variant.entry, "UNMAPPED_CODE", message, place)
    return [] if in_doubt else genes


def _present(variant: Variant, genes: Genes, when: PartialDate | None) -> Reading | Refusal:
    """The one feature that a present variant gives."""
    kind = variant.kind
    if kind == "" and len(variant.components[GENE]) > 1:
        kind = "fusion"
    if kind in _NOT_READ:
        severity = Severity.INFORMATION if kind == "silent" else Severity.WARNING
        return Refusal("VARIANT_NOT_READ", f"{_NOT_READ[kind]}; it is not read.", severity=severity)
    wanted = _wanted(variant, kind)
    if isinstance(wanted, Refusal):
        return wanted
    of_gene = {gene.features.get(wanted, ""): gene for _, gene in genes}
    if wanted == "mutation" and variant.is_of_promoter:
        of_gene |= {gene.features.get("promoter", ""): gene for _, gene in genes}
    of_gene.pop("", None)
    if len(of_gene) > 1:
        return Refusal("SEVERAL_GENES", "names several genes of which each could be meant; it is not used.")
    if not of_gene:
        return _unread(genes, wanted, kind)
    name, gene = of_gene.popitem()
    return _reading(variant, gene, name, "present", variant.entry.source, when)


def _wanted(variant: Variant, kind: str) -> str | Refusal:
    """Which feature of a gene the finding gives; what is inherited is none of the tumor."""
    wanted = "mutation" if kind in _IN_SEQUENCE else kind
    source_class = variant.source_class
    if source_class in ("?", "unknown"):
        message = "is called neither somatic nor germline; it is not used."
        return Refusal("UNKNOWN_SOURCE_CLASS", message, severity=Severity.WARNING)
    if source_class == "germline" and wanted != "mutation":
        return Refusal("VARIANT_NOT_READ", "is inherited; it is not read.", severity=Severity.WARNING)
    return "germline" if source_class == "germline" else wanted


def _unread(genes: Genes, wanted: str, kind: str) -> Refusal:
    """Why no feature of the genes reads the finding; without its kind, it could be one that a feature reads."""
    if wanted == "mutation" and any("promoter" in gene.features for _, gene in genes):
        message = "names no hot spot of the promoter; it is not used."
    elif kind == "" and any("fusion" in gene.features for _, gene in genes):
        message = "does not say whether it is a fusion; it is not used."
        return Refusal("CHANGE_TYPE_NOT_STATED", message, severity=Severity.WARNING)
    else:
        message = f"is of a kind ({wanted}) that no feature of its gene reads; it is not used."
    return Refusal("VARIANT_NOT_READ", message, severity=Severity.INFORMATION)


def _absent(variant: Variant, genes: Genes, when: PartialDate | None, context: Context) -> list[Reading]:
    """A feature for each gene in which nothing was found; that of several genes only for all of them together."""
    kind = variant.kind
    wanted = _wanted(variant, kind)
    if variant.names_one_change:
        message = "says that one change is absent, not that its gene is without any; it is not used."
        wanted = Refusal("ONE_CHANGE_ABSENT", message, severity=Severity.WARNING)
    if isinstance(wanted, Refusal):
        context.report.refuse(variant.entry, wanted)
        return []
    symbols = {gene.symbol for _, gene in genes}
    readings: dict[str, Reading] = {}
    for i, gene in genes:
        name = gene.features.get(wanted, "")
        if not name or not _ALL_OF.get(name, frozenset()) <= symbols:
            context.report.refuse(variant.entry, _unread([(i, gene)], wanted, kind), f"component[{i}]")
        elif name not in readings:
            source = f"{variant.entry.source}#component[{i}]"
            readings[name] = _reading(variant, gene, name, "absent", source, when)
    return list(readings.values())


def _reading(variant: Variant, gene: Gene, name: str, value: str, source: str, when: PartialDate | None) -> Reading:
    status = text(variant.entry.resource, "status")
    feature = catalog_entry(name).make(
        value,
        coding=gene.coding,
        effective=when.text if when else "",
        source=source,
        status="" if status == "final" else status,
    )
    return Reading(feature, variant.entry, "", when)
