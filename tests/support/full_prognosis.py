"""A prognosis that has an endpoint of every kind and everything that can be told, and the model that gave it."""

from __future__ import annotations

import math

from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Coding, Issue, Modality, Severity


def around(middle: float, half: float, level: float = 0.95) -> p.Interval:
    return p.Interval(middle - half, middle + half, level)


REF = p.ModelRef("hepatocellular", "1.2.3", "ab" * 32)

RESPONSE = p.Endpoint(
    "objective_response",
    p.EndpointKind.BINARY,
    p.EndpointStatus.PREDICTED,
    (),
    p.ProbabilityEstimate(0.62, p.Interval(0.51, 0.72, 0.95), ("response", "no_response"), 0.9, 0.48),
)
SURVIVAL = p.Endpoint(
    "overall_survival",
    p.EndpointKind.TIME_TO_EVENT,
    p.EndpointStatus.PREDICTED,
    (),
    p.SurvivalEstimate(
        points=tuple(
            p.SurvivalPoint(day, value, around(value, 0.0625)) for day, value in ((182.0, 0.75), (365.0, 0.5))
        ),
        median_days=365.0,
        median_interval=p.Interval(200.0, math.inf, 0.95),
        clinical_baseline=0.25,
        lower_bound_days=120.0,
        lower_bound_level=0.9,
    ),
)
PROGRESSION = p.Endpoint(
    "progression",
    p.EndpointKind.COMPETING_RISKS,
    p.EndpointStatus.PREDICTED,
    (p.Reason("FEW_EVENTS", "The horizon is near the end of follow-up."),),
    p.CompetingRisksEstimate(
        (
            p.CauseIncidence(
                "progression",
                (
                    p.SurvivalPoint(182.0, 0.75, p.Interval(0.625, 0.875, 0.95)),
                    p.SurvivalPoint(365.0, 0.5, p.Interval(0.375, 0.625, 0.95)),
                ),
            ),
            p.CauseIncidence(
                "death",
                (
                    p.SurvivalPoint(182.0, 0.9375, p.Interval(0.875, 0.96875, 0.95)),
                    p.SurvivalPoint(365.0, 0.875, p.Interval(0.75, 0.9375, 0.95)),
                ),
            ),
        ),
        0.4375,
    ),
)
BEST_RESPONSE = p.Endpoint(
    "best_response",
    p.EndpointKind.ORDINAL,
    p.EndpointStatus.PREDICTED,
    (),
    p.CategoriesEstimate(
        tuple(map(p.CategoryProbability, ("CR", "PR", "SD", "PD"), (0.0625, 0.25, 0.5, 0.1875))), ("PR", "SD"), 0.9
    ),
)
GROWTH = p.Endpoint(
    "sum_of_diameters_forecast",
    p.EndpointKind.TRAJECTORY,
    p.EndpointStatus.PREDICTED,
    (),
    p.TrajectoryEstimate(
        "sum_of_diameters",
        "mm",
        (
            p.TrajectoryPoint(-112.0, 100.0),
            p.TrajectoryPoint(-56.0, 70.0),
            p.TrajectoryPoint(0.0, 64.0),
            *(
                p.TrajectoryPoint(day, size, (around(size, half / 2, 0.5), around(size, half, 0.9)))
                for day, size, half in ((56.0, 62.0, 12.0), (112.0, 65.0, 20.0), (168.0, 72.0, 32.0))
            ),
        ),
        p.GrowthRate(0.0035, p.Interval(0.001, 0.006, 0.95)),
        tuple(
            p.CriterionProbability(criterion, day, chance)
            for criterion, day, chance in (
                ("PD", 56.0, 0.03125),
                ("PD", 112.0, 0.125),
                ("PD", 168.0, 0.375),
                ("PR", 56.0, 0.75),
                ("PR", 112.0, 0.8125),
                ("PR", 168.0, 0.8125),
            )
        ),
    ),
)
ABSTAINED = p.Endpoint(
    "lung_metastasis",
    p.EndpointKind.TIME_TO_EVENT,
    p.EndpointStatus.ABSTAINED,
    (p.Reason("OUT_OF_DISTRIBUTION", "This patient is unlike those the model knows."),),
)

