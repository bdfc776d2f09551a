"""A document's sections and sentences, as spans of its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tumorcast_notes.model.lexicon import SectionKind, lexicon

_HEADING = re.compile(
    r"(?:^[ \t#*]*|(?<=[.!?;]\s))(?P<name>[A-Za-z][A-Za-z&/]*(?:[ ][A-Za-z&/]+){0,5})[ \t]*(?::|(?=\r?$))", re.MULTILINE
)
_BREAK = re.compile(
    r"(?<!\bDr)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)(?<!\bca)(?<!\b[Ww]t)(?<!\b[Nn]eg)"  # abbreviations
    r"[.!?]+(?=\s|$)"  # end of a sentence
    r"|\r?\n[ \t]*\r?\n"  # an empty line
    r"|\r?\n(?=[ \t]*(?:[-*•|☐☒☑□]|\d+[.)]|[A-Z\[]))"  # a new item, or a line that is no continuation
)
_LONGEST = 600
_NO_HEADING = re.compile(
    r"(?:PATIENT |PT )?(?:DENIES|DENIED|NEGATIVES?|NO|NONE OF|ABSENT|WITHOUT|PERTINENT NEGATIVES?)\b.*"
)


@dataclass(frozen=True, slots=True)
class Section:
    """Text under one heading (upper case; empty before the first), from ``start`` to ``end``."""

    heading: str
    start: int
    end: int
    kind: SectionKind


def sections_of(text: str) -> list[Section]:
    r"""Split at headings: known ones, and at the start of a line any in capitals with a colon that names no finding.

    >>> [section.heading for section in sections_of("Date: 2026-03-04\nHISTORY: Denies pain. EXAM: No ascites.")]
    ['', 'HISTORY', 'EXAM']
    """
    found = [
        (match.start("name"), match.end(), match["name"].upper()) for match in _HEADING.finditer(text) if _heads(match)
    ]
    starts = [(0, 0, ""), *found]
    ends = [start for start, _, _ in found] + [len(text)]
    known = lexicon().sections
    return [
        Section(name, start, end, known.get(name, SectionKind()))
        for (_, start, name), end in zip(starts, ends, strict=True)
    ]


def _heads(match: re.Match[str]) -> bool:
    name, with_colon = match["name"], match[0].endswith(":")
    at_line_start = match.start() == 0 or match.string[match.start() - 1] == "\n"
    if name.upper() in lexicon().sections:
        return name.isupper() or (at_line_start and with_colon)
    names_a_finding = any(concept.said.search(name.lower()) for concept in lexicon().concepts)
    if _NO_HEADING.fullmatch(name):
        return False  # "DENIES: pain" is a statement
    return name.isupper() and with_colon and at_line_start and len(name) > 2 and not names_a_finding


def sentences_of(text: str, section: Section) -> Iterator[tuple[int, int]]:
    """Yield the spans of the section's sentences; one beyond 600 characters is cut, so that cost stays linear."""
    start = section.start
    for match in _BREAK.finditer(text, section.start, section.end):
        yield from _pieces(text, start, match.end())
        start = match.end()
    yield from _pieces(text, start, section.end)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _LONGEST:
        blank = text.rfind(" ", start, start + _LONGEST)
        cut = blank + 1 if blank > start else start + _LONGEST
        yield start, cut
        start = cut
    yield start, end
