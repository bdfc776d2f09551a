"""The lexicon: concepts, cues, terminators and sections of ``lexicon.yaml``, compiled once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_core.catalog import catalog
from tumorcast_core.snapshot import Modality


class Assertion(StrEnum):
    """How the text states a finding of the patient now."""

    AFFIRMED = "affirmed"
    NEGATED = "negated"
    UNCERTAIN = "uncertain"


class Side(StrEnum):
    """Where a cue stands: left of the concept, left of it and close by, or right of it."""

    BEFORE = "before"
    NEAR = "near"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Cue:
    """What some words do to a concept, on which side of it they stand, and what ends their reach."""

    effect: str
    side: Side
    pattern: re.Pattern[str]
    terminator: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Concept:
    """How one finding is said, denied in a phrase, and what only looks like it."""

    name: str
    said: re.Pattern[str]
    denied: re.Pattern[str]
    not_this: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class SectionKind:
    """What stands under a heading: its authority within a document and whether it is about the patient now."""

    authority: int = 1
    kind: str = "current"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All of it."""

    concepts: tuple[Concept, ...]
    cues: tuple[Cue, ...]
    sections: Mapping[str, SectionKind]


@cache
def lexicon() -> Lexicon:
    """Load ``lexicon.yaml``: every finding of modality notes in the catalog must stand in it."""
    raw = yaml.safe_load(files("tumorcast_notes.model").joinpath("lexicon.yaml").read_text(encoding="utf-8"))
    wanted = {entry.name for entry in catalog().values() if entry.modality is Modality.NOTES}
    if wanted != raw["concepts"].keys():
        raise ValueError("lexicon.yaml and the catalog's findings differ")
    return Lexicon(
        concepts=tuple(
            Concept(name, _any(c["said"]), _any(c["denied"]), _any(c["not_this"]))
            for name, c in raw["concepts"].items()
        ),
        cues=tuple(_cues(raw["cues"], raw["terminators"])),
        sections={
            heading: SectionKind(section.get("authority", 1), section.get("kind", "current"))
            for section in raw["sections"]
            for heading in section["headings"]
        },
    )


def _cues(raw: Mapping[str, Any], terminators: Mapping[str, list[str]]) -> list[Cue]:
    """One cue for each phrase, so that the longest of those that match can be told."""
    cues = []
    for effect, sides in raw.items():
        for side, phrases in sides.items():
            ends = terminators[side] if side != Side.BEFORE else terminators.get(effect, terminators["before"])
            cues += [Cue(effect, Side(side), _any([phrase]), _any(ends)) for phrase in phrases]
    return cues


_EDGE = r"(?:(?<!\w)|(?!\w))"  # not within a word


def _any(phrases: list[str]) -> re.Pattern[str]:
    """One pattern for several phrases; matches nothing if there are none."""
    body = "|".join(f"(?:{phrase})" for phrase in phrases) or "(?!)"
    body = body.replace(" ?", r"\s*").replace(" ", r"\s+")
    return re.compile(f"{_EDGE}(?:{body}){_EDGE}")
