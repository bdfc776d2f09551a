"""Prognoses and models to render and convert: examples, and hypothesis strategies for all others."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Coding, Issue, Modality, Severity

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
    st.none() | days,
    st.sampled_from([0.0, 0.9]),
)
causes = st.builds(
    p.CauseIncidence,
    names,
    st.lists(points, max_size=3, unique_by=lambda x: x.horizon_days).map(
        lambda found: tuple(sorted(found, key=lambda x: x.horizon_days))
    ),
)
competing_risks = st.builds(
    p.CompetingRisksEstimate, st.lists(causes, max_size=3).map(tuple), st.none() | probabilities
)
categories = st.builds(
    p.CategoriesEstimate,
    st.lists(st.builds(p.CategoryProbability, names | names.map(str.upper), probabilities), max_size=14).map(tuple),
    st.lists(names, max_size=3).map(tuple),
    st.sampled_from([0.0, 0.9]),
)
sizes = st.floats(0, 500)
bands = st.builds(p.Interval, sizes, sizes | st.just(math.inf), st.sampled_from([0.5, 0.9]))
trajectory_points = st.builds(p.TrajectoryPoint, st.floats(-2000, 2000), sizes, st.lists(bands, max_size=2).map(tuple))
trajectory = st.builds(
    p.TrajectoryEstimate,
    names,
    st.sampled_from(["mm", "mL", ""]),
    st.lists(trajectory_points, max_size=9, unique_by=lambda x: x.day).map(
        lambda found: tuple(sorted(found, key=lambda x: x.day))
    ),
    st.none() | st.builds(p.GrowthRate, st.floats(-0.1, 0.1), intervals),
    st.lists(st.builds(p.CriterionProbability, st.sampled_from(["PD", "PR"]), days, probabilities), max_size=9).map(
        tuple
    ),
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
    *(
        st.builds(
            p.Endpoint,
            names,
            st.just(kind),
            st.just(p.EndpointStatus.PREDICTED),
            st.lists(reasons, max_size=2).map(tuple),
            estimates,
        )
        for kind, estimates in (
            (p.EndpointKind.COMPETING_RISKS, competing_risks),
            (p.EndpointKind.ORDINAL, categories),
            (p.EndpointKind.TRAJECTORY, trajectory),
        )
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
features = st.builds(p.FeatureContribution, names, names, st.floats(-9, 9), words)
worth = st.builds(p.Worth, names, st.sampled_from(["AUC", "C"]), st.floats(-0.2, 0.2), intervals)
inputs = st.builds(
    p.InputUse,
    st.sampled_from(Modality),
    names,
    st.sampled_from(p.InputStatus),
    st.none() | reasons,
    st.lists(contributions, max_size=3).map(tuple),
    st.lists(features, max_size=5).map(tuple),
    st.lists(worth, max_size=3).map(tuple),
)
typicality = st.builds(p.Typicality, probabilities, st.lists(names, max_size=7).map(tuple))
observed_outcomes = st.builds(p.ObservedOutcome, names, probabilities, intervals, st.sampled_from([0.0, 365.0]))
similar = st.builds(
    p.SimilarPatients,
    names,
    st.integers(10, 5000),
    st.floats(0, 20),
    words,
    st.lists(observed_outcomes, max_size=5).map(tuple),
)
observed_under = st.builds(
    p.ObservedUnder,
    names,
    names,
    st.integers(0, 5000),
    st.booleans(),
    st.lists(contributions, max_size=3).map(tuple),
    st.none() | reasons,
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
    typicality=st.none() | typicality,
    similar=st.lists(similar, max_size=5).map(tuple),
    observed_under=st.lists(observed_under, max_size=10).map(tuple),
)
codings = st.builds(Coding, words, names, words)
ends = st.floats(-1e6, 1e6)
ranges = st.none() | st.tuples(ends | st.just(-math.inf), ends | st.just(math.inf))
described_inputs = st.builds(
    p.InputDescription,
    name=names,
    feature=names,
    group=names,
    description=words,
    coding=codings,
    timepoint=st.just("") | names,
    unit=st.sampled_from(["", "mm", "g/dL"]),
    categories=st.lists(names, max_size=3).map(tuple),
    plausible=ranges,
    training=ranges,
)
described_endpoints = st.builds(
    p.EndpointDescription,
    names,
    st.sampled_from(p.EndpointKind),
    words,
    st.lists(days, max_size=3).map(tuple),
    st.lists(st.builds(p.OutcomeColumn, names, words, st.booleans()), max_size=3).map(tuple),
    st.lists(names, max_size=3).map(tuple),
)
groups = st.builds(
    p.InputGroup,
    names,
    st.sampled_from(Modality),
    st.just("") | names,
    st.lists(names, max_size=3).map(tuple),
    st.lists(names, max_size=2).map(tuple),
)
summaries = st.builds(
    p.ModelSummary,
    ref=st.builds(p.ModelRef, names, st.just("1.0.0"), st.just("a" * 64)),
    indication=words,
    intended_use=words,
    simulated=st.booleans(),
    groups=st.lists(groups, max_size=3).map(tuple),
    endpoints=st.lists(described_endpoints, max_size=3).map(tuple),
    inputs=st.lists(described_inputs, max_size=4).map(tuple),
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
