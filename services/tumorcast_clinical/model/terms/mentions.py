"""What a wording says of the names in it: which stand there, which are denied, and whether they are alternatives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Names = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]
"""By their first word: the words of each name, and what it means."""

_LONGEST_WORDING = 500
_WORD = re.compile(r"[a-z0-9]+")
_DENIED_BEFORE = frozenset(
    {"no", "not", "never", "declined", "declines", "refused", "refuses", "without", "hold", "withhold", "avoid"}
    | {"allergy", "allergic", "intolerance", "kein", "keine", "ohne", "nicht"}
)
_DENIED_AFTER = frozenset(
    {"declined", "refused", "withheld", "held", "omitted", "cancelled", "canceled", "contraindicated", "allergy"}
)
_NOT_DONE = frozenset({"given", "administered", "taken", "done", "started", "performed", "received", "gegeben"})
_NOT = frozenset({"not", "never", "nicht"})
_ALTERNATIVE = frozenset({"or", "oder", "ou", "vs", "versus"})
_BEFORE = 3


@dataclass(frozen=True, slots=True)
class Mentions:
    """The meanings of the names in a wording, those of them that it denies, and whether one stands for another."""

    found: frozenset[str]
    denied: frozenset[str]
    alternatives: bool

    @property
    def stated(self) -> frozenset[str]:
        return self.found - self.denied


_NONE = Mentions(frozenset(), frozenset(), alternatives=False)


def by_first_word(names: Iterable[tuple[str, str]]) -> Names:
    """Index names by their first word, each with what it means.

    >>> by_first_word([("nab paclitaxel", "paclitaxel")])
    {'nab': [(('nab', 'paclitaxel'), 'paclitaxel')]}
    """
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for name, meaning in names:
        words = tuple(name.split())
        found.setdefault(words[0], []).append((words, meaning))
    return found


def words_of(wording: str) -> list[str]:
    """The words, in lower case and without accents.

    >>> words_of("Méthotrexate 2,5 mg")
    ['methotrexate', '2', '5', 'mg']
    """
    short = wording[:_LONGEST_WORDING]
    if not short.isascii():
        short = "".join(c for c in unicodedata.normalize("NFKD", short) if not unicodedata.combining(c))
    return _WORD.findall(short.lower())


def mentions_of(words: list[str], names: Names) -> Mentions:
    """Find names among the words, the longest first: "trastuzumab deruxtecan" is no trastuzumab."""
    places = _places(words, names)
    if not places:
        return _NONE
    denied: set[str] = set()
    alternatives = False
    for at, (start, end, meanings) in enumerate(places):
        following = places[at + 1][0] if at + 1 < len(places) else len(words)
        preceding = places[at - 1][1] if at else 0
        if _is_denied(words[max(preceding, start - _BEFORE) : start], words[end:following]):
            denied |= meanings
        if at and not _ALTERNATIVE.isdisjoint(words[preceding:start]) and meanings != places[at - 1][2]:
            alternatives = True
    found = frozenset(meaning for _, _, meanings in places for meaning in meanings)
    return Mentions(found, frozenset(denied), alternatives)


def _is_denied(before: list[str], after: list[str]) -> bool:
    numbered = {word for word, then in pairwise(before) if then.isdigit()}  # "cycle no. 3"
    if not _DENIED_BEFORE.isdisjoint(set(before) - numbered) or not _DENIED_AFTER.isdisjoint(after):
        return True
    return any(word in _NOT and then in _NOT_DONE for word, then in pairwise(after))


def _places(words: list[str], names: Names) -> list[tuple[int, int, frozenset[str]]]:
    """Where names stand: from, to, and what each means."""
    places = []
    taken = 0
    for i, word in enumerate(words):
        if i < taken or word not in names:
            continue
        here = [(len(said), meaning) for said, meaning in names[word] if tuple(words[i : i + len(said)]) == said]
        if here:
            taken = i + max(here)[0]
            places.append((i, taken, frozenset(meaning for length, meaning in here if i + length == taken)))
    return places
