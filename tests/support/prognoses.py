"""Prognoses to render and convert: one that has everything, and a hypothesis strategy for all others."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Issue, Modality, Severity

probabilities = st.floats(0, 1)
days = st.floats(1, 5000)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200)
names = st.from_regex(r"[a-z][a-z_]{0,30}", fullmatch=True)
reasons = st.builds(p.Reason, names.map(str.upper), words)
intervals = st.builds(p.Interval, probabilities, probabilities, st.just(0.95))
day_intervals = st.builds(p.Interval, days, days | st.just(math.inf), st.just(0.95))
binary = st.builds(
    p.ProbabilityEstimate,
    probabilities,
    intervals,
    st.lists(names, max_size=3).map(tuple),
    st.sampled_from([0.0, 0.9]),
    st.none() | probabilities,
)
points = st.builds(p.SurvivalPoint, days, probabilities, intervals)
survival = st.builds(
    p.SurvivalEstimate,
    st.lists(points, max_size=6, unique_by=lambda x: x.horizon_days).map(
        lambda found: tuple(sorted(found, key=lambda x: x.horizon_days))
    ),
    st.none() | days,
    st.none() | day_intervals,
    st.none() | probabilities,
)
endpoints = st.one_of(
    st.builds(
        p.Endpoint,
        names,
        st.just(p.EndpointKind.BINARY),
        st.just(p.EndpointStatus.PREDICTED),
        st.lists(reasons, max_size=2).map(tuple),
        binary,
    ),
    st.builds(
        p.Endpoint,
        names,
        st.just(p.EndpointKind.TIME_TO_EVENT),
        st.just(p.EndpointStatus.PREDICTED),
        st.just(()),
        survival,
    ),
    st.builds(
        p.Endpoint,
        names,
        st.sampled_from(p.EndpointKind),
        st.just(p.EndpointStatus.ABSTAINED),
        st.lists(reasons, max_size=2).map(tuple),
        st.none(),
    ),
)
contributions = st.builds(p.Contribution, names, st.floats(-1, 1), st.sampled_from([0.0, 180.0]))
inputs = st.builds(
    p.InputUse,
    st.sampled_from(Modality),
    names,
    st.sampled_from(p.InputStatus),
    st.none() | reasons,
    st.lists(contributions, max_size=3).map(tuple),
)
issues = st.builds(Issue, st.sampled_from(Severity), names.map(str.upper), words, words, names, names)
prognoses = st.builds(
    p.Prognosis,
    prognosis_id=names,
    model=st.builds(p.ModelRef, names, st.just("1.0.0"), st.just("a" * 64)),
    index_date=st.sampled_from(["", "2026-03-04"]),
    endpoints=st.lists(endpoints, max_size=3).map(tuple),
    inputs=st.lists(inputs, max_size=6).map(tuple),
    issues=st.lists(issues, max_size=12).map(tuple),
    disclaimer=words,
    simulated=st.booleans(),
)


def example(**changes: object) -> p.Prognosis:
    """A prognosis with a probability, a survival curve, one used, one absent and one rejected input, and an issue."""

    def around(low: float, high: float) -> p.Interval:
        return p.Interval(low, high, 0.95)

    response = p.ProbabilityEstimate(0.62, around(0.51, 0.72), ("response", "no_response"), 0.9, 0.48)
    curve = tuple(
        p.SurvivalPoint(day, value, around(value - 0.08, value + 0.08))
        for day, value in ((90.0, 0.85), (180.0, 0.6), (365.0, 0.3), (730.0, 0.1))
    )
    fields: dict[str, object] = {
        "prognosis_id": "0123abc",
        "model": p.ModelRef("simulated", "1.2.3", "ab" * 32),
        "index_date": "2026-03-04",
        "endpoints": (
            p.Endpoint("objective_response", p.EndpointKind.BINARY, p.EndpointStatus.PREDICTED, (), response),
            p.Endpoint(
                "progression_free_survival",
                p.EndpointKind.TIME_TO_EVENT,
                p.EndpointStatus.PREDICTED,
                (),
                p.SurvivalEstimate(curve, 231.2, around(150.0, math.inf), 0.2),
            ),
        ),
        "inputs": (
            p.InputUse(
                Modality.IMAGING,
                "ct_baseline",
                p.InputStatus.USED,
                None,
                (
                    p.Contribution("objective_response", 0.041),
                    p.Contribution("progression_free_survival", -0.02, 180.0),
                ),
            ),
            p.InputUse(Modality.NOTES, "notes", p.InputStatus.ABSENT, p.Reason("NOT_GIVEN", "Nothing was given.")),
            p.InputUse(Modality.LABS, "labs", p.InputStatus.REJECTED, p.Reason("UNIT_UNKNOWN", "No unit was known.")),
        ),
        "issues": (Issue(Severity.WARNING, "DATE_DIFFERS", "The dates differ.", "", "imaging", "baseline"),),
        "disclaimer": "Research software: not for care.",
        "simulated": True,
    }
    return p.Prognosis(**{**fields, **changes})  # type: ignore[arg-type]
