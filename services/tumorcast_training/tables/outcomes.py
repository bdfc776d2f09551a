"""Outcome columns of a table → an endpoint's outcome, with what was missing and refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cohorts import BinaryOutcome, OrdinalOutcome, SurvivalOutcome
from tumorcast_training.tables.cells import Cell, Refusal, Values, code, number, of_outcome, read_cells
from tumorcast_training.tables.schema import EndpointColumns

MOST_DAYS = 36525.0
"""A hundred years: a time beyond them is a date or a mistake."""
Texts = Mapping[str, Sequence[str]]
Counts = dict[str, tuple[int, Mapping[str, int]]]


def read_category(texts: Texts, endpoint: EndpointColumns) -> tuple[BinaryOutcome | OrdinalOutcome, Counts]:
    """A binary outcome (0, 1, or its names) or an ordinal one (its names)."""
    (name,) = endpoint.columns
    binary = endpoint.kind is EndpointKind.BINARY
    read = read_cells(texts[name], of_outcome(endpoint.outcomes, numbered=binary))
    ranks = np.array(read.values, dtype=np.float64)
    counts: Counts = {name: (read.missing, read.refused)}
    return (BinaryOutcome(ranks) if binary else OrdinalOutcome(ranks)), counts


def read_time(texts: Texts, endpoint: EndpointColumns) -> tuple[SurvivalOutcome, Counts]:
    """A time to an event: days after time zero and the event's number; both are needed."""
    days_name, event_name = endpoint.columns
    days, event = read_cells(texts[days_name], _days), read_cells(texts[event_name], lambda t: code(t, endpoint.causes))
    t, e = (np.array(read.values, dtype=np.float64) for read in (days, event))
    stated_days, stated_event = ~np.isnan(t), ~np.isnan(e)
    at_zero = stated_days & stated_event & (t == 0)
    known = stated_days & stated_event & ~at_zero
    of_days = {Refusal.DAYS_WITHOUT_EVENT: stated_days & ~stated_event, Refusal.AT_TIME_ZERO: at_zero}
    counts: Counts = {
        days_name: (days.missing, _with(days, of_days)),
        event_name: (event.missing, _with(event, {Refusal.EVENT_WITHOUT_DAYS: stated_event & ~stated_days})),
    }
    t = np.where(known, t, np.nan)
    free = t.copy()
    for name in (name for name in endpoint.optional if name in texts):
        read = read_cells(texts[name], _days)
        given = np.array(read.values, dtype=np.float64)
        later = given > t
        counts[name] = (read.missing, _with(read, {Refusal.AFTER_OUTCOME: later}))
        free = np.where(known & ~np.isnan(given) & ~later, given, t)
    return SurvivalOutcome(t, np.where(known, e, 0).astype(np.int64), free), counts


def _days(text: str) -> Cell:
    value = number(text)
    if isinstance(value, Refusal):
        return value
    if value < 0:
        return Refusal.BEFORE_TIME_ZERO
    return value if value <= MOST_DAYS else Refusal.OUT_OF_RANGE


def _with(read: Values, more: Mapping[Refusal, NDArray[np.bool_]]) -> dict[str, int]:
    """What was refused cell by cell, and rows whose cells do not go together."""
    counts = {reason.value: int(rows.sum()) for reason, rows in more.items()}
    return dict(read.refused) | {reason: count for reason, count in counts.items() if count}
