"""A document's text → every mention of a catalogued finding, with how it is stated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tumorcast_notes.model.context import Context, Span
from tumorcast_notes.model.lexicon import Assertion, Concept, lexicon
from tumorcast_notes.model.sections import Section, sections_of, sentences_of


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
        for start, end in sentences_of(text, section):
            yield from _in_sentence(text[start:end], start, section, document_id)


def _in_sentence(sentence: str, offset: int, section: Section, document_id: str) -> Iterator[Mention]:
    lower = _lower(sentence)
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
    """Lower case with every character in its place ("İ" would become two)."""
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in sentence)


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
