"""Coded answers: which category or grade of a value set an answer means.

The value sets stand in ``value_sets/*.yaml``. A set maps each member to codes by system (short names of
``systems.SHORT``) and to ``text``, wordings in lower case that are matched whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, items, text
from tumorcast_clinical.model.terms.systems import SHORT, system_of
from tumorcast_clinical.model.terms.wordings import worded

_STAGING_SYSTEMS = frozenset(
    {"http://cancerstaging.org", "https://cancerstaging.org", "https://www.uicc.org/resources/tnm"}
)
_LONGEST_WORDING = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """A category or grade; ``from_text`` where no known code but only its wording said so."""

    value: str
    from_text: bool = False


@cache
def value_sets() -> Mapping[str, Mapping[tuple[str, str], str]]:
    """Every value set: member by (system, code), and by ("text", wording)."""
    sets: dict[str, dict[tuple[str, str], str]] = {}
    folder = files("tumorcast_clinical.model.terms").joinpath("value_sets")
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name):
        for name, members in yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).items():
            if name in sets:
                raise ValueError(f"value set {name} stands in two files")
            sets[name] = {
                (SHORT.get(system, system), str(code)): str(member)
                for member, codes in members.items()
                for system, codes_of_system in codes.items()
                for code in codes_of_system
            }
    return sets


def answer_of(concept: Json, value_set: str) -> Answer | Refusal:
    """Find the member of ``value_set`` that a CodeableConcept means, by code, else by wording.

    Wording that contradicts the code is refused with it.
    """
    known = value_sets()[value_set]
    codings = items(concept, "coding")
    coded = {known[key] for coding in codings if (key := (system_of(coding), text(coding, "code").strip())) in known}
    staged = [coding for coding in codings if system_of(coding).rstrip("/") in _STAGING_SYSTEMS]
    coded |= {found for coding in staged if (found := _worded(text(coding, "code"), value_set))}
    if len(coded) > 1:
        return Refusal("CONFLICTING_CODES", "has an answer coded in two different ways; it is not used.")
    wordings = {text(concept, "text"), *(text(coding, "display") for coding in codings)}
    said = {_worded(wording, value_set) for wording in wordings} - {None}
    if coded and said - coded:
        return Refusal("CONFLICTING_CODES", "has an answer whose code and wording differ; it is not used.")
    if coded:
        return Answer(coded.pop())
    if len(said) == 1:
        return Answer(str(said.pop()), from_text=True)
    return Refusal("UNKNOWN_VALUE", "has an answer that is not known; it is not used.")


def _worded(wording: str, value_set: str) -> str | None:
    words = " ".join(wording.lower().split())[:_LONGEST_WORDING]
    return worded(words, value_set) or value_sets()[value_set].get(("text", words))