LABS = p.InputUse(
    Modality.LABS,
    "labs",
    p.InputStatus.USED,
    None,
    (
        p.Contribution("objective_response", 0.041),
        p.Contribution("overall_survival", -0.02, 182.0),
        p.Contribution("overall_survival", -0.05, 365.0),
        p.Contribution("progression", -0.01, 182.0),
        p.Contribution("progression", -0.03, 365.0),
    ),
    (
        p.FeatureContribution(
            "objective_response",
            "albumin",
            -0.25,
            "albumin 3.1 g/dL (1.4 SD below average) lowers the odds to 0.78 times",
        ),
        p.FeatureContribution(
            "objective_response",
            "alpha_fetoprotein",
            -0.5,
            "alpha-fetoprotein 400 ng/mL (2 SD above average) lowers the odds to 0.61 times",
        ),
        p.FeatureContribution(
            "objective_response",
            "hemoglobin",
            0.0625,
            "hemoglobin 14.1 g/dL (about average) raises the odds to 1.06 times",
        ),
        p.FeatureContribution(
            "objective_response",
            "platelet_count",
            0.03125,
            "platelets 210 10*9/L (about average) raises the odds to 1.03 times",
        ),
        p.FeatureContribution(
            "overall_survival",
            "albumin",
            0.375,
            "albumin 3.1 g/dL (1.4 SD below average) raises the hazard to 1.45 times",
        ),
        p.FeatureContribution("overall_survival", "child_pugh_score", 0.5),
    ),
)
GENOMICS = p.InputUse(
    Modality.GENOMICS,
    "genomics",
    p.InputStatus.ABSENT,
    p.Reason("NOT_GIVEN", "Nothing was given."),
    worth=(
        p.Worth("objective_response", "AUC", 0.03125, p.Interval(0.01, 0.05, 0.95)),
        p.Worth("overall_survival", "C", 0.001, p.Interval(-0.01, 0.01, 0.95)),
    ),
)
NOTES = p.InputUse(
    Modality.NOTES, "notes", p.InputStatus.REJECTED, p.Reason("UNIT_UNKNOWN", "No unit was known."), (), (), ()
)

TREATMENTS = (
    p.ObservedUnder("targeted_therapy", "absent", 0, False, (), p.Reason("TOO_FEW_ALIKE", "Fewer than 20 such.")),
    p.ObservedUnder(
        "embolization",
        "absent",
        41,
        False,
        (p.Contribution("objective_response", 0.375), p.Contribution("progression", 0.4375, 365.0)),
    ),
    p.ObservedUnder(
        "embolization",
        "present",
        180,
        True,
        (p.Contribution("objective_response", 0.62), p.Contribution("progression", 0.5, 365.0)),
    ),
)


def outcomes(share: float) -> tuple[p.ObservedOutcome, ...]:
    return (
        p.ObservedOutcome("objective_response", share, around(share, 0.125)),
        p.ObservedOutcome("progression", 0.5, around(0.5, 0.25), 365.0),
    )


FULL = p.Prognosis(
    prognosis_id="0123abc",
    model=REF,
    index_date="2026-03-04",
    endpoints=(RESPONSE, SURVIVAL, PROGRESSION, BEST_RESPONSE, GROWTH, ABSTAINED),
    inputs=(LABS, GENOMICS, NOTES),
    issues=(Issue(Severity.WARNING, "DATE_DIFFERS", "The dates differ.", "", "imaging", "baseline"),),
    disclaimer="Research software: not for care.",
    simulated=False,
    typicality=p.Typicality(0.02, ("alpha_fetoprotein", "lesion_count")),
    similar=(
        p.SimilarPatients("p4", 45, 0.5, "solitary lesion of 20 to 40 mm, Child-Pugh 5", outcomes(0.625)),
        *(p.SimilarPatients(f"p{i}", 10 + i, 1.5 + i, f"group {i}", outcomes(0.5)) for i in range(3)),
    ),
    observed_under=TREATMENTS,
)

SUMMARY = p.ModelSummary(
    ref=REF,
    indication="hepatocellular carcinoma",
    intended_use="tests",
    simulated=False,
    groups=(
        p.InputGroup("imaging_previous", Modality.IMAGING, "previous", ("largest_lesion_diameter",), ("ct@1/bf16",)),
        p.InputGroup("labs", Modality.LABS, "", ("albumin",)),
        p.InputGroup("clinical", Modality.CLINICAL, "", ("idh_mutation",)),
    ),
    endpoints=(
        p.EndpointDescription(
            "objective_response",
            p.EndpointKind.BINARY,
            "CR or PR by RECIST 1.1",
            (),
            (p.OutcomeColumn("objective_response", "1: response, 0: none"),),
            ("no_response", "response"),
        ),
        p.EndpointDescription(
            "progression",
            p.EndpointKind.COMPETING_RISKS,
            "progression, or death before it",
            (182.0, 365.0),
            (
                p.OutcomeColumn("progression_days", "days from the visit"),
                p.OutcomeColumn("progression_event", "0: censored, 1: progression, 2: death"),
                p.OutcomeColumn("progression_event_free_days", "last day known to be free of progression", True),
            ),
            ("progression", "death"),
        ),
    ),
    inputs=(
        p.InputDescription(
            name="largest_lesion_diameter_previous",
            feature="largest_lesion_diameter",
            group="imaging_previous",
            description="Largest diameter of the largest lesion",
            coding=Coding("", "largest-lesion-diameter", "Largest lesion diameter"),
            timepoint="previous",
            unit="mm",
            plausible=(0.0, 400.0),
            training=(0.0, 212.5),
        ),
        p.InputDescription(
            name="albumin",
            feature="albumin",
            group="labs",
            description="Albumin in serum",
            coding=Coding("http://loinc.org", "1751-7", "Albumin [Mass/volume] in Serum or Plasma"),
            unit="g/dL",
            plausible=(0.5, math.inf),
        ),
        p.InputDescription(
            name="idh_mutation",
            feature="idh_mutation",
            group="clinical",
            description="IDH1 or IDH2 mutation",
            coding=Coding("http://example.org", "IDH", "IDH"),
            categories=("absent", "present"),
        ),
    ),
)
