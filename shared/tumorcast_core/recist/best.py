"""Best overall response and the times of RECIST 1.1: progression, progression-free survival, duration of response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tumorcast_core.recist.response import Response, VisitResponse
from tumorcast_core.recist.rules import RECIST_1_1, Rules

_RESPONSES = (Response.CR, Response.PR)
_STABLE = (Response.SD, Response.NON_CR_NON_PD)


@dataclass(frozen=True, slots=True)
class BestResponse:
    """The best overall response, the day it was first seen, and the day it was confirmed (where that was asked)."""

    response: Response
    day: int | None
    confirmed_day: int | None = None


@dataclass(frozen=True, slots=True)
class TimeToEvent:
    """``days`` to the event, or to the last evaluable visit without one (``event`` false).

    ``event_free_days`` is the last evaluable visit before: a progression seen only at visits lies in
    (``event_free_days``, ``days``]. It equals ``days`` where there was no event, or a death, whose day is exact.
    """

    days: int
    event: bool
    event_free_days: int


def best_overall_response(
    responses: Sequence[VisitResponse],
    *,
    confirmed: bool = False,
    start_day: int | None = None,
    rules: Rules = RECIST_1_1,
) -> BestResponse:
    """The best response from ``start_day`` (the baseline's day by default) to the first PD (section 4.4, table 3).

    With ``confirmed`` a CR or PR must be seen again ``rules.confirmation_days`` later, with nothing worse and at most
    ``rules.max_not_evaluable_between`` NE between (a CR may confirm a PR); one that is not counts as SD. SD, also such
    a one, counts from ``rules.stable_days`` on; earlier, the best response is PD if that followed, NE if nothing did.
    """
    until_progression = _until_progression(responses)
    for response in _RESPONSES:
        found = _first_of(until_progression, response, confirmed, rules)
        if found is not None:
            return found
    stable = Response.SD if any(v.target is not None for v in responses) else Response.NON_CR_NON_PD
    for visit in until_progression:
        start = visit.baseline_day if start_day is None else start_day
        if visit.overall in (*_RESPONSES, *_STABLE) and visit.day - start >= rules.stable_days:
            return BestResponse(stable, visit.day)
    day = progression_day(responses)
    return BestResponse(Response.NE if day is None else Response.PD, day)


def _until_progression(responses: Sequence[VisitResponse]) -> list[VisitResponse]:
    """The visits before the day that a progression is dated to."""
    day = progression_day(responses)
    return [visit for visit in responses if day is None or visit.day < day]


def _first_of(
    visits: Sequence[VisitResponse], response: Response, confirmed: bool, rules: Rules
) -> BestResponse | None:
    good_enough = (Response.CR,) if response is Response.CR else _RESPONSES
    for index, visit in enumerate(visits):
        if visit.overall not in good_enough:
            continue
        confirmed_day = _confirmed_day(visits[index:], good_enough, rules)
        if not confirmed or confirmed_day is not None:
            return BestResponse(response, visit.day, confirmed_day)
    return None


def _confirmed_day(visits: Sequence[VisitResponse], good_enough: Sequence[Response], rules: Rules) -> int | None:
    """The day on which the response of the first visit is seen again; ``None``: it is not confirmed."""
    not_evaluable = 0
    for visit in visits[1:]:
        if visit.overall is Response.NE:
            not_evaluable += 1
            if not_evaluable > rules.max_not_evaluable_between:
                return None
        elif visit.overall not in good_enough:
            return None
        elif visit.day - visits[0].day >= rules.confirmation_days:
            return visit.day
    return None


def progression_day(responses: Sequence[VisitResponse]) -> int | None:
    """The day of the first progression; ``None`` where there is none."""
    return next((visit.progression_day for visit in responses if visit.overall is Response.PD), None)


def time_to_progression(responses: Sequence[VisitResponse], start_day: int | None = None) -> TimeToEvent | None:
    """Days from ``start_day`` (the baseline's day by default) to progression; ``None`` without a follow-up visit.

    Without a progression the time is censored at the last evaluable visit, at day 0 if there is none.
    """
    if not responses:
        return None
    start = responses[0].baseline_day if start_day is None else start_day
    seen = [visit.day for visit in _until_progression(responses) if visit.overall is not Response.NE]
    free = max(0, (seen[-1] if seen else start) - start)
    progression = progression_day(responses)
    if progression is None:
        return TimeToEvent(free, event=False, event_free_days=free)
    return TimeToEvent(progression - start, event=True, event_free_days=free)


def progression_free_survival(
    responses: Sequence[VisitResponse], start_day: int | None = None, death_day: int | None = None
) -> TimeToEvent | None:
    """Days to progression or death, whichever is first; ``None`` with neither a follow-up visit nor a death.

    With a death and no follow-up visit ``start_day`` must be given, or the answer is ``None`` too. How long before a
    death the last visit may lie is the protocol's to say: no gap is censored here.
    """
    time = time_to_progression(responses, start_day)
    start = start_day if start_day is not None or not responses else responses[0].baseline_day
    if death_day is None or start is None or (time is not None and time.event and time.days <= death_day - start):
        return time
    return TimeToEvent(death_day - start, event=True, event_free_days=death_day - start)


def duration_of_response(
    responses: Sequence[VisitResponse],
    *,
    confirmed: bool = False,
    death_day: int | None = None,
    rules: Rules = RECIST_1_1,
) -> TimeToEvent | None:
    """Days from the first CR or PR (that was confirmed, if asked) to progression or death; ``None``: no response.

    Section 4.6.2; the time starts at the first visit of the response, not at its confirmation.
    """
    best = _first_of(_until_progression(responses), Response.PR, confirmed, rules)
    return None if best is None else progression_free_survival(responses, best.day, death_day)
