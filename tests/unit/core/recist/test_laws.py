"""Laws that hold for every course of lesions and visits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from tumorcast_core.recist import (
    Assessment,
    ImmuneResponse,
    Lesion,
    Measurement,
    Reason,
    Response,
    Role,
    State,
    assess,
    best_immune_response,
    best_overall_response,
    duration_of_response,
    immune_progression,
    irecist,
    progression_free_survival,
    time_to_progression,
)

TARGETS = [
    Lesion(f"T{i}", Role.TARGET, organ, is_node=organ == "lymph node")
    for i, organ in enumerate(("liver", "lung", "lymph node", "lymph node", "skin"))
]
NON_TARGETS = [Lesion("N1", Role.NON_TARGET, "bone"), Lesion("N2", Role.NON_TARGET, "pleura")]
NEW = [Lesion("X1", Role.NEW, "brain"), Lesion("X2", Role.NEW, "skin")]
NEVER_SEEN = Lesion("X9", Role.NEW, "spleen")
# Tenths of a millimeter, as calipers read; sums are then exact up to the tolerance of the rules.
LENGTHS = st.integers(0, 800).map(lambda tenths: tenths / 10)


def _target(lesion: Lesion) -> st.SearchStrategy[Measurement]:
    other = st.sampled_from([State.ABSENT, State.TOO_SMALL, State.NOT_EVALUABLE])
    return st.one_of(LENGTHS.map(lambda mm: Measurement(lesion, mm)), other.map(lambda s: Measurement(lesion, state=s)))


def _other(lesion: Lesion) -> st.SearchStrategy[Measurement]:
    worst = State.WORSE if lesion.role is Role.NON_TARGET else State.EQUIVOCAL
    states = st.sampled_from([State.PRESENT, State.ABSENT, State.NOT_EVALUABLE, worst])
    return st.builds(lambda state, up: Measurement(lesion, state=state, increased=up), states, st.booleans())


@st.composite
def courses(draw: st.DrawFn) -> list[Assessment]:
    """A sound course: some targets and non-targets, one to six follow-up visits, lesions left out at will."""
    targets = draw(st.lists(st.sampled_from(TARGETS), unique=True))
    non_targets = draw(st.lists(st.sampled_from(NON_TARGETS), unique=True, min_size=0 if targets else 1))
    first = [Measurement(lesion, draw(st.integers(150, 800)) / 10) for lesion in targets]
    visits = [Assessment(0, (*first, *(Measurement(lesion) for lesion in non_targets)))]
    for _ in range(draw(st.integers(1, 6))):
        choices = [*map(_target, targets), *map(_other, non_targets), *map(_other, NEW)]
        found = [draw(choice) for choice in choices if draw(st.integers(0, 9))]
        visits.append(Assessment(visits[-1].day + draw(st.integers(1, 90)), tuple(found)))
    return visits


@given(courses(), st.randoms(use_true_random=False))
def test_the_order_of_lesions_does_not_matter(visits: list[Assessment], random: Random) -> None:
    shuffled = [replace(v, measurements=tuple(random.sample(v.measurements, len(v.measurements)))) for v in visits]
    assert assess(shuffled) == assess(visits)
    assert irecist(shuffled) == irecist(visits)


@given(courses(), st.integers(-5000, 5000))
def test_the_clock_does_not_matter(visits: list[Assessment], shift: int) -> None:
    later = [replace(v, day=v.day + shift) for v in visits]
    assert [v.overall for v in assess(later)] == [v.overall for v in assess(visits)]
    assert time_to_progression(assess(later)) == time_to_progression(assess(visits))
    assert best_overall_response(assess(later)).response == best_overall_response(assess(visits)).response


@given(courses(), st.integers(0, 5))
def test_a_later_visit_changes_no_earlier_response(visits: list[Assessment], count: int) -> None:
    assume(count < len(visits))
    assert assess(visits[: count + 1]) == assess(visits)[:count]
    assert irecist(visits[: count + 1]) == irecist(visits)[:count]


@given(courses())
def test_the_nadir_never_rises_and_never_exceeds_the_baseline(visits: list[Assessment]) -> None:
    nadirs = [v.nadir_mm for v in assess(visits) if v.nadir_mm is not None]
    assert all(later <= earlier for earlier, later in pairwise(nadirs))
    assert all(v.nadir_mm <= v.baseline_mm for v in assess(visits) if v.nadir_mm is not None and v.baseline_mm)


@given(courses())
def test_targets_progress_only_with_five_millimeters_and_a_fifth_over_the_nadir(visits: list[Assessment]) -> None:
    for found in assess(visits):
        if found.target is Response.PD:
            assert found.measured_sum_mm is not None
            assert found.nadir_mm is not None
            assert found.measured_sum_mm - found.nadir_mm > 4.999
            assert found.measured_sum_mm > 1.1999 * found.nadir_mm


@given(courses())
def test_every_progression_has_a_cause_and_a_day(visits: list[Assessment]) -> None:
    after_cr = {Reason.TARGET_AFTER_CR, Reason.NON_TARGET_AFTER_CR}
    for found in assess(visits):
        has_cause = Response.PD in (found.target, found.non_target) or found.new_lesion or after_cr & {*found.reasons}
        assert (found.overall is Response.PD) == bool(has_cause)
        assert (found.progression_day is not None) == (found.overall is Response.PD)
        assert found.progression_day is None or found.progression_day <= found.day


@given(courses())
def test_a_complete_response_leaves_no_disease(visits: list[Assessment]) -> None:
    for visit, found in zip(visits[1:], assess(visits), strict=True):
        if found.overall is not Response.CR:
            continue
        seen = visit.of(Role.TARGET)
        assert seen.keys() == visits[0].of(Role.TARGET).keys()
        for measurement in seen.values():
            length = measurement.diameter_mm or 0.0
            assert length < 10 if measurement.lesion.is_node else length == 0
            assert measurement.lesion.is_node or measurement.state is not State.TOO_SMALL
        assert all(m.state is State.ABSENT for m in visit.of(Role.NON_TARGET).values())
        assert not found.new_lesion


@given(courses(), st.integers(1, 6))
def test_adding_a_new_lesion_always_gives_progression(visits: list[Assessment], index: int) -> None:
    assume(index < len(visits))
    more = (*visits[index].measurements, Measurement(NEVER_SEEN))
    changed = [*visits[:index], replace(visits[index], measurements=more), *visits[index + 1 :]]
    assert assess(changed)[index - 1].overall is Response.PD
    assert irecist(changed)[index - 1].response in (ImmuneResponse.IUPD, ImmuneResponse.ICPD)


@given(courses(), st.floats(1.0, 20.0))
def test_larger_bodies_shrink_by_the_same_percentage(visits: list[Assessment], factor: float) -> None:
    def scaled(measurement: Measurement) -> Measurement:
        mm = measurement.diameter_mm
        return measurement if mm is None else replace(measurement, diameter_mm=mm * factor)

    assume(all(m.state is not State.TOO_SMALL for v in visits for m in v.measurements))
    larger = [replace(v, measurements=tuple(map(scaled, v.measurements))) for v in visits]
    for was, now in zip(assess(visits), assess(larger), strict=True):
        assert (was.change_from_baseline_percent is None) == (now.change_from_baseline_percent is None)
        if was.change_from_baseline_percent is not None and now.change_from_baseline_percent is not None:
            assert abs(was.change_from_baseline_percent - now.change_from_baseline_percent) < 1e-9
        # What is 5 mm stays at least 5 mm; only a complete response by nodes can be lost by enlarging them.
        if was.target is Response.PD:
            assert now.target is Response.PD


@given(courses())
def test_confirmed_progression_comes_only_after_an_unconfirmed_one(visits: list[Assessment]) -> None:
    found = irecist(visits)
    for index, each in enumerate(found):
        if each.response is ImmuneResponse.ICPD:
            before = [v for v in found[:index] if v.response is ImmuneResponse.IUPD]
            assert before
            assert each.unconfirmed_since_day in {v.day for v in before}
            assert each.day - (each.unconfirmed_since_day or 0) >= 28


@given(courses())
def test_immune_progression_is_recist_progression_until_one_is_confirmed(visits: list[Assessment]) -> None:
    for each in irecist(visits):
        if each.response is ImmuneResponse.ICPD:
            break
        assert (each.response is ImmuneResponse.IUPD) == (each.recist.overall is Response.PD)


@given(courses())
def test_immune_progression_is_never_before_the_first_progression_of_recist(visits: list[Assessment]) -> None:
    progression = immune_progression(irecist(visits))
    first = time_to_progression(assess(visits))
    if progression is not None:
        assert first is not None
        assert first.event
        assert progression.day >= first.days
        assert best_immune_response(irecist(visits)) is not ImmuneResponse.NE


@given(courses(), st.none() | st.integers(0, 600))
def test_times_are_ordered_and_confirmation_never_improves_the_best_response(
    visits: list[Assessment], death_day: int | None
) -> None:
    responses = assess(visits)
    rank = [Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD, Response.PD, Response.NE]
    best, confirmed = best_overall_response(responses), best_overall_response(responses, confirmed=True)
    assert rank.index(best.response) <= rank.index(confirmed.response)
    for time in (progression_free_survival(responses, death_day=death_day), duration_of_response(responses)):
        if time is not None:
            assert 0 <= time.event_free_days <= time.days
            assert time.event or time.event_free_days == time.days
