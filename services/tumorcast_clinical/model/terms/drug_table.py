"""Which drugs a medication's codes and words mean, and the class of each.

The tables stand in ``drugs/*.yaml``: generic name → RxNorm codes (ingredient, or ingredients of a combination), ATC
codes, other names, and ``elsewhere: true`` for a drug that is given as often without a cancer, ``sometimes`` for one
that has such uses beside. ``other_classes.yaml``
holds several classes, the other files the one that they are named for; ``atc_groups.yaml`` holds the class by the
beginning of an ATC code, so that a drug that is not in the tables has a class, too.

RxNorm codes are those that public value sets state with the name (CPIC's drug table, the CIBMTR reporting guide, the
Pediatric Cancer Data Commons); a drug whose code was not found there is known by ATC and name alone. ATC codes: index
of 2026, and those of 2021 that bwHC lists. Names are matched as whole words in display and text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.tables import read_table
from tumorcast_clinical.model.terms.analytes import Key, keys_of, unmapped
from tumorcast_clinical.model.terms.mentions import Names, by_first_word, mentions_of, words_of
from tumorcast_clinical.model.terms.systems import ATC, RXNORM
from tumorcast_core.snapshot import Coding, Severity

NOT_TREATMENT = frozenset({"local", "supportive"})
"""Classes that are told and give no feature: what acts where it is put only, and what does not act on the cancer."""

_LOCAL_WORDS = frozenset(
    {"topical", "cream", "ointment", "gel", "lotion", "ophthalmic", "intravitreal", "intravesical", "intralesional"}
    | {"intradermal", "creme", "salbe", "topisch"}
)
_OF_CANCER = ("L01", "L02")
_PLACEBO = frozenset({"placebo", "placebos"})


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug by its generic name, its ATC code where only the group is known.

    ``elsewhere``: given as often without a cancer; ``sometimes_elsewhere``: given so, too.
    """

    name: str
    drug_class: str
    elsewhere: bool = False
    sometimes_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """The drugs in one product, the coding that said so (without a system: a name did), and whether words added any."""

    drugs: tuple[Drug, ...]
    coding: Coding
    from_text: bool = False

    @property
    def treatment(self) -> tuple[Drug, ...]:
        """Those of its drugs that act on a cancer throughout the body."""
        return tuple(drug for drug in self.drugs if drug.drug_class not in NOT_TREATMENT)


@dataclass(frozen=True, slots=True)
class _Table:
    drugs: Mapping[str, Drug]
    by_code: Mapping[Key, frozenset[str]]
    by_words: Names
    groups: Mapping[str, str]


def product_of(concept: Json) -> Product | Refusal:
    """Find the drugs that a CodeableConcept means; code and wording must not contradict each other."""
    keys = keys_of(concept)
    coded = [(key, known) for key in keys if (known := _by_code(*key))]
    texts = [*(text(coding, "display") for coding in items(concept, "coding")), text(concept, "text")]
    wordings = [words_of(wording) for wording in texts]
    mentions = [mentions_of(words, _table().by_words) for words in wordings]
    worded = {name: _table().drugs[name] for said in mentions for name in said.stated}
    denied = {name: _table().drugs[name] for said in mentions for name in said.denied}
    if not coded and not worded and not denied:
        return _unknown(keys, any(texts))
    drugs: dict[str, Drug] = {}
    for _, known in sorted(coded, key=lambda item: item[0][0] == ATC):
        if drugs and not _agree(known, drugs):
            return _conflict("is coded as two different drugs; it is not used.")
        drugs |= known
    words = {word for wording in wordings for word in wording}
    doubt = _doubt(drugs, worded, denied, words, any(said.alternatives for said in mentions))
    if doubt:
        return doubt
    key = coded[0][0] if coded else next((key for key, said in zip(keys, mentions, strict=False) if said.found), None)
    return _product(drugs, worded, key, words)


def _doubt(
    drugs: dict[str, Drug], worded: dict[str, Drug], denied: dict[str, Drug], words: set[str], alternatives: bool
) -> Refusal | None:
    """Why what is coded (``drugs``) and said does not tell what was given; ``None`` if it does."""
    if denied.keys() & drugs.keys() or not (drugs or worded):
        message = "is named in words that say that it was not given; it is not used."
        return Refusal("THERAPY_NOT_GIVEN", message, severity=Severity.WARNING)
    if drugs and worded and not _agree(worded, drugs):
        return _conflict("names another drug than its code; it is not used.")
    if not _PLACEBO.isdisjoint(words):
        message = "names a placebo beside a drug; what was given is not known."
        return Refusal("BLINDED_THERAPY", message, severity=Severity.WARNING)
    if alternatives and not worded.keys() <= drugs.keys():
        message = "names one drug or another; what was given is not known."
        return Refusal("THERAPY_NOT_CERTAIN", message, severity=Severity.WARNING)
    return None


def joined(products: list[Product]) -> Product:
    """Take the drugs of a product and of its ingredients together; the first says what all must share a drug with."""
    first = products[0]
    every = {drug.name: drug for product in reversed(products) for drug in product.drugs}
    named = {name: drug for name, drug in every.items() if name in _table().drugs} or every
    drugs = tuple(drug for _, drug in sorted(named.items()))
    label = " / ".join(drug.name for drug in drugs)
    coding = replace(first.coding, display=label) if len(products) == 1 else Coding("", label, label)
    return Product(drugs, coding, from_text=any(product.from_text for product in products))


