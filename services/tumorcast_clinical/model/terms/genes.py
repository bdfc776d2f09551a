"""Genes by HGNC id or symbol, and the feature that each kind of finding in one gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.tables import read_table
from tumorcast_clinical.model.terms.analytes import unmapped
from tumorcast_clinical.model.terms.systems import HGNC, system_of
from tumorcast_core.snapshot import Coding

_KINDS = ("mutation", "promoter", "fusion", "amplification", "germline")


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene and, by kind of finding, the catalog's feature; ``from_text``: only its symbol said which gene."""

    symbol: str
    hgnc: int
    features: Mapping[str, str]
    from_text: bool = False

    @property
    def tumors_own(self) -> str:
        """The feature of a mutation in the tumor where the gene has one for inherited ones, too; empty if not."""
        return self.features.get("mutation", "") if "germline" in self.features else ""

    @property
    def coding(self) -> Coding:
        return Coding(HGNC, f"HGNC:{self.hgnc}", self.symbol)


@cache
def genes() -> Mapping[str, Gene]:
    """Every gene of ``genes.yaml`` by symbol, other symbols, and HGNC id with and without its prefix."""
    found: dict[str, Gene] = {}
    for symbol, raw in read_table("terms", "genes.yaml").items():
        gene = Gene(symbol, raw["hgnc"], {kind: raw[kind] for kind in _KINDS if kind in raw})
        for name in (symbol, *raw.get("also", ()), str(gene.hgnc), f"HGNC:{gene.hgnc}"):
            found[name] = gene
    return found


def gene_of(concept: Json) -> Gene | Refusal:
    """Find the gene that a CodeableConcept names; a symbol that contradicts the code is refused with it.

    The numbers of HGNC's gene groups stand in another code system and are never read as genes.
    """
    codings = items(concept, "coding")
    codes = {text(c, "code").strip().upper() for c in codings if system_of(c) == HGNC}
    names = {text(concept, "text"), *(text(coding, "display") for coding in codings)}
    coded = {genes()[code].symbol for code in codes if code in genes()}
    named = {
        genes()[name].symbol for name in (n.strip().upper() for n in names) if name in genes() and not _is_id(name)
    }
    if len(coded) > 1 or (coded and named - coded) or (codes and not coded and named):
        message = "names a gene by a code and a symbol that differ; it is not used."
        return Refusal("CONFLICTING_CODES", message, "valueCodeableConcept")
    if coded:
        return genes()[coded.pop()]
    if len(named) == 1:
        gene = genes()[named.pop()]
        return Gene(gene.symbol, gene.hgnc, gene.features, from_text=True)
    if not codings and not any(names):
        return Refusal("NO_CODE", "does not say of which gene; it is not used.", "valueCodeableConcept")
    return unmapped([(system_of(c), text(c, "code").strip()) for c in codings], "valueCodeableConcept")


def _is_id(name: str) -> bool:
    return name.removeprefix("HGNC:").isdigit()
