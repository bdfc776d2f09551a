"""Which drugs a medication's codes and words mean, and the class of each.

The tables stand in ``drugs/*.yaml``: generic name → RxNorm codes (ingredient, or ingredients of a combination), ATC
codes, other names, and ``elsewhere: true`` for a drug that is given as often without a cancer. ``other_classes.yaml``
holds several classes, the other files the one that they are named for; ``atc_groups.yaml`` holds the class by the
beginning of an ATC code, so that a drug that is not in the tables has a class, too.

RxNorm codes are those that public value sets state with the name (CPIC's drug table, the CIBMTR reporting guide, the
Pediatric Cancer Data Commons); a drug whose code was not found there is known by ATC and name alone. ATC codes: index
of 2026, and those of 2021 that bwHC lists. Names are matched as whole words in display and text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.terms.analytes import Key, keys_of, unmapped
from tumorcast_clinical.model.terms.systems import ATC, RXNORM
from tumorcast_core.snapshot import Coding, Severity

NOT_TREATMENT = frozenset({"local", "supportive"})
"""Classes that are told and give no feature: what acts where it is put only, and what does not act on the cancer."""

_LONGEST_WORDING = 500
_WORD = re.compile(r"[a-z0-9]+")
_LOCAL_WORDS = frozenset(
    {"topical", "cream", "ointment", "gel", "lotion", "ophthalmic", "intravitreal", "intravesical", "intralesional"}
)
_PLACEBO = frozenset({"placebo", "placebos"})


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug by its generic name (its ATC code where only the group is known); ``elsewhere``: also without a cancer."""

    name: str
    drug_class: str
    elsewhere: bool = False


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
    by_words: Mapping[str, list[tuple[tuple[str, ...], str]]]
    groups: Mapping[str, str]


def product_of(concept: Json) -> Product | Refusal:
    """Find the drugs that a CodeableConcept means; code and wording must not contradict each other."""
    keys = keys_of(concept)
    coded = [(key, known) for key in keys if (known := _by_code(*key))]
    displays = [_words(coding, "display") for coding in items(concept, "coding")]
    wordings = [*displays, _words(concept, "text")]
    named = [_named(words) for words in wordings]
    worded = {name: _table().drugs[name] for names in named for name in names}
    if not coded and not worded:
        return unmapped(keys)
    drugs: dict[str, Drug] = {}
    for _, known in sorted(coded, key=lambda item: item[0][0] == ATC):
        if drugs and not _agree(known, drugs):
            return _conflict("is coded as two different drugs; it is not used.")
        drugs |= known
    if coded and worded and not _agree(worded, drugs):
        return _conflict("names another drug than its code; it is not used.")
    words = {word for wording in wordings for word in wording}
    if not _PLACEBO.isdisjoint(words):
        message = "names a placebo beside a drug; what was given is not known."
        return Refusal("BLINDED_THERAPY", message, severity=Severity.WARNING)
    key = coded[0][0] if coded else next((key for key, names in zip(keys, named, strict=False) if names), None)
    return _product(drugs, worded, key, words)


def _product(drugs: dict[str, Drug], worded: dict[str, Drug], key: Key | None, words: set[str]) -> Product:
    if worded and any(name not in _table().drugs for name in drugs):
        drugs = worded
    added = {name: drug for name, drug in worded.items() if name not in drugs}
    every = [drug for _, drug in sorted((drugs | added).items())]
    if not _LOCAL_WORDS.isdisjoint(words):
        every = [Drug(drug.name, "local") for drug in every]
    label = " / ".join(drug.name for drug in every)
    coding = Coding(*key, label) if key else Coding("", label, label)
    said = [drug for drug in added.values() if drug.drug_class not in NOT_TREATMENT]
    return Product(tuple(every), coding, from_text=bool(drugs and said))


def _by_code(system: str, code: str) -> dict[str, Drug]:
    """Drugs of a code; a drug of an ATC code has the class of its group, as everolimus has two."""
    table, code = _table(), code.upper() if system == ATC else code
    known = {name: table.drugs[name] for name in table.by_code.get((system, code), ())}
    group = _group(code) if system == ATC else ""
    if not group:
        return known
    if not known:
        return {code: Drug(code, group)}
    return {name: Drug(name, group, drug.elsewhere) for name, drug in known.items()} if len(known) == 1 else known


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


def _words(node: Json, key: str) -> list[str]:
    return _WORD.findall(text(node, key)[:_LONGEST_WORDING].lower())


def _named(words: list[str]) -> set[str]:
    """Names of drugs among the words, the longest first: "trastuzumab deruxtecan" is no trastuzumab."""
    by_words = _table().by_words
    found: set[str] = set()
    taken = 0
    for i, word in enumerate(words):
        if i < taken or word not in by_words:
            continue
        here = [(len(said), name) for said, name in by_words[word] if tuple(words[i : i + len(said)]) == said]
        longest = max((length for length, _ in here), default=1)
        found |= {name for length, name in here if length == longest}
        taken = i + longest
    return found


@cache
def _table() -> _Table:
    drugs: dict[str, Drug] = {}
    by_code: dict[Key, set[str]] = {}
    by_words: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for drug_class, name, entry in _entries():
        drugs[name] = Drug(name, drug_class, entry.get("elsewhere", False))
        for system, codes in ((RXNORM, entry.get("rxnorm", ())), (ATC, entry.get("atc", ()))):
            for code in codes:
                by_code.setdefault((system, str(code)), set()).add(name)
        for alias in {*_spellings(name), *entry.get("names", ())}:
            words = tuple(str(alias).split())
            by_words.setdefault(words[0], []).append((words, name))
    groups = {str(atc): name for name, beginnings in _load("atc_groups.yaml").items() for atc in beginnings}
    return _Table(drugs, {key: frozenset(names) for key, names in by_code.items()}, by_words, groups)


def _entries() -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    single = ("chemotherapy", "immunotherapy", "targeted_therapy", "endocrine_therapy", "antibody_drug_conjugate")
    classes = {name: _load(f"{name}.yaml") for name in single} | _load("other_classes.yaml")
    for drug_class, drugs in classes.items():
        for name, entry in drugs.items():
            yield drug_class, str(name), entry


def _spellings(name: str) -> set[str]:
    """The name, and as German and French write it.

    >>> sorted(_spellings("capecitabine")), sorted(_spellings("cisplatin"))
    (['capecitabin', 'capecitabine'], ['cisplatin', 'cisplatine'])
    """
    if name.endswith("e"):
        return {name, name[:-1]}
    return {name, f"{name}e"} if name.endswith("in") else {name}


def _load(file: str) -> dict[str, Any]:
    source = files("tumorcast_clinical.model.terms").joinpath("drugs", file).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(source, Loader=yaml.CSafeLoader)
    return loaded
