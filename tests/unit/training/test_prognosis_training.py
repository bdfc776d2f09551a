"""Training end to end: the same bytes by seed, a folder that loads and answers, figures that are there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.cohorts import BINARY, BLUEPRINT, COMPETING, SURVIVAL, at_visits, only, simulated, snapshot_of
from tumorcast_core.prognosis import CompetingRisksEstimate, EndpointStatus
from tumorcast_core.wire import prognosis_from, prognosis_to
from tumorcast_fusion.model import ModelStore, PrognosisModel
from tumorcast_training.cohorts import Cohort, SurvivalOutcome
from tumorcast_training.prognosis_training import train, write_metrics

SMALL, TRUTH = simulated(100, seed=31, gaps=0.03, folds=2)


def trained(out: Path, cohort: Cohort, *endpoints: str, **how: Any) -> Path:
    return train(only(*endpoints), cohort, out, **{"learners": ("linear",), "deals": 2, **how})


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_weights(tmp_path: Path) -> None:
    first, again, other = (
        files_of(trained(tmp_path / name, SMALL, BINARY, seed=seed, learners=("linear", "boosted")))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == again
    assert first["tabular.safetensors"] != other["tabular.safetensors"]
    assert {"manifest.yaml", "tabular.safetensors", "metrics.json", "card.md"} <= set(first)


def test_training_again_leaves_no_weights_of_before(tmp_path: Path) -> None:
    folder = trained(tmp_path, SMALL, BINARY)
    (folder / "stale-0-0.ubj").write_bytes(b"of another model")
    assert trained(tmp_path, SMALL, BINARY) == folder
    assert not (folder / "stale-0-0.ubj").exists()


def test_competing_risks_seen_at_visits_go_through_training_loading_answer_and_wire(tmp_path: Path) -> None:
    progression = SMALL.outcomes[COMPETING]
    assert isinstance(progression, SurvivalOutcome)
    cohort = replace(SMALL, outcomes={COMPETING: at_visits(progression)})
    folder = trained(tmp_path, cohort, COMPETING)
    model = ModelStore(folder.parent).get("known-truth")
    assert isinstance(model, PrognosisModel)
    prognosis = model.predict(snapshot_of(TRUTH.complete.iloc[3]), (90.0, 500.0))
    assert prognosis_from(prognosis_to(prognosis)) == prognosis
    estimate = prognosis.endpoints[0].estimate
    assert isinstance(estimate, CompetingRisksEstimate)
    assert [c.cause for c in estimate.causes] == ["progression", "death"]
    metrics = json.loads((folder / "metrics.json").read_text())["endpoints"][COMPETING]
    assert set(metrics["sensitivity"]) == {"interval", "at_the_visit", "middle"}
    early = [metrics["sensitivity"][k]["mean_incidence"]["182"] for k in ("at_the_visit", "interval")]
    assert early[0] < early[1]


def test_rows_of_unknown_outcome_are_not_trained_on(tmp_path: Path) -> None:
    value = SMALL.outcomes[BINARY].value.copy()  # type: ignore[union-attr]
    value[:20] = np.nan
    unknown = replace(SMALL, outcomes={BINARY: type(SMALL.outcomes[BINARY])(value)})
    metrics = json.loads((trained(tmp_path, unknown, BINARY) / "metrics.json").read_text())
    assert metrics["cohort"]["rows"] == 100
    assert metrics["endpoints"][BINARY]["rows"] == 80


@pytest.mark.parametrize("endpoint", [BINARY, SURVIVAL])
def test_fifteen_patients_with_one_event_become_a_model_that_says_so(endpoint: str, tmp_path: Path) -> None:
    cohort, truth = simulated(15, seed=32, folds=2)
    field = "value" if endpoint == BINARY else "event"
    getattr(cohort.outcomes[endpoint], field)[:] = 0
    getattr(cohort.outcomes[endpoint], field)[4] = 1
    folder = trained(tmp_path, cohort, endpoint)
    json.loads((folder / "metrics.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    prognosis = PrognosisModel.load(folder).predict(snapshot_of(truth.complete.iloc[0]))
    assert prognosis_from(prognosis_to(prognosis)) == prognosis
    assert prognosis.endpoints[0].status in (EndpointStatus.PREDICTED, EndpointStatus.ABSTAINED)


def test_the_metrics_say_what_was_measured(tmp_path: Path) -> None:
    folder = trained(tmp_path, SMALL, BINARY, seed=3)
    document = json.loads((folder / "metrics.json").read_text())
    found = document["endpoints"][BINARY]
    assert document["folds"] == {"repeats": 1, "folds": 2}
    assert document["seed"] == 3
    assert document["cohort"]["patients"] == 100
    assert set(found["events"]) == {"0", "1"}
    assert found["chosen"] == "linear"
    assert len(found["subsets"]) == 15
    assert found["baseline"]["groups"] == ["clinical"]
    assert found["sensitivity"] == {}
    assert set(document["cohort"]["missing"]) == set(BLUEPRINT.inputs())


def test_what_is_no_number_is_null_in_the_metrics(tmp_path: Path) -> None:
    write_metrics(tmp_path, {"a": float("nan"), "b": np.float32(0.5), "c": (np.inf, np.int64(2)), "d": np.arange(2)})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"a": None, "b": 0.5, "c": [None, 2], "d": [0, 1]}
