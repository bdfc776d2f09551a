"""What the words around a mention say of it: there, denied, uncertain, long ago, or somebody else's.

After ConText: a cue reaches from where it stands to the end of the sentence or to a terminator ("but", "reports").
The nearest negation or doubt on the left counts; doubt wins over negation, negation over history.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from tumorcast_notes.model.lexicon import Cue, Side, lexicon

_PASSIVE = re.compile(r":?\s*(?:is|was|are|were|has been|have been)?\s*")
_NEAR_WORDS = 2
_LISTED = re.compile(r"\s*(?:,|/|\b(?:and|or|nor)\b|,\s*(?:and|or|nor)\b)\s*(?:[\w-]+\s+){0,2}")
_POLARITY = ("negated", "uncertain")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CueMatch:
    """A cue at a place of a sentence."""

    cue: Cue
    start: int
    end: int


class Context:
    """The cues and terminators of one lower-cased sentence whose mentions are known."""

    def __init__(self, sentence: str, mentions: list[Span]) -> None:
        self._sentence = sentence
        self._mentions = sorted(mentions)
        self._cues = _cues_in(sentence, mentions)
        self._ends = {
            pattern: [match.span() for match in pattern.finditer(sentence)]
            for pattern in {match.cue.terminator for match in self._cues}
        }

    def effects_on(self, mention: Span) -> set[str]:
        """What the cues do to the mention: any of negated, uncertain, historical, other_person."""
        reaching = [match for match in self._cues if self._reaches(match, mention)]
        left = [match for match in reaching if match.cue.side is not Side.AFTER and match.cue.effect in _POLARITY]
        nearest = max(left, key=lambda match: match.end, default=None)
        return {match.cue.effect for match in reaching if match not in left or match is nearest}

    def _reaches(self, match: CueMatch, mention: Span) -> bool:
        if match.cue.effect == "none":
            return False
        start, end = (mention[1], match.start) if match.cue.side is Side.AFTER else (match.end, mention[0])
        if start > end or self._is_ended(match.cue, start, end):
            return False
        if match.cue.side is Side.AFTER and not self._is_one_list(mention, match.start):
            return False
        return match.cue.side is not Side.NEAR or len(self._sentence[start:end].split()) <= _NEAR_WORDS

    def _is_one_list(self, mention: Span, end: int) -> bool:
        """Whether what stands between a mention and ``end`` names further ones of the same list, if any.

        "Ascites, abdominal pain and weight loss are absent" is one; "Weight loss: 6 kg, pain: no" is not.
        """
        at = mention[1]
        for start, stop in self._mentions:
            if at <= start < end:
                if not _LISTED.fullmatch(self._sentence, at, start):
                    return False
                at = stop
        return True

    def _is_ended(self, cue: Cue, start: int, end: int) -> bool:
        ends = self._ends[cue.terminator]
        first = bisect_left(ends, (start, start))
        return first < len(ends) and ends[first][1] <= end


def _cues_in(sentence: str, mentions: list[Span]) -> list[CueMatch]:
    """Find the cues, without those that overlap a longer one or a mention."""
    found = [
        CueMatch(cue, match.start(), match.end()) for cue in lexicon().cues for match in cue.pattern.finditer(sentence)
    ]
    found.sort(key=lambda match: (match.start - match.end, match.start))
    kept: list[CueMatch] = []
    for match in found:
        inside = any(start < match.end and match.start < end for start, end in mentions)
        if not inside and not any(_hides(other, match) for other in kept):
            kept.append(match)
    return [match for match in kept if not _reads_better_otherwise(match, kept, mentions, sentence)]


def _hides(longer: CueMatch, shorter: CueMatch) -> bool:
    overlap = longer.start < shorter.end and shorter.start < longer.end
    return overlap and (longer.start, longer.end) != (shorter.start, shorter.end)


def _reads_better_otherwise(match: CueMatch, cues: list[CueMatch], mentions: list[Span], sentence: str) -> bool:
    """Whether the same words fit better as a cue of the other side ("pain denied" against "denied pain")."""
    twins = [m for m in cues if (m.start, m.end) == (match.start, match.end) and m.cue.side is not match.cue.side]
    if not twins:
        return False
    passive = any(end <= match.start and _PASSIVE.fullmatch(sentence, end, match.start) for _, end in mentions)
    return passive != (match.cue.side is Side.AFTER)
