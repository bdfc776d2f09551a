"""A document's text → every mention of a catalogued finding, with how it is stated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tumorcast_notes.model.context import Context, Span
from tumorcast_notes.model.lexicon import Assertion, Concept, lexicon
from tumorcast_notes.model.sections import Section, sections_of, sentences_of

_BULLET = re.compile(r"\s*(?:[-*•]|\d+[.)])\s*")
_SIGN = re.compile(r"\(\s?([-+])\s?\)")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "‐": "-", "‑": "-", "−": "-"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A mention; ``start`` and ``end`` count Unicode code points of the decoded text, ``section`` is its heading."""

    name: str
    document_id: str
    start: int
    end: int
    assertion: Assertion
    section: str = ""

    @property
    def source(self) -> str:
        """Its place after RFC 5147."""
        return f"{self.document_id}#char={self.start},{self.end}"


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding with its section's authority; ``not_now`` (historical, other_person) sets it aside."""

    finding: Finding
    authority: int
    not_now: str = ""


def mentions_in(text: str, document_id: str) -> Iterator[Mention]:
    """Yield every mention in the order of sections and sentences."""
    for section in sections_of(text):
        lead = ""
        for start, end in sentences_of(text, section):
            item = _BULLET.match(text, start, end)
            if lead and item:  # "Denies:" above "- pain"
                yield from _in_sentence(lead + text[item.end() : end], item.end() - len(lead), section, document_id)
                continue
            lead = _lead(text[start:end])
            yield from _in_sentence(text[start:end], start, section, document_id)


def _lead(sentence: str) -> str:
    """The line if it announces a list below it and names no finding itself, else nothing."""
    names_one = any(concept.said.search(sentence.lower()) for concept in lexicon().concepts)
    return sentence.rstrip() + " " if sentence.rstrip().endswith(":") and not names_one else ""


def _in_sentence(sentence: str, offset: int, section: Section, document_id: str) -> Iterator[Mention]:
    lower = _signs_in_words(_lower(sentence))
    places = [(span, concept, denial) for concept in lexicon().concepts for span, denial in _places(lower, concept)]
    if not places:
        return
    context = Context(lower, [span for span, _, _ in places])
    for span, concept, denial in sorted(places, key=lambda place: place[0]):
        effects = context.effects_on(span)
        kind = section.kind.kind
        not_now = _not_now(effects | {kind})
        assertion = _assertion(effects | ({"uncertain"} if kind == "hypothetical" else set()), denial)
        finding = Finding(concept.name, document_id, offset + span[0], offset + span[1], assertion, section.heading)
        yield Mention(finding, section.kind.authority, not_now)


def _lower(sentence: str) -> str:
    """Lower case and plain apostrophes and hyphens, every character in its place ("İ" would become two)."""
    lowered = (lower if len(lower := character.lower()) == 1 else character for character in sentence)
    return "".join(lowered).translate(_PLAIN)


def _signs_in_words(sentence: str) -> str:
    """Spell out "(-)" and "(+)" that stand before what they judge: where the first comes before the first finding."""
    first = _SIGN.search(sentence)
    if not first or any(concept.said.search(sentence, 0, first.start()) for concept in lexicon().concepts):
        return sentence
    return _SIGN.sub(lambda sign: ("not" if sign[1] == "-" else ";").ljust(len(sign[0])), sentence)


def _places(sentence: str, concept: Concept) -> Iterator[tuple[Span, bool]]:
    """Yield where the concept is said, and whether the phrase denies it in itself."""
    taken = [match.span() for match in concept.not_this.finditer(sentence)]
    for pattern, denial in ((concept.denied, True), (concept.said, False)):
        for match in pattern.finditer(sentence):
            if not any(start < match.end() and match.start() < end for start, end in taken):
                taken.append(match.span())
                yield match.span(), denial


def _not_now(effects: set[str]) -> str:
    if "other_person" in effects:
        return "other_person"
    return "historical" if "historical" in effects and not effects & {"negated", "uncertain"} else ""


def _assertion(effects: set[str], denial: bool) -> Assertion:
    if "uncertain" in effects:
        return Assertion.UNCERTAIN
    return Assertion.NEGATED if ("negated" in effects) != denial else Assertion.AFFIRMED