def same_drug(one: Product, other: Product) -> bool:
    """Whether the two products share a drug; where only a drug's group is known, whether they share a class."""
    return _agree({drug.name: drug for drug in one.drugs}, {drug.name: drug for drug in other.drugs})


def _unknown(keys: list[Key], worded: bool) -> Refusal:
    """Why codes that mean no known drug are not used; a loss if it may be, or is, a cancer drug by its ATC group."""
    refusal = unmapped(keys)
    if any(system == ATC and code.upper().startswith(_OF_CANCER) for system, code in keys):
        message = "is a cancer drug by its ATC group, but of no class of the catalog; it is not used."
        return replace(refusal, message=message, severity=Severity.WARNING)
    if refusal.code == "UNMAPPED_CODE" and not worded:
        message = "has a code that is not known, and no name beside it; it is not used."
        return replace(refusal, message=message, severity=Severity.WARNING)
    return refusal


def _product(drugs: dict[str, Drug], worded: dict[str, Drug], key: Key | None, words: set[str]) -> Product:
    if worded and any(name not in _table().drugs for name in drugs):
        drugs = worded
    added = {name: drug for name, drug in worded.items() if name not in drugs}
    every = [drug for _, drug in sorted((drugs | added).items())]
    if is_local(words):
        every = [replace(drug, drug_class="local") for drug in every]
    label = " / ".join(drug.name for drug in every)
    coding = Coding(*key, label) if key else Coding("", label, label)
    said = [drug for drug in added.values() if drug.drug_class not in NOT_TREATMENT]
    return Product(tuple(every), coding, from_text=bool(drugs and said))


def is_local(words: Iterable[str]) -> bool:
    """Whether words of a drug, its form or its route say that it acts only where it is put."""
    return not _LOCAL_WORDS.isdisjoint(words)


def _by_code(system: str, code: str) -> dict[str, Drug]:
    """Drugs of a code; a drug of an ATC code has the class of its group, as everolimus has two."""
    table, code = _table(), code.upper() if system == ATC else code
    known = {name: table.drugs[name] for name in table.by_code.get((system, code), ())}
    group = _group(code) if system == ATC else ""
    if not group:
        return known
    if not known:
        return {code: Drug(code, group)}
    return {name: replace(drug, drug_class=group) for name, drug in known.items()} if len(known) == 1 else known


def _group(atc: str) -> str:
    """The class of the longest beginning of an ATC code that has one.

    >>> _group("L01FF99"), _group("L01XX99"), _group("L04AX03")
    ('immunotherapy', '', 'supportive')
    """
    groups = _table().groups
    return next((groups[atc[:end]] for end in range(len(atc), 2, -1) if atc[:end] in groups), "")


def _agree(some: Mapping[str, Drug], others: Mapping[str, Drug]) -> bool:
    """Whether they share a drug; where only a drug's group is known, whether they share a class."""
    if some.keys() & others.keys():
        return True
    unnamed = [name for name in (*some, *others) if name not in _table().drugs]
    classes = {drug.drug_class for drug in some.values()} & {drug.drug_class for drug in others.values()}
    return bool(unnamed and classes)


def _conflict(message: str) -> Refusal:
    return Refusal("CONFLICTING_CODES", message)


@cache
def _table() -> _Table:
    drugs: dict[str, Drug] = {}
    by_code: dict[Key, set[str]] = {}
    names: list[tuple[str, str]] = []
    for drug_class, name, entry in _entries():
        elsewhere = entry.get("elsewhere")
        drugs[name] = Drug(name, drug_class, elsewhere is True, elsewhere is not None)
        for system, codes in ((RXNORM, entry.get("rxnorm", ())), (ATC, entry.get("atc", ()))):
            for code in codes:
                by_code.setdefault((system, str(code)), set()).add(name)
        names += ((str(alias), name) for alias in {*_spellings(name), *entry.get("names", ())})
    for name, entry in _load("regimens.yaml").items():
        names += ((str(alias), drug) for alias in (name, *entry.get("names", ())) for drug in entry["drugs"])
    groups = {str(atc): name for name, beginnings in _load("atc_groups.yaml").items() for atc in beginnings}
    return _Table(drugs, {key: frozenset(drug) for key, drug in by_code.items()}, by_first_word(names), groups)


def _entries() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    single = ("chemotherapy", "immunotherapy", "targeted_therapy", "endocrine_therapy", "antibody_drug_conjugate")
    classes = {name: _load(f"{name}.yaml") for name in single} | _load("other_classes.yaml")
    for drug_class, drugs in classes.items():
        for name, entry in drugs.items():
            yield drug_class, str(name), entry


def _spellings(name: str) -> set[str]:
    """The name, and as German, French, Italian and Spanish write it.

    >>> sorted(_spellings("capecitabine")), sorted(_spellings("cisplatin"))
    (['capecitabin', 'capecitabina', 'capecitabine'], ['cisplatin', 'cisplatine', 'cisplatino'])
    """
    if name.endswith("ine"):
        return {name, name[:-1], f"{name[:-1]}a"}
    if name.endswith("e"):
        return {name, name[:-1]}
    if name.endswith("bicin"):
        return {name, f"{name}e", f"{name}a"}
    return {name, f"{name}e", f"{name}o"} if name.endswith("in") else {name}


def _load(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = read_table("terms", "drugs", file)
    return loaded
