"""A small blueprint with one endpoint of each kind, and ``metrics.json`` for it with every key of training's."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from tumorcast_core.snapshot import Modality
from tumorcast_fusion.model.manifest import Manifest
from tumorcast_training.blueprint import Blueprint, ColumnRule, EndpointPlan, GroupPlan
from tumorcast_training.cohorts import SurvivalOutcome
from tumorcast_training.metrics import score_binary, score_survival

SHA256 = "ab" * 32
HORIZONS = (182.0, 365.0)
EDGES = np.arange(1, 13) * 100.0
BLUEPRINT = Blueprint(
    name="little",
    version="1.2.3",
    indication="A tumor of tests.",
    intended_use="Research: three endpoints from three groups.",
    not_for_use="Care of any kind.",
    disclaimer="Research use only, not a medical device. Trained on 300 rows.",
    training_cohort="300 simulated patients.",
    licence="Apache-2.0",
    attribution="Nobody et al.",
    groups=(
        GroupPlan(id="labs", modality=Modality.LABS, features=("albumin", "platelet_count")),
        GroupPlan(id="clinical", modality=Modality.CLINICAL, features=("age", "sex")),
        GroupPlan(id="imaging", modality=Modality.IMAGING, timepoint="t0", features=("functional_tumor_volume",)),
    ),
    baseline_groups=("clinical",),
    endpoints=(
        EndpointPlan(
            id="objective_response", kind="binary", definition="CR or PR.", outcomes=("no_response", "response")
        ),
        EndpointPlan(
            id="overall_survival",
            kind="time-to-event",
            definition="Death of any cause.",
            horizons_days=HORIZONS,
            follow_up_days=1200,
        ),
        EndpointPlan(
            id="progression",
            kind="competing-risks",
            definition="Progression | death.",
            outcomes=("progression", "death"),
            horizons_days=HORIZONS,
            follow_up_days=1200,
        ),
    ),
    columns={"platelet_count": ColumnRule(transform="log", hinges=(350,))},
)


def manifest() -> Manifest:
    rng = np.random.default_rng(0)
    n = 300
    table = pd.DataFrame(
        {
            "albumin": rng.normal(4, 0.4, n),
            "platelet_count": np.exp(rng.normal(5.5, 0.3, n)),
            "age": rng.normal(62, 9, n),
            "sex": rng.choice(["female", "male"], n).astype(object),
            "functional_tumor_volume_t0": np.exp(rng.normal(2, 1, n)),
        }
    )
    return BLUEPRINT.manifest(table, BLUEPRINT.fit_columns(table))


def metrics() -> dict[str, Any]:
    """As training writes them; predictions are calibrated and beat every floor."""
    return {
        "model": BLUEPRINT.name,
        "seed": 7,
        "cohort": {
            "rows": 300,
            "patients": 300,
            "notes": ["2 ages of 0 taken as missing"],
            "missing": {"albumin": 0.123, "platelet_count": 0.0, "age": 0.004, "sex": 0.5},
        },
        "folds": {"repeats": 4, "folds": 5},
        "endpoints": {
            "objective_response": {"kind": "binary", "events": {"0": 200, "1": 100}, **_common(binary_scores())},
            "overall_survival": {"kind": "time-to-event", "events": {"0": 90, "1": 210}, **_common(times())},
            "progression": {
                "kind": "competing-risks",
                "events": {"0": 50, "1": 150, "2": 100},
                **_common({"progression": times(), "death": times()}),
                "sensitivity": {
                    "interval": {"linear": [0.62, 0.01], "mean_incidence": {"182": 0.21, "365": 0.34}},
                    "at_the_visit": {"linear": [0.61, 0.01], "mean_incidence": {"182": 0.19, "365": 0.32}},
                },
            },
        },
        "command": "tumorcast train little --data DIR --out DIR --seed 7",
    }


def paired(mean: float = 0.05, lower: float = 0.02, p: float = 0.004) -> dict[str, float]:
    return {"mean": mean, "standard_error": 0.01, "lower": lower, "p": p}


def _common(scores: Any) -> dict[str, Any]:
    groups = ["labs", "clinical", "imaging"]
    return {
        "rows": 300,
        "patients": 300,
        "chosen": "linear",
        "weights": {"linear": 1.0},
        "candidates": {
            "linear": {"score": [0.72, 0.03]},
            "boosted": {"score": [0.724, 0.03], "gain_over_linear": paired(0.004, -0.006, 0.21) | {"p_holm": 0.42}},
        },
        "floors": {
            "few": {"score": [0.65, 0.03], "gain": paired(), "clears": True},
            "many": {"score": [0.6, 0.03], "gain": paired(), "clears": True},
        },
        "baseline": {"groups": ["clinical"], "score": [0.6, 0.04], "gain_of_all": paired()},
        "scores": scores,
        "first_visit": None,
        "subgroups": {"sex": {"female": scores, "male": {"rows": 20, "events": 3, "reason": "too few events"}}},
        "subsets": [
            {"groups": list(some), "score": [0.7, 0.03], "own": [0.7, 0.03], "difference_to_own": paired(0.0, -0.01)}
            for count in (1, 2, 3)
            for some in combinations(groups, count)
        ],
        "shuffled": {"score": [0.49, 0.45, 0.53]},
        "sensitivity": {},
    }


def binary_scores() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 300)
    p.sort()
    value = np.diff(np.floor(np.cumsum(p)), prepend=0.0)  # as many events among neighbors as predicted
    limit = np.quantile(np.where(value == 1, 1 - p, p), 0.9)
    return score_binary(value, p, range(300), prediction_sets=np.c_[p <= limit, 1 - p <= limit], samples=100)


def times() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    rate = np.exp(rng.normal(size=300)) / 700
    event_days, censored = rng.exponential(1 / rate), rng.uniform(200, 1500, 300)
    outcome = SurvivalOutcome.exact(np.minimum(event_days, censored), (event_days <= censored).astype(np.int64))
    bounds = -np.log(0.9) / rate
    return score_survival(
        outcome,
        EDGES,
        HORIZONS,
        range(300),
        cumulative_hazard=np.outer(rate, EDGES),
        lower_bound_days=bounds,
        samples=100,
    )
