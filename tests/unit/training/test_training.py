"""Training and evaluation: person-periods, conformal thresholds, a model that learns what is there."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fusion import MANIFEST, full_snapshot
from tumorcast_core.snapshot import Feature, PatientSnapshot
from tumorcast_training.evaluation import Evaluator, modality_worth, permuted, predict, withheld
from tumorcast_training.fusion_training import (
    Encoded,
    FusionRecipe,
    Outcomes,
    conformal_threshold,
    droppable_parts,
    fit_scaling,
    hazard_factor,
    person_periods,
    train_fusion,
)
from tumorcast_training.peer import predict_peer, train_peer

EDGES = MANIFEST.edges_days


@given(st.floats(0.5, 168), st.booleans())
def test_person_periods_hold_one_event_and_the_time_at_risk(days: float, event: bool) -> None:
    one = Outcomes(np.zeros(1), np.array([days]), np.array([float(event)]))
    events, exposure = person_periods(one, EDGES)
    assert events.sum() == event
    assert (exposure[events == 1] == 1).all()
    if not event:
        assert exposure.sum() * 28 == pytest.approx(days)


def test_droppable_parts_are_the_features_of_groups_that_have_several() -> None:
    group = MANIFEST.groups[1].model_copy(update={"features": ("albumin", "hemoglobin")})
    manifest = MANIFEST.model_copy(update={"groups": (MANIFEST.groups[0], group, MANIFEST.groups[2])})
    assert droppable_parts(manifest) == [slice(5, 7), slice(7, 9)]


@given(st.floats(0.3, 3))
def test_the_hazard_factor_undoes_a_wrong_scale(scale: float) -> None:
    rng = np.random.default_rng(6)
    days = rng.exponential(60, 3000)
    truth = Outcomes(np.zeros(3000), np.minimum(days, 168), (days <= 168).astype(float))
    hazard = np.full((3000, len(EDGES)), scale * 28 / 60)
    assert hazard_factor(hazard, truth, EDGES) * scale == pytest.approx(1, abs=0.08)


def test_the_conformal_threshold_covers_new_patients_at_its_level() -> None:
    rng = np.random.default_rng(7)
    p = rng.uniform(0, 1, (2, 4000))
    y = (rng.random((2, 4000)) < p).astype(float)
    threshold = conformal_threshold(p[0], y[0], 0.9)
    covered = 1 - np.where(y[1] == 1, p[1], 1 - p[1]) <= threshold
    assert covered.mean() == pytest.approx(0.9, abs=0.02)


def learnable(n: int, seed: int) -> tuple[list[PatientSnapshot], Outcomes]:
    """Patients whose response depends on albumin and whose progression depends on ascites."""
    rng = np.random.default_rng(seed)
    albumin, ascites = rng.normal(3.8, 0.5, n), rng.integers(0, 2, n)
    response = (rng.random(n) < 1 / (1 + np.exp(-5 * (albumin - 3.8)))).astype(float)
    days = rng.exponential(np.where(ascites == 1, 30, 150), n)
    snapshots = [
        PatientSnapshot(
            features=(
                Feature("albumin", float(np.clip(a, 1, 6)), "g/dL"),
                Feature("ascites", "present" if b else "absent"),
            ),
            embeddings=full_snapshot().embeddings,
        )
        for a, b in zip(albumin, ascites, strict=True)
    ]
    return snapshots, Outcomes(response, np.minimum(days, 160), (days <= 160).astype(float))


@pytest.fixture(scope="module")
def trained() -> tuple:
    snapshots, truth = learnable(1000, 0)
    manifest = MANIFEST.model_copy(update={"groups": tuple(fit_scaling(g, snapshots) for g in MANIFEST.groups)})
    encoded = Encoded.of(snapshots, manifest)
    recipe = FusionRecipe(epochs=40, learning_rate=3e-3)
    return train_fusion(encoded, truth, manifest, 0, recipe), encoded, truth, manifest, recipe


def test_what_carries_signal_is_learned_and_its_loss_is_seen(trained: tuple) -> None:
    ensemble, *_, manifest, _ = trained
    snapshots, truth = learnable(400, 1)
    encoded = Encoded.of(snapshots, manifest)
    evaluator = Evaluator(truth)
    scores = evaluator.discrimination(predict(ensemble, encoded))
    assert scores["auc"][0] > 0.8
    assert scores["c_index"][0] > 0.65
    assert scores["auc"][1] < scores["auc"][0] < scores["auc"][2]
    worth = modality_worth(encoded, ensemble, evaluator)
    assert worth["labs"]["auc"][1] > 0.1
    assert worth["notes"]["c_index"][1] > 0.05
    assert abs(worth["clinical"]["auc"][0]) < 0.02


def test_calibration_leaves_slope_one_and_intercept_zero_within_their_intervals(trained: tuple) -> None:
    ensemble, *_, manifest, _ = trained
    snapshots, truth = learnable(600, 2)
    calibration = Evaluator(truth).calibration(predict(ensemble, Encoded.of(snapshots, manifest)))
    assert calibration["slope"][1] < 1.2
    assert calibration["slope"][2] > 0.8
    assert abs(calibration["intercept"][0]) < 0.4


def test_the_peer_learns_from_the_same_rows_and_reads_absence_as_missing(trained: tuple, tmp_path: Path) -> None:
    _, encoded, truth, manifest, _ = trained
    train_peer(encoded, truth, manifest, 0, tmp_path)
    snapshots, new = learnable(400, 1)
    rows = Encoded.of(snapshots, manifest)
    scores = Evaluator(new).discrimination(predict_peer(rows, manifest, tmp_path))
    assert scores["auc"][0] > 0.8
    assert scores["c_index"][0] > 0.65
    blind = Encoded(rows.rows, np.zeros_like(rows.present))
    assert len(set(predict_peer(blind, manifest, tmp_path).response)) == 1


def test_the_same_seed_trains_the_same_weights(trained: tuple) -> None:
    ensemble, encoded, truth, manifest, recipe = trained
    again = train_fusion(encoded, truth, manifest, 0, recipe)
    for a, b in zip(ensemble.members, again.members, strict=True):
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            assert (x == y).all()


def test_permuting_keeps_each_column_and_withholding_hides_one_group(trained: tuple) -> None:
    ensemble, encoded, *_ = trained
    shuffled = permuted(encoded, ensemble, "labs", np.random.default_rng(0))
    assert sorted(shuffled.rows.sum(axis=0)) == pytest.approx(sorted(encoded.rows.sum(axis=0)), abs=1e-2)
    assert (shuffled.rows != encoded.rows).any()
    assert not withheld(encoded, ensemble, "labs").present[:, 1].any()
    assert encoded.present[:, 1].all()
