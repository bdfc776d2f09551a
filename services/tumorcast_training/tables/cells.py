"""One cell of a table → a value of the catalog, nothing, or the reason why it cannot be used.

A cell is **missing** where it is empty or says NA, NaN or null. A **number** is written with a point, without units
or signs of thousands; one with a comma is refused, for it could be either. A **category** may differ in case, and in
blanks, hyphens and underscores; ``absent | present`` and ``negative | positive`` may also be 0 | 1, no | yes or
false | true. Nothing is guessed: whatever else a cell holds is refused, counted under a reason, and is missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from tumorcast_core.catalog import entry

_MISSING = frozenset({"", "na", "nan", "null"})
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_COMMA = re.compile(r"[+-]?[0-9]{1,3}([.,' ][0-9]{3})*,[0-9]+|[+-]?[0-9]+,[0-9]+", re.ASCII)
_WHOLE = re.compile(r"([0-9]{1,6})(\.0*)?", re.ASCII)
_BETWEEN = re.compile(r"[\s_-]+")
_YES_OR_NO = ({"0", "no", "false"}, {"1", "yes", "true"})
_TWO_WAY = {("absent", "present"), ("negative", "positive")}


class Refusal(StrEnum):
    """Why a cell was not used."""

    NOT_A_NUMBER = "NOT_A_NUMBER"
    COMMA_IN_NUMBER = "COMMA_IN_NUMBER"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    NOT_WHOLE = "NOT_A_WHOLE_NUMBER"
    UNKNOWN_CATEGORY = "UNKNOWN_CATEGORY"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    BEFORE_TIME_ZERO = "BEFORE_TIME_ZERO"
    AT_TIME_ZERO = "NO_TIME_AFTER_TIME_ZERO"
    EVENT_WITHOUT_DAYS = "EVENT_WITHOUT_DAYS"
    DAYS_WITHOUT_EVENT = "DAYS_WITHOUT_EVENT"
    AFTER_OUTCOME = "LATER_THAN_THE_OUTCOME"
    NOT_A_DAY = "NOT_A_DAY"


Cell = float | str | Refusal | None
"""A number or category, ``None`` where missing, or why it was refused."""


@dataclass(frozen=True, slots=True)
class Values:
    """A column as read: a value or ``None`` per row, and how many cells were refused, by reason."""

    values: list[float | str | None]
    missing: int
    refused: Mapping[str, int]


def plain(name: str) -> str:
    """A name as it is compared: without case, blanks, hyphens and underscores being the same.

    >>> plain(" PD-L1 status"), plain("PD_L1_STATUS")
    ('pd_l1_status', 'pd_l1_status')
    """
    return _BETWEEN.sub("_", name.strip()).casefold()


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value.

    >>> [is_missing(text) for text in ("", " NA ", "NaN", "none", "0")]
    [True, True, True, False, False]
    """
    return text.strip().casefold() in _MISSING


def number(text: str) -> float | Refusal:
    """A finite number, written with a point.

    >>> number("3.80"), str(number("3,8")), str(number("<5")), str(number("1e999"))
    (3.8, 'COMMA_IN_NUMBER', 'NOT_A_NUMBER', 'NOT_A_NUMBER')
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return Refusal.COMMA_IN_NUMBER if _COMMA.fullmatch(text) else Refusal.NOT_A_NUMBER
    value = float(text)
    return value if math.isfinite(value) else Refusal.NOT_A_NUMBER


def category(text: str, names: Mapping[str, str]) -> str | Refusal:
    """The category that a cell names, by ``spellings``."""
    return names.get(_as_whole(plain(text)), Refusal.UNKNOWN_CATEGORY)


@cache
def spellings(categories: tuple[str, ...]) -> Mapping[str, str]:
    """The category of each spelling that means just one.

    >>> sorted(spellings(("absent", "present")).items())[:3]
    [('0', 'absent'), ('1', 'present'), ('absent', 'absent')]
    """
    found: dict[str, str] = {}
    for name in categories:
        found[plain(name)] = "" if plain(name) in found else name
    if categories in _TWO_WAY:
        for name, words in zip(categories, _YES_OR_NO, strict=True):
            found |= {word: name for word in words if word not in found}
    return {spelling: name for spelling, name in found.items() if name}


def of_feature(feature: str) -> Callable[[str], Cell]:
    """What reads the cells of a catalog feature; raises ``UnknownFeature``."""
    known = entry(feature)
    if known.categories:
        names = spellings(known.categories)
        return lambda text: category(text, names)
    low, high = known.range

    def read(text: str) -> Cell:
        value = number(text)
        if isinstance(value, Refusal):
            return value
        if not low <= value <= high:
            return Refusal.OUT_OF_RANGE
        return Refusal.NOT_WHOLE if known.integer and value != math.floor(value) else value

    return read


def of_outcome(names: Sequence[str], *, numbered: bool) -> Callable[[str], Cell]:
    """What reads the rank of an outcome: its name, or where ``numbered`` 0, 1, no, yes, false and true."""
    ranks = {plain(name): float(rank) for rank, name in enumerate(names)}
    if numbered:
        for rank, words in enumerate(_YES_OR_NO):
            ranks = {word: float(rank) for word in words} | ranks
    return lambda text: ranks.get(_as_whole(plain(text)), Refusal.UNKNOWN_OUTCOME)


def code(text: str, highest: int) -> float | Refusal:
    """A whole number from 0 to ``highest``."""
    found = _WHOLE.fullmatch(text.strip())
    return float(found[1]) if found and int(found[1]) <= highest else Refusal.UNKNOWN_OUTCOME


def read_cells(texts: Iterable[str], read: Callable[[str], Cell]) -> Values:
    """Read a column; equal cells are read once."""
    seen: dict[str, Cell] = {}
    values: list[float | str | None] = []
    missing, refused = 0, dict[str, int]()
    for text in texts:
        if text not in seen:
            seen[text] = None if is_missing(text) else read(text)
        cell = seen[text]
        if isinstance(cell, Refusal):
            refused[cell.value] = refused.get(cell.value, 0) + 1
            cell = None
        elif cell is None:
            missing += 1
        values.append(cell)
    return Values(values, missing, refused)


def _as_whole(text: str) -> str:
    """``1.0`` as ``1``: how a column of whole numbers with gaps is often written."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else text
